// Elementary functions on Vec. Coefficients are our own least-squares fits on Chebyshev nodes; errors are against
// correctly rounded float32, checked in tests/cpp/test_kernels.cpp.
#pragma once

#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

// 2^n for integral n in [-126, 127].
HB_INLINE Vec exp2_int(IVec n) { return from_bits((n + 127) << 23); }

// x = n ln2 + r with |r| <= ln2/2, for |x| < 2^21. Adding 1.5 * 2^23 rounds, and leaves n in the low bits.
struct Reduced {
  IVec n;
  Vec r;
};
HB_INLINE Reduced reduce_by_ln2(Vec x) {
  const Vec magic = set1(12582912.0f);
  const Vec z = x * 1.44269504f + magic, n = z - magic;
  Vec r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  return {bits(z) - bits(magic), r};
}
// exp(r) - 1 for |r| <= ln2/2: r + r^2 P(r).
HB_INLINE Vec expm1_reduced(Vec r) {
  Vec p = set1(1.393364934e-03f);
  p = p * r + 8.363180122e-03f;
  p = p * r + 4.166646493e-02f;
  p = p * r + 1.666657698e-01f;
  p = p * r + 5.000000013e-01f;
  return (p * r) * r + r;
}

// exp: 1 ULP. Arguments are held to where the result is 0 or infinite; NaN passes.
HB_INLINE Vec exp(Vec x) {
  const Vec low = set1(-104.0f), high = set1(89.0f);
  Vec c = low > x ? low : x;
  c = high < c ? high : c;
  const Reduced e = reduce_by_ln2(c);
  return scale_by_power(expm1_reduced(e.r) + 1.0f, e.n);
}

// The same without results below the least normal number, which is given for them: what they are multiplied with in
// turn is flushed to zero, where machines do that. Arguments are held to where one power of two is enough.
HB_INLINE Vec exp_normal(Vec x) {
#if defined(__x86_64__)
  const Vec low = set1(-87.0f), high = set1(88.0f);
  Vec c = low > x ? low : x;
  c = high < c ? high : c;
  const Reduced e = reduce_by_ln2(c);
  return (expm1_reduced(e.r) + 1.0f) * exp2_int(e.n);
#else
  return exp(x);
#endif
}

// exp of what is not above 0 (NaN passes), to the same bits: nothing overflows, and what is below the normal range is
// 0.
HB_INLINE Vec exp_of_negative(Vec x) {
  const Reduced e = reduce_by_ln2(x);
  const Vec y = (expm1_reduced(e.r) + 1.0f) * exp2_int(e.n);
  return select(x < -87.33654f, Vec{}, y);
}

// log: x = m 2^e with m in [sqrt(1/2), sqrt(2)). 1-2 ULP. log(0) = -inf, log(<0) = NaN.
HB_INLINE Vec log(Vec x) {
  IVec tiny = x < 1.17549435e-38f;
  Vec y = select(tiny, x * 8388608.0f, x);
  IVec e = (bits(y) - 0x3f3504f3) >> 23;
  Vec m = from_bits(bits(y) - (e << 23));
  Vec r = m - 1.0f, ef = to_float(e) + select(tiny, set1(-23.0f), Vec{});
  Vec p = set1(7.149756603e-02f);
  p = p * r - 1.157119941e-01f;
  p = p * r + 1.166150930e-01f;
  p = p * r - 1.241105082e-01f;
  p = p * r + 1.424993677e-01f;
  p = p * r - 1.666848024e-01f;
  p = p * r + 2.000070747e-01f;
  p = p * r - 2.499998905e-01f;
  p = p * r + 3.333333119e-01f;
  Vec rr = r * r;
  Vec s = rr * (p * r - 0.5f) + ef * -2.12194440e-4f;
  Vec out = r + s + ef * 0.693359375f;
  const Vec inf = set1(__builtin_inff());
  out = select(x == inf, inf, out);
  out = select(x == Vec{}, -inf, out);
  return select(x >= Vec{}, out, set1(__builtin_nanf("")));
}

// log1p and expm1 by Kahan's corrections of log and exp.
HB_INLINE Vec log1p(Vec x) {
  Vec u = x + 1.0f, d = u - 1.0f;
  Vec y = log(u) * (x / d);
  y = select(d == Vec{}, x, y);
  return select(u == set1(__builtin_inff()), u, y);
}
HB_INLINE Vec expm1(Vec x) {
  Vec r = x;  // Taylor for |x| < 0.35, where exp(x) - 1 cancels
  Vec p = set1(1.9841270e-4f);
  p = p * r + 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  Vec small = (p * r) * r + r;
  return select(abs(x) < 0.35f, small, exp(x) - 1.0f);
}

