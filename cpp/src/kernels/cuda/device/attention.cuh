// Attention and its gradient, by tiles of the scores: softmax goes along while keys pass by (Milakov and Gimelshein
// 2018; Dao et al. 2022), so no scores are stored. 256 threads hold a tile, 4x4 scores each.
#pragma once
#include "core.cuh"

constexpr int kThreads = 256;
constexpr int kTile = 64;          // rows and columns of a tile of scores
constexpr int kEach = 4;           // rows of a tile that a thread holds, and columns: 16 from one to the next
constexpr int kChunk = 32;         // of the axis summed over: what lies in shared memory at a time
constexpr int kLine = kChunk + 4;  // floats from one row of it to the next: neighbours are in other banks
constexpr int kWeightLine = kTile + 4;

/// What a block keeps: two chunks of factors, or one of kChunk rows up to 128 wide, and a tile of weights.
struct alignas(16) Shared {
  float factors[2 * kTile * kLine];
  float weights[kTile * kWeightLine];
};

/// Neighbours that move together.
template <class T, int n>
struct alignas(n * sizeof(T)) Pack {
  T x[n];
};
template <class T, int n>
__device__ __forceinline__ Pack<T, n>& pack_at(T* p) {
  return *reinterpret_cast<Pack<T, n>*>(p);
}
template <class T, int n>
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
  const int tiles = (rows + kTile - 1) / kTile, unit = int(blockIdx.x) / tiles;
  return {unit / heads, unit % heads, (tiles - 1 - int(blockIdx.x) % tiles) * kTile};
}
__device__ __forceinline__ int thread_row(int i) { return int(threadIdx.x) / 16 + 16 * i; }
__device__ __forceinline__ int thread_column(int j) { return int(threadIdx.x) % 16 + 16 * j; }

/// A matrix in memory; what is asked for beyond its rows and columns is 0.
template <class T>
struct Matrix {
  const T* at;
  i64 stride;
  int rows, columns;
  bool fours;  // each four elements of a row can be read at once
  __device__ __forceinline__ Matrix from(int row, int column) const {
    return {at + row * stride + column, stride, rows - row, columns - column, fours};
  }
};
/// A head of x [batch, rows, heads, size].
template <class T>
__device__ __forceinline__ Matrix<T> head_of(const T* x, const Place& p, int rows, int heads, int size) {
  const T* at = x + (p.sample * rows * heads + p.head) * size;
  return {at, i64(heads) * size, rows, size, size % 4 == 0 && u64(at) % (4 * sizeof(T)) == 0};
}

/// Copies a corner of a matrix to shared memory.
template <int kHeight, int kWidth, class T>
__device__ __forceinline__ void copy_tile(float* to, int line, const Matrix<T>& m) {
  if (m.fours) {
#pragma unroll 2
    for (int e = threadIdx.x; e < kHeight * kWidth / 4; e += kThreads) {
      const int r = e / (kWidth / 4), c = e % (kWidth / 4) * 4;
      Pack<float, 4> x{};
      if (r < m.rows && c < m.columns) {
        const Pack<T, 4> given = pack_at<T, 4>(m.at + r * m.stride + c);
        for (int i = 0; i < 4; ++i) x.x[i] = widen(given.x[i]);
      }
      pack_at<float, 4>(to + r * line + c) = x;
    }
  } else {
#pragma unroll 4
    for (int e = threadIdx.x; e < kHeight * kWidth; e += kThreads) {
      const int r = e / kWidth, c = e % kWidth;
      to[r * line + c] = r < m.rows && c < m.columns ? widen(m.at[r * m.stride + c]) : 0.0f;
    }
  }
}

/// s = a b^T of the first kTile rows of both.
template <class T>
__device__ __forceinline__ void multiply_transposed(float (&s)[kEach][kEach], const Matrix<T>& a, const Matrix<T>& b,
                                                    Shared& shared) {
  float *left = shared.factors, *right = left + kTile * kLine;
#pragma unroll
  for (int i = 0; i < kEach; ++i)
#pragma unroll
    for (int j = 0; j < kEach; ++j) s[i][j] = 0;
  for (int c = 0; c < a.columns; c += kChunk) {
    __syncthreads();  // nobody reads what lay there
    copy_tile<kTile, kChunk>(left, kLine, a.from(0, c));
    copy_tile<kTile, kChunk>(right, kLine, b.from(0, c));
    __syncthreads();
    const int n = min(a.columns - c, kChunk);
#pragma unroll 1
    for (int k = 0; k < n; k += 4) {
      Pack<float, 4> x[kEach], y[kEach];
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        x[i] = pack_at<float, 4>(left + thread_row(i) * kLine + k);
        y[i] = pack_at<float, 4>(right + thread_column(i) * kLine + k);
      }
#pragma unroll
      for (int l = 0; l < 4; ++l)
#pragma unroll
        for (int i = 0; i < kEach; ++i)
#pragma unroll
          for (int j = 0; j < kEach; ++j) s[i][j] += x[i].x[l] * y[j].x[l];
    }
  }
}

