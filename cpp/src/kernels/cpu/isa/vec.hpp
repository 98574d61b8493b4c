// One register of floats, written once with the compiler's vector types; intrinsics only where those have no word
// (masked memory, square root, conversion). Files in this folder are compiled once per ISA, each in a namespace of
// its own, and everything here has internal linkage, so no code built for one CPU can be linked into another's.
#pragma once

#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kRegisters = 32;
#else
constexpr int kLanes = 4;
constexpr int kRegisters = 16;
#endif

// The tallest tile of products whose rows are nv registers: all registers but for a row of B and one broadcast, where
// addressing allows it.
constexpr int max_rows(int nv) {
  const int r = (kRegisters - nv - 1) / nv, most = nv == 1 ? 16 : 14;
  return r > most ? most : r;
}

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IVec __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVec __attribute__((vector_size(kLanes * 4), aligned(4)));

#define HB_INLINE static inline __attribute__((always_inline))

HB_INLINE Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
HB_INLINE void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
HB_INLINE Vec set1(float x) { return x - Vec{}; }  // x - 0 is x for every x, -0 included

// The first n lanes (0 < n < kLanes); the others read as 0 and are not written.
#if defined(__AVX512F__)
HB_INLINE Vec load_n(const float* p, int n) { return (Vec)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p); }
HB_INLINE void store_n(float* p, Vec v, int n) { _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v); }
HB_INLINE Vec sqrt(Vec v) { return (Vec)_mm512_maskz_sqrt_ps(__mmask16(0xffff), (__m512)v); }
#elif defined(__AVX2__)
HB_INLINE __m256i lane_mask(int n) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes);
}
HB_INLINE Vec load_n(const float* p, int n) { return (Vec)_mm256_maskload_ps(p, lane_mask(n)); }
HB_INLINE void store_n(float* p, Vec v, int n) {  // by halves: where a masked store is microcode, it takes longer
  __m128 rest = _mm256_castps256_ps128((__m256)v);
  if (n & 4) {
    _mm_storeu_ps(p, rest);
    rest = _mm256_extractf128_ps((__m256)v, 1), p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
    rest = _mm_movehl_ps(rest, rest), p += 2;
  }
  if (n & 1) _mm_store_ss(p, rest);
}
HB_INLINE Vec sqrt(Vec v) { return (Vec)_mm256_sqrt_ps((__m256)v); }
#else
HB_INLINE Vec load_n(const float* p, int n) {
  Vec v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
HB_INLINE void store_n(float* p, Vec v, int n) {
  for (int i = 0; i < n; ++i) p[i] = v[i];
}
HB_INLINE Vec sqrt(Vec v) {
  for (int i = 0; i < kLanes; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}
#endif

HB_INLINE Vec select(IVec m, Vec a, Vec b) { return m ? a : b; }
// A bit for each lane where m holds.
HB_INLINE uint32_t lanes_of(IVec m) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)m);
#elif defined(__AVX2__)
  return uint32_t(_mm256_movemask_ps((__m256)m));
#elif defined(__x86_64__)
  return uint32_t(_mm_movemask_ps((__m128)m));
#else
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= uint32_t(m[i] & 1) << i;
  return bits;
