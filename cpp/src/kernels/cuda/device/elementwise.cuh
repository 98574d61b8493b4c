// The elementwise ops, by the names of schema/elementwise.def: what printed kernels call. Comparisons give 0 or 1 of the
// operands' type.
#pragma once
#include "pack.cuh"

template <class T>
struct IsFloat {
  static constexpr bool value = false;
};
template <>
struct IsFloat<float> {
  static constexpr bool value = true;
};
template <>
struct IsFloat<double> {
  static constexpr bool value = true;
};
template <class T>
constexpr bool is_float = IsFloat<T>::value;

template <class T>
struct UnsignedOf {
  using type = T;
};
template <>
struct UnsignedOf<int> {
  using type = u32;
};
template <>
struct UnsignedOf<i64> {
  using type = u64;
};
template <class T>
constexpr bool is_signed = T(-1) < T(0);

/// Where element i of a result with these axes lies in an operand with these strides.
template <int rank, class Index>
__device__ __forceinline__ i64 offset_of(Index i, const Dims& sizes, const Dims& strides) {
  i64 offset = 0;
#pragma unroll
  for (int d = rank - 1; d > 0; --d) {
    const Index size = Index(sizes.n[d]), q = i / size;
    offset += i64(i - q * size) * strides.n[d];
    i = q;
  }
  return offset + i64(i) * strides.n[0];
}

namespace ew {
#define HB_UNARY(name) \
  template <class T>   \
  __device__ __forceinline__ T name(T a)
#define HB_BINARY(name) \
  template <class T>    \
  __device__ __forceinline__ T name(T a, T b)

// Signed numbers wrap around.
HB_BINARY(add) {
  if constexpr (is_float<T>)
    return a + b;
  else
    return T(typename UnsignedOf<T>::type(a) + typename UnsignedOf<T>::type(b));
}
HB_BINARY(subtract) {
  if constexpr (is_float<T>)
    return a - b;
  else
    return T(typename UnsignedOf<T>::type(a) - typename UnsignedOf<T>::type(b));
}
HB_BINARY(multiply) {
  if constexpr (is_float<T>)
    return a * b;
  else
    return T(typename UnsignedOf<T>::type(a) * typename UnsignedOf<T>::type(b));
}
HB_UNARY(neg) {
  if constexpr (is_float<T>)
    return -a;
  else
    return subtract(T(0), a);
}
HB_UNARY(abs) {
  if constexpr (is_float<T>)
    return ::fabs(a);
  else
    return a < 0 ? neg(a) : a;
}
HB_UNARY(sign) { return a > T(0) ? T(1) : a < T(0) ? neg(T(1)) : a; }
HB_UNARY(square) { return multiply(a, a); }
HB_UNARY(relu) { return a < T(0) ? T(0) : a; }
HB_UNARY(exp) { return ::exp(a); }
HB_UNARY(expm1) { return ::expm1(a); }
HB_UNARY(log) { return ::log(a); }
HB_UNARY(log1p) { return ::log1p(a); }
HB_UNARY(sqrt) { return ::sqrt(a); }
HB_UNARY(rsqrt) { return T(1) / ::sqrt(a); }
HB_UNARY(reciprocal) { return T(1) / a; }
HB_UNARY(sin) { return ::sin(a); }
HB_UNARY(cos) { return ::cos(a); }
HB_UNARY(tan) { return ::tan(a); }
HB_UNARY(asin) { return ::asin(a); }
HB_UNARY(acos) { return ::acos(a); }
HB_UNARY(atan) { return ::atan(a); }
HB_UNARY(sinh) { return ::sinh(a); }
HB_UNARY(cosh) { return ::cosh(a); }
HB_UNARY(tanh) { return ::tanh(a); }
HB_UNARY(asinh) { return ::asinh(a); }
HB_UNARY(acosh) { return ::acosh(a); }
HB_UNARY(atanh) { return ::atanh(a); }
HB_UNARY(sigmoid) { return T(1) / (T(1) + ::exp(-a)); }
HB_UNARY(softplus) { return relu(a) + ::log1p(::exp(-::fabs(a))); }
HB_UNARY(erf) { return ::erf(a); }
HB_UNARY(erfc) { return ::erfc(a); }
HB_UNARY(normal_share) { return ::erfc(-a * T(0.70710678118654752440)) / T(2); }
HB_UNARY(gelu) { return a * normal_share(a); }
HB_BINARY(gelu_grad) { return b * (normal_share(a) + a * ::exp(-a * a / T(2)) * T(0.39894228040143267794)); }
HB_UNARY(erfinv) { return ::erfinv(a); }
HB_UNARY(floor) { return ::floor(a); }
HB_UNARY(ceil) { return ::ceil(a); }
HB_UNARY(round) { return ::rint(a); }
HB_UNARY(isnan) { return T(a != a); }
HB_UNARY(isinf) { return T(a == infinity<T>() || a == -infinity<T>()); }
HB_UNARY(isfinite) { return T(a - a == T(0)); }
HB_UNARY(logical_not) { return T(a == T(0)); }
HB_BINARY(divide) { return a / b; }
/// Divisors 0 give 0, and the least number over -1 wraps around, as on the CPU.
HB_BINARY(floor_divide) {
  if constexpr (is_float<T>) {  // by the remainder, which is exact
    if (b == T(0)) return a / b;
    const T r = ::fmod(a, b), q = ::round((a - r) / b);
    return r != T(0) && (r < T(0)) != (b < T(0)) ? q - T(1) : q;
  } else {
    if (b == T(0)) return T(0);
    if (is_signed<T> && b == T(-1)) return neg(a);
    const T q = a / b;
    return a % b != T(0) && (a < T(0)) != (b < T(0)) ? T(q - 1) : q;
  }
}
HB_BINARY(mod) {
  if constexpr (is_float<T>) {
    const T r = ::fmod(a, b);
    return r != T(0) && (r < T(0)) != (b < T(0)) ? r + b : r;
  } else {
    if (b == T(0) || (is_signed<T> && b == T(-1))) return T(0);
    const T r = a % b;
    return r != T(0) && (r < T(0)) != (b < T(0)) ? T(r + b) : r;
  }
}
HB_BINARY(power) {
  if constexpr (is_float<T>) {
    return ::pow(a, b);
  } else {
    if (b < T(0)) return a == T(1) ? T(1) : is_signed<T> && a == T(-1) ? (b % 2 ? T(-1) : T(1)) : T(0);
    T r = 1;
    for (typename UnsignedOf<T>::type e = b; e; e >>= 1, a = multiply(a, a))
      if (e & 1) r = multiply(r, a);
    return r;
  }
}
HB_BINARY(maximum) { return a > b || a != a ? a : b; }
HB_BINARY(minimum) { return a < b || a != a ? a : b; }
HB_BINARY(arctan2) { return ::atan2(a, b); }
HB_BINARY(equal) { return T(a == b); }
HB_BINARY(not_equal) { return T(a != b); }
HB_BINARY(less) { return T(a < b); }
HB_BINARY(less_equal) { return T(a <= b); }
HB_BINARY(greater) { return T(a > b); }
HB_BINARY(greater_equal) { return T(a >= b); }
HB_BINARY(logical_and) { return T(a != T(0) && b != T(0)); }
HB_BINARY(logical_or) { return T(a != T(0) || b != T(0)); }
HB_BINARY(logical_xor) { return T((a != T(0)) != (b != T(0))); }

template <class C, class T>
__device__ __forceinline__ T where(C c, T a, T b) {
  return c ? a : b;
}
/// In a group all numbers are of one type by the time they are read.
HB_UNARY(cast) { return a; }
#undef HB_UNARY
#undef HB_BINARY
}  // namespace ew

