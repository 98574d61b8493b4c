// Elementwise ops one at a time, for the dtypes that the tile machine does not take: a loop over tiles for each op and
// dtype.
#include <cmath>
#include <limits>

#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/elementwise/fused.hpp"
#include "kernels/cpu/elementwise/lay_out.hpp"

namespace hornbeam {
namespace {
template <class T>
T negated(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return -a;
  else
    return T(0 - std::make_unsigned_t<T>(a));
}
template <class T>
T floor_div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {  // by the remainder, which is exact
    if (b == 0) return a / b;
    const T r = std::fmod(a, b), q = std::round((a - r) / b);
    return (r != 0 && ((r < 0) != (b < 0))) ? q - 1 : q;
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return negated(a);
    T q = a / b;
    return (a % b != 0 && ((a < 0) != (b < 0))) ? T(q - 1) : q;
  }
}
template <class T>
T floor_mod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    T r = std::fmod(a, b);
    return (r != 0 && ((r < 0) != (b < 0))) ? r + b : r;
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return 0;  // the least number over -1 has no quotient
    T r = a % b;
    return (r != 0 && ((r < 0) != (b < 0))) ? T(r + b) : r;
  }
}
template <class T>
T int_power(T a, T b) {
  if (b < 0) return a == 1 ? 1 : (std::is_signed_v<T> && a == T(-1)) ? (b % 2 ? T(-1) : T(1)) : T(0);
  using U = std::make_unsigned_t<T>;
  U r = 1, x = U(a);
  for (U e = U(b); e; e >>= 1, x *= x)
    if (e & 1) r *= x;
  return T(r);
}
double erf_inverse(double y) {
  if (!(y > -1 && y < 1)) return y == 1 ? INFINITY : y == -1 ? -INFINITY : NAN;
  double l = std::log(1 - y * y), t = 2 / (M_PI * 0.147) + l / 2;
  double r = std::sqrt(std::sqrt(t * t - l / 0.147) - t), x = y < 0 ? -r : r;
  for (int i = 0; i < 4; ++i) {
    double u = (std::erf(x) - y) / (M_2_SQRTPI * std::exp(-x * x));
    x -= u / (1 + x * u);
  }
  return x;
}
template <class T>
T normal_share(T x) {
  return std::erfc(-x * T(M_SQRT1_2)) / 2;
}

