// Attention and its gradient, by tiles of the scores: softmax goes along while keys pass by (Milakov and Gimelshein
// 2018; Dao et al. 2022), so no scores are stored. Tensor cores multiply; a warp holds 16 rows of a tile.
#pragma once
#include "core.cuh"

constexpr int kThreads = 128;
constexpr int kRows = 64;             // of a tile of scores
constexpr int kColumns = 32;          // and its columns
constexpr int kParts = kColumns / 8;  // of a warp's rows: 16x8 scores, 4 each thread
constexpr int kChunk = 64;            // of the axis summed over: what lies in shared memory at a time
constexpr int kLine = kChunk + 8;     // floats from one row of it to the next: a half-warp's pairs are in all banks
constexpr int kWidest = 128;          // columns that a block makes
constexpr int kPad = 4;               // floats between rows of that: pairs of rows are in all banks

/// Chunks of both factors of the scores, or a tile of the other product's right one.
union alignas(16) Shared {
  struct {
    float left[kRows * kLine], right[kColumns * kLine];
  } chunks;
  float right[kColumns * (kWidest + kPad)];
};

/// Neighbours that move together.
template <class T, int n>
struct alignas(n * sizeof(T)) Pack {
  T x[n];
};
template <int n, class T>
__device__ __forceinline__ Pack<T, n>& pack_at(T* p) {
  return *reinterpret_cast<Pack<T, n>*>(p);
}
template <int n, class T>
__device__ __forceinline__ const Pack<T, n>& pack_at(const T* p) {
  return *reinterpret_cast<const Pack<T, n>*>(p);
}

/// The sizes of a call: query [batch, rows, heads, depth], key [batch, keys, heads, depth], value [.., width].
struct Sizes {
  int rows, keys, heads, depth, width;
};
__device__ __forceinline__ Sizes sizes_of(const Dims& d) {
  return {int(d.n[0]), int(d.n[1]), int(d.n[2]), int(d.n[3]), int(d.n[4])};
}

/// Which head of which sample a block is for, and the first row of its tile; tiles of a head are neighbours, the last
/// one first: under a causal mask it takes longest.
struct Place {
  i64 sample;
  int head, first;
};
__device__ __forceinline__ Place place_of(int rows, int heads) {
  const int tiles = (rows + kRows - 1) / kRows, unit = int(blockIdx.x) / tiles;
  return {unit / heads, unit % heads, (tiles - 1 - int(blockIdx.x) % tiles) * kRows};
}

// A thread's elements of a part of a warp's rows, as tensor cores hold them: 0 and 1 neighbours in one row, 2 and 3 in
// the eighth after it.
__device__ __forceinline__ int lane_row() { return int(threadIdx.x) % 32 / 4; }
__device__ __forceinline__ int lane_pair() { return int(threadIdx.x) % 4 * 2; }
__device__ __forceinline__ int row_of(int half) { return int(threadIdx.x) / 32 * 16 + lane_row() + half * 8; }
__device__ __forceinline__ int column_of(int part, int e) { return part * 8 + lane_pair() + e % 2; }

/// A matrix in memory; what is asked for beyond its rows and columns is 0.
template <class T>
struct Matrix {
  T* at;
  i64 stride;
  int rows, columns;
  bool fours;  // each four elements of a row can be read at once
  __device__ __forceinline__ Matrix from(int row, int column) const {
    return {at + row * stride + column, stride, rows - row, columns - column, fours};
  }
};
/// A head of x [batch, rows, heads, size].
template <class T>
__device__ __forceinline__ Matrix<T> head_of(T* x, const Place& p, int rows, int heads, int size) {
  T* at = x + (p.sample * rows * heads + p.head) * size;
  return {at, i64(heads) * size, rows, size, size % 4 == 0 && u64(at) % (4 * sizeof(T)) == 0};
}

template <bool kRounded>
__device__ __forceinline__ float factor(float x) {
  return kRounded ? round_to_tf32(x) : x;
}

