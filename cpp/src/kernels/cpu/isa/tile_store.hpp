// How a tile of products leaves the registers: added to what is there, plus a bias and a residual, through relu.
#pragma once

#include "kernels/cpu/isa/isa_table.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
// A tile with a residual, or with fewer columns than its registers have lanes.
static __attribute__((noinline)) void finish_tile(const float* tile, int rows, int stride, const TileTarget& t) {
  const Vec bound = set1(t.relu ? 0.0f : -__builtin_inff());
  for (int j = 0; j < t.columns; j += kLanes, tile += kLanes) {
    const int n = t.columns - j;
    auto finish = [&](auto read, auto write) __attribute__((always_inline)) {
      const Vec bias = t.bias ? read(t.bias + j) : Vec{};
      for (int i = 0; i < rows; ++i) {
        const int64_t at = i * t.ldc + j;
        Vec x = load(tile + i * stride);
        if (t.accumulate) x = read(t.c + at) + x;
        x = x + bias;
        if (t.residual) x = x + read(t.residual + at);
        write(t.c + at, select(x < bound, bound, x));
      }
    };
    if (n >= kLanes)
      finish([](const float* p) { return load(p); }, [](float* p, Vec x) { store(p, x); });
    else
      finish([n](const float* p) { return load_n(p, n); }, [n](float* p, Vec x) { store_n(p, x, n); });
  }
}

// Products along so many elements fetch the place they go to when they start: it is there when they end.
constexpr int kFetchDepth = 16;

// These loops must be unrolled, or else the tile lives in memory: GCC 12 then clears it there before it uses registers.
template <int MR, int NV>
HB_INLINE void start_tile(Vec (&acc)[MR][NV], const TileTarget& t, bool fetch) {
  const float* c = t.c;
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i, c += t.ldc)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      acc[i][v] = Vec{};
      if (fetch && v * kLanes % 16 == 0) __builtin_prefetch(c + v * kLanes, 1);
    }
}
// What is there is added last: it has had the time of the products to come.
template <int MR, int NV>
HB_INLINE void add_whole(Vec (&acc)[MR][NV], const float* c, int64_t ldc) {
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i, c += ldc)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) acc[i][v] = load(c + v * kLanes) + acc[i][v];
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
HB_INLINE void store_tile(Vec (&acc)[MR][NV], const TileTarget& t) {
  constexpr int kColumns = NV * kLanes;
  if (t.columns == kColumns && !t.residual) {
    if (t.accumulate) add_whole(acc, t.c, t.ldc);
    if (!t.bias && !t.relu) return store_whole(acc, t.c, t.ldc);
    return store_bounded(acc, t.c, t.ldc, t.bias, t.relu ? 0.0f : -__builtin_inff());
  }
  alignas(64) float tile[MR * kColumns];
  store_whole(acc, tile, kColumns);
  finish_tile(tile, MR, kColumns, t);
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
