// Depthwise convolution and pooling: what a window's taps reach, folded a register of channels at a time.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/rows.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
constexpr int kLine = 16;  // floats of a cache line

// The steps of a fold: how a tap joins, what is done with the whole.
struct Dot {
  const float* w;
  const int64_t* taps;
  const float* bias;  // null: none
  float low;          // -infinity, or 0 for relu
  HB_INLINE Vec weight(const Dot& f, int t, int64_t i, int m) { return get(f.w + f.taps[t] + i, m); }
  HB_INLINE Vec join(Vec s, Vec x, Vec w) { return x * w + s; }
  HB_INLINE Vec finish(const Dot& f, Vec s, int64_t i, int m) {
    if (f.bias) s += get(f.bias + i, m);
    return select(s < set1(f.low), set1(f.low), s);
  }
};
struct Sum {
  float scale;
  HB_INLINE Vec weight(const Sum&, int, int64_t, int) { return Vec{}; }
  HB_INLINE Vec join(Vec s, Vec x, Vec) { return s + x; }
  HB_INLINE Vec finish(const Sum& f, Vec s, int64_t, int) { return s * f.scale; }
};
// P pixels of V registers of channels, in registers from the first tap to the last.
template <int P, int V, class F>
HB_INLINE void fold_tile(const FoldCells& q, const F& f, int64_t p, int64_t i, int m) {
  const int64_t step = q.step, to = q.y_step;
  const float* x = q.x + p * step + i;
  float* y = q.y + p * to + i;
  Vec s[P][V];
  for (int u = 0; u < P; ++u)
    for (int v = 0; v < V; ++v) s[u][v] = q.first ? Vec{} : get(y + u * to + v * kLanes, m);
  for (int u = 0; u < P; ++u)
    for (int at = 0; at < V * kLanes; at += kLine) {
      __builtin_prefetch(x + u * step + q.fetch_x + at);
      __builtin_prefetch(y + u * to + q.fetch_y + at, 1);
    }
  for (int t = 0; t < q.count; ++t) {
    const float *low = x + q.cells[t], *high = low + 3 * step;  // x86 addresses p, p + s and p + 2 s
    Vec w[V];
    for (int v = 0; v < V; ++v) w[v] = F::weight(f, t, i + v * kLanes, m);
    for (int u = 0; u < P; ++u)
      for (int v = 0; v < V; ++v)
        s[u][v] = F::join(s[u][v], get((u < 3 ? low + u * step : high + (u - 3) * step) + v * kLanes, m), w[v]);
  }
  for (int u = 0; u < P; ++u)
    for (int v = 0; v < V; ++v)
      put(y + u * to + v * kLanes, q.last ? F::finish(f, s[u][v], i + v * kLanes, m) : s[u][v], m);
}
// P pixels, the channels [begin, end).
template <int P, int V, class F>
void fold_pixels(const FoldCells& q, const F& f, int64_t p, int64_t begin, int64_t end) {
  int64_t i = begin;
  for (; i + V * kLanes <= end; i += V * kLanes) fold_tile<P, V>(q, f, p, i, kLanes);
  if constexpr (V > 2)
    for (; i + 2 * kLanes <= end; i += 2 * kLanes) fold_tile<P, 2>(q, f, p, i, kLanes);
  for (; i + kLanes <= end; i += kLanes) fold_tile<P, 1>(q, f, p, i, kLanes);
  if (i < end) fold_tile<P, 1>(q, f, p, i, int(end - i));
}
// A few lines of cache of channels for all pixels, then the next: what pixels share stays in L1.
template <class F>
void fold_cells(const FoldCells& q, const F& f) {
  constexpr int64_t kChannels = 8 * kLanes;
  for (int64_t i = 0; i < q.n; i += kChannels) {
    const int64_t end = i + kChannels < q.n ? i + kChannels : q.n;
    int64_t p = 0;
    for (; p + 6 <= q.pixels; p += 6) fold_pixels<6, 2>(q, f, p, i, end);
    if (p + 4 <= q.pixels) fold_pixels<4, 2>(q, f, p, i, end), p += 4;
    if (p + 2 <= q.pixels) fold_pixels<2, 4>(q, f, p, i, end), p += 2;
    if (p < q.pixels) fold_pixels<1, 8>(q, f, p, i, end);
  }
}
void dot_cells(const DotCells& q) { fold_cells(q, Dot{q.w, q.taps, q.bias, q.relu ? 0.0f : -__builtin_inff()}); }
void sum_cells(const FoldCells& q, float scale) { fold_cells(q, Sum{scale}); }

