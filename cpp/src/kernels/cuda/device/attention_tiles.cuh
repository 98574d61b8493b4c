// Products of tiles on tensor cores for attention: a tile of scores is 64x32, and each warp of a block holds 16 of its
// rows. What a thread holds of one product is what it needs to hold of the next one's left factor.
#pragma once
#include "core.cuh"

constexpr int kThreads = 128;
constexpr int kRows = 64;             // of a tile of scores
constexpr int kColumns = 32;          // and its columns
constexpr int kParts = kColumns / 8;  // of a warp's rows: 16x8 scores, 4 each thread
constexpr int kChunk = 64;            // of the axis summed over: what lies in shared memory at a time
constexpr int kLine = kChunk + 8;     // floats from one row of it to the next: a half-warp's pairs are in all banks
constexpr int kPad = 4;               // floats between rows of a result's factor: pairs of rows are in all banks

/// Chunks of both factors of the scores; in the right one's place also a factor of a result kWidth columns wide. Rows
/// that are one chunk wide stay in `left`, where each matrix has its own.
template <int kLefts, int kWidth>
struct alignas(16) Shared {
  float left[kLefts][kRows * kLine];
  float right[kColumns * (kLine > kWidth + kPad ? kLine : kWidth + kPad)];
};
template <int kWidth>  // of a gradient; a wider one is one of more chunks
using GradShared = Shared<kWidth <= kChunk ? 2 : 1, kWidth>;

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

/// A number as tensor cores take it, where it may be rounded.
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
/// where tensor cores see those that are four apart. `kept`: a was the last to come to `left`.
template <bool kRounded, class T>
__device__ __forceinline__ void multiply_transposed(float (&s)[kParts][4], const Matrix<const T>& a,
                                                    const Matrix<const T>& b, float* left, float* right, bool kept) {
  clear(s);
  for (int c = 0; c < a.columns; c += kChunk) {
    __syncthreads();  // nobody reads what lay there
    if (!kept || a.columns > kChunk) copy_tile<kRounded, kRows, kChunk, T>(left, kLine, a.from(0, c));
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
                                            const Matrix<const T>& b, float* right) {
  constexpr int line = kWidth + kPad;
  __syncthreads();  // nobody reads what lay there
  copy_tile<kRounded, kColumns, kWidth, T>(right, line, b);
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kParts; ++k) {
    float w[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) w[e] = factor<kRounded>(weights[k][e]);
    const Factors<kRounded, 4> x({w[0], w[2], w[1], w[3]});
    const float* from = right + (k * 8 + lane_pair()) * line + lane_row();
#pragma unroll
    for (int j = 0; j < kWidth / 8; ++j) multiply_add(o[j], x, Factors<kRounded, 2>({from[j * 8], from[line + j * 8]}));
  }
}
