// Running sums and products, as steps of a kernel.
#pragma once

#include "kernels/cuda/rows/shares.hpp"

namespace hornbeam::cuda {

struct Scan {
  DType element;
  bool product, exclusive, reverse;
};
/// From `x` [outer, n, inner] to `y`, which may be the same.
void launch_scan(Planner& p, const Scan& scan, const Along& a, Address x, Address y);
}  // namespace hornbeam::cuda
