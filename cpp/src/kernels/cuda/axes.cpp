#include "kernels/cuda/axes.hpp"

#include <algorithm>

namespace hornbeam::cuda {

Axes Axes::broadcast(const Shape& result, const std::vector<Shape>& operands) {
  Axes a;
  a.strides.resize(operands.size());
  std::vector<int64_t> step(operands.size(), 1), at(operands.size());
  // from the last axis; each is merged into the one before it here, which lies inside it, where all strides agree
  for (size_t d = 0; d < result.size(); ++d) {
    const int64_t size = result[result.size() - 1 - d];
    a.total *= size;
    for (size_t k = 0; k < operands.size(); ++k) {
      const Shape& s = operands[k];
      const int64_t own = d < s.size() ? s[s.size() - 1 - d] : 1;
      at[k] = own == 1 ? 0 : step[k];
      step[k] *= own;
    }
    if (size == 1) continue;
    bool merges = !a.sizes.empty();
    for (size_t k = 0; merges && k < operands.size(); ++k) merges = at[k] == a.strides[k].back() * a.sizes.back();
    if (merges) {
      a.sizes.back() *= size;
      continue;
    }
    a.sizes.push_back(size);
    for (size_t k = 0; k < operands.size(); ++k) a.strides[k].push_back(at[k]);
  }
  std::reverse(a.sizes.begin(), a.sizes.end());
  for (auto& s : a.strides) std::reverse(s.begin(), s.end());
  return a;
}

bool Axes::direct(size_t k) const { return period(k) == total; }

bool Axes::scalar(size_t k) const {
  return std::all_of(strides[k].begin(), strides[k].end(), [](int64_t s) { return s == 0; });
}

int64_t Axes::period(size_t k) const {
  int64_t inner = 1;
  size_t d = rank();
  while (d > 0 && strides[k][d - 1] == inner) inner *= sizes[--d];
  while (d > 0 && strides[k][d - 1] == 0) --d;
  return d == 0 ? inner : 0;
}
}  // namespace hornbeam::cuda