/// Copies a corner of a matrix to shared memory.
template <bool kRounded, int kHeight, int kWidth, class T>
__device__ __noinline__ void copy_tile(float* to, int line, Matrix<const T> m) {
  if (m.fours) {
#pragma unroll 4
    for (int e = threadIdx.x; e < kHeight * kWidth / 4; e += kThreads) {
      const int r = e / (kWidth / 4), c = e % (kWidth / 4) * 4;
      Pack<float, 4> x{};
      if (r < m.rows && c < m.columns) {
        const Pack<T, 4> given = pack_at<4>(m.at + r * m.stride + c);
        for (int i = 0; i < 4; ++i) x.x[i] = factor<kRounded>(widen(given.x[i]));
      }
      pack_at<4>(to + r * line + c) = x;
    }
  } else {
#pragma unroll 4
    for (int e = threadIdx.x; e < kHeight * kWidth; e += kThreads) {
      const int r = e / kWidth, c = e % kWidth;
      to[r * line + c] = r < m.rows && c < m.columns ? factor<kRounded>(widen(m.at[r * m.stride + c])) : 0.0f;
    }
  }
}

/// n factors of a product: those of tensor cores and, unless they are rounded already, what that leaves of them.
template <bool kRounded, int n>
struct Factors {
  float high[n], low[n];
  __device__ __forceinline__ explicit Factors(const float (&x)[n]) {
#pragma unroll
    for (int i = 0; i < n; ++i) {
      high[i] = round_to_tf32(x[i]);
      low[i] = x[i] - high[i];
    }
  }
};
template <int n>
struct Factors<true, n> {
  float high[n];
  __device__ __forceinline__ explicit Factors(const float (&x)[n]) {
#pragma unroll
    for (int i = 0; i < n; ++i) high[i] = x[i];
  }
};
/// d += a b of a part.
__device__ __forceinline__ void multiply_add(float (&d)[4], const Factors<true, 4>& a, const Factors<true, 2>& b) {
  mma_16x8x8_tf32(d, a.high, b.high);
}
/// With the precision of float32, but for the product of what was left of both. Of infinite factors NaN is left.
__device__ __forceinline__ void multiply_add(float (&d)[4], const Factors<false, 4>& a, const Factors<false, 2>& b) {
  mma_16x8x8_tf32(d, a.low, b.high);
  mma_16x8x8_tf32(d, a.high, b.low);
  mma_16x8x8_tf32(d, a.high, b.high);
}

template <int n>
__device__ __forceinline__ void clear(float (&x)[n][4]) {
#pragma unroll
  for (int i = 0; i < n; ++i)
#pragma unroll
    for (int e = 0; e < 4; ++e) x[i][e] = 0;
}

/// s = a b^T of the first kRows rows of a and kColumns of b. Of eight summed indices a thread takes two neighbours,
/// where tensor cores see those that are four apart.
template <bool kRounded, class T>
__device__ __forceinline__ void multiply_transposed(float (&s)[kParts][4], const Matrix<const T>& a,
                                                    const Matrix<const T>& b, Shared& shared) {
  float *left = shared.chunks.left, *right = shared.chunks.right;
  clear(s);
  for (int c = 0; c < a.columns; c += kChunk) {
    __syncthreads();  // nobody reads what lay there
    copy_tile<kRounded, kRows, kChunk, T>(left, kLine, a.from(0, c));
    copy_tile<kRounded, kColumns, kChunk, T>(right, kLine, b.from(0, c));
    __syncthreads();
    const int n = min(a.columns - c, kChunk);
#pragma unroll 1
    for (int k = 0; k < n; k += 8) {
      const auto x0 = pack_at<2>(left + row_of(0) * kLine + k + lane_pair());
      const auto x1 = pack_at<2>(left + row_of(1) * kLine + k + lane_pair());
      const Factors<kRounded, 4> x({x0.x[0], x1.x[0], x0.x[1], x1.x[1]});
#pragma unroll
      for (int j = 0; j < kParts; ++j) {
        const auto y = pack_at<2>(right + (j * 8 + lane_row()) * kLine + k + lane_pair());
        multiply_add(s[j], x, Factors<kRounded, 2>(y.x));
      }
    }
  }
}