// tanh = e / (e + 2) with e = expm1(2 |x|), which keeps its digits near 0. 2 ULP.
HB_INLINE Vec tanh(Vec x) {
  const Vec top = set1(20.0f), a = abs(x) * 2.0f;
  const Reduced d = reduce_by_ln2(top < a ? top : a);
  const Vec s = exp2_int(d.n), e = expm1_reduced(d.r) * s + (s - 1.0f);
  return copy_sign(e / (e + 2.0f), x);
}

HB_INLINE Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp_normal(-x)); }
// softplus = max(x, 0) + log(1 + e) with e = exp(-|x|) in [0, 1], and log(1 + e) = 2 artanh(s) with s = e / (2 + e). 3
// ULP.
HB_INLINE Vec softplus(Vec x) {
  const Vec e = exp(-abs(x)), s = e / (e + 2.0f), t = s * s;
  Vec p = set1(2.801512476e-01f);
  p = p * t + 2.800084781e-01f;
  p = p * t + 4.002161815e-01f;
  p = p * t + 6.666641365e-01f;
  return select(x < Vec{}, Vec{}, x) + (s * t * p + (s + s));
}

// erf: x P(x^2) / Q(x^2), fitted to |x| <= 3.92, beyond which the result is 1 in float32. 6 ULP.
HB_INLINE Vec erf(Vec x) {
  const Vec top = set1(3.92f), a = abs(x), c = top < a ? top : a, s = c * c;
  Vec p = set1(2.0501165636e-06f);
  p = p * s + 2.8487868258e-04f;
  p = p * s + 3.7654454354e-03f;
  p = p * s + 5.2748199552e-02f;
  p = p * s + 1.9040249288e-01f;
  p = p * s + 1.1283791065e+00f;
  Vec q = set1(3.8091806346e-05f);
  q = q * s + 1.1624934850e-03f;
  q = q * s + 1.4968875796e-02f;
  q = q * s + 1.1410747468e-01f;
  q = q * s + 5.0207257271e-01f;
  q = q * s + 1.0f;
  return copy_sign(select(a < top, p * c / q, select(a == a, set1(1.0f), a)), x);
}

// The normal distribution's share beyond x >= 0 over exp(-x^2 / 2): a polynomial in t = 1 / (1 + x / sqrt(8)), which
// keeps its digits where the share is small.
HB_INLINE Vec tail_factor(Vec t) {
  Vec p = set1(-2.959734630e-02f);
  p = p * t + 1.426349266e-01f;
  p = p * t - 2.444068460e-01f;
  p = p * t + 1.400593816e-01f;
  p = p * t - 1.409094099e-02f;
  p = p * t + 1.017025387e-01f;
  p = p * t + 1.214538833e-01f;
  p = p * t + 1.412020387e-01f;
  p = p * t + 1.410423437e-01f;
  return p * t;
}
HB_INLINE Vec normal_tail(Vec x) {
  return exp_normal(x * x * -0.5f) * tail_factor(1.0f / (abs(x) * 0.353553391f + 1.0f));
}
// The share below x, and the derivative of x times that.
HB_INLINE Vec normal_share(Vec x) {
  const Vec tail = normal_tail(x);
  return select(x < Vec{}, tail, 1.0f - tail);
}
HB_INLINE Vec gelu_slope(Vec x) { return x * (exp_normal(x * x * -0.5f) * 0.39894228f) + normal_share(x); }

// sin and cos: reduction by pi/2 in three parts, good to |x| = 8192; larger arguments go to libm.
HB_INLINE Vec sin_cos(Vec x, int shift) {
  Vec n = round(x * 0.636619772f);
  Vec r = x - n * 1.5703125f;
  r = r - n * 4.837512969970703e-4f;
  r = r - n * 7.549789948768648e-8f;
  IVec quadrant = to_int(n) + shift;
  Vec s = r * r;
  Vec p = set1(-1.9841270e-4f) + s * 2.7557319e-6f;
  p = p * s + 8.3333333e-3f;
  p = p * s - 1.6666667e-1f;
  Vec sine = (p * s) * r + r;
  Vec q = set1(-1.3888889e-3f) + s * 2.4801587e-5f;
  q = q * s + 4.1666667e-2f;
  q = q * s - 0.5f;
  Vec cosine = q * s + 1.0f;
  Vec y = select((quadrant & 1) != 0, cosine, sine);
  return select((quadrant & 2) != 0, -y, y);
}
}  // namespace
}  // namespace hornbeam::isa::HB_ISA_NAME
