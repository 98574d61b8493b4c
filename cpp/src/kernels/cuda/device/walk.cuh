// Places in memory by index: division by sizes that the host prepared (kernels/cuda/data/walk.hpp), and the loop of
// kernels that write each word of a result once. The number of axes is the compiler's: what it can index by constants
// stays out of memory.
#pragma once
#include "core.cuh"

/// n / size, where `magic` is divisor(size): Granlund and Montgomery (1994), for n below 2^31.
__device__ __forceinline__ u32 quotient(u32 n, i64, i64 magic) { return u32((u64(n) * u32(magic)) >> (magic >> 32)); }
__device__ __forceinline__ u64 quotient(u64 n, i64 size, i64) { return n / u64(size); }

/// The place of element i of a space, by the strides of its axes. `I` is u32 for spaces of less than 2^31 elements,
/// else u64.
template <int kAxes, class I>
__device__ __forceinline__ i64 place_of(I i, const Dims& sizes, const Dims& magics, const Dims& strides) {
  i64 at = 0;
#pragma unroll
  for (int a = kAxes - 1; a > 0; --a) {
    const I rest = quotient(i, sizes.n[a], magics.n[a]);
    at += i64(i - rest * I(sizes.n[a])) * strides.n[a];
    i = rest;
  }
  return at + i64(i) * strides.n[0];
}

/// put(i, of(i)) for all i below n; four loads of a thread are on their way at once.
template <class I, class Of, class Put>
__device__ __forceinline__ void each_word(i64 n, Of of, Put put) {
  constexpr int kEach = 4;
  for (i64 first = i64(blockIdx.x) * blockDim.x * kEach + threadIdx.x; first < n;
       first += i64(gridDim.x) * blockDim.x * kEach) {
    decltype(of(I())) word[kEach];
#pragma unroll
    for (int k = 0; k < kEach; ++k)
      if (first + k * i64(blockDim.x) < n) word[k] = of(I(first + k * i64(blockDim.x)));
#pragma unroll
    for (int k = 0; k < kEach; ++k)
      if (first + k * i64(blockDim.x) < n) put(I(first + k * i64(blockDim.x)), word[k]);
  }
}
/// y[i] = of(i) for all i below n.
template <class I, class Word, class Of>
__device__ __forceinline__ void make_words(Word* y, i64 n, Of of) {
  each_word<I>(n, of, [&](I i, Word word) { y[i] = word; });
}

/// A word whose every eight bytes, or as many as it has, are these.
template <class Word>
__device__ __forceinline__ Word word_of(i64 bits) {
  return Word(bits);
}
template <>
__device__ __forceinline__ uint4 word_of<uint4>(i64 bits) {
  return make_uint4(u32(bits), u32(u64(bits) >> 32), u32(bits), u32(u64(bits) >> 32));
}