/// o += weights b, of the first kColumns rows of b and kWidth columns. Weights stay where they were made: a thread's
/// two neighbours are two of eight summed indices, as above.
template <bool kRounded, int kWidth, class T>
__device__ __forceinline__ void add_product(float (&o)[kWidth / 8][4], const float (&weights)[kParts][4],
                                            const Matrix<const T>& b, Shared& shared) {
  constexpr int line = kWidth + kPad;
  __syncthreads();  // nobody reads what lay there
  copy_tile<kRounded, kColumns, kWidth, T>(shared.right, line, b);
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kParts; ++k) {
    float w[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) w[e] = factor<kRounded>(weights[k][e]);
    const Factors<kRounded, 4> x({w[0], w[2], w[1], w[3]});
    const float* from = shared.right + (k * 8 + lane_pair()) * line + lane_row();
#pragma unroll
    for (int j = 0; j < kWidth / 8; ++j) multiply_add(o[j], x, Factors<kRounded, 2>({from[j * 8], from[line + j * 8]}));
  }
}

/// Over the four threads that hold a row of a tile.
template <class Op>
__device__ __forceinline__ float row_reduce(float x, Op op) {
  for (int step = 2; step > 0; step /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, step));
  return x;
}

/// Which scores of a head count.
struct Seen {
  const bool* mask;  // or null
  i64 row_stride, key_stride;
  int rows, keys;
  bool causal;
  __device__ __forceinline__ bool operator()(int row, int key) const {
    return row < rows && key < keys && (!causal || key <= row) && (!mask || mask[row * row_stride + key * key_stride]);
  }
  /// Rows before `end` see no key from this one on.
  __device__ __forceinline__ int key_end(int end) const { return causal && end < keys ? end : keys; }
};
__device__ __forceinline__ Seen seen_of(const bool* mask, i64 masked, const Dims& strides, i64 causal, const Place& p,
                                        const Sizes& z) {
  const bool* at = masked ? mask + p.sample * strides.n[0] + p.head * strides.n[1] : nullptr;
  return {at, strides.n[2], strides.n[3], z.rows, z.keys, causal != 0};
}

/// A softmax whose scores come a tile at a time: of each row of the thread the largest score so far, and this thread's
/// part of the sum of exp(score - largest).
struct Softmax {
  float top[2] = {-infinity<float>(), -infinity<float>()}, total[2] = {0, 0};

  /// Of a row of which nothing may be seen: 0, so that exp(-infinity - shift) is 0.
  __device__ __forceinline__ float shift(int half) const { return top[half] == -infinity<float>() ? 0.0f : top[half]; }
  /// Turns scores of the tile at (row, key) into their exponentials, 0 where they do not count. What was summed with
  /// earlier ones is to be multiplied by `keep`.
  __device__ __forceinline__ void take(float (&s)[kParts][4], float (&keep)[2], const Seen& seen, int row, int key,
                                       float scale) {
    const float before[2] = {top[0], top[1]};
#pragma unroll
    for (int j = 0; j < kParts; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const bool counts = seen(row + row_of(e / 2), key + column_of(j, e));
        s[j][e] = counts ? s[j][e] * scale : -infinity<float>();
        top[e / 2] = Max()(s[j][e], top[e / 2]);
      }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      top[half] = row_reduce(top[half], Max());
      keep[half] = expf(before[half] - shift(half));
      total[half] *= keep[half];
    }
#pragma unroll
    for (int j = 0; j < kParts; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[j][e] = expf(s[j][e] - shift(e / 2));
        total[e / 2] += s[j][e];
      }
  }
  /// 1 / the sum, or 0.
  __device__ __forceinline__ float inverse(int half) const {
    const float sum = row_reduce(total[half], Add());
    return sum == 0 ? 0.0f : 1 / sum;
  }
};

