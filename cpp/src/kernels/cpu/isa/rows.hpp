// Loops over a row of floats, the last lanes masked.
#pragma once

#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
HB_INLINE Vec get(const float* p, int n) { return n == kLanes ? load(p) : load_n(p, n); }
HB_INLINE void put(float* p, Vec v, int n) { n == kLanes ? store(p, v) : store_n(p, v, n); }
HB_INLINE Vec keep(Vec v, int n) {  // zero the lanes from n on
  if (n == kLanes) return v;
  float t[kLanes];
  store(t, v);
  return load_n(t, n);
}
// Runs f(i, lanes) over n elements.
template <class F>
HB_INLINE void each(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, int(n - i));
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
