// The axes of a result and of what is broadcast to it, merged where all operands lie the same way.
#pragma once

#include <vector>

#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {

struct Axes {
  std::vector<int64_t> sizes;                 // of the result, but those of size 1
  std::vector<std::vector<int64_t>> strides;  // by operand: in elements, 0 where it is repeated
  int64_t total = 1;

  static Axes broadcast(const Shape& result, const std::vector<Shape>& operands);
  size_t rank() const { return sizes.size(); }
  /// The operand's elements are the result's, one after another.
  bool direct(size_t operand) const;
  /// The operand is one element.
  bool scalar(size_t operand) const;
  /// Elements that repeat along the first axes, as a bias does; 0: it is not so.
  int64_t period(size_t operand) const;
};
}  // namespace hornbeam::cuda