/// As the CPU converts: NaN, and floats that the ints do not hold, become the least of them; u8 takes the low bits of an
/// int.
template <class D, class S>
struct Convert {
  static __device__ __forceinline__ D from(S v) { return D(v); }
};
template <class Int, class S>
__device__ __forceinline__ Int whole(S v) {
  constexpr Int least = Int(typename UnsignedOf<Int>::type(1) << (8 * sizeof(Int) - 1));
  return v >= S(least) && v < -S(least) ? Int(v) : least;
}
#define HB_CONVERT(D, S, Int)                                             \
  template <>                                                             \
  struct Convert<D, S> {                                                  \
    static __device__ __forceinline__ D from(S v) { return D(whole<Int>(v)); } \
  };
HB_CONVERT(int, float, int)
HB_CONVERT(int, double, int)
HB_CONVERT(i64, float, i64)
HB_CONVERT(i64, double, i64)
HB_CONVERT(u8, float, int)
HB_CONVERT(u8, double, int)
#undef HB_CONVERT
template <class S>
struct Convert<bool, S> {
  static __device__ __forceinline__ bool from(S v) { return v != S(0); }
};
template <class S>
struct Convert<f16, S> {
  static __device__ __forceinline__ f16 from(S v) { return narrow<f16>(float(v)); }
};
template <class S>
struct Convert<bf16, S> {
  static __device__ __forceinline__ bf16 from(S v) { return narrow<bf16>(float(v)); }
};
template <class D, class S>
__device__ __forceinline__ D convert(S v) {
  return Convert<D, Wide<S>>::from(widen(v));
}

/// A thread converts V elements together. y may be x.
template <class D, class S, int V>
__global__ void cast_elements(Run run, const S* x, D* y, i64 n) {
  if (run.halted()) return;
  const i64 packs = n / V;
  for (i64 at = first_index(); at < packs; at += index_stride()) {
    const auto from = Pack<S, V>::load(x + at * V);
    Pack<D, V> to;
#pragma unroll
    for (int k = 0; k < V; ++k) to.v[k] = convert<D>(from.v[k]);
    to.store(y + at * V);
  }
  for (i64 i = packs * V + first_index(); i < n; i += index_stride()) y[i] = convert<D>(x[i]);
}
