// Elementwise kernels: the tile machine that runs fused float32 groups, and a plain reference for other dtypes.
#include <cmath>
#include <limits>

#include "base/half.hpp"
#include "kernels/cpu/fused.hpp"

namespace hornbeam {
namespace {

bool tile_type(DType d) { return d == DType::f32 || d == DType::boolean; }

template <class T>
void convert_run(float* dst, const T* src, int64_t n, int64_t stride) {
  if (stride == 1)
    for (int64_t i = 0; i < n; ++i) dst[i] = float(src[i]);
  else
    for (int64_t i = 0; i < n; ++i) dst[i] = float(src[i * stride]);
}
void read_run(float* dst, const void* src, DType d, int64_t offset, int64_t n, int64_t stride) {
  switch (d) {
    case DType::f32: {
      const float* s = static_cast<const float*>(src) + offset;
      if (stride == 1)
        std::memcpy(dst, s, size_t(n) * 4);
      else if (stride == 0)
        std::fill(dst, dst + n, *s);
      else
        convert_run(dst, s, n, stride);
      return;
    }
    case DType::f64:
      return convert_run(dst, static_cast<const double*>(src) + offset, n, stride);
    case DType::i32:
      return convert_run(dst, static_cast<const int32_t*>(src) + offset, n, stride);
    case DType::i64:
      return convert_run(dst, static_cast<const int64_t*>(src) + offset, n, stride);
    case DType::u8:
    case DType::boolean:
      return convert_run(dst, static_cast<const uint8_t*>(src) + offset, n, stride);
    default:
      return;
  }
}
// dst[i] = src[i % period] for n floats, n >= period.
void repeat(float* dst, const float* src, int64_t period, int64_t n) {
  std::memcpy(dst, src, size_t(period) * 4);
  for (int64_t have = period; have < n; have *= 2) std::memcpy(dst + have, dst, size_t(std::min(have, n - have)) * 4);
}
}  // namespace

FusedKernel make_fused(const std::vector<TensorSpec>& ins, const std::vector<TensorSpec>& outs, const Ints& program,
                       const Ints& results, const IsaTable* isa, const char* op) {
  FusedKernel k;
  k.isa = isa;
  std::vector<Shape> shapes;
  for (const auto& t : ins) shapes.push_back(t.shape);
  check_rank(outs[0].shape, op);
  k.walk = Walk::broadcast(outs[0].shape, shapes);
  for (size_t i = 0; i < program.size(); i += 4)
    k.code.push_back({int(program[i]), int(program[i + 1]), int(program[i + 2]), int(program[i + 3])});
  const int n_in = int(ins.size()), n_reg = n_in + int(k.code.size());
  std::vector<int> last(size_t(n_reg), -1);  // last instruction that reads a register
  for (int i = 0; i < int(k.code.size()); ++i)
    for (int r : {k.code[size_t(i)].a, k.code[size_t(i)].b, k.code[size_t(i)].c})
      if (r >= 0) last[size_t(r)] = i;
  int last_direct_read = -1;
  for (int i = 0; i < n_in; ++i) {
    FusedKernel::Input in{FusedKernel::Input::strided, ins[size_t(i)].dtype, -1};
    if (k.walk.scalar(size_t(i)))
      in.kind = FusedKernel::Input::scalar;
    else if (k.walk.contiguous(size_t(i)))
      in.kind = in.dtype == DType::f32 ? FusedKernel::Input::direct : FusedKernel::Input::convert;
    else if (in.dtype == DType::f32 && k.walk.periodic(size_t(i)))
      in.kind = FusedKernel::Input::periodic, in.period = k.walk.sizes.back();
    if (in.kind == FusedKernel::Input::direct) {
      last_direct_read = std::max(last_direct_read, last[size_t(i)]);
    } else {
      in.slot = k.slots++;
      if (in.period > 0 && in.period < kTile) ++k.slots;  // a period more, so that a tile may start anywhere in it
    }
    k.inputs.push_back(in);
  }
  for (size_t j = 0; j < results.size(); ++j) {
    FusedKernel::Output o{int(results[j]), outs[j].dtype, false};
    // Written straight to memory when no input that may be the same memory is read later.
    bool unique = true;
    for (size_t q = 0; q < j; ++q) unique = unique && results[q] != results[j];
    o.direct = o.dtype == DType::f32 && o.reg >= n_in && o.reg - n_in >= last_direct_read && unique;
    k.outputs.push_back(o);
  }
  k.slot.assign(k.code.size(), -1);
  std::vector<int> free_slots;
  for (int i = 0; i < int(k.code.size()); ++i) {
    const int reg = n_in + i;
    bool direct = false, kept = false;
    for (const auto& o : k.outputs)
      if (o.reg == reg) direct = direct || o.direct, kept = true;
    if (!direct) {
      if (free_slots.empty()) free_slots.push_back(k.slots++);
      k.slot[size_t(i)] = free_slots.back();
      free_slots.pop_back();
    }
    (void)kept;
    for (int q = 0; q < i; ++q) {  // results that die here free their tile
      bool is_output = false;
      for (const auto& o : k.outputs) is_output = is_output || o.reg == n_in + q;
      if (!is_output && k.slot[size_t(q)] >= 0 && last[size_t(n_in + q)] == i) free_slots.push_back(k.slot[size_t(q)]);
    }
  }
  if (k.slots > kMaxSlots) throw std::logic_error("a fused group needs too many tiles");
  return k;
}

void FusedKernel::run(void* const* in, void* const* out, int64_t begin, int64_t end, int replaced,
                      const float* replace) const {
  alignas(64) float tiles[kMaxSlots][kTile];
  const float* reg[128];
  const int n_in = int(inputs.size());
  for (int i = 0; i < n_in; ++i) {
    const Input& s = inputs[size_t(i)];
    if (s.slot >= 0) reg[i] = tiles[s.slot];
    if (s.kind == Input::scalar && i != replaced) {
      float v;
      read_run(&v, in[i], s.dtype, 0, 1, 1);
      std::fill(tiles[s.slot], tiles[s.slot] + std::min<int64_t>(kTile, end - begin), v);
    } else if (s.kind == Input::periodic && s.period < kTile) {
      repeat(tiles[s.slot], static_cast<const float*>(in[i]), s.period,
             s.period + std::min<int64_t>(kTile, end - begin));
    }
  }
  for (int64_t at = begin; at < end; at += kTile) {
    const int n = int(std::min<int64_t>(kTile, end - at));
    for (int i = 0; i < n_in; ++i) {
      const Input& s = inputs[size_t(i)];
      if (i == replaced) {
        reg[i] = replace + (at - begin);
      } else if (s.kind == Input::direct) {
        reg[i] = static_cast<const float*>(in[i]) + at;
      } else if (s.kind == Input::convert) {
        read_run(tiles[s.slot], in[i], s.dtype, at, n, 1);
      } else if (s.kind == Input::periodic) {
        const float* source = static_cast<const float*>(in[i]);
        const int64_t phase = at % s.period, left = std::min<int64_t>(n, s.period - phase);
        if (s.period < kTile) {
          reg[i] = tiles[s.slot] + phase;
        } else if (left == n) {
          reg[i] = source + phase;
        } else {
          std::memcpy(tiles[s.slot], source + phase, size_t(left) * 4);
          std::memcpy(tiles[s.slot] + left, source, size_t(n - left) * 4);
          reg[i] = tiles[s.slot];
        }
      } else if (s.kind == Input::strided) {
        float* t = tiles[s.slot];
        walk.runs(size_t(i), at, at + n, [&](int64_t offset, int64_t pos, int64_t len, int64_t stride) {
          read_run(t + (pos - at), in[i], s.dtype, offset, len, stride);
        });
      }
    }
    for (size_t i = 0; i < code.size(); ++i) {
      float* dst = nullptr;
      if (slot[i] >= 0) {
        dst = tiles[slot[i]];
      } else {
        for (size_t j = 0; j < outputs.size(); ++j)
          if (outputs[j].reg == n_in + int(i)) {
            dst = static_cast<float*>(out[j]) + at;
            break;
          }
      }
      const EwInstr& e = code[i];
      const float* a = reg[e.a];
      isa->elementwise[e.op](dst, a, e.b >= 0 ? reg[e.b] : a, e.c >= 0 ? reg[e.c] : a, n);
      reg[n_in + int(i)] = dst;
    }
    for (size_t j = 0; j < outputs.size(); ++j) {
      if (outputs[j].direct || !out[j]) continue;
      const float* v = reg[outputs[j].reg];
      if (outputs[j].dtype == DType::f32) {
        std::memcpy(static_cast<float*>(out[j]) + at, v, size_t(n) * 4);
      } else {
        uint8_t* d = static_cast<uint8_t*>(out[j]) + at;
        for (int i = 0; i < n; ++i) d[i] = v[i] != 0;
      }
    }
  }
}

std::vector<int> alias_inputs(const FusedKernel& k) {
  std::vector<int> out;
  for (size_t i = 0; i < k.inputs.size(); ++i)
    if (k.inputs[i].kind == FusedKernel::Input::direct) out.push_back(int(i));
  return out;
}

namespace {
void run_fused(const KernelCall& c) {
  const auto& k = params_of<FusedKernel>(c);
  const Range r = part_range(k.walk.total, c.parts, c.part, kTile);
  if (r.size() > 0) k.run(c.buffers, c.buffers + k.inputs.size(), r.begin, r.end);
}

KernelPlan fused_plan(const KernelRequest& r, const Ints& program, const Ints& results) {
  FusedKernel k = make_fused(r.inputs, r.outputs, program, results, r.isa, r.op);
  const int parts = parts_for(k.walk.total, 4 + double(k.code.size()) * 2, 65536);
  auto aliases = alias_inputs(k);
  KernelPlan p = make_plan(std::move(k), {{run_fused, parts}});
  p.alias_inputs = std::move(aliases);
  return p;
}

// ---- the reference: one op at a time, any dtype ----

template <class T>
T floor_div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::floor(a / b);
  else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return T(0 - std::make_unsigned_t<T>(a));
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
    if (b == 0 || b == T(-1)) return 0;
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

// Numeric results; comparisons and logic give 0 or 1 of the operands' type.
template <class T>
T reference(Ew op, T a, T b) {
  constexpr bool real = std::is_floating_point_v<T>;
  switch (op) {
    case Ew::neg_:
      return T(0) - a;
    case Ew::abs_:
      return a < 0 ? T(0) - a : a;
    case Ew::sign_:
      return a > 0 ? T(1) : a < 0 ? T(0) - T(1) : a;
    case Ew::square_:
      return a * a;
    case Ew::relu_:
      return a < 0 ? T(0) : a;
    case Ew::add_:
      return a + b;
    case Ew::subtract_:
      return a - b;
    case Ew::multiply_:
      return a * b;
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
    default:
      break;
  }
  if constexpr (!real)
    return op == Ew::power_ ? int_power(a, b) : T(0);
  else {
    switch (op) {
      case Ew::exp_:
        return std::exp(a);
      case Ew::expm1_:
        return std::expm1(a);
      case Ew::log_:
        return std::log(a);
      case Ew::log1p_:
        return std::log1p(a);
      case Ew::sqrt_:
        return std::sqrt(a);
      case Ew::rsqrt_:
        return 1 / std::sqrt(a);
      case Ew::reciprocal_:
        return 1 / a;
      case Ew::sin_:
        return std::sin(a);
      case Ew::cos_:
        return std::cos(a);
      case Ew::tan_:
        return std::tan(a);
      case Ew::asin_:
        return std::asin(a);
      case Ew::acos_:
        return std::acos(a);
      case Ew::atan_:
        return std::atan(a);
      case Ew::sinh_:
        return std::sinh(a);
      case Ew::cosh_:
        return std::cosh(a);
      case Ew::tanh_:
        return std::tanh(a);
      case Ew::asinh_:
        return std::asinh(a);
      case Ew::acosh_:
        return std::acosh(a);
      case Ew::atanh_:
        return std::atanh(a);
      case Ew::sigmoid_:
        return 1 / (1 + std::exp(-a));
      case Ew::softplus_:
        return (a < 0 ? T(0) : a) + std::log1p(std::exp(-std::abs(a)));
      case Ew::erf_:
        return std::erf(a);
      case Ew::erfinv_:
        return T(erf_inverse(double(a)));
      case Ew::floor_:
        return std::floor(a);
      case Ew::ceil_:
        return std::ceil(a);
      case Ew::round_:
        return std::nearbyint(a);
      case Ew::isnan_:
        return std::isnan(a);
      case Ew::isinf_:
        return std::isinf(a);
      case Ew::isfinite_:
        return std::isfinite(a);
      case Ew::divide_:
        return a / b;
      case Ew::power_:
        return std::pow(a, b);
      case Ew::arctan2_:
        return std::atan2(a, b);
      default:
        return T(0);
    }
  }
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

template <class D, class S>
D convert(S v) {
  if constexpr (std::is_integral_v<D> && std::is_floating_point_v<S>) {
    if (!(v > S(-9.2e18) && v < S(9.2e18)))
      return std::numeric_limits<D>::min();  // NaN and out of range: as NumPy on x86
    return D(int64_t(v));
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

KernelPlan plan_fused(const KernelRequest& r) {
  return fused_plan(r, r.attrs.ints("program"), r.attrs.ints("results"));
}

KernelPlan plan_elementwise(const KernelRequest& r) {
  int op = 0;
  while (std::strcmp(kEwInfo[op].name, r.op) != 0) ++op;
  const EwInfo& info = kEwInfo[op];
  const DType in = r.inputs[0].dtype, out = r.outputs[0].dtype;
  bool tiles = tile_type(out);
  for (const auto& t : r.inputs) tiles = tiles && tile_type(t.dtype);
  if (tiles && !(info.kind == EwKind::convert && out == DType::boolean)) {
    const int64_t n = info.arity;
    return fused_plan(r, {op, 0, n > 1 ? 1 : -1, n > 2 ? 2 : -1}, {n});
  }
  std::vector<Shape> shapes;
  for (const auto& t : r.inputs) shapes.push_back(t.shape);
  check_rank(r.outputs[0].shape, r.op);
  ReferenceParams p{Walk::broadcast(r.outputs[0].shape, shapes), Ew(op), info.arity, in, out};
  const int parts = parts_for(p.walk.total, 16);
  if (info.kind == EwKind::convert) return make_plan(std::move(p), {{run_cast, parts}});
  if (info.kind == EwKind::select) return make_plan(std::move(p), {{run_where, parts}});
  if (!with_type(in, [](auto) {})) no_kernel(r);
  return make_plan(std::move(p), {{run_reference, parts}});
}
}  // namespace hornbeam
