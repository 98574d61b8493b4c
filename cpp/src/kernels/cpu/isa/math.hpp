// Elementary functions on Vec. Coefficients are our own least-squares fits on Chebyshev nodes; errors are against
// correctly rounded float32, checked in tests/cpp/test_math.cpp.
#pragma once

#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

// 2^n for integral n in [-126, 127].
HB_INLINE Vec exp2_int(IVec n) { return from_bits((n + 127) << 23); }

// exp: x = n ln2 + r with |r| <= ln2/2; 1 + r + r^2 P(r); scaled in two steps to reach infinity. 1 ULP.
HB_INLINE Vec exp(Vec x) {
  Vec c = select(x > 89.0f, set1(89.0f), select(x < -104.0f, set1(-104.0f), x));
  Vec n = round(c * 1.44269504f);
  Vec r = c - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vec p = set1(1.393364934e-03f);
  p = p * r + 8.363180122e-03f;
  p = p * r + 4.166646493e-02f;
  p = p * r + 1.666657698e-01f;
  p = p * r + 5.000000013e-01f;
  p = (p * r) * r + r + 1.0f;
  IVec k = to_int(n), half = k >> 1;
  return p * exp2_int(half) * exp2_int(k - half);
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

HB_INLINE Vec tanh(Vec x) {
  Vec a = abs(x), s = x * x;
  Vec p = set1(-8.8632355e-3f);
  p = p * s + 2.1869488e-2f;
  p = p * s - 5.3968254e-2f;
  p = p * s + 1.3333333e-1f;
  p = p * s - 3.3333333e-1f;
  Vec small = (p * s) * x + x;
  Vec big = copy_sign(1.0f - 2.0f / (exp(2.0f * min(a, set1(20.0f))) + 1.0f), x);
  Vec y = select(a < 0.35f, small, big);
  return select(x == x, y, x);
}

HB_INLINE Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }
HB_INLINE Vec softplus(Vec x) { return select(x < Vec{}, Vec{}, x) + log1p(exp(-abs(x))); }

// erf: Taylor below 0.9, 1 - exp(-x^2) P(2/(2+x)) above.
HB_INLINE Vec erf(Vec x) {
  Vec a = abs(x), s = x * x;
  Vec q = set1(-1.63658447e-07f);
  q = q * s + 1.64621144e-06f;
  q = q * s - 1.49256504e-05f;
  q = q * s + 1.20553330e-04f;
  q = q * s - 8.54832702e-04f;
  q = q * s + 5.22397763e-03f;
  q = q * s - 2.68661706e-02f;
  q = q * s + 1.12837917e-01f;
  q = q * s - 3.76126389e-01f;
  q = q * s + 1.12837917e+00f;
  Vec c = min(a, set1(4.3f)), t = 2.0f / (c + 2.0f);
  Vec r = set1(1.711307069e-02f);
  r = r * t + 5.058624712e-02f;
  r = r * t - 3.514087762e-01f;
  r = r * t + 4.451057004e-01f;
  r = r * t - 3.143217791e-02f;
  r = r * t + 3.198438611e-01f;
  r = r * t + 2.663946091e-01f;
  r = r * t + 2.840014590e-01f;
  r = r * t - 1.005209355e-04f;
  Vec big = copy_sign(1.0f - exp(-(c * c)) * r, x);
  Vec y = select(a < 0.9f, q * x, big);
  return select(x == x, y, x);
}

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