// Numeric results; comparisons and logic give 0 or 1 of the operands' type. Every op has its case, or this does not
// compile; inference keeps ints from those of floats.
template <class T>
inline __attribute__((always_inline)) T reference(Ew op, T a, T b) {
  constexpr bool real = std::is_floating_point_v<T>;
#define HB_OF_FLOATS(name, expression)     \
  case Ew::name##_:                        \
    if constexpr (real) return expression; \
    break;
  switch (op) {
    case Ew::neg_:
      return negated(a);
    case Ew::sign_:
      return a > 0 ? T(1) : a < 0 ? negated(T(1)) : a;
    case Ew::square_:
      return wrapping_multiply(a, a);
    case Ew::relu_:
      return a < 0 ? T(0) : a;
    case Ew::add_:
      return wrapping_add(a, b);
    case Ew::multiply_:
      return wrapping_multiply(a, b);
    case Ew::floor_divide_:
      return floor_div(a, b);
    case Ew::mod_:
      return floor_mod(a, b);
    case Ew::maximum_:
      return (a > b || a != a) ? a : b;
    case Ew::minimum_:
      return (a < b || a != a) ? a : b;
    case Ew::equal_:
      return a == b;
    case Ew::not_equal_:
      return a != b;
    case Ew::less_:
      return a < b;
    case Ew::less_equal_:
      return a <= b;
    case Ew::greater_:
      return a > b;
    case Ew::greater_equal_:
      return a >= b;
    case Ew::logical_not_:
      return a == 0;
    case Ew::logical_and_:
      return a != 0 && b != 0;
    case Ew::logical_or_:
      return a != 0 || b != 0;
    case Ew::logical_xor_:
      return (a != 0) != (b != 0);
    case Ew::abs_:
      if constexpr (real) return std::abs(a);
      return a < 0 ? negated(a) : a;
    case Ew::subtract_:
      if constexpr (real) return a - b;
      return wrapping_add(a, negated(b));
    case Ew::power_:
      if constexpr (real)
        return std::pow(a, b);
      else
        return int_power(a, b);
      HB_OF_FLOATS(exp, std::exp(a))
      HB_OF_FLOATS(expm1, std::expm1(a))
      HB_OF_FLOATS(log, std::log(a))
      HB_OF_FLOATS(log1p, std::log1p(a))
      HB_OF_FLOATS(sqrt, std::sqrt(a))
      HB_OF_FLOATS(rsqrt, 1 / std::sqrt(a))
      HB_OF_FLOATS(reciprocal, 1 / a)
      HB_OF_FLOATS(sin, std::sin(a))
      HB_OF_FLOATS(cos, std::cos(a))
      HB_OF_FLOATS(tan, std::tan(a))
      HB_OF_FLOATS(asin, std::asin(a))
      HB_OF_FLOATS(acos, std::acos(a))
      HB_OF_FLOATS(atan, std::atan(a))
      HB_OF_FLOATS(sinh, std::sinh(a))
      HB_OF_FLOATS(cosh, std::cosh(a))
      HB_OF_FLOATS(tanh, std::tanh(a))
      HB_OF_FLOATS(asinh, std::asinh(a))
      HB_OF_FLOATS(acosh, std::acosh(a))
      HB_OF_FLOATS(atanh, std::atanh(a))
      HB_OF_FLOATS(sigmoid, 1 / (1 + std::exp(-a)))
      HB_OF_FLOATS(softplus, (a < 0 ? T(0) : a) + std::log1p(std::exp(-std::abs(a))))
      HB_OF_FLOATS(erf, std::erf(a))
      HB_OF_FLOATS(erfc, std::erfc(a))
      HB_OF_FLOATS(gelu, a * normal_share(a))
      HB_OF_FLOATS(gelu_grad, b * (normal_share(a) + a * std::exp(-a * a / 2) * T(M_2_SQRTPI * M_SQRT1_2 / 2)))
      HB_OF_FLOATS(erfinv, T(erf_inverse(double(a))))
      HB_OF_FLOATS(floor, std::floor(a))
      HB_OF_FLOATS(ceil, std::ceil(a))
      HB_OF_FLOATS(round, std::nearbyint(a))
      HB_OF_FLOATS(isnan, std::isnan(a))
      HB_OF_FLOATS(isinf, std::isinf(a))
      HB_OF_FLOATS(isfinite, std::isfinite(a))
      HB_OF_FLOATS(divide, a / b)
      HB_OF_FLOATS(arctan2, std::atan2(a, b))
    case Ew::where_:  // by element size, below
    case Ew::cast_:
    case Ew::count:
      break;
  }
#undef HB_OF_FLOATS
  return T(0);
}

struct ReferenceParams {
  Walk walk;
  Ew op;
  int arity;
  DType out;
};

// An operand as loops read it: its elements one after another, where they lie so, and else laid out in a tile.
template <class T>
class Operand {
 public:
  Operand(const Walk& walk, size_t k, const void* x)
      : walk_(walk), k_(k), x_(static_cast<const T*>(x)), direct_(walk.contiguous(k)), one_(walk.scalar(k)) {
    if (!direct_ && one_) std::fill(tile_, tile_ + kTile, *x_);
  }
  const T* at(int64_t begin, int64_t end) {
    if (direct_) return x_ + begin;
    if (!one_) lay_out(tile_, x_, walk_, k_, begin, end);
    return tile_;
  }

 private:
  const Walk& walk_;
  const size_t k_;
  const T* x_;
  const bool direct_, one_;
  T tile_[kTile];
};

