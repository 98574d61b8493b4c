// Contiguous rows, each taken by a team of threads, whose elements stay in registers where they fit.
#pragma once
#include "core.cuh"

constexpr int kRowThreads = 512;  // at most, of a block

/// The threads that take a row: kLanes (1, 2, 4, .. 32) of a warp, or 0: all of the block.
template <int kLanes>
struct Team {
  static __device__ __forceinline__ int lane() { return kLanes ? threadIdx.x % (kLanes ? kLanes : 1) : threadIdx.x; }
  static __device__ __forceinline__ int lanes() { return kLanes ? kLanes : blockDim.x; }
  static __device__ __forceinline__ int number() { return kLanes ? threadIdx.x / (kLanes ? kLanes : 1) : 0; }
  static __device__ __forceinline__ int teams() { return kLanes ? blockDim.x / (kLanes ? kLanes : 1) : 1; }

  /// All threads of the team get the result. All threads of the block call it.
  template <class T, class Op>
  static __device__ __forceinline__ T reduce(T x, Op op) {
    if constexpr (kLanes == 0) {
      return block_reduce(x, op);
    } else {
      for (int step = kLanes / 2; step > 0; step /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, step));
      return x;
    }
  }
  /// Calls f(row, whether there is such a row) for the team's rows; all threads of the block call it equally often.
  template <class F>
  static __device__ __forceinline__ void for_rows(i64 rows, F f) {
    for (i64 first = i64(blockIdx.x) * teams(); first < rows; first += i64(gridDim.x) * teams())
      f(first + number(), first + number() < rows);
  }
};

/// Calls f(k, i) for a thread's columns i of n: k < kEach counts them, or is 0 where kEach is 0, for any number of
/// them.
template <int kLanes, int kEach, class F>
__device__ __forceinline__ void for_columns(i64 n, F f) {
  const int lane = Team<kLanes>::lane(), lanes = Team<kLanes>::lanes();
  if constexpr (kEach == 0) {
#pragma unroll 4
    for (i64 i = lane; i < n; i += lanes) f(0, i);
  } else {
#pragma unroll
    for (int k = 0; k < kEach; ++k)
      if (lane + k * lanes < n) f(k, i64(lane + k * lanes));
  }
}

/// A thread's elements of a row: held in registers, or read again each time where kEach is 0.
template <class T, int kLanes, int kEach>
struct Elements {
  using W = Wide<T>;
  const T* x;
  W held[kEach ? kEach : 1];

  __device__ __forceinline__ Elements(const T* row, i64 n) : x(row) {
    if constexpr (kEach != 0) for_columns<kLanes, kEach>(n, [&](int k, i64 i) { held[k] = widen(x[i]); });
  }
  __device__ __forceinline__ W operator()(int k, i64 i) const { return kEach ? held[k] : widen(x[i]); }
};
