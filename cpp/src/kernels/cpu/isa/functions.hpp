// Functions on Vec that layers have no use for, beside those of math.hpp, and powers. Coefficients are fitted as there;
// errors are checked in tests/cpp/test_kernels.cpp.
#pragma once

#include "kernels/cpu/isa/math.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
constexpr float kInfinity = __builtin_inff(), kNan = __builtin_nanf("");
constexpr float kHalfPi = 1.57079637f, kHalfPiRest = -4.37113883e-8f, kLn2 = 0.693147181f;

// sin / cos of what is left of x, good where sin_cos is.
HB_INLINE Vec tan(Vec x) {
  const Vec sine = sin_cos(x, 0), cosine = sin_cos(x, 1);
  return select(x == Vec{}, x, sine / cosine);  // -0 stays
}

// asin for |x| <= 1/2: x + x^3 P(x^2). The rest by the half angle.
HB_INLINE Vec asin_small(Vec x) {
  const Vec z = x * x;
  Vec p = set1(3.381447726e-02f);
  p = p * z + 1.707185724e-02f;
  p = p * z + 3.111765732e-02f;
  p = p * z + 4.459786801e-02f;
  p = p * z + 7.500099496e-02f;
  p = p * z + 1.666666631e-01f;
  return p * z * x + x;
}
HB_INLINE Vec asin(Vec x) {
  const Vec a = abs(x);
  const IVec near = a <= 0.5f;
  const Vec s = asin_small(select(near, a, sqrt(0.5f - a * 0.5f)));
  return copy_sign(select(near, s, (kHalfPi - s * 2.0f) + kHalfPiRest), x);
}
HB_INLINE Vec acos(Vec x) {
  const Vec a = abs(x);
  const IVec near = a <= 0.5f;
  const Vec s = asin_small(select(near, x, sqrt(0.5f - a * 0.5f)));
  const Vec twice = s * 2.0f, left = (kHalfPi * 2.0f - twice) + kHalfPiRest * 2.0f;
  return select(near, (kHalfPi - s) + kHalfPiRest, select(x < Vec{}, left, twice));
}

// atan for 0 <= x <= 1: x + x^3 P(x^2).
HB_INLINE Vec atan_small(Vec x) {
  const Vec z = x * x;
  Vec p = set1(1.526145907e-03f);
  p = p * z - 9.314542163e-03f;
  p = p * z + 2.662652139e-02f;
  p = p * z - 4.928902340e-02f;
  p = p * z + 7.051506342e-02f;
  p = p * z - 8.938702830e-02f;
  p = p * z + 1.108961988e-01f;
  p = p * z - 1.428413840e-01f;
  p = p * z + 1.999995444e-01f;
  p = p * z - 3.333333311e-01f;
  return p * z * x + x;
}
HB_INLINE Vec atan(Vec x) {
  const Vec a = abs(x);
  const IVec beyond = a > 1.0f;
  const Vec s = atan_small(select(beyond, 1.0f / a, a));
  return copy_sign(select(beyond, (kHalfPi - s) + kHalfPiRest, s), x);
}
HB_INLINE Vec atan2(Vec y, Vec x) {
  const Vec a = abs(y), b = abs(x);
  const IVec steep = a > b;
  const Vec high = select(steep, a, b), low = select(steep, b, a);
  Vec t = select(high == Vec{}, Vec{}, low / high);
  t = select(low == set1(kInfinity), set1(1.0f), t);
  Vec s = atan_small(t);
  s = select(steep, (kHalfPi - s) + kHalfPiRest, s);
  s = select(bits(x) < 0, (kHalfPi * 2.0f - s) + kHalfPiRest * 2.0f, s);
  return select((x != x) | (y != y), set1(kNan), copy_sign(s, y));
}

// exp(x) / 2, infinite where that is.
HB_INLINE Vec half_exp(Vec x) {
  const Vec low = set1(-104.0f), high = set1(90.0f);
  Vec c = low > x ? low : x;
  c = high < c ? high : c;
  const Reduced e = reduce_by_ln2(c);
  return scale_by_power(expm1_reduced(e.r) + 1.0f, e.n - 1);
}
HB_INLINE Vec sinh(Vec x) {
  const Vec a = abs(x), z = a * a, h = half_exp(a);
  Vec p = set1(2.806341253e-06f);
  p = p * z + 1.983809155e-04f;
  p = p * z + 8.333339726e-03f;
  p = p * z + 1.666666665e-01f;
  return copy_sign(select(a < 1.0f, p * z * a + a, h - 0.25f / h), x);
}
HB_INLINE Vec cosh(Vec x) {
  const Vec h = half_exp(abs(x));
  return h + 0.25f / h;
}

// The inverses by log1p; from 1e9 on, where squares overflow, 1 makes no difference.
HB_INLINE Vec log1p_or_log_twice(Vec a, Vec t) {
  const IVec large = a > 1e9f;
  return log1p(select(large, a, t)) + select(large, set1(kLn2), Vec{});
}
HB_INLINE Vec asinh(Vec x) {
  const Vec a = abs(x), z = a * a;
  return copy_sign(log1p_or_log_twice(a, a + z / (1.0f + sqrt(z + 1.0f))), x);
}
HB_INLINE Vec acosh(Vec x) {
  const Vec t = x - 1.0f;
  return select(x < 1.0f, set1(kNan), log1p_or_log_twice(x, t + sqrt(t * t + (t + t))));
}
HB_INLINE Vec atanh(Vec x) {
  const Vec a = abs(x);
  return copy_sign(log1p((a + a) / (1.0f - a)) * 0.5f, x);
}

