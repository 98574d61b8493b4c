// Numbers in CUDA C++: the C library's functions, overloads for float, and CUDA's own.
#pragma once
// Of <math.h> only the C library's own part: the C++ library's takes longer to compile than most kernels.
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#include <math.h>
#undef _GLIBCXX_INCLUDE_NEXT_C_HEADERS
// NVRTC has no such macros.
#undef INFINITY
#undef NAN
#undef HUGE_VAL
#undef HUGE_VALF
#undef M_PI
#undef M_E
#undef M_SQRT2
#undef M_LN2
#undef isnan
#undef isinf
#undef isfinite
#undef signbit

extern "C" int abs(int) noexcept;
extern "C" long labs(long) noexcept;
extern "C" long long llabs(long long) noexcept;

#define FAKE_FLOAT1(NAME) \
  inline float NAME(float x) { return NAME##f(x); }
#define FAKE_FLOAT2(NAME) \
  inline float NAME(float x, float y) { return NAME##f(x, y); }
FAKE_FLOAT1(acos)
FAKE_FLOAT1(acosh)
FAKE_FLOAT1(asin)
FAKE_FLOAT1(asinh)
FAKE_FLOAT1(atan)
FAKE_FLOAT1(atanh)
FAKE_FLOAT1(cbrt)
FAKE_FLOAT1(ceil)
FAKE_FLOAT1(cos)
FAKE_FLOAT1(cosh)
FAKE_FLOAT1(erf)
FAKE_FLOAT1(erfc)
FAKE_FLOAT1(exp)
FAKE_FLOAT1(exp2)
FAKE_FLOAT1(expm1)
FAKE_FLOAT1(fabs)
FAKE_FLOAT1(floor)
FAKE_FLOAT1(lgamma)
FAKE_FLOAT1(log)
FAKE_FLOAT1(log10)
FAKE_FLOAT1(log1p)
FAKE_FLOAT1(log2)
FAKE_FLOAT1(nearbyint)
FAKE_FLOAT1(rint)
FAKE_FLOAT1(round)
FAKE_FLOAT1(sin)
FAKE_FLOAT1(sinh)
FAKE_FLOAT1(sqrt)
FAKE_FLOAT1(tan)
FAKE_FLOAT1(tanh)
FAKE_FLOAT1(tgamma)
FAKE_FLOAT1(trunc)
FAKE_FLOAT2(atan2)
FAKE_FLOAT2(copysign)
FAKE_FLOAT2(fdim)
FAKE_FLOAT2(fmax)
FAKE_FLOAT2(fmin)
FAKE_FLOAT2(fmod)
FAKE_FLOAT2(hypot)
FAKE_FLOAT2(nextafter)
FAKE_FLOAT2(pow)
FAKE_FLOAT2(remainder)
inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
inline float ldexp(float x, int n) { return ldexpf(x, n); }
inline float abs(float x) { return fabsf(x); }
inline double abs(double x) { return fabs(x); }
inline long abs(long x) { return labs(x); }
inline long long abs(long long x) { return llabs(x); }

inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isnan(double x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isinf(double x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool isfinite(double x) { return __builtin_isfinite(x); }
inline bool signbit(float x) { return __builtin_signbit(x); }
inline bool signbit(double x) { return __builtin_signbit(x); }

#define FAKE_MINMAX(T)                             \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
FAKE_MINMAX(int)
FAKE_MINMAX(unsigned)
FAKE_MINMAX(long)
FAKE_MINMAX(unsigned long)
FAKE_MINMAX(long long)
FAKE_MINMAX(unsigned long long)
#define FAKE_MINMAX_MIXED(A, B, T)                                             \
  inline T min(A a, B b) { return min(static_cast<T>(a), static_cast<T>(b)); } \
  inline T max(A a, B b) { return max(static_cast<T>(a), static_cast<T>(b)); } \
  inline T min(B a, A b) { return min(static_cast<T>(a), static_cast<T>(b)); } \
  inline T max(B a, A b) { return max(static_cast<T>(a), static_cast<T>(b)); }
FAKE_MINMAX_MIXED(int, unsigned, unsigned)
FAKE_MINMAX_MIXED(long, unsigned long, unsigned long)
FAKE_MINMAX_MIXED(long long, unsigned long long, unsigned long long)
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
FAKE_MINMAX_MIXED(float, double, double)

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float rcbrtf(float x) { return 1 / cbrtf(x); }
inline float exp10f(float x) { return static_cast<float>(pow(10.0, static_cast<double>(x))); }
inline double exp10(double x) { return pow(10.0, x); }
inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }
inline float fdividef(float x, float y) { return x / y; }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
inline void sincospif(float x, float* s, float* c) {
  const double angle = 3.14159265358979323846 * fmod(static_cast<double>(x), 2.0);
  *s = static_cast<float>(sin(angle));
  *c = static_cast<float>(cos(angle));
}
inline float sinpif(float x) {
  return static_cast<float>(sin(3.14159265358979323846 * fmod(static_cast<double>(x), 2.0)));
}
inline float cospif(float x) {
  return static_cast<float>(cos(3.14159265358979323846 * fmod(static_cast<double>(x), 2.0)));
}

// Newton's method on erf, or on erfc in its tail, from Winitzki's approximation.
inline double erfinv(double x) {
  if (!(fabs(x) < 1)) return x == 1 ? __builtin_inf() : x == -1 ? -__builtin_inf() : __builtin_nan("");
  const double log_term = log1p(-x * x), a = 4.330746750799873 + log_term / 2;  // 2 / (pi * 0.147)
  double y = copysign(sqrt(fmax(0.0, sqrt(a * a - log_term / 0.147) - a)), x);
  for (int i = 0; i < 4; ++i) {
    const double error = fabs(x) < 0.5 ? erf(y) - x : copysign(1 - fabs(x) - erfc(fabs(y)), x);
    y -= error * 0.886226925452758 * exp(y * y);  // sqrt(pi) / 2
  }
  return y;
}
inline float erfinvf(float x) { return static_cast<float>(erfinv(static_cast<double>(x))); }
inline float erfinv(float x) { return erfinvf(x); }
inline double erfcinv(double x) { return erfinv(1 - x); }
inline double normcdf(double x) { return erfc(-x * 0.7071067811865476) / 2; }
inline float normcdff(float x) { return static_cast<float>(normcdf(static_cast<double>(x))); }
inline double normcdfinv(double x) { return 1.4142135623730951 * erfinv(2 * x - 1); }
inline float normcdfinvf(float x) { return static_cast<float>(normcdfinv(static_cast<double>(x))); }

inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }
inline double __longlong_as_double(long long x) { return __builtin_bit_cast(double, x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline int __float2int_rn(float x) { return static_cast<int>(rintf(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= (x >> i & 1) << (31 - i);
  return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((1ull * a * b) >> 32); }
inline int __mulhi(int a, int b) { return static_cast<int>((1ll * a * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline long long __mul64hi(long long a, long long b) {
  return static_cast<long long>((static_cast<__int128>(a) * b) >> 64);
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((((1ull * high << 32) | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((1ull * high << 32) | low) >> (shift & 31));
}
