// Elementwise ops one at a time, element by element, for the dtypes that the tile machine does not take.
#include <cmath>
#include <limits>

#include "base/half.hpp"
#include "kernels/cpu/elementwise/fused.hpp"

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
T reference(Ew op, T a, T b) {
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
  DType in, out;
};

// Element i of each operand, for flat position i.
int64_t offset_at(const Walk& w, size_t k, int64_t i) {
  int64_t offset = 0;
  for (size_t d = w.sizes.size(); d-- > 0;) {
    offset += i % w.sizes[d] * w.strides[k][d];
    i /= w.sizes[d];
  }
  return offset;
}

void run_reference(const KernelCall& c) {
  const auto& p = params_of<ReferenceParams>(c);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  with_type(p.in, [&](auto zero) {
    using T = decltype(zero);
    const T* a = buffer<const T>(c, 0);
    const T* b = p.arity > 1 ? buffer<const T>(c, 1) : a;
    void* out = c.buffers[p.arity];
    for (int64_t i = r.begin; i < r.end; ++i) {
      T y = reference<T>(p.op, a[offset_at(p.walk, 0, i)], b[p.arity > 1 ? offset_at(p.walk, 1, i) : 0]);
      if (p.out == p.in)
        static_cast<T*>(out)[i] = y;
      else
        static_cast<uint8_t*>(out)[i] = y != 0;
    }
  });
}

void run_where(const KernelCall& c) {  // by element size: any dtype
  const auto& p = params_of<ReferenceParams>(c);
  const size_t size = dtype_size(p.out);
  const uint8_t* cond = buffer<const uint8_t>(c, 0);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int k = cond[offset_at(p.walk, 0, i)] ? 1 : 2;
    std::memcpy(buffer<char>(c, 3) + size_t(i) * size,
                buffer<const char>(c, k) + size_t(offset_at(p.walk, size_t(k), i)) * size, size);
  }
}

// NaN, and floats that the ints do not hold, become the least of them, as NumPy's on x86 do: no index is in range then.
// uint8 takes the low bits of an int32.
template <class D, class S>
D convert(S v) {
  if constexpr (std::is_integral_v<D> && std::is_floating_point_v<S>) {
    using Int = std::conditional_t<std::is_signed_v<D>, D, int32_t>;
    constexpr S least = S(std::numeric_limits<Int>::min());  // a power of two: exact
    return D(v >= least && v < -least ? Int(v) : std::numeric_limits<Int>::min());
  } else {
    return D(v);
  }
}
template <class S>
void convert_one(S v, void* out, DType d, int64_t i) {
  switch (d) {
    case DType::f32:
      static_cast<float*>(out)[i] = float(v);
      break;
    case DType::f64:
      static_cast<double*>(out)[i] = double(v);
      break;
    case DType::f16:
      static_cast<Half*>(out)[i] = to_half(float(v));
      break;
    case DType::bf16:
      static_cast<BFloat16*>(out)[i] = to_bfloat16(float(v));
      break;
    case DType::i32:
      static_cast<int32_t*>(out)[i] = convert<int32_t>(v);
      break;
    case DType::i64:
      static_cast<int64_t*>(out)[i] = convert<int64_t>(v);
      break;
    case DType::u8:
      static_cast<uint8_t*>(out)[i] = convert<uint8_t>(v);
      break;
    case DType::boolean:
      static_cast<uint8_t*>(out)[i] = v != S(0);
      break;
  }
}
void run_cast(const KernelCall& c) {
  const auto& p = params_of<ReferenceParams>(c);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  const void* in = c.buffers[0];
  void* out = c.buffers[1];
  for (int64_t i = r.begin; i < r.end; ++i) switch (p.in) {
      case DType::f32:
        convert_one(static_cast<const float*>(in)[i], out, p.out, i);
        break;
      case DType::f64:
        convert_one(static_cast<const double*>(in)[i], out, p.out, i);
        break;
      case DType::f16:
        convert_one(to_float(static_cast<const Half*>(in)[i]), out, p.out, i);
        break;
      case DType::bf16:
        convert_one(to_float(static_cast<const BFloat16*>(in)[i]), out, p.out, i);
        break;
      case DType::i32:
        convert_one(static_cast<const int32_t*>(in)[i], out, p.out, i);
        break;
      case DType::i64:
        convert_one(static_cast<const int64_t*>(in)[i], out, p.out, i);
        break;
      case DType::u8:
      case DType::boolean:
        convert_one(static_cast<const uint8_t*>(in)[i], out, p.out, i);
        break;
    }
}
}  // namespace

KernelPlan plan_elementwise_reference(const KernelRequest& r, Ew op) {
  const EwInfo& info = kEwInfo[int(op)];
  const DType in = r.inputs[0].dtype, out = r.outputs[0].dtype;
  std::vector<Shape> shapes;
  for (const auto& t : r.inputs) shapes.push_back(t.shape);
  check_rank(r.outputs[0].shape, r.op.name);
  ReferenceParams p{Walk::broadcast(r.outputs[0].shape, shapes), op, info.arity, in, out};
  const int parts = parts_for(p.walk.total, 16);
  if (info.kind == EwKind::convert) return make_plan(std::move(p), {{run_cast, parts}});
  if (info.kind == EwKind::select) return make_plan(std::move(p), {{run_where, parts}});
  if (!with_type(in, [](auto) {})) no_kernel(r);
  return make_plan(std::move(p), {{run_reference, parts}});
}
}  // namespace hornbeam