/// The columns of a thread in a block of 16 * kColumns: neighbours by four, if there are so many.
template <int kColumns>
struct Columns {
  static constexpr int kPack = kColumns < 4 ? kColumns : 4;
  static __device__ __forceinline__ int at(int j) {
    return (j / kPack * 16 + int(threadIdx.x) % 16) * kPack + j % kPack;
  }
};

/// o += weights b, of the first kTile rows of b and 16 * kColumns columns.
template <int kColumns, class T>
__device__ __forceinline__ void add_product(float (&o)[kEach][kColumns], const Matrix<T>& b, Shared& shared) {
  constexpr int kWidth = 16 * kColumns, kPack = Columns<kColumns>::kPack;
  for (int first = 0; first < kTile && first < b.rows; first += kChunk) {
    __syncthreads();  // the weights are written; nobody reads what lay there
    copy_tile<kChunk, kWidth>(shared.factors, kWidth, b.from(first, 0));
    __syncthreads();
#pragma unroll 1
    for (int k = 0; k < kChunk; k += 4) {
      Pack<float, 4> w[kEach];
#pragma unroll
      for (int i = 0; i < kEach; ++i)
        w[i] = pack_at<float, 4>(shared.weights + thread_row(i) * kWeightLine + first + k);
#pragma unroll
      for (int l = 0; l < 4; ++l)
#pragma unroll
        for (int j = 0; j < kColumns; j += kPack) {
          const auto v = pack_at<float, kPack>(shared.factors + (k + l) * kWidth + Columns<kColumns>::at(j));
#pragma unroll
          for (int i = 0; i < kEach; ++i)
#pragma unroll
            for (int m = 0; m < kPack; ++m) o[i][j + m] += w[i].x[l] * v.x[m];
        }
    }
  }
}
__device__ __forceinline__ void put_weights(const float (&s)[kEach][kEach], Shared& shared) {
#pragma unroll
  for (int i = 0; i < kEach; ++i)
#pragma unroll
    for (int j = 0; j < kEach; ++j) shared.weights[thread_row(i) * kWeightLine + thread_column(j)] = s[i][j];
}

/// Over the 16 threads that hold a row of a tile.
template <class Op>
__device__ __forceinline__ float row_reduce(float x, Op op) {
  for (int step = 8; step > 0; step /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, step));
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
  /// The keys that rows before `end` may see are before this one.
  __device__ __forceinline__ int end(int end) const { return causal && end < keys ? end : keys; }
};
__device__ __forceinline__ Seen seen_of(const bool* mask, i64 masked, const Dims& strides, i64 causal, const Place& p,
                                        const Sizes& z) {
  const bool* at = masked ? mask + p.sample * strides.n[0] + p.head * strides.n[1] : nullptr;
  return {at, strides.n[2], strides.n[3], z.rows, z.keys, causal != 0};
}

/// A softmax whose scores come a tile at a time: of each row of the thread the largest score so far, and this thread's
/// part of the sum of exp(score - largest).
struct Softmax {
  float top[kEach], total[kEach];
  __device__ __forceinline__ Softmax() {
#pragma unroll
    for (int i = 0; i < kEach; ++i) top[i] = -infinity<float>(), total[i] = 0;
  }
  /// Of a row of which nothing may be seen: 0, so that exp(-infinity - shift) is 0.
  __device__ __forceinline__ float shift(int i) const { return top[i] == -infinity<float>() ? 0.0f : top[i]; }
  /// Turns scores of the tile at (row, key) into their exponentials, 0 where they do not count. What was summed with
  /// earlier ones is to be multiplied by `keep`.
  __device__ __forceinline__ void take(float (&s)[kEach][kEach], float (&keep)[kEach], const Seen& seen, int row,
                                       int key, float scale) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      float most = top[i];
#pragma unroll
      for (int j = 0; j < kEach; ++j) {
        const bool counts = seen(row + thread_row(i), key + thread_column(j));
        s[i][j] = counts ? s[i][j] * scale : -infinity<float>();
        most = Max()(s[i][j], most);
      }
      const float before = top[i];
      top[i] = row_reduce(most, Max());
      keep[i] = expf(before - shift(i));
      total[i] *= keep[i];
#pragma unroll
      for (int j = 0; j < kEach; ++j) {
        s[i][j] = expf(s[i][j] - shift(i));
        total[i] += s[i][j];
      }
    }
  }
  /// 1 / the sum, or 0.
  __device__ __forceinline__ float inverse(int i) const {
    const float sum = row_reduce(total[i], Add());
    return sum == 0 ? 0.0f : 1 / sum;
  }
};

