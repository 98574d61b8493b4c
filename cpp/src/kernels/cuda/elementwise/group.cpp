#include "kernels/cuda/elementwise/group.hpp"

#include <algorithm>
#include <sstream>

#include "base/check.hpp"
#include "kernels/cuda/axes.hpp"

namespace hornbeam::cuda {
namespace {
constexpr size_t kAccess = 16;  // bytes that a thread reads and writes at a time

// A cast to float16 or bfloat16: the number stays a float in its register.
bool rounds(const EwInstr& in) {
  return Ew(in.op) == Ew::cast_ && (in.b == int(DType::f16) || in.b == int(DType::bf16));
}

// How the kernel finds an input's elements beside its address: one for all, those of the result, what repeats, or by
// strides.
enum class Layout { scalar, direct, periodic, strided };

class Printer {
 public:
  explicit Printer(const Group& g) : g_(g), axes_(axes_of(g)) {}

  // The group's struct, whose members follow `params`. `alone`: it also has the number of elements and a loop over
  // them.
  std::string text(bool alone) {
    s_ << "struct Group {\n  using Index = " << (axes_.total <= INT32_MAX / 2 ? "u32" : "i64") << ";\n";
    if (alone) s_ << "  i64 n;\n";
    members();
    s_ << "  template <int V>\n  __device__ __forceinline__ void apply(i64 at"
       << (g_.given ? ", const float (&given)[V]" : "") << ") const {\n    const Index i = Index(at);\n";
    for (size_t k = first(); k < g_.inputs.size(); ++k)
      if (layout(k) == Layout::direct)
        s_ << "    const auto e" << k << " = Pack<" << type(g_.inputs[k]) << ", V>::load(p" << k << " + i);\n";
    for (size_t j = 0; j < g_.outputs.size(); ++j)
      s_ << "    Pack<" << type(g_.outputs[j]) << ", V> made" << j << ";\n";
    s_ << "#pragma unroll\n    for (int k = 0; k < V; ++k) {\n";
    inputs();
    code();
    results();
    s_ << "    }\n";
    for (size_t j = 0; j < g_.outputs.size(); ++j)
      s_ << "    if (q" << j << ") made" << j << ".store(q" << j << " + i);\n";
    s_ << "  }\n";
    if (alone)
      s_ << "  __device__ __forceinline__ void run(i64 first, i64 stride) const {\n    const i64 packs = n / " << pack()
         << ";\n    for (i64 at = first; at < packs; at += stride) apply<" << pack() << ">(at * " << pack()
         << ");\n    for (i64 at = packs * " << pack() << " + first; at < n; at += stride) apply<1>(at);\n  }\n";
    s_ << "};\n";
    return s_.str();
  }

  std::vector<Param> params(bool alone) const {
    std::vector<Param> out;
    if (alone) out.push_back(axes_.total);
    if (any_strided()) out.push_back(Dims(axes_.sizes));
    for (size_t k = first(); k < g_.inputs.size(); ++k) {
      out.push_back(g_.inputs[k].at);
      if (layout(k) == Layout::periodic) out.push_back(axes_.period(k));
      if (layout(k) == Layout::strided) out.push_back(Dims(axes_.strides[k]));
    }
    for (const Operand& o : g_.outputs) out.push_back(o.at);
    return out;
  }

  std::vector<int> aliases() const {
    std::vector<int> out;
    for (size_t k = first(); k < g_.inputs.size(); ++k)
      if (axes_.direct(k)) out.push_back(g_.inputs[k].at.buffer);
    return out;
  }
  int64_t total() const { return axes_.total; }
  /// Elements that a thread takes together: as many as fill an access of the widest.
  int64_t pack() const {
    size_t widest = 1;
    for (const auto* operands : {&g_.inputs, &g_.outputs})
      for (const Operand& o : *operands) widest = std::max(widest, dtype_size(o.spec.dtype));
    return int64_t(std::min<size_t>(kAccess / widest, 8));
  }

 private:
  static Axes axes_of(const Group& g) {
    std::vector<Shape> shapes;
    for (const Operand& o : g.inputs) shapes.push_back(o.spec.shape);
    return Axes::broadcast(g.outputs[0].spec.shape, shapes);
  }
  static const char* type(const Operand& o) { return type_name(o.spec.dtype); }
  size_t first() const { return g_.given ? 1 : 0; }  // input in memory
  Layout layout(size_t k) const {
    if (axes_.direct(k)) return Layout::direct;
    if (axes_.scalar(k)) return Layout::scalar;
    return axes_.period(k) > 0 ? Layout::periodic : Layout::strided;
  }
  bool any_strided() const {
    for (size_t k = first(); k < g_.inputs.size(); ++k)
      if (layout(k) == Layout::strided) return true;
    return false;
  }

