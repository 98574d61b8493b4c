// Attention and its gradient, by tiles of the scores: softmax goes along while keys pass by (Milakov and Gimelshein
// 2018; Dao et al. 2022), so no scores are stored.
#pragma once
#include "attention_tiles.cuh"

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

/// A head of x [batch, rows, heads, size].
template <class T>
__device__ __forceinline__ Matrix<T> head_of(T* x, const Place& p, int rows, int heads, int size) {
  T* at = x + (p.sample * rows * heads + p.head) * size;
  return {at, i64(heads) * size, rows, size, size % 4 == 0 && u64(at) % (4 * sizeof(T)) == 0};
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
  __shared__ Shared<1, kWidth> shared;
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
    multiply_transposed<kRounded, T>(s, rows, keys.from(key, 0), shared.left[0], shared.right, key > 0);
    softmax.take(s, keep, seen, p.first, key, float(scale));
    scale_rows(o, keep);
    add_product<kRounded, kWidth, T>(o, s, values.from(key, column), shared.right);
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
  __shared__ GradShared<kWidth> shared;
  constexpr int kLast = kWidth <= kChunk ? 1 : 0;
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
    multiply_transposed<kRounded, T>(s, rows, keys.from(key, 0), shared.left[0], shared.right, kLast && key > 0);
    multiply_transposed<kRounded, T>(d, slopes, values.from(key, 0), shared.left[kLast], shared.right,
                                     kLast && key > 0);
    softmax.take(s, keep, seen, p.first, key, float(scale));
#pragma unroll
    for (int j = 0; j < kParts; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) s[j][e] = s[j][e] == 0 ? 0.0f : s[j][e] * (d[j][e] - slope[e / 2]);
    scale_rows(o, keep);
    add_product<kRounded, kWidth, T>(o, s, keys.from(key, column), shared.right);
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
  __shared__ GradShared<kWidth> shared;
  constexpr int kLast = kWidth <= kChunk ? 1 : 0;
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
  const int start = causal ? p.first : 0;
  for (int row = start; row < z.rows; row += kColumns) {
    multiply_transposed<kRounded, T>(s, keys, queries.from(row, 0), shared.left[0], shared.right, kLast && row > start);
    multiply_transposed<kRounded, T>(d, values, slopes.from(row, 0), shared.left[kLast], shared.right,
                                     kLast && row > start);
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
    add_product<kRounded, kWidth, T>(value_sum, s, slopes.from(row, column), shared.right);
    add_product<kRounded, kWidth, T>(key_sum, d, queries.from(row, column), shared.right);
  }
  scale_rows(key_sum, {float(scale), float(scale)});
  put_rows(head_of(dk, p, z.keys, z.heads, z.depth).from(p.first, column), key_sum);
  put_rows(head_of(dv, p, z.keys, z.heads, z.width).from(p.first, column), value_sum);
}
