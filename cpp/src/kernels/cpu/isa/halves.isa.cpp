// float16 and bfloat16 to floats and back, rounding to nearest even, as base/half.hpp does one at a time.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
typedef uint16_t Halves __attribute__((vector_size(kLanes * 2)));
typedef Halves UnalignedHalves __attribute__((aligned(2), may_alias));

HB_INLINE IVec widened(Halves h) { return __builtin_convertvector(h, IVec); }
HB_INLINE Halves low_bits(IVec v) { return __builtin_convertvector(v, Halves); }
HB_INLINE IVec pick(IVec m, IVec a, IVec b) { return m ? a : b; }

struct BFloat16s {
  HB_INLINE Vec widen(Halves h) { return from_bits(widened(h) << 16); }
  HB_INLINE Halves narrow(Vec v) {
    const IVec u = bits(v), high = u >> 16;
    return low_bits(pick(v != v, high | 64, (u + 0x7fff + (high & 1)) >> 16));
  }
};
struct Float16s {
  HB_INLINE Vec quiet(Vec v) { return select(v != v, copy_sign(from_bits(IVec{} + 0x7fc00000), v), v); }
#if defined(__AVX512F__)
  HB_INLINE Vec widen(Halves h) { return (Vec)_mm512_maskz_cvtph_ps(__mmask16(0xffff), (__m256i)h); }
  HB_INLINE Halves narrow(Vec v) {
    return (Halves)_mm512_maskz_cvtps_ph(__mmask16(0xffff), (__m512)quiet(v),
                                         _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
#elif defined(__F16C__)
  HB_INLINE Vec widen(Halves h) { return (Vec)_mm256_cvtph_ps((__m128i)h); }
  HB_INLINE Halves narrow(Vec v) { return (Halves)_mm256_cvtps_ph((__m256)quiet(v), _MM_FROUND_TO_NEAREST_INT); }
#else
  HB_INLINE Vec widen(Halves h) {
    const IVec a = widened(h) & 0x7fff, sign = (widened(h) & 0x8000) << 16, shifted = a << 13;
    const IVec normal = shifted + (112 << 23), infinite = shifted + (224 << 23);
    const IVec small = bits(to_float(a) * 5.9604644775390625e-8f);  // zero or subnormal: a * 2^-24
    return from_bits(sign | pick(a < 0x400, small, pick(a < 0x7c00, normal, infinite)));
  }
  HB_INLINE Halves narrow(Vec v) {
    const IVec u = bits(quiet(v)), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
    const IVec small = bits(from_bits(a) + 0.5f) - 0x3f000000;  // subnormal: float addition rounds
    const IVec normal = (a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13;
    const IVec finite = pick(a < 0x38800000, small, normal);
    return low_bits(sign | pick(a < 0x477ff000, finite, pick(a > 0x7f800000, IVec{} + 0x7e00, IVec{} + 0x7c00)));
  }
#endif
};

template <class H>
void widen(float* y, const uint16_t* x, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, H::widen(*reinterpret_cast<const UnalignedHalves*>(x + i)));
  if (i == n) return;
  Halves last{};
  for (int64_t k = i; k < n; ++k) last[k - i] = x[k];
  store_n(y + i, H::widen(last), int(n - i));
}
template <class H>
void narrow(uint16_t* y, const float* x, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) *reinterpret_cast<UnalignedHalves*>(y + i) = H::narrow(load(x + i));
  if (i == n) return;
  const Halves last = H::narrow(load_n(x + i, int(n - i)));
  for (int64_t k = i; k < n; ++k) y[k] = last[k - i];
}
}  // namespace

void fill_halves(IsaTable& t) {
  t.widen[0] = widen<Float16s>, t.widen[1] = widen<BFloat16s>;
  t.narrow[0] = narrow<Float16s>, t.narrow[1] = narrow<BFloat16s>;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