HB_INLINE IVec numbers_at(const int32_t* at, int m) { return bits(get(reinterpret_cast<const float*>(at), m)); }
void max_cells(const MaxCells& q) {
  const Larger larger;
  const IVec lanes = lane_numbers();
  const int64_t* cells = q.cells;
  const int count = q.count;
  for (int64_t p = 0; p < q.pixels; ++p) {
    const float* x = q.x + p * q.step;
    float* y = q.y + p * q.y_step;
    if (!q.at) {
      each(q.n, [=](int64_t i, int m) {
        Vec best = get(q.first ? x + cells[0] + i : y + i, m);
        for (int k = q.first ? 1 : 0; k < count; ++k) best = larger(get(x + cells[k] + i, m), best);
        put(y + i, best, m);
      });
      continue;
    }
    const int64_t base = q.base + p * q.step;
    int32_t* at = q.at + p * q.y_step;
    each(q.n, [=](int64_t i, int m) {
      Vec best = get(q.first ? x + cells[0] + i : y + i, m);
      IVec where = q.first ? lanes + int32_t(base + cells[0] + i) : numbers_at(at + i, m);
      for (int k = q.first ? 1 : 0; k < count; ++k) {
        const Vec v = get(x + cells[k] + i, m);
        const IVec wins = (v > best) | (v != v);
        best = select(wins, v, best);
        where = wins ? lanes + int32_t(base + cells[k] + i) : where;
      }
      put(y + i, best, m);
      put(reinterpret_cast<float*>(at) + i, from_bits(where), m);
    });
  }
}
void max_cells_grad(const MaxCellsGrad& q) {
  const IVec lanes = lane_numbers();
  const int64_t* cells = q.cells;
  const int count = q.count;
  for (int64_t p = 0; p < q.pixels; ++p) {
    float* dx = q.dx + p * q.step;
    const int64_t base = q.base + p * q.step;
    each(q.n, [=](int64_t i, int m) {
      const IVec where = numbers_at(q.at + p * q.n + i, m) - lanes;
      const Vec dy = get(q.dy + p * q.n + i, m);
      for (int k = 0; k < count; ++k) {
        const Vec given = select(where == int32_t(base + cells[k] + i), dy, Vec{});
        put(dx + cells[k] + i, q.add ? get(dx + cells[k] + i, m) + given : given, m);
      }
    });
  }
}
template <int T>
HB_INLINE void outer_taps(const OuterCells& q, int at) {
  const int64_t n = q.n, step = q.step, pixels = q.pixels, fetch_x = q.fetch_x, fetch_dy = q.fetch_dy;
  const int64_t *cells = q.cells + at, *taps = q.taps + at;
  const float *x = q.x, *dy = q.dy;
  float* dk = q.dk;
  each(n, [=](int64_t i, int m) {
    Vec acc[T];
    for (int t = 0; t < T; ++t) acc[t] = get(dk + taps[t] + i, m);
    for (int64_t p = 0; p < pixels; ++p) {
      __builtin_prefetch(x + p * step + fetch_x + i);
      __builtin_prefetch(dy + p * n + fetch_dy + i);
      const Vec d = get(dy + p * n + i, m);
      for (int t = 0; t < T; ++t) acc[t] = get(x + p * step + cells[t] + i, m) * d + acc[t];
    }
    for (int t = 0; t < T; ++t) put(dk + taps[t] + i, acc[t], m);
  });
}
void outer_cells(const OuterCells& q) {
  int at = 0;
  for (; at + 9 <= q.count; at += 9) outer_taps<9>(q, at);
  for (; at + 3 <= q.count; at += 3) outer_taps<3>(q, at);
  for (; at < q.count; ++at) outer_taps<1>(q, at);
}
}  // namespace

void fill_taps(IsaTable& t) {
  t.max_cells = max_cells;
  t.max_cells_grad = max_cells_grad;
  t.dot_cells = dot_cells;
  t.sum_cells = sum_cells;
  t.outer_cells = outer_cells;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
