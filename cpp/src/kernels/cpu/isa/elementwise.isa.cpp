// The elementwise instructions, each a loop over one tile.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/math.hpp"

extern "C" {  // libm, for the functions too rare for a vector form
float sinf(float);
float cosf(float);
float tanf(float);
float asinf(float);
float acosf(float);
float atanf(float);
float sinhf(float);
float coshf(float);
float asinhf(float);
float acoshf(float);
float atanhf(float);
float powf(float, float);
float fmodf(float, float);
float roundf(float);
float erfcf(float);
float atan2f(float, float);
double erf(double);
double exp(double);
double log(double);
}

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

template <class F>
HB_INLINE void map1(float* d, const float* a, int n, F f) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, f(load(a + i)));
  if (i < n) store_n(d + i, f(load_n(a + i, n - i)), n - i);
}
template <class F>
HB_INLINE void map2(float* d, const float* a, const float* b, int n, F f) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, f(load(a + i), load(b + i)));
  if (i < n) store_n(d + i, f(load_n(a + i, n - i), load_n(b + i, n - i)), n - i);
}

HB_INLINE Vec truth(IVec m) { return select(m, set1(1.0f), Vec{}); }
HB_INLINE IVec is_inf(Vec a) { return abs(a) == set1(__builtin_inff()); }

// Scalar functions of libm.
HB_INLINE float erfinv(float y) {  // Winitzki's start, then Halley steps in double
  if (!(y > -1.0f && y < 1.0f))
    return y == 1.0f ? __builtin_inff() : y == -1.0f ? -__builtin_inff() : __builtin_nanf("");
  const double a = 0.147, pi = 3.14159265358979323846;
  double l = ::log(1.0 - double(y) * y), t = 2 / (pi * a) + l / 2;
  double r = __builtin_sqrt(__builtin_sqrt(t * t - l / a) - t);
  double x = y < 0 ? -r : r;
  for (int i = 0; i < 3; ++i) {
    double e = ::erf(x) - y, u = e / (1.1283791670955126 * ::exp(-x * x));
    x -= u / (1 + x * u);
  }
  return float(x);
}
HB_INLINE float floor_mod(float a, float b) {
  float r = fmodf(a, b);
  return (r != 0 && ((r < 0) != (b < 0))) ? r + b : r;
}
#ifdef __FP_FAST_FMAF
// Of all lanes at once. The rounded quotient of |a| and |b| has the whole part, or its successor where it is that near:
// so what is left has no more bits than a or b, and one step puts it right. False where a lane may want more than that:
// from quotients of 2^22 on, which have no fractions, and where something on the way may be flushed to zero.
HB_INLINE bool remainder(Vec a, Vec b, Vec& left) {
  const Vec x = abs(a), y = abs(b), quotient = x / y;
  const int32_t small = 0x0c800000, infinite = 0x7f800000;  // 2^-102
  const IVec sure =
      (quotient < set1(4194304.0f)) & (bits(y) >= small) & (bits(y) < infinite) & ((bits(x) >= small) | (bits(x) == 0));
  if (max_lanes(select(sure, Vec{}, set1(1.0f))) != 0) return false;
  const Vec whole = to_float(to_int(quotient));
  float r[kLanes], w[kLanes], u[kLanes], v[kLanes];
  store(w, whole), store(u, x), store(v, y);
  for (int i = 0; i < kLanes; ++i) r[i] = __builtin_fmaf(-w[i], v[i], u[i]);
  const Vec rest = load(r);
  left = copy_sign(select(rest < Vec{}, rest + y, rest), a);
  return true;
}
#else
HB_INLINE bool remainder(Vec, Vec, Vec&) { return false; }
#endif
HB_INLINE float floor_div(float a, float b) {  // by the remainder, which is exact
  if (b == 0) return a / b;
  const float r = fmodf(a, b), q = roundf((a - r) / b);
  return (r != 0 && ((r < 0) != (b < 0))) ? q - 1 : q;
}
HB_INLINE void trig(float* d, const float* a, int n, int shift, float (*exact)(float)) {
  int i = 0;
  for (; i < n; i += kLanes) {
    const int m = n - i < kLanes ? n - i : kLanes;
    Vec x = m < kLanes ? load_n(a + i, m) : load(a + i);
    float raw[kLanes], y[kLanes];
    store(raw, x);
    store(y, sin_cos(x, shift));
    for (int k = 0; k < m; ++k) {
      const float v = raw[k];
      d[i + k] = (v < 8192.0f && v > -8192.0f) ? y[k] : exact(v);
    }
  }
}

#define HB_TILE(name) void tile_##name(float* d, const float* a, const float* b, const float* c, int n)
#define HB_UNUSED (void)a, (void)b, (void)c
#define HB_MAP1(name, expr)                           \
  HB_TILE(name) {                                     \
    HB_UNUSED;                                        \
    map1(d, a, n, [](Vec x) -> Vec { return expr; }); \
  }
#define HB_MAP2(name, expr)                                     \
  HB_TILE(name) {                                               \
    HB_UNUSED;                                                  \
    map2(d, a, b, n, [](Vec x, Vec y) -> Vec { return expr; }); \
  }
#define HB_SCALAR1(name, expr)    \
  HB_TILE(name) {                 \
    HB_UNUSED;                    \
    for (int i = 0; i < n; ++i) { \
      const float x = a[i];       \
      d[i] = expr;                \
    }                             \
  }
#define HB_SCALAR2(name, expr)        \
  HB_TILE(name) {                     \
    HB_UNUSED;                        \
    for (int i = 0; i < n; ++i) {     \
      const float x = a[i], y = b[i]; \
      d[i] = expr;                    \
    }                                 \
  }

