// The micro-kernels of convolution: tiles of products whose operands are read where they lie in the (padded) image.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/tile_store.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

// Rows are reached from a pointer for every third: x86 addresses p, p + s and p + 2 s without further registers.
template <int MR, int NV>
void window_tile(const WindowTile& t) {
  constexpr int kPointers = (MR + 2) / 3;
  Vec acc[MR][NV];
  start_tile(acc, t.to, false);
  const float* b = t.b;
  const int64_t s = t.row_stride;
  for (int r = 0; r < t.run_count; ++r) {
    const float* p[kPointers];
    for (int j = 0; j < kPointers; ++j) p[j] = t.a + t.runs[r] + 3 * j * s;
    auto step = [&](int k) __attribute__((always_inline)) {
      Vec bv[NV];
      for (int v = 0; v < NV; ++v) bv[v] = load(b + (k * NV + v) * kLanes);
      for (int i = 0; i < MR; ++i) {
        const Vec av = set1(p[i / 3][(i % 3) * s + k]);
        for (int v = 0; v < NV; ++v) acc[i][v] = av * bv[v] + acc[i][v];
      }
    };
    auto advance = [&](int n) __attribute__((always_inline)) {
      for (int j = 0; j < kPointers; ++j) p[j] += n;
      b += n * NV * kLanes;
    };
    int k = 0;
    for (; k + 4 <= t.run_length; k += 4) {
      step(0);
      step(1);
      step(2);
      step(3);
      advance(4);
    }
    for (; k < t.run_length; ++k) {
      step(0);
      advance(1);
    }
  }
  store_tile(acc, t.to);
}

template <int MR, int NV>
void outer_tile(const OuterTile& t) {
  Vec acc[MR][NV];
  start_tile(acc, t.to, false);
  const int rest = t.to.columns - (NV - 1) * kLanes;  // lanes of the last register
  auto sum = [&](auto last) __attribute__((always_inline)) {
    for (int m = 0; m < t.images; ++m)
      for (int l = 0; l < t.lines; ++l) {
        const float* a = t.a + m * t.a_image + l * t.a_line;
        const float* b = t.b + m * t.b_image + l * t.b_line;
        for (int x = 0; x < t.pixels; ++x, a += t.a_pixel, b += t.b_pixel) {
          Vec bv[NV];
          for (int v = 0; v + 1 < NV; ++v) bv[v] = load(b + v * kLanes);
          bv[NV - 1] = last(b + (NV - 1) * kLanes);
          for (int i = 0; i < MR; ++i) {
            const Vec av = set1(a[i]);
            for (int v = 0; v < NV; ++v) acc[i][v] = av * bv[v] + acc[i][v];
          }
        }
      }
  };
  if (rest >= kLanes)
    sum([](const float* b) { return load(b); });
  else
    sum([rest](const float* b) { return load_n(b, rest); });
  store_tile(acc, t.to);
}

// Four rows share each load of the weights.
template <int R>
HB_INLINE void dot_rows(const DotTile& t, const float* a, float* y) {
  for (int f = 0; f < t.filters; ++f) {
    Vec acc[R];
    for (int i = 0; i < R; ++i) acc[i] = Vec{};
    const float* w = t.w + f * t.w_stride;
    for (int r = 0; r < t.run_count; ++r, w += t.run_length) {
      const float* p = a + t.runs[r];
      int k = 0;
      for (; k + kLanes <= t.run_length; k += kLanes) {
        const Vec wv = load(w + k);
        for (int i = 0; i < R; ++i) acc[i] = load(p + i * t.row_stride + k) * wv + acc[i];
      }
      if (const int n = t.run_length - k) {
        const Vec wv = load_n(w + k, n);
        for (int i = 0; i < R; ++i) acc[i] = load_n(p + i * t.row_stride + k, n) * wv + acc[i];
      }
    }
    float* to = y + f * t.filter_step;
    if constexpr (R == 4) {
      const Vec4 sums = sum_lanes_of_four(acc);
      for (int i = 0; i < R; ++i) to[i * t.ldy] = sums[i];
    } else {
      for (int i = 0; i < R; ++i) to[i * t.ldy] = sum_lanes(acc[i]);
    }
  }
}
void dot_tile(const DotTile& t) {
  int i = 0;
  for (; i + 4 <= t.rows; i += 4) dot_rows<4>(t, t.a + i * t.row_stride, t.y + i * t.ldy);
  for (; i < t.rows; ++i) dot_rows<1>(t, t.a + i * t.row_stride, t.y + i * t.ldy);
}

void spread_pixels(const SpreadPixels& t) {
  float* to = t.to;
  for (int64_t p = 0; p < t.pixels; ++p) {
    const float* x = t.x + p * t.step;
    const Vec v = t.span >= kLanes ? load(x) : load_n(x, t.span);
    for (int k = 0; k < t.count; ++k, to += kLanes)
      store(to, permute(v, bits(load(reinterpret_cast<const float*>(t.index + k * kLanes)))));
  }
}

template <int NV, int MR>
void fill_rows_of(IsaTable& t) {
  if constexpr (MR >= 1) {
    t.window[NV][MR] = window_tile<MR, NV>;
    t.outer[NV][MR] = outer_tile<MR, NV>;
    fill_rows_of<NV, MR - 1>(t);
  }
}
}  // namespace

void fill_windows(IsaTable& t) {
  fill_rows_of<1, max_rows(1)>(t);
  fill_rows_of<2, max_rows(2)>(t);
  fill_rows_of<3, max_rows(3)>(t);
  if constexpr (kRegisters >= 32) fill_rows_of<4, max_rows(4)>(t);
  t.dot_tile = dot_tile;
  t.spread_pixels = spread_pixels;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
