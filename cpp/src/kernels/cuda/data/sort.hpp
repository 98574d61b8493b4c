// Sorting of rows, as steps of a kernel (device/sort.cuh).
#pragma once

#include "kernels/cuda/rows/shares.hpp"

namespace hornbeam::cuda {

struct SortSource {
  std::string type;   // of the device's code: "Numbers<float>"
  int64_t key_bytes;  // 4 or 8
  Dims how;
};
/// Sorts rows of n elements of `x`: where each stood goes to `order`, int32, and its key to `keys` unless that is null.
void launch_sort(Planner& p, const SortSource& source, Address x, int64_t rows, int64_t n, const Address* keys,
                 Address order);
}  // namespace hornbeam::cuda
