// How a tile of products leaves the registers: added to what is there, plus a bias and a residual, through relu.
#pragma once

#include "kernels/cpu/isa/isa_table.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
// A tile with something to be done to it, or with fewer columns than its registers have lanes.
static __attribute__((noinline)) void finish_tile(const float* tile, int rows, int stride, const TileTarget& t,
                                                  bool accumulate) {
  float* c = t.c;
  const float* residual = t.residual;
  for (int i = 0; i < rows; ++i, c += t.ldc, tile += stride, residual += residual ? t.ldc : 0)
    for (int j = 0; j < t.columns; j += kLanes) {
      const int n = t.columns - j;
      auto read = [n](const float* p) { return n >= kLanes ? load(p) : load_n(p, n); };
      Vec x = load(tile + j);
      if (accumulate) x = x + read(c + j);
      if (t.bias) x = x + read(t.bias + j);
      if (residual) x = x + read(residual + j);
      if (t.relu) x = select(x < Vec{}, Vec{}, x);
      if (n >= kLanes)
        store(c + j, x);
      else
        store_n(c + j, x, n);
    }
}

// Products along so many elements fetch the place they go to when they start: it is there when they end.
constexpr int kFetchDepth = 16;

// These loops must be unrolled, or else the tile lives in memory: GCC 12 then clears it there before it uses registers.
template <int MR, int NV>
HB_INLINE void start_tile(Vec (&acc)[MR][NV], const TileTarget& t, bool fetch) {
  const bool add = t.accumulate && t.columns == NV * kLanes;
  const float* c = t.c;
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i, c += t.ldc)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      acc[i][v] = add ? load(c + v * kLanes) : Vec{};
      if (fetch) __builtin_prefetch(c + v * kLanes, 1);
    }
}
template <int MR, int NV>
HB_INLINE void store_whole(const Vec (&acc)[MR][NV], float* c, int64_t ldc) {
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i, c += ldc)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(c + v * kLanes, acc[i][v]);
}

// The same with a bias (null: none), and nothing below `low`.
template <int MR, int NV>
HB_INLINE void store_bounded(const Vec (&acc)[MR][NV], float* c, int64_t ldc, const float* bias, float low) {
  Vec b[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) b[v] = bias ? load(bias + v * kLanes) : Vec{};
  const Vec bound = set1(low);
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i, c += ldc)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const Vec x = acc[i][v] + b[v];
      store(c + v * kLanes, select(x < bound, bound, x));
    }
}

template <int MR, int NV>
HB_INLINE void store_tile(const Vec (&acc)[MR][NV], const TileTarget& t) {
  constexpr int kColumns = NV * kLanes;
  const bool whole = t.columns == kColumns;  // then what is there is in the sums already
  if (whole && !t.bias && !t.residual && !t.relu) return store_whole(acc, t.c, t.ldc);
  if (whole && !t.residual) return store_bounded(acc, t.c, t.ldc, t.bias, t.relu ? 0.0f : -__builtin_inff());
  alignas(64) float tile[MR * kColumns];
  store_whole(acc, tile, kColumns);
  finish_tile(tile, MR, kColumns, t, t.accumulate && !whole);
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
