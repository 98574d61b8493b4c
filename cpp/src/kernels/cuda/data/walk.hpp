// What kernels that move elements share: axes merged, words as wide as they can be, sizes prepared to divide by.
#pragma once

#include <algorithm>

#include "kernels/cuda/plan.hpp"
#include "schema/views.hpp"

namespace hornbeam::cuda {

constexpr int64_t kWidestWord = 16;

/// The most bytes that a word may have where all of its places, sums of these numbers of bytes, must be multiples of
/// it.
inline size_t word_bytes(std::initializer_list<int64_t> multiples) {
  int64_t bits = kWidestWord;
  for (int64_t m : multiples) bits |= m;
  return size_t(bits & -bits);
}

/// What quotient() of device/walk.cuh multiplies by, instead of a division by `size`; 0 where it divides.
inline int64_t divisor(int64_t size) {
  if (size > INT32_MAX) return 0;
  int64_t shift = 31;
  while (int64_t(1) << (shift - 31) < size) ++shift;
  const uint64_t magic = ((uint64_t(1) << shift) + uint64_t(size) - 1) / uint64_t(size);
  return shift << 32 | int64_t(magic);
}
inline Dims divisors(const Ints& sizes) {
  Ints all;
  for (int64_t s : sizes) all.push_back(divisor(s));
  return Dims(all);
}
/// The type that counts n things in the device's code.
inline const char* index_name(int64_t n) { return n <= INT32_MAX ? "u32" : "u64"; }

constexpr int kWordThreads = 256;
/// The grid of a kernel that is each_word() of n.
inline Grid word_grid(const Planner& p, int64_t n) { return {p.blocks(n, kWordThreads, 4)}; }
}  // namespace hornbeam::cuda
