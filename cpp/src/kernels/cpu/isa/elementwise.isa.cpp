// The elementwise instructions, each a loop over one tile.
#include "kernels/cpu/isa/functions.hpp"
#include "kernels/cpu/isa/isa_parts.hpp"

extern "C" {  // libm, for what the vector forms leave out
float sinf(float);
float cosf(float);
float tanf(float);
float fmodf(float, float);
float roundf(float);
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

// NaN wins: a comparison with it gives y.
HB_INLINE Vec greater_of(Vec x, Vec y) { return select(x == x, max(x, y), x); }
HB_INLINE Vec less_of(Vec x, Vec y) { return select(x == x, min(x, y), x); }
HB_INLINE Vec relu(Vec x) { return select(x < Vec{}, Vec{}, x); }

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
// f where it is good, and `exact` for larger arguments.
template <class F>
HB_INLINE void trig(float* d, const float* a, int n, float (*exact)(float), F f) {
  Vec largest{};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) largest = max(abs(load(a + i)), largest);
  if (i < n) largest = max(abs(load_n(a + i, n - i)), largest);
  if (max_lanes(largest) < 8192.0f) return map1(d, a, n, f);
  for (i = 0; i < n; ++i) {
    float x[kLanes] = {a[i]};
    store(x, f(load(x)));
    d[i] = a[i] < 8192.0f && a[i] > -8192.0f ? x[0] : exact(a[i]);
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

HB_MAP1(neg, -x)
HB_MAP1(abs, abs(x))
HB_MAP1(sign, select(x == Vec{}, copy_sign(Vec{}, x), select(x == x, copy_sign(set1(1.0f), x), x)))
HB_MAP1(square, x* x)
HB_MAP1(relu, relu(x))
HB_MAP1(exp, exp(x))
HB_MAP1(expm1, expm1(x))
HB_MAP1(log, log(x))
HB_MAP1(log1p, log1p(x))
HB_MAP1(sqrt, sqrt(x))
HB_MAP1(rsqrt, 1.0f / sqrt(x))
HB_MAP1(reciprocal, 1.0f / x)
HB_TILE(sin) {
  HB_UNUSED;
  trig(d, a, n, sinf, [](Vec x) { return sin_cos(x, 0); });
}
HB_TILE(cos) {
  HB_UNUSED;
  trig(d, a, n, cosf, [](Vec x) { return sin_cos(x, 1); });
}
HB_TILE(tan) {
  HB_UNUSED;
  trig(d, a, n, tanf, [](Vec x) { return tan(x); });
}
HB_MAP1(asin, asin(x))
HB_MAP1(acos, acos(x))
HB_MAP1(atan, atan(x))
HB_MAP1(sinh, sinh(x))
HB_MAP1(cosh, cosh(x))
HB_MAP1(tanh, tanh(x))
HB_MAP1(asinh, asinh(x))
HB_MAP1(acosh, acosh(x))
HB_MAP1(atanh, atanh(x))
HB_MAP1(sigmoid, sigmoid(x))
HB_MAP1(softplus, softplus(x))
HB_MAP1(erf, erf(x))
HB_MAP1(erfc, erfc(x))
HB_MAP1(gelu, x* normal_share(x))
HB_MAP1(erfinv, erfinv(x))
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
// By the remainders of whole registers where they are exact, and else element by element.
template <class F>
HB_INLINE void by_remainder(float* d, const float* a, const float* b, int n, float (*exact)(float, float), F f) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec x = load(a + i), y = load(b + i);
    Vec r;
    if (remainder(x, y, r))
      store(d + i, f(x, y, r, (r != Vec{}) & ((r < Vec{}) != (y < Vec{}))));
    else
      for (int k = i; k < i + kLanes; ++k) d[k] = exact(a[k], b[k]);
  }
  for (; i < n; ++i) d[i] = exact(a[i], b[i]);
}
HB_TILE(floor_divide) {
  HB_UNUSED;
  by_remainder(d, a, b, n, floor_div, [](Vec x, Vec y, Vec r, IVec apart) {
    const Vec q = round((x - r) / y);
    return select(apart, q - 1.0f, q);
  });
}
HB_TILE(mod) {
  HB_UNUSED;
  by_remainder(d, a, b, n, floor_mod, [](Vec, Vec y, Vec r, IVec apart) { return select(apart, r + y, r); });
}
HB_MAP2(power, power(x, y))
HB_MAP2(maximum, greater_of(x, y))
HB_MAP2(minimum, less_of(x, y))
HB_MAP2(arctan2, atan2(x, y))
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
HB_TILE(clip) {
  map3(d, a, b, c, n, [](Vec x, Vec low, Vec high) { return less_of(greater_of(x, low), high); });
}
HB_TILE(clip_relu) {
  HB_UNUSED;
  map2(d, a, b, n, [](Vec x, Vec high) { return less_of(relu(x), high); });
}
HB_TILE(scale_below) {
  map3(d, a, b, c, n, [](Vec x, Vec y, Vec z) { return select(x > y, x, x * z); });
}
HB_TILE(slope_below) {
  HB_UNUSED;
  map2(d, a, b, n, [](Vec x, Vec slope) { return relu(x) - slope * relu(-x); });
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
  t.elementwise[int(TileOp::clip)] = tile_clip;
  t.elementwise[int(TileOp::clip_relu)] = tile_clip_relu;
  t.elementwise[int(TileOp::scale_below)] = tile_scale_below;
  t.elementwise[int(TileOp::slope_below)] = tile_slope_below;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
