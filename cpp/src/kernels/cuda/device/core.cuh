// What every kernel sees: types, the run it is part of, loops over a grid, sums over a warp and a block.
#pragma once
#include "intrinsics.cuh"

using i64 = long long;
using u64 = unsigned long long;
using u32 = unsigned int;
using u16 = unsigned short;
using u8 = unsigned char;

/// float16 and bfloat16 as they lie in memory.
struct f16 {
  u16 bits;
};
struct bf16 {
  u16 bits;
};

/// What elements of T are computed in.
template <class T>
struct WideOf {
  using type = T;
};
template <>
struct WideOf<f16> {
  using type = float;
};
template <>
struct WideOf<bf16> {
  using type = float;
};
template <class T>
using Wide = typename WideOf<T>::type;

template <class T>
__device__ __forceinline__ T widen(T x) {
  return x;
}
__device__ __forceinline__ float widen(f16 x) { return half_to_float(x.bits); }
__device__ __forceinline__ float widen(bf16 x) { return bf16_to_float(x.bits); }

template <class T>
struct Narrow {
  template <class W>
  static __device__ __forceinline__ T from(W x) {
    return T(x);
  }
};
template <>
struct Narrow<f16> {
  static __device__ __forceinline__ f16 from(float x) { return {float_to_half(x)}; }
};
template <>
struct Narrow<bf16> {
  static __device__ __forceinline__ bf16 from(float x) { return {float_to_bf16(x)}; }
};
/// A number as an element of T, rounded.
template <class T, class W>
__device__ __forceinline__ T narrow(W x) {
  return Narrow<T>::from(x);
}

/// Of float and double.
template <class T>
__device__ __forceinline__ T infinity() {
  return T(__uint_as_float(0x7f800000u));
}
template <class T>
__device__ __forceinline__ T not_a_number() {
  return T(__uint_as_float(0x7fc00000u));
}

/// Up to 12 numbers that a launch passes: the sizes or strides of axes, say.
struct Dims {
  i64 n[12];
};

/// The run that a launch is part of, the first parameter of every kernel. Each begins with `if (run.halted()) return;`.
struct Run {
  u64* status;   // all ones, or the least (ordinal << 40 | row) of those that failed
  u64 ordinal;   // of this launch
  u64 guarded;   // it writes variables: not after a failure
  const u8* go;  // 0 there: it is of a branch that is not taken; null: of none
  /// Whether the launch must not do anything.
  __device__ __forceinline__ bool halted() const { return (guarded && *status != ~u64(0)) || (go && !*go); }
  /// The run must not write variables: element `row` of what this kernel checks is refused.
  __device__ __forceinline__ void fail(i64 row) const { atomicMin(status, ordinal << 40 | u64(row)); }
};

/// for (i64 i = first_index(); i < n; i += index_stride()): all threads of the grid share [0, n).
__device__ __forceinline__ i64 first_index() { return i64(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ i64 index_stride() { return i64(gridDim.x) * blockDim.x; }

struct Add {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};
/// NaN wins, as in NumPy's maximum and minimum.
struct Max {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct Multiply {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a * b;
  }
};

/// All lanes of the warp get the result, combined in an order that is always the same.
template <class T, class Op>
__device__ __forceinline__ T warp_reduce(T x, Op op) {
  for (int step = 16; step > 0; step /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, step));
  return x;
}

/// All threads of the block, whose size is a multiple of 32, get the result. All of them call it.
template <class T, class Op>
__device__ __forceinline__ T block_reduce(T x, Op op) {
  __shared__ T part[32];
  const int warps = blockDim.x / 32;
  x = warp_reduce(x, op);
  if (warps == 1) return x;
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
  __syncthreads();
  x = part[0];
  for (int i = 1; i < warps; ++i) x = op(x, part[i]);
  __syncthreads();  // another call may follow
  return x;
}
