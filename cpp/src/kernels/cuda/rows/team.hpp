// How many threads take a contiguous row, and how much of it each holds in registers (device/rows.cuh).
#pragma once

#include <algorithm>

#include "base/check.hpp"
#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
/// The least power of two that is not less.
inline int64_t power_of_two(int64_t n) {
  int64_t p = 1;
  while (p < n) p *= 2;
  return p;
}

constexpr int kRowThreads = 512;  // at most, of a block of device/rows.cuh

struct RowTeam {
  int lanes;    // of a warp; 0: the block
  int each;     // elements that a thread holds; 0: none, rows are read again
  int threads;  // of a block
  int64_t teams() const { return lanes ? threads / lanes : 1; }
};

/// For rows of n elements, of which a thread can hold `most` (8 or more).
inline RowTeam row_team(int64_t n, int64_t most) {
  const auto of_block = [n](int threads) { return RowTeam{0, int(power_of_two(divide_up(n, threads))), threads}; };
  if (n <= 32) return {int(power_of_two(n)), 1, 256};
  if (n <= 32 * most) return {32, int(power_of_two(divide_up(n, 32))), 256};
  if (n <= 256 * 8) return of_block(256);
  if (n <= kRowThreads * most) return of_block(kRowThreads);
  return {0, 0, kRowThreads};
}

/// All elements but for the last axis.
inline int64_t row_count(const Shape& x) { return shape_product(Shape(x.begin(), x.end() - 1)); }
}  // namespace hornbeam::cuda
