// Weighted sums along an axis: each element of the result is one of neighbours among those that it is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "schema/resampling.hpp"

namespace hornbeam {

/// Element i of `to` is the sum over k of weights[begin[i] + k] times element first[i] + k of `from`, for the k below
/// count(i).
template <class T>
struct Taps {
  int64_t from = 0, to = 0;
  std::vector<int32_t> first;
  std::vector<int32_t> begin;  // `to` and one more
  std::vector<T> weights;
  bool same = false;  // the result is what it is made of

  int count(int64_t i) const { return begin[size_t(i) + 1] - begin[size_t(i)]; }
  int most() const;
  /// What gives the gradient of `from`, of that of `to`.
  Taps transposed() const;

  static Taps of(const ResampledAxis& a);
};
extern template struct Taps<float>;
extern template struct Taps<double>;
}  // namespace hornbeam