template <int n>
__device__ __forceinline__ void scale_rows(float (&o)[n][4], const float (&by)[2]) {
#pragma unroll
  for (int j = 0; j < n; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e) o[j][e] *= by[e / 2];
}
template <int n, class T>
__device__ __forceinline__ void put_rows(const Matrix<T>& to, const float (&o)[n][4]) {
#pragma unroll
  for (int j = 0; j < n; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = row_of(e / 2), column = column_of(j, e);
      if (row < to.rows && column < to.columns) to.at[row * to.stride + column] = narrow<T>(o[j][e]);
    }
}

/// y = softmax(scale q k^T, where seen) v. A block makes kRows rows of a head, kWidth columns.
template <class T, int kWidth, bool kRounded>
__global__ void __launch_bounds__(kThreads, 3)
    attention(Run run, const T* q, const T* k, const T* v, const bool* mask, T* y, Dims sizes, Dims mask_strides,
              double scale, i64 masked, i64 causal) {
  if (run.halted()) return;
  __shared__ Shared shared;
  const Sizes z = sizes_of(sizes);
  const Place p = place_of(z.rows, z.heads);
  const Seen seen = seen_of(mask, masked, mask_strides, causal, p, z);
  const int column = int(blockIdx.y) * kWidth;
  const auto rows = head_of(q, p, z.rows, z.heads, z.depth).from(p.first, 0);
  const auto keys = head_of(k, p, z.keys, z.heads, z.depth), values = head_of(v, p, z.keys, z.heads, z.width);
  Softmax softmax;
  float o[kWidth / 8][4], s[kParts][4], keep[2];
  clear(o);
  for (int key = 0; key < seen.key_end(p.first + kRows); key += kColumns) {
    multiply_transposed<kRounded, T>(s, rows, keys.from(key, 0), shared);
    softmax.take(s, keep, seen, p.first, key, float(scale));
    scale_rows(o, keep);
    add_product<kRounded, kWidth, T>(o, s, values.from(key, column), shared);
  }
  scale_rows(o, {softmax.inverse(0), softmax.inverse(1)});
  put_rows(head_of(y, p, z.rows, z.heads, z.width).from(p.first, column), o);
}

/// What the gradient keeps of a row: softmax is exp(score - shift) * inverse, and `slope` is dy . y.
struct alignas(16) RowFacts {
  float shift, inverse, slope;
};

/// The gradient of the query, kRows rows of a head a block; the first blocks write the facts of their rows. The weights
/// of the sum over keys are exp(score - largest) * (dy . v - slope): it is divided by softmax's sum at the end.
template <class T, int kWidth, bool kRounded>
__global__ void __launch_bounds__(kThreads, 2)
    attention_query_grad(Run run, const T* q, const T* k, const T* v, const bool* mask, const T* y, const T* dy, T* dq,
                         RowFacts* facts, Dims sizes, Dims mask_strides, double scale, i64 masked, i64 causal) {
  if (run.halted()) return;
  __shared__ Shared shared;
  const Sizes z = sizes_of(sizes);
  const Place p = place_of(z.rows, z.heads);
  const Seen seen = seen_of(mask, masked, mask_strides, causal, p, z);
  const int column = int(blockIdx.y) * kWidth;
  const auto rows = head_of(q, p, z.rows, z.heads, z.depth).from(p.first, 0);
  const auto keys = head_of(k, p, z.keys, z.heads, z.depth), values = head_of(v, p, z.keys, z.heads, z.width);
  const auto made = head_of(y, p, z.rows, z.heads, z.width).from(p.first, 0);
  const auto slopes = head_of(dy, p, z.rows, z.heads, z.width).from(p.first, 0);
  Softmax softmax;
  float o[kWidth / 8][4], s[kParts][4], d[kParts][4], keep[2], slope[2] = {0, 0};
  clear(o);
  for (int half = 0; half < 2; ++half) {
    const i64 at = row_of(half) * made.stride;
    if (row_of(half) < made.rows)
      for (int c = lane_pair() / 2; c < z.width; c += 4)
        slope[half] += widen(made.at[at + c]) * widen(slopes.at[at + c]);
    slope[half] = row_reduce(slope[half], Add());
  }
  for (int key = 0; key < seen.key_end(p.first + kRows); key += kColumns) {
    multiply_transposed<kRounded, T>(s, rows, keys.from(key, 0), shared);
    multiply_transposed<kRounded, T>(d, slopes, values.from(key, 0), shared);
    softmax.take(s, keep, seen, p.first, key, float(scale));
#pragma unroll
    for (int j = 0; j < kParts; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) s[j][e] = s[j][e] == 0 ? 0.0f : s[j][e] * (d[j][e] - slope[e / 2]);
    scale_rows(o, keep);
    add_product<kRounded, kWidth, T>(o, s, keys.from(key, column), shared);
  }
  const float inverse[2] = {softmax.inverse(0), softmax.inverse(1)};
  if (blockIdx.y == 0 && lane_pair() == 0)
    for (int half = 0; half < 2; ++half)
      if (row_of(half) < rows.rows)
        facts[(p.sample * z.heads + p.head) * z.rows + p.first + row_of(half)] = {softmax.shift(half), inverse[half],
                                                                                  slope[half]};
  scale_rows(o, {inverse[0] * float(scale), inverse[1] * float(scale)});
  put_rows(head_of(dq, p, z.rows, z.heads, z.depth).from(p.first, column), o);
}