// Runs f(begin, end) tile by tile.
template <class F>
void each_tile(const KernelCall& c, const Walk& walk, F f) {
  const Range r = part_range(walk.total, c.parts, c.part);
  for (int64_t at = r.begin; at < r.end; at += kTile) f(at, std::min<int64_t>(at + kTile, r.end));
}

constexpr bool gives_bool(Ew op) {
  const EwKind kind = kEwInfo[int(op)].kind;
  return kind == EwKind::compare || kind == EwKind::logic || kind == EwKind::test;
}
template <class T, Ew op>
using ResultOf = std::conditional_t<gives_bool(op), uint8_t, T>;

template <class T, Ew op>
void run_tile(void* out, const T* a, const T* b, int64_t n) {
  auto* __restrict y = static_cast<ResultOf<T, op>*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = ResultOf<T, op>(reference<T>(op, a[i], b[i]));
}
template <class T>
using TileLoop = void (*)(void* out, const T* a, const T* b, int64_t n);

// Null where inference keeps the dtype from the op.
template <class T, Ew op>
constexpr TileLoop<T> loop_of() {
  if constexpr (kEwInfo[int(op)].kind == EwKind::floats && !std::is_floating_point_v<T>)
    return nullptr;
  else
    return run_tile<T, op>;
}

template <class T>
void run_reference(const KernelCall& c) {
  static constexpr TileLoop<T> kLoops[] = {
#define HB_EW(name, arity, kind) loop_of<T, Ew::name##_>(),
#include "schema/elementwise.def"
#undef HB_EW
  };
  const auto& p = params_of<ReferenceParams>(c);
  const size_t result = dtype_size(p.out);
  Operand<T> a(p.walk, 0, c.buffers[0]), b(p.walk, p.arity > 1, c.buffers[p.arity > 1]);
  each_tile(c, p.walk, [&](int64_t begin, int64_t end) {
    const T* x = a.at(begin, end);
    kLoops[int(p.op)](buffer<char>(c, p.arity) + size_t(begin) * result, x, p.arity > 1 ? b.at(begin, end) : x,
                      end - begin);
  });
}

template <class T>  // by element size: any dtype
void run_where(const KernelCall& c) {
  const auto& p = params_of<ReferenceParams>(c);
  Operand<uint8_t> condition(p.walk, 0, c.buffers[0]);
  Operand<T> a(p.walk, 1, c.buffers[1]), b(p.walk, 2, c.buffers[2]);
  each_tile(c, p.walk, [&](int64_t begin, int64_t end) {
    const uint8_t* on = condition.at(begin, end);
    const T *x = a.at(begin, end), *z = b.at(begin, end);
    T* __restrict y = buffer<T>(c, 3) + begin;
    for (int64_t i = 0; i < end - begin; ++i) {  // by bits: a choice between loads would be a jump
      const T chosen = T(0 - T(on[i] != 0));
      y[i] = T((x[i] & chosen) | (z[i] & T(~chosen)));
    }
  });
}
using Run = void (*)(const KernelCall&);
}  // namespace

KernelPlan plan_elementwise_reference(const KernelRequest& r, Ew op) {
  const EwInfo& info = kEwInfo[int(op)];
  const DType in = r.inputs[0].dtype, out = r.outputs[0].dtype;
  std::vector<Shape> shapes;
  for (const auto& t : r.inputs) shapes.push_back(t.shape);
  check_rank(r.outputs[0].shape, r.op.name);
  if (info.kind == EwKind::convert) return plan_cast(r);
  ReferenceParams p{Walk::broadcast(r.outputs[0].shape, shapes), op, info.arity, out};
  const int parts = parts_for(p.walk.total, 16);
  Run run = nullptr;
  if (info.kind == EwKind::select)
    with_size(dtype_size(out), [&](auto zero) { run = run_where<decltype(zero)>; });
  else
    with_type(in, [&](auto zero) {
      using T = decltype(zero);
      if constexpr (!std::is_same_v<T, float>) run = run_reference<T>;  // float32 is the tile machine's
    });
  if (!run) no_kernel(r);
  return make_plan(std::move(p), {{run, parts}});
}
}  // namespace hornbeam
