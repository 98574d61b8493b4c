// How kernels say that a run must not go on.
#pragma once

#include <atomic>
#include <cstdint>

#include "hornbeam/export.hpp"

namespace hornbeam {

struct Node;

/// Set by a kernel that meets bad data (a label out of range, say). The first writer wins; the run then
/// leaves all state as it was and raises.
struct Status {
  enum Kind : int { ok = 0, index_out_of_range = 1, non_finite = 2, interrupted = 3 };
  std::atomic<int> kind{0};
  const Node* node = nullptr;
  int64_t row = 0;
  int64_t index = 0, limit = 0;  // of index_out_of_range: must have been in [0, limit)
  double value = 0;              // of non_finite
  HB_API void raise_index(const Node* node, int64_t row, int64_t index, int64_t limit);
  HB_API void raise_value(const Node* node, int64_t row, double value);
};

}  // namespace hornbeam