// 2 exp(-x^2) times the tail's factor. The square is taken in two parts, or its rounding would be the result's error.
HB_INLINE Vec erfc(Vec x) {
  const Vec top = set1(11.0f), m = abs(x), a = top < m ? top : m;
  const Vec head = from_bits(bits(a) & ~0xfff), rest = (a - head) * (a + head);
  const Reduced e = reduce_by_ln2(-(head * head));
  const Vec y = scale_by_power((expm1_reduced(e.r - rest) + 1.0f) * tail_factor(1.0f / (a * 0.5f + 1.0f)), e.n + 1);
  return select(x < Vec{}, 2.0f - y, y);
}

// By w = -log(1 - x^2), of which erfinv(x) / x is a smooth function, and beyond w = 5 of its root.
HB_INLINE Vec erfinv(Vec x) {
  const Vec w = -log((1.0f - x) * (1.0f + x)), v = w - 2.5f, u = sqrt(w) - 3.0f;
  Vec p = set1(2.328176780e-08f);
  p = p * v + 3.425299541e-07f;
  p = p * v - 3.463311578e-06f;
  p = p * v - 4.383679369e-06f;
  p = p * v + 2.183467654e-04f;
  p = p * v - 1.253748486e-03f;
  p = p * v - 4.177389604e-03f;
  p = p * v + 2.466407582e-01f;
  p = p * v + 1.501409360e+00f;
  Vec q = set1(-1.772382798e-04f);
  q = q * u + 8.229495702e-05f;
  q = q * u + 1.321077144e-03f;
  q = q * u - 3.653764070e-03f;
  q = q * u + 5.750940544e-03f;
  q = q * u - 7.628309681e-03f;
  q = q * u + 9.437285473e-03f;
  q = q * u + 1.001674520e+00f;
  q = q * u + 2.832976956e+00f;
  return select(abs(x) == set1(1.0f), copy_sign(set1(kInfinity), x), select(w < 5.0f, p, q) * x);
}

// x^y = 2^(y log2 x) in double, half a register of floats at a time; special values as C's pow has them.
constexpr int kHalf = kLanes / 2;
typedef float HalfVec __attribute__((vector_size(kHalf * 4)));
typedef float UnalignedHalfVec __attribute__((vector_size(kHalf * 4), aligned(4)));
typedef double DVec __attribute__((vector_size(kHalf * 8)));
HB_INLINE DVec load_half(const float* p) {
  return __builtin_convertvector(HalfVec(*reinterpret_cast<const UnalignedHalfVec*>(p)), DVec);
}
HB_INLINE void store_half(float* p, DVec v) {
  *reinterpret_cast<UnalignedHalfVec*>(p) = __builtin_convertvector(v, HalfVec);
}
// 2^(y (e + log2 m)) as p 2^n, for m in [sqrt(1/2), sqrt(2)).
HB_INLINE void power_half(const float* m, const float* e, const float* y, float* p, float* n) {
  const DVec w = load_half(m), s = (w - 1.0) / (w + 1.0), z = s * s;
  DVec l = z * 2.82876578427560366e-01 + 3.19907594761854819e-01;
  l = l * z + 4.12209197253938509e-01;
  l = l * z + 5.77077943058413090e-01;
  l = l * z + 9.61796694109803174e-01;
  l = l * z + 2.88539008177785661e+00;
  DVec t = load_half(y) * (load_half(e) + l * s);
  const DVec top = DVec{} + 200.0;
  t = t > top ? top : t;
  t = t < -top ? -top : t;
  const DVec magic = DVec{} + 6755399441055744.0, whole = (t + magic) - magic, r = t - whole;
  DVec x = r * 1.53100806130623823e-05 + 1.54697319999286265e-04;
  x = x * r + 1.33334505636106826e-03;
  x = x * r + 9.61802560288660402e-03;
  x = x * r + 5.55041094120982681e-02;
  x = x * r + 2.40226512135957970e-01;
  x = x * r + 6.93147180545932717e-01;
  x = x * r + 9.99999999959548580e-01;
  store_half(p, x), store_half(n, whole);
}
HB_INLINE Vec power(Vec x, Vec y) {
  const Vec a = abs(x), infinite = set1(kInfinity), one = set1(1.0f);
  const IVec tiny = a < 1.17549435e-38f;
  const Vec scaled = select(tiny, a * 8388608.0f, a);
  const IVec e = (bits(scaled) - 0x3f3504f3) >> 23;
  float mantissa[kLanes], exponent[kLanes], by[kLanes], p[kLanes], n[kLanes];
  const Vec ef = to_float(e) + select(tiny, set1(-23.0f), Vec{});
  store(mantissa, from_bits(bits(scaled) - (e << 23)));
  store(exponent, select(a == Vec{}, -infinite, select(a == infinite, infinite, ef)));
  store(by, y);
  power_half(mantissa, exponent, by, p, n);
  power_half(mantissa + kHalf, exponent + kHalf, by + kHalf, p + kHalf, n + kHalf);
  Vec r = scale_by_power(load(p), to_int(load(n)));
  r = select(a == one, one, r);
  const IVec whole = round(y) == y, odd = whole & (abs(y) < 16777216.0f) & ((to_int(y) & 1) != 0);
  r = select((bits(x) < 0) & odd, -r, r);
  r = select((x < Vec{}) & (a < infinite) & ~whole, set1(kNan), r);
  r = select((x != x) | (y != y), set1(kNan), r);
  return select((y == Vec{}) | (x == one), one, r);
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
