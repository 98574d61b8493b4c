// How a tile of products leaves the registers: added to what is there, plus a bias and a residual, through relu.
#pragma once

#include "kernels/cpu/isa/isa_table.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
template <int MR, int NV>
HB_INLINE void store_tile(const Vec (&acc)[MR][NV], const TileTarget& t) {
  float* c = t.c;
  const float* residual = t.residual;
  const int full = t.columns / kLanes, rest = t.columns % kLanes;
  for (int i = 0; i < MR; ++i, c += t.ldc, residual += residual ? t.ldc : 0)
    for (int v = 0; v < NV; ++v) {
      float* at = c + v * kLanes;
      const bool whole = v < full;
      if (!whole && (v > full || !rest)) continue;
      Vec x = acc[i][v];
      if (t.accumulate) x = x + (whole ? load(at) : load_n(at, rest));
      if (t.bias) x = x + (whole ? load(t.bias + v * kLanes) : load_n(t.bias + v * kLanes, rest));
      if (residual) x = x + (whole ? load(residual + v * kLanes) : load_n(residual + v * kLanes, rest));
      if (t.relu) x = select(x < Vec{}, Vec{}, x);
      if (whole)
        store(at, x);
      else
        store_n(at, x, rest);
    }
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
