// Weighted sums of rows, and of neighbouring pixels of a row.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/rows.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

// A count that the compiler knows: what lies between two neighbours is the usual case.
template <int N>
struct Known {
  constexpr operator int() const { return N; }
};

// N registers of a sum over `count` places, at(k) each.
template <int N, class Count, class At>
HB_INLINE void sum_registers(float* y, const float* weights, Count count, At at) {
  Vec sum[N] = {};
  for (int k = 0; k < count; ++k) {
    const Vec w = set1(weights[k]);
    const float* x = at(k);
    for (int v = 0; v < N; ++v) sum[v] = w * load(x + v * kLanes) + sum[v];
  }
  for (int v = 0; v < N; ++v) store(y + v * kLanes, sum[v]);
}
// n floats of a sum over `count` places, at(k) each.
template <class Count, class At>
HB_INLINE void sum_floats(float* y, int64_t n, const float* weights, Count count, At at) {
  int64_t i = 0;
  auto from = [&](int k) { return at(k) + i; };
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) sum_registers<4>(y + i, weights, count, from);
  for (; i + kLanes <= n; i += kLanes) sum_registers<1>(y + i, weights, count, from);
  if (const int rest = int(n - i)) {
    Vec sum{};
    for (int k = 0; k < count; ++k) sum = set1(weights[k]) * load_n(from(k), rest) + sum;
    store_n(y + i, sum, rest);
  }
}

void mix_rows(const MixRows& q) {
  const float* const* rows = q.rows;
  if (q.count == 2)
    sum_floats(q.y, q.n, q.weights, Known<2>{}, [a = rows[0], b = rows[1]](int k) { return k ? b : a; });
  else
    sum_floats(q.y, q.n, q.weights, q.count, [rows](int k) { return rows[k]; });
}

// Pixels of three channels are read and written as if they had four: what is too much is overwritten by the next.
typedef float UnalignedVec4 __attribute__((vector_size(16), aligned(4)));
HB_INLINE Vec4 load4(const float* p) { return *reinterpret_cast<const UnalignedVec4*>(p); }
template <int C>
void mix_narrow_pixels(const MixPixels& q) {
  for (int64_t p = 0; p < q.pixels; ++p) {
    const float* x = q.x + q.first[p] * C;
    float* y = q.y + p * C;
    const int begin = q.begin[p], count = q.begin[p + 1] - begin;
    const float* w = q.weights + begin;
    if (C >= 3 && (C == 4 || (p + 1 < q.pixels && q.first[p] + count < q.width))) {
      Vec4 sum{};
      for (int k = 0; k < count; ++k) sum = w[k] * load4(x + k * C) + sum;
      *reinterpret_cast<UnalignedVec4*>(y) = sum;
      continue;
    }
    for (int i = 0; i < C; ++i) {
      float sum = 0;
      for (int k = 0; k < count; ++k) sum = w[k] * x[k * C + i] + sum;
      y[i] = sum;
    }
  }
}
void mix_wide_pixels(const MixPixels& q) {
  const int64_t n = q.channels;
  float* y = q.y;
  for (int64_t p = 0; p < q.pixels; ++p, y += n) {
    const int begin = q.begin[p], count = q.begin[p + 1] - begin;
    auto at = [x = q.x + q.first[p] * n, n](int k) { return x + k * n; };
    if (count == 2)
      sum_floats(y, n, q.weights + begin, Known<2>{}, at);
    else
      sum_floats(y, n, q.weights + begin, count, at);
  }
}
void mix_pixels(const MixPixels& q) {
  switch (q.channels) {
    case 1:
      return mix_narrow_pixels<1>(q);
    case 2:
      return mix_narrow_pixels<2>(q);
    case 3:
      return mix_narrow_pixels<3>(q);
    case 4:
      return mix_narrow_pixels<4>(q);
    default:
      mix_wide_pixels(q);
  }
}
}  // namespace

void fill_resample(IsaTable& t) {
  t.mix_rows = mix_rows;
  t.mix_pixels = mix_pixels;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
