// The matmul micro-kernel: a tile of C stays in registers while k runs; A is broadcast, B comes from a panel.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/rows.hpp"
#include "kernels/cpu/isa/tile_store.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

template <int MR, int NV, bool Column>
void tile(const GemmTile& t) {
  Vec acc[MR][NV];
  start_tile(acc, t.to, t.k >= kFetchDepth);
  const float* a = t.a;
  const float* b = t.b;
  const int64_t step = t.b_step, ahead = 40 * step;  // far enough for panels that come from memory
  for (int k = 0; k < t.k; ++k) {
    Vec bv[NV];
    for (int v = 0; v < NV; ++v) {
      bv[v] = load(b + v * kLanes);
      if (v * kLanes % 16 == 0) __builtin_prefetch(b + ahead + v * kLanes);
    }
    for (int i = 0; i < MR; ++i) {
      const Vec av = set1(Column ? a[i] : a[i * kTileStride]);
      for (int v = 0; v < NV; ++v) acc[i][v] = av * bv[v] + acc[i][v];
    }
    a += Column ? MR : 1;
    b += step;
  }
  store_tile(acc, t.to);
}

template <int R>
HB_INLINE void add_some(float* y, const float* x, const float* b, int64_t stride, int64_t n) {
  Vec xv[R];
  for (int r = 0; r < R; ++r) xv[r] = set1(x[r]);
  each(
      n, [&](int64_t j, int m) __attribute__((always_inline)) {
        Vec acc = get(y + j, m);
        for (int r = 0; r < R; ++r) acc = xv[r] * get(b + r * stride + j, m) + acc;
        put(y + j, acc, m);
      });
}
void add_products(float* y, const float* x, const float* b, int64_t stride, int64_t rows, int64_t n) {
  int64_t k = 0;
  for (; k + 8 <= rows; k += 8) add_some<8>(y, x + k, b + k * stride, stride, n);
  for (; k < rows; ++k) add_some<1>(y, x + k, b + k * stride, stride, n);
}

template <int NV, int MR>
void fill_rows_of(IsaTable& t) {
  if constexpr (MR >= 1) {
    t.gemm[false][NV][MR] = tile<MR, NV, false>;
    t.gemm[true][NV][MR] = tile<MR, NV, true>;
    fill_rows_of<NV, MR - 1>(t);
  }
}
template <int NV>
void fill_panel(IsaTable& t) {
  t.max_rows[NV] = max_rows(NV);
  fill_rows_of<NV, max_rows(NV)>(t);
}

// Twelve independent chains of multiply-adds: what the machine could do at most.
float fma_probe(int64_t n) {
  Vec acc[12];
  for (int i = 0; i < 12; ++i) acc[i] = set1(float(i));
  const Vec a = set1(0.999f), b = set1(0.0005f);  // the chains go to 0.5, where none of them starts
  for (int64_t k = 0; k < n; ++k)
    for (int i = 0; i < 12; ++i) acc[i] = acc[i] * a + b;
  float s = 0;
  for (int i = 0; i < 12; ++i) s += acc[i][0];
  return s;
}
}  // namespace

void fill_gemm(IsaTable& t) {
  t.fma_probe = fma_probe;
  t.add_products = add_products;
  fill_panel<1>(t);
  fill_panel<2>(t);
  fill_panel<3>(t);
  if constexpr (kRegisters >= 32) fill_panel<4>(t);
}
}  // namespace hornbeam::isa::HB_ISA_NAME