/// The gradients of key and value, kRows keys of a head a block and kWidth columns of both: its tiles of scores are
/// those of the keys by the rows.
template <class T, int kWidth, bool kRounded>
__global__ void __launch_bounds__(kThreads, 2)
    attention_key_grad(Run run, const T* q, const T* k, const T* v, const bool* mask, const T* dy,
                       const RowFacts* facts, T* dk, T* dv, Dims sizes, Dims mask_strides, double scale, i64 masked,
                       i64 causal) {
  if (run.halted()) return;
  __shared__ Shared shared;
  const Sizes z = sizes_of(sizes);
  const Place p = place_of(z.keys, z.heads);
  const Seen seen = seen_of(mask, masked, mask_strides, causal, p, z);
  const int column = int(blockIdx.y) * kWidth;
  const auto keys = head_of(k, p, z.keys, z.heads, z.depth).from(p.first, 0);
  const auto values = head_of(v, p, z.keys, z.heads, z.width).from(p.first, 0);
  const auto queries = head_of(q, p, z.rows, z.heads, z.depth), slopes = head_of(dy, p, z.rows, z.heads, z.width);
  const RowFacts* row_facts = facts + (p.sample * z.heads + p.head) * z.rows;
  float key_sum[kWidth / 8][4], value_sum[kWidth / 8][4], s[kParts][4], d[kParts][4];
  clear(key_sum);
  clear(value_sum);
  for (int row = causal ? p.first : 0; row < z.rows; row += kColumns) {
    multiply_transposed<kRounded, T>(s, keys, queries.from(row, 0), shared);
    multiply_transposed<kRounded, T>(d, values, slopes.from(row, 0), shared);
#pragma unroll
    for (int j = 0; j < kParts; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int at = row + column_of(j, e);
        const bool counts = seen(at, p.first + row_of(e / 2));
        const RowFacts f = counts ? row_facts[at] : RowFacts{};
        s[j][e] = counts ? expf(s[j][e] * float(scale) - f.shift) * f.inverse : 0.0f;
        d[j][e] = counts ? s[j][e] * (d[j][e] - f.slope) : 0.0f;
      }
    add_product<kRounded, kWidth, T>(value_sum, s, slopes.from(row, column), shared);
    add_product<kRounded, kWidth, T>(key_sum, d, queries.from(row, column), shared);
  }
  scale_rows(key_sum, {float(scale), float(scale)});
  put_rows(head_of(dk, p, z.keys, z.heads, z.depth).from(p.first, column), key_sum);
  put_rows(head_of(dv, p, z.keys, z.heads, z.width).from(p.first, column), value_sum);
}