template <int kColumns>
__device__ __forceinline__ void clear(float (&o)[kEach][kColumns]) {
#pragma unroll
  for (int i = 0; i < kEach; ++i)
#pragma unroll
    for (int j = 0; j < kColumns; ++j) o[i][j] = 0;
}

/// Writes a tile of a head's result, each row times a number of its own.
template <int kColumns, class T>
__device__ __forceinline__ void put_rows(T* to, const Matrix<T>& like, const float (&o)[kEach][kColumns],
                                         const float (&scale)[kEach]) {
#pragma unroll
  for (int i = 0; i < kEach; ++i)
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      const int row = thread_row(i), column = Columns<kColumns>::at(j);
      if (row < like.rows && column < like.columns) to[row * like.stride + column] = narrow<T>(o[i][j] * scale[i]);
    }
}

/// y = softmax(scale q k^T, where seen) v. A block makes 64 rows of a head, 16 * kColumns columns.
template <class T, int kColumns>
__global__ void __launch_bounds__(kThreads, 2)
    attention(Run run, const T* q, const T* k, const T* v, const bool* mask, T* y, Dims sizes, Dims mask_strides,
              double scale, i64 masked, i64 causal) {
  if (run.halted()) return;
  __shared__ Shared shared;
  const Sizes z = sizes_of(sizes);
  const Place p = place_of(z.rows, z.heads);
  const Seen seen = seen_of(mask, masked, mask_strides, causal, p, z);
  const int column = int(blockIdx.y) * 16 * kColumns;
  const Matrix<T> rows = head_of(q, p, z.rows, z.heads, z.depth).from(p.first, 0);
  const Matrix<T> keys = head_of(k, p, z.keys, z.heads, z.depth), values = head_of(v, p, z.keys, z.heads, z.width);
  const Matrix<T> out = head_of<T>(y, p, z.rows, z.heads, z.width).from(p.first, column);
  Softmax softmax;
  float o[kEach][kColumns], s[kEach][kEach], keep[kEach];
  clear(o);
  for (int key = 0; key < seen.end(p.first + kTile); key += kTile) {
    multiply_transposed(s, rows, keys.from(key, 0), shared);
    softmax.take(s, keep, seen, p.first, key, float(scale));
    put_weights(s, shared);
#pragma unroll
    for (int i = 0; i < kEach; ++i)
#pragma unroll
      for (int j = 0; j < kColumns; ++j) o[i][j] *= keep[i];
    add_product(o, values.from(key, column), shared);
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i) keep[i] = softmax.inverse(i);
  put_rows(y + (out.at - y), out, o, keep);
}

/// What the gradient keeps of a row: softmax is exp(score - shift) * inverse, and `slope` is dy . y.
struct RowFacts {
  float shift, inverse, slope, unused;
};