HB_MAP1(neg, -x)
HB_MAP1(abs, abs(x))
HB_MAP1(sign, select(x == Vec{}, copy_sign(Vec{}, x), select(x == x, copy_sign(set1(1.0f), x), x)))
HB_MAP1(square, x* x)
HB_MAP1(relu, select(x < Vec{}, Vec{}, x))
HB_MAP1(exp, exp(x))
HB_MAP1(expm1, expm1(x))
HB_MAP1(log, log(x))
HB_MAP1(log1p, log1p(x))
HB_MAP1(sqrt, sqrt(x))
HB_MAP1(rsqrt, 1.0f / sqrt(x))
HB_MAP1(reciprocal, 1.0f / x)
HB_TILE(sin) {
  HB_UNUSED;
  trig(d, a, n, 0, sinf);
}
HB_TILE(cos) {
  HB_UNUSED;
  trig(d, a, n, 1, cosf);
}
HB_SCALAR1(tan, tanf(x))
HB_SCALAR1(asin, asinf(x))
HB_SCALAR1(acos, acosf(x))
HB_SCALAR1(atan, atanf(x))
HB_SCALAR1(sinh, sinhf(x))
HB_SCALAR1(cosh, coshf(x))
HB_MAP1(tanh, tanh(x))
HB_SCALAR1(asinh, asinhf(x))
HB_SCALAR1(acosh, acoshf(x))
HB_SCALAR1(atanh, atanhf(x))
HB_MAP1(sigmoid, sigmoid(x))
HB_MAP1(softplus, softplus(x))
HB_MAP1(erf, erf(x))
HB_SCALAR1(erfc, erfcf(x))
HB_MAP1(gelu, x* normal_share(x))
HB_SCALAR1(erfinv, erfinv(x))
HB_MAP1(floor, floor(x))
HB_MAP1(ceil, ceil(x))
HB_MAP1(round, round(x))
HB_MAP1(isnan, truth(x != x))
HB_MAP1(isinf, truth(is_inf(x)))
HB_MAP1(isfinite, truth(abs(x) < set1(__builtin_inff())))
HB_MAP1(logical_not, truth(x == Vec{}))
HB_MAP2(add, x + y)
HB_MAP2(subtract, x - y)
HB_MAP2(multiply, x* y)
HB_MAP2(divide, x / y)
HB_SCALAR2(floor_divide, floor_div(x, y))
HB_TILE(mod) {
  HB_UNUSED;
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec x = load(a + i), y = load(b + i);
    Vec r;
    if (remainder(x, y, r))
      store(d + i, select((r != Vec{}) & ((r < Vec{}) != (y < Vec{})), r + y, r));
    else
      for (int k = i; k < i + kLanes; ++k) d[k] = floor_mod(a[k], b[k]);
  }
  for (; i < n; ++i) d[i] = floor_mod(a[i], b[i]);
}
HB_SCALAR2(power, powf(x, y))
HB_MAP2(maximum, select((x > y) | (x != x), x, y))
HB_MAP2(minimum, select((x < y) | (x != x), x, y))
HB_SCALAR2(arctan2, atan2f(x, y))
HB_MAP2(gelu_grad, gelu_slope(x) * y)
HB_MAP2(equal, truth(x == y))
HB_MAP2(not_equal, truth(x != y))
HB_MAP2(less, truth(x < y))
HB_MAP2(less_equal, truth(x <= y))
HB_MAP2(greater, truth(x > y))
HB_MAP2(greater_equal, truth(x >= y))
HB_MAP2(logical_and, truth((x != Vec{}) & (y != Vec{})))
HB_MAP2(logical_or, truth((x != Vec{}) | (y != Vec{})))
HB_MAP2(logical_xor, truth((x != Vec{}) ^ (y != Vec{})))
HB_TILE(where) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, select(load(a + i) != Vec{}, load(b + i), load(c + i)));
  if (i < n) store_n(d + i, select(load_n(a + i, n - i) != Vec{}, load_n(b + i, n - i), load_n(c + i, n - i)), n - i);
}
HB_MAP1(cast, x)

template <class F>
HB_INLINE void map3(float* d, const float* a, const float* b, const float* c, int n, F f) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, f(load(a + i), load(b + i), load(c + i)));
  if (i < n) store_n(d + i, f(load_n(a + i, n - i), load_n(b + i, n - i), load_n(c + i, n - i)), n - i);
}
HB_TILE(multiply_add) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return x * y + z; });
}
HB_TILE(multiply_subtract) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return x * y - z; });
}
HB_TILE(blend) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return (y - x) * z + x; });
}
HB_TILE(blend_square) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return (y * y - x) * z + x; });
}
HB_TILE(divide_by_root) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return x / (sqrt(y) + z); });
}
HB_TILE(where_above) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return select(x > y, z, y); });
}
HB_TILE(subtract_multiply) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return z - x * y; });
}
}  // namespace

void fill_elementwise(IsaTable& t) {
#define HB_EW(name, arity, kind) t.elementwise[int(Ew::name##_)] = tile_##name;
#include "schema/elementwise.def"
#undef HB_EW
  t.elementwise[int(TileOp::multiply_add)] = tile_multiply_add;
  t.elementwise[int(TileOp::multiply_subtract)] = tile_multiply_subtract;
  t.elementwise[int(TileOp::subtract_multiply)] = tile_subtract_multiply;
  t.elementwise[int(TileOp::blend)] = tile_blend;
  t.elementwise[int(TileOp::blend_square)] = tile_blend_square;
  t.elementwise[int(TileOp::divide_by_root)] = tile_divide_by_root;
  t.elementwise[int(TileOp::where_above)] = tile_where_above;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