  void members() {
    if (any_strided()) s_ << "  Dims sizes;\n";
    for (size_t k = first(); k < g_.inputs.size(); ++k) {
      s_ << "  const " << type(g_.inputs[k]) << "* p" << k << ";\n";
      if (layout(k) == Layout::periodic) s_ << "  i64 period" << k << ";\n";
      if (layout(k) == Layout::strided) s_ << "  Dims strides" << k << ";\n";
    }
    for (size_t j = 0; j < g_.outputs.size(); ++j) s_ << "  " << type(g_.outputs[j]) << "* q" << j << ";\n";
  }
  // Element i + k of an input as an expression.
  std::string element(size_t k) const {
    switch (layout(k)) {
      case Layout::scalar:
        return concat_text("p", k, "[0]");
      case Layout::direct:
        return concat_text("e", k, ".v[k]");
      case Layout::periodic:
        return concat_text("p", k, "[Index(i + k) % Index(period", k, ")]");
      case Layout::strided:
        break;
    }
    return concat_text("p", k, "[offset_of<", axes_.rank(), ", Index>(Index(i + k), sizes, strides", k, ")]");
  }
  void inputs() {
    if (g_.given) {  // rounded as it would be in memory
      const DType d = g_.inputs[0].spec.dtype;
      s_ << "      const float r0 = "
         << (d == DType::f32 ? "given[k]" : concat_text("widen(narrow<", type_name(d), ">(given[k]))")) << ";\n";
    }
    for (size_t k = first(); k < g_.inputs.size(); ++k)
      if (g_.type)
        s_ << "      const " << g_.type << " r" << k << " = " << g_.type << "(widen(" << element(k) << "));\n";
      else
        s_ << "      const auto r" << k << " = " << element(k) << ";\n";
  }
  void code() {
    for (size_t c = 0; c < g_.code.size(); ++c) {
      const EwInstr& in = g_.code[c];
      const EwInfo& info = kEwInfo[in.op];
      const int operands[] = {in.a, in.b, in.c};
      s_ << "      const auto r" << g_.inputs.size() + c << " = ";
      if (rounds(in)) {
        s_ << "widen(narrow<" << type_name(DType(in.b)) << ">(r" << in.a << "));\n";
        continue;
      }
      s_ << "ew::" << info.name << "(";
      for (int a = 0; a < info.arity; ++a) s_ << (a ? ", r" : "r") << operands[a];
      s_ << ");\n";
    }
  }
  void results() {
    for (size_t j = 0; j < g_.results.size(); ++j) {
      const DType to = g_.outputs[j].spec.dtype;
      const std::string value = concat_text("r", g_.results[j]);
      s_ << "      made" << j << ".v[k] = ";
      if (g_.type && to != DType::boolean)
        s_ << "narrow<" << type_name(to) << ">(" << value << ");\n";
      else
        s_ << value << (to == DType::boolean ? " != 0" : "") << ";\n";
    }
  }

  const Group& g_;
  const Axes axes_;
  std::ostringstream s_;
};
}  // namespace

Group::Group(const Attrs& attrs) : type("float") {
  const Ints& program = attrs.ints("program");
  for (size_t i = 0; i + 3 < program.size(); i += 4)
    code.push_back({int(program[i]), int(program[i + 1]), int(program[i + 2]), int(program[i + 3])});
  for (int64_t reg : attrs.ints("results")) results.push_back(int(reg));
}

void launch_group(Planner& p, const Group& group) {
  Printer printer(group);
  p.launch_group(printer.text(true), printer.total(), printer.pack(), printer.params(true));
}

std::vector<int> group_aliases(const Group& group) { return Printer(group).aliases(); }

End write_end(DType dtype, Address to) { return {concat_text("Write<", type_name(dtype), ">"), "", {to}, {}}; }

Epilogue::Epilogue(const Planner& p, const KernelRequest& r, size_t inputs, DType dtype)
    : result_{dtype, r.outputs[0].shape}, out_(p.out()) {
  if (!r.attrs.has("program")) return;
  Group g(r.attrs);
  g.given = true;
  g.inputs.push_back({result_, out_});
  for (size_t i = inputs; i < r.inputs.size(); ++i) g.inputs.push_back({r.inputs[i], p.in(i)});
  for (size_t j = 0; j < g.results.size(); ++j) g.outputs.push_back({r.outputs[j], p.out(j)});
  group_.push_back(std::move(g));
}

End Epilogue::end() const {
  if (!present()) return write_end(result_.dtype, out_);
  Printer printer(group_[0]);
  return {"Group", "#include \"elementwise.cuh\"\n#include \"pack.cuh\"\n\n" + printer.text(false),
          printer.params(false), printer.aliases()};
}

Address Epilogue::room(Planner& p) const {
  if (!present() || group_[0].outputs[0].spec.dtype == result_.dtype) return out_;
  return p.work(result_.size() * int64_t(dtype_size(result_.dtype)));
}

void Epilogue::launch(Planner& p, Address result) const {
  if (!present()) return;
  Group g = group_[0];
  g.given = false;
  g.inputs[0].at = result;
  launch_group(p, g);
}

Epilogue::Simple Epilogue::simple() const {
  Simple s;
  if (!present()) return s;
  const Group& g = group_[0];
  const size_t steps = g.code.size();
  if (result_.dtype != DType::f32 || g.outputs.size() != 1 || g.outputs[0].spec.dtype != DType::f32 || steps > 2 ||
      g.results[0] != int(g.inputs.size() + steps) - 1)
    return s;
  int at = 0;  // the register of the result so far
  for (size_t i = 0; i < steps; ++i) {
    const EwInstr& in = g.code[i];
    const int other = in.a == at ? in.b : in.a;
    if (Ew(in.op) == Ew::relu_ && in.a == at && !s.relu) {
      s.relu = true;
    } else if (Ew(in.op) == Ew::add_ && i == 0 && other > 0 && (in.a == at || in.b == at)) {
      const TensorSpec& bias = g.inputs[size_t(other)].spec;
      if (bias.dtype != DType::f32 || bias.shape.empty() || bias.shape.back() != result_.shape.back() ||
          bias.size() != bias.shape.back())
        return s;
      s.columns = bias.size();
      s.bias = g.inputs[size_t(other)].at;
    } else {
      return s;
    }
    at = int(g.inputs.size() + i);
  }
  s.is = true;
  return s;
}
}  // namespace hornbeam::cuda
