// The walk of one operand with any strides.
#pragma once

#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {

inline Walk walk_of(const Shape& space, const Ints& strides) {
  Walk w;
  w.total = shape_product(space);
  w.strides.resize(1);
  for (size_t i = 0; i < space.size(); ++i) w.push_axis(space[i], {strides}, i);
  if (w.sizes.empty()) w.sizes.push_back(1), w.strides[0].push_back(0);
  return w;
}
}  // namespace hornbeam