/// The gradient of the query, 64 rows of a head a block; the first blocks write the facts of their rows. The weights
/// of the sum over keys are exp(score - largest) * (dy . v - slope): it is divided by softmax's sum at the end.
template <class T, int kColumns>
__global__ void __launch_bounds__(kThreads, 2)
    attention_query_grad(Run run, const T* q, const T* k, const T* v, const bool* mask, const T* y, const T* dy, T* dq,
                         RowFacts* facts, Dims sizes, Dims mask_strides, double scale, i64 masked, i64 causal) {
  if (run.halted()) return;
  __shared__ Shared shared;
  const Sizes z = sizes_of(sizes);
  const Place p = place_of(z.rows, z.heads);
  const Seen seen = seen_of(mask, masked, mask_strides, causal, p, z);
  const int column = int(blockIdx.y) * 16 * kColumns;
  const Matrix<T> rows = head_of(q, p, z.rows, z.heads, z.depth).from(p.first, 0);
  const Matrix<T> keys = head_of(k, p, z.keys, z.heads, z.depth), values = head_of(v, p, z.keys, z.heads, z.width);
  const Matrix<T> made = head_of(y, p, z.rows, z.heads, z.width).from(p.first, 0);
  const Matrix<T> slopes = head_of(dy, p, z.rows, z.heads, z.width).from(p.first, 0);
  const Matrix<T> out = head_of<T>(dq, p, z.rows, z.heads, z.depth).from(p.first, column);
  Softmax softmax;
  float o[kEach][kColumns], s[kEach][kEach], d[kEach][kEach], keep[kEach], slope[kEach];
  clear(o);
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    float sum = 0;
    if (thread_row(i) < made.rows)
      for (int c = thread_column(0); c < z.width; c += 16)
        sum += widen(made.at[thread_row(i) * made.stride + c]) * widen(slopes.at[thread_row(i) * made.stride + c]);
    slope[i] = row_reduce(sum, Add());
  }
  for (int key = 0; key < seen.end(p.first + kTile); key += kTile) {
    multiply_transposed(s, rows, keys.from(key, 0), shared);
    multiply_transposed(d, slopes, values.from(key, 0), shared);
    softmax.take(s, keep, seen, p.first, key, float(scale));
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
#pragma unroll
      for (int j = 0; j < kEach; ++j) s[i][j] = s[i][j] == 0 ? 0.0f : s[i][j] * (d[i][j] - slope[i]);
#pragma unroll
      for (int j = 0; j < kColumns; ++j) o[i][j] *= keep[i];
    }
    put_weights(s, shared);
    add_product(o, keys.from(key, column), shared);
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const float inverse = softmax.inverse(i);
    keep[i] = inverse * float(scale);
    if (blockIdx.y == 0 && thread_column(0) == 0 && thread_row(i) < rows.rows)
      facts[(p.sample * z.heads + p.head) * z.rows + p.first + thread_row(i)] = {softmax.shift(i), inverse, slope[i]};
  }
  put_rows(dq + (out.at - dq), out, o, keep);
}

/// The gradients of key and value, 64 keys of a head a block and 16 * kColumns columns of both: the tiles of scores are
/// those of the keys by the rows.
template <class T, int kColumns>
__global__ void __launch_bounds__(kThreads, 2)
    attention_key_grad(Run run, const T* q, const T* k, const T* v, const bool* mask, const T* dy,
                       const RowFacts* facts, T* dk, T* dv, Dims sizes, Dims mask_strides, double scale, i64 masked,
                       i64 causal) {
  if (run.halted()) return;
  __shared__ Shared shared;
  const Sizes z = sizes_of(sizes);
  const Place p = place_of(z.keys, z.heads);
  const Seen seen = seen_of(mask, masked, mask_strides, causal, p, z);
  const int column = int(blockIdx.y) * 16 * kColumns;
  const Matrix<T> keys = head_of(k, p, z.keys, z.heads, z.depth).from(p.first, 0);
  const Matrix<T> values = head_of(v, p, z.keys, z.heads, z.width).from(p.first, 0);
  const Matrix<T> queries = head_of(q, p, z.rows, z.heads, z.depth);
  const Matrix<T> slopes = head_of(dy, p, z.rows, z.heads, z.width);
  const Matrix<T> key_out = head_of<T>(dk, p, z.keys, z.heads, z.depth).from(p.first, column);
  const Matrix<T> value_out = head_of<T>(dv, p, z.keys, z.heads, z.width).from(p.first, column);
  const RowFacts* row_facts = facts + (p.sample * z.heads + p.head) * z.rows;
  float key_sum[kEach][kColumns], value_sum[kEach][kColumns], s[kEach][kEach], d[kEach][kEach];
  clear(key_sum);
  clear(value_sum);
  for (int row = causal ? p.first : 0; row < z.rows; row += kTile) {
    multiply_transposed(s, keys, queries.from(row, 0), shared);
    multiply_transposed(d, values, slopes.from(row, 0), shared);
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const int at = row + thread_column(j);
      const RowFacts f = at < z.rows ? row_facts[at] : RowFacts{};
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        const bool counts = seen(at, p.first + thread_row(i));
        s[i][j] = counts ? expf(s[i][j] * float(scale) - f.shift) * f.inverse : 0.0f;
        d[i][j] = counts ? s[i][j] * (d[i][j] - f.slope) : 0.0f;
      }
    }
    put_weights(s, shared);
    add_product(value_sum, slopes.from(row, column), shared);
    __syncthreads();  // the weights are read
    put_weights(d, shared);
    add_product(key_sum, queries.from(row, column), shared);
  }
  const float ones[kEach] = {1, 1, 1, 1}, scales[kEach] = {float(scale), float(scale), float(scale), float(scale)};
  put_rows(dk + (key_out.at - dk), key_out, key_sum, scales);
  put_rows(dv + (value_out.at - dv), value_out, value_sum, ones);
}
