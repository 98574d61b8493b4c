// Numbers of one dtype as those of another. float16 and bfloat16 go by floats, which an ISA makes of them.
#include <limits>

#include "kernels/cpu/elementwise/fused.hpp"

namespace hornbeam {
namespace {
// NaN, and floats that the ints do not hold, become the least of them, as NumPy's on x86 do: no index is in range then.
// uint8 takes the low bits of an int32.
template <class D, class S>
D convert(S v) {
  if constexpr (std::is_integral_v<D> && std::is_floating_point_v<S>) {
    using Int = std::conditional_t<std::is_signed_v<D>, D, int32_t>;
    constexpr S least = S(std::numeric_limits<Int>::min());  // a power of two: exact
    return D(Int((v >= least) & (v < -least) ? v : least));
  } else {
    return D(v);
  }
}

// A dtype's elements: how they are stored, and what they are of a number.
template <class T>
struct Stored {
  using Type = T;
  template <class S>
  static T make(S v) {
    return convert<T>(v);
  }
};
struct Truth {};
template <>
struct Stored<Truth> {
  using Type = uint8_t;
  template <class S>
  static uint8_t make(S v) {
    return v != S(0);
  }
};
// Calls f with the Stored of a dtype, that of floats for those that go by them.
template <class F>
auto with_stored(DType d, F f) {
  switch (d) {
    case DType::f64:
      return f(Stored<double>{});
    case DType::i32:
      return f(Stored<int32_t>{});
    case DType::i64:
      return f(Stored<int64_t>{});
    case DType::u8:
      return f(Stored<uint8_t>{});
    case DType::boolean:
      return f(Stored<Truth>{});
    default:
      return f(Stored<float>{});
  }
}
using Convert = void (*)(const void* x, void* y, int64_t n);
template <class From, class To>
void convert_elements(const void* x, void* y, int64_t n) {
  const auto* from = static_cast<const typename From::Type*>(x);
  auto* __restrict to = static_cast<typename To::Type*>(y);
  for (int64_t i = 0; i < n; ++i) to[i] = To::make(from[i]);
}

struct CastParams {
  int64_t total;
  size_t in, out;  // bytes of an element
  void (*widen)(float* y, const uint16_t* x, int64_t n) = nullptr;
  void (*narrow)(uint16_t* y, const float* x, int64_t n) = nullptr;
  Convert convert = nullptr;  // null: from floats to floats
};
void run_cast(const KernelCall& c) {
  constexpr int64_t kChunk = 1024;
  const auto& p = params_of<CastParams>(c);
  const Range r = part_range(p.total, c.parts, c.part);
  float wide[kChunk], result[kChunk];
  const bool chunks = p.widen || p.narrow;
  for (int64_t at = r.begin, n; at < r.end; at += n) {
    n = chunks ? std::min(kChunk, r.end - at) : r.size();
    const void* x = buffer<const char>(c, 0) + at * int64_t(p.in);
    void* y = buffer<char>(c, 1) + at * int64_t(p.out);
    if (p.widen) {
      float* to = p.convert || p.narrow ? wide : static_cast<float*>(y);
      p.widen(to, static_cast<const uint16_t*>(x), n);
      x = to;
    }
    if (p.convert) {
      void* to = p.narrow ? result : y;
      p.convert(x, to, n);
      x = to;
    }
    if (p.narrow) p.narrow(static_cast<uint16_t*>(y), static_cast<const float*>(x), n);
  }
}
}  // namespace

KernelPlan plan_cast(const KernelRequest& r) {
  const DType in = r.inputs[0].dtype, out = r.outputs[0].dtype;
  CastParams p{r.outputs[0].size(), dtype_size(in), dtype_size(out)};
  auto by_floats = [](DType d) { return d == DType::f16 || d == DType::bf16; };
  if (by_floats(in)) p.widen = r.target.isa->widen[in == DType::bf16];
  if (by_floats(out)) p.narrow = r.target.isa->narrow[out == DType::bf16];
  if (!(p.widen && (p.narrow || out == DType::f32)) && !(p.narrow && in == DType::f32))
    p.convert = with_stored(in, [&](auto from) {
      return with_stored(out, [](auto to) -> Convert { return convert_elements<decltype(from), decltype(to)>; });
    });
  const int parts = parts_for(p.total, 16);
  return make_plan(p, {{run_cast, parts}});
}
}  // namespace hornbeam
