// Elementwise ops and fused groups of them: a kernel is printed for each group.
#include <sstream>

#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "kernels/cuda/axes.hpp"
#include "schema/elementwise.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
constexpr int kUnroll = 4;  // elements that a thread has under way

struct Group {
  std::vector<EwInstr> code;
  std::vector<int> results;  // registers, by output
  /// The type that numbers are computed in; nothing: of the input's own.
  const char* type;
};

// Element `i` of an input as an expression.
std::string element(const Axes& axes, size_t k) {
  const std::string p = concat_text("p", k);
  if (axes.scalar(k)) return p + "[0]";
  const int64_t period = axes.period(k);
  if (period == axes.total) return p + "[i]";
  if (period > 0) return concat_text(p, "[i % Index(period", k, ")]");
  return concat_text(p, "[offset_of<", axes.rank(), ", Index>(i, sizes, strides", k, ")]");
}

// A cast to float16 or bfloat16: the number stays a float in its register.
bool rounds(const EwInstr& in) {
  return Ew(in.op) == Ew::cast_ && (in.b == int(DType::f16) || in.b == int(DType::bf16));
}

// How the kernel finds an input's elements beside its address: nothing, what repeats, or strides.
enum class Layout { plain, periodic, strided };
Layout layout(const Axes& axes, size_t k) {
  if (axes.scalar(k) || axes.direct(k)) return Layout::plain;
  return axes.period(k) > 0 ? Layout::periodic : Layout::strided;
}
bool any_strided(const Axes& axes) {
  for (size_t k = 0; k < axes.strides.size(); ++k)
    if (layout(axes, k) == Layout::strided) return true;
  return false;
}

// The group's struct, whose members follow what plan_group passes.
std::string print(const KernelRequest& r, const Axes& axes, const Group& g) {
  std::ostringstream s;
  const size_t inputs = r.inputs.size();
  s << "struct Group {\n  using Index = " << (axes.total <= INT32_MAX / 2 ? "u32" : "i64") << ";\n  i64 n;\n";
  if (any_strided(axes)) s << "  Dims sizes;\n";
  for (size_t k = 0; k < inputs; ++k) {
    s << "  const " << type_name(r.inputs[k].dtype) << "* p" << k << ";\n";
    if (layout(axes, k) == Layout::periodic) s << "  i64 period" << k << ";\n";
    if (layout(axes, k) == Layout::strided) s << "  Dims strides" << k << ";\n";
  }
  for (size_t j = 0; j < r.outputs.size(); ++j) s << "  " << type_name(r.outputs[j].dtype) << "* q" << j << ";\n";
  s << "  __device__ __forceinline__ void run(i64 first, i64 stride) const {\n#pragma unroll " << kUnroll
    << "\n  for (i64 at = first; at < n; at += stride) {\n    const Index i = Index(at);\n";
  for (size_t k = 0; k < inputs; ++k) {
    const std::string value = element(axes, k);
    if (g.type)
      s << "    const " << g.type << " r" << k << " = " << g.type << "(widen(" << value << "));\n";
    else
      s << "    const auto r" << k << " = " << value << ";\n";
  }
  for (size_t c = 0; c < g.code.size(); ++c) {
    const EwInstr& in = g.code[c];
    const EwInfo& info = kEwInfo[in.op];
    const int operands[] = {in.a, in.b, in.c};
    s << "    const auto r" << inputs + c << " = ";
    if (rounds(in)) {
      s << "widen(narrow<" << type_name(DType(in.b)) << ">(r" << in.a << "));\n";
      continue;
    }
    s << "ew::" << info.name << "(";
    for (int a = 0; a < info.arity; ++a) s << (a ? ", r" : "r") << operands[a];
    s << ");\n";
  }
  for (size_t j = 0; j < g.results.size(); ++j) {
    const DType to = r.outputs[j].dtype;
    const std::string value = concat_text("r", g.results[j]);
    s << "    if (q" << j << ") q" << j << "[i] = ";
    if (g.type && to != DType::boolean)
      s << "narrow<" << type_name(to) << ">(" << value << ");\n";
    else
      s << value << (to == DType::boolean ? " != 0" : "") << ";\n";
  }
  s << "  }\n  }\n};\n";
  return s.str();
}

KernelPlan plan_group(const KernelRequest& r, const Group& g) {
  std::vector<Shape> shapes;
  for (const TensorSpec& t : r.inputs) shapes.push_back(t.shape);
  const Axes axes = Axes::broadcast(r.outputs[0].shape, shapes);
  Planner p(r);
  std::vector<Param> params{axes.total};
  if (any_strided(axes)) params.push_back(Dims(axes.sizes));
  std::vector<int> aliases;
  for (size_t k = 0; k < r.inputs.size(); ++k) {
    params.push_back(p.in(k));
    if (axes.direct(k)) aliases.push_back(int(k));
    if (layout(axes, k) == Layout::periodic) params.push_back(axes.period(k));
    if (layout(axes, k) == Layout::strided) params.push_back(Dims(axes.strides[k]));
  }
  for (size_t j = 0; j < r.outputs.size(); ++j) params.push_back(p.out(j));
  p.aliases(std::move(aliases));
  p.launch_group(print(r, axes, g), axes.total, kUnroll, std::move(params));
  return p.done();
}

KernelPlan plan_cast(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &x = r.inputs[0], &y = r.outputs[0];
  if (dtype_size(x.dtype) == dtype_size(y.dtype)) p.aliases({0});
  p.launch("elementwise.cuh", concat_text("cast_elements<", type_name(y.dtype), ", ", type_name(x.dtype), ">"),
           {p.blocks(x.size(), kThreads, kUnroll)}, kThreads, {p.in(0), p.out(), x.size()});
  return p.done();
}
}  // namespace

KernelPlan plan_elementwise(const KernelRequest& r) {
  const EwInfo& info = kEwInfo[r.op.elementwise];
  if (info.kind == EwKind::convert) return plan_cast(r);
  const bool binary = info.arity > 1, ternary = info.arity > 2;
  return plan_group(r, {{{r.op.elementwise, 0, binary ? 1 : -1, ternary ? 2 : -1}}, {info.arity}, nullptr});
}

KernelPlan plan_fused(const KernelRequest& r) {
  if (!r.attrs.ints("sparse").empty()) throw InternalError("a fused group of sparse rows was planned for a GPU");
  Group g{{}, {}, "float"};
  const Ints& program = r.attrs.ints("program");
  for (size_t i = 0; i + 3 < program.size(); i += 4)
    g.code.push_back({int(program[i]), int(program[i + 1]), int(program[i + 2]), int(program[i + 3])});
  for (int64_t reg : r.attrs.ints("results")) g.results.push_back(int(reg));
  return plan_group(r, g);
}
}  // namespace hornbeam::cuda