#endif
}
HB_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }
HB_INLINE Vec min(Vec a, Vec b) { return a < b ? a : b; }
HB_INLINE IVec bits(Vec v) { return (IVec)v; }
HB_INLINE Vec from_bits(IVec v) { return (Vec)v; }
HB_INLINE Vec abs(Vec v) { return from_bits(bits(v) & 0x7fffffff); }
HB_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  return from_bits((bits(magnitude) & 0x7fffffff) | (bits(sign) & int32_t(0x80000000)));
}
// To the nearest integer, ties to even, and down and up.
#if defined(__SSE4_1__)
template <int how>
HB_INLINE Vec to_whole(Vec v) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_roundscale_ps(__mmask16(0xffff), (__m512)v, how | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (Vec)_mm256_round_ps((__m256)v, how | _MM_FROUND_NO_EXC);
#else
  return (Vec)_mm_round_ps((__m128)v, how | _MM_FROUND_NO_EXC);
#endif
}
HB_INLINE Vec round(Vec v) { return to_whole<_MM_FROUND_TO_NEAREST_INT>(v); }
HB_INLINE Vec floor(Vec v) { return to_whole<_MM_FROUND_TO_NEG_INF>(v); }
HB_INLINE Vec ceil(Vec v) { return to_whole<_MM_FROUND_TO_POS_INF>(v); }
#else
HB_INLINE Vec round(Vec v) {  // values of 2^23 and beyond are integers already
  const Vec magic = set1(8388608.0f);
  Vec a = abs(v);
  Vec r = (a + magic) - magic;
  return select(a < magic, copy_sign(r, v), v);
}
HB_INLINE Vec floor(Vec v) {
  Vec r = round(v);
  return select(r > v, r - 1.0f, r);
}
HB_INLINE Vec ceil(Vec v) {
  Vec r = round(v);
  return copy_sign(select(r < v, r + 1.0f, r), v);
}
#endif
HB_INLINE IVec to_int(Vec v) { return __builtin_convertvector(v, IVec); }
HB_INLINE Vec to_float(IVec v) { return __builtin_convertvector(v, Vec); }

// Lane i of the result is lane at[i] of v.
HB_INLINE Vec permute(Vec v, IVec at) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_permutexvar_ps(__mmask16(0xffff), (__m512i)at, (__m512)v);
#elif defined(__AVX2__)
  return (Vec)_mm256_permutevar8x32_ps((__m256)v, (__m256i)at);
#else
  Vec to{};
  for (int i = 0; i < kLanes; ++i) to[i] = v[at[i]];
  return to;
#endif
}

// v * 2^n for results from 0 to infinity.
#if defined(__AVX512F__)
HB_INLINE Vec scale_by_power(Vec v, IVec n) {
  return (Vec)_mm512_maskz_scalef_ps(__mmask16(0xffff), (__m512)v, (__m512)to_float(n));
}
#else
HB_INLINE Vec scale_by_power(Vec v, IVec n) {  // in two steps, as 2^n itself may overflow
  const IVec half = n >> 1;
  return v * from_bits((half + 127) << 23) * from_bits((n - half + 127) << 23);
}
#endif

// Folds the lanes in halves, always in the same order. f works on vectors of any width.
typedef float Vec4 __attribute__((vector_size(16)));
template <class F>
HB_INLINE float fold_four(Vec4 v, F f) {
  v = f(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  return f(v, __builtin_shufflevector(v, v, 1, 0, 3, 2))[0];
}
template <class F>
HB_INLINE Vec4 fold_to_four(Vec v, [[maybe_unused]] F f) {
#if defined(__AVX512F__)
  const auto half = f(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                      __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  return f(__builtin_shufflevector(half, half, 0, 1, 2, 3), __builtin_shufflevector(half, half, 4, 5, 6, 7));
#elif defined(__AVX2__)
  return f(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7));
#else
  return v;
#endif
}
template <class F>
HB_INLINE float fold_lanes(Vec v, F f) {
  return fold_four(fold_to_four(v, f), f);
}
struct Larger {  // NaN wins
  template <class V>
  V operator()(V a, V b) const {
    return ((a > b) | (a != a)) ? a : b;
  }
};
HB_INLINE float sum_lanes(Vec v) {
  return fold_lanes(v, [](auto a, auto b) { return a + b; });
}
// The sums of four registers, each in the same order as by itself.
HB_INLINE Vec4 sum_lanes_of_four(const Vec (&v)[4]) {
  Vec4 r[4];
  for (int i = 0; i < 4; ++i) r[i] = fold_to_four(v[i], [](auto a, auto b) { return a + b; });
  const Vec4 a01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
             a23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5),
             b01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7),
             b23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const Vec4 even = a01 + b01, odd = a23 + b23;  // lanes 0 + 2 and 1 + 3 of two rows each
  return __builtin_shufflevector(even, odd, 0, 1, 4, 5) + __builtin_shufflevector(even, odd, 2, 3, 6, 7);
}
HB_INLINE float max_lanes(Vec v) { return fold_lanes(v, Larger{}); }
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
