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
// Sums f over a row with four accumulators, added in a fixed order.
template <class F>
HB_INLINE float sum_of(int64_t n, F f) {
  Vec s0{}, s1{}, s2{}, s3{};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    s0 += f(i, kLanes);
    s1 += f(i + kLanes, kLanes);
    s2 += f(i + 2 * kLanes, kLanes);
    s3 += f(i + 3 * kLanes, kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) s0 += f(i, kLanes);
  if (i < n) s1 += f(i, int(n - i));
  return sum_lanes((s0 + s1) + (s2 + s3));
}
HB_INLINE IVec lane_numbers() {
  IVec v;
  for (int i = 0; i < kLanes; ++i) v[i] = i;
  return v;
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
