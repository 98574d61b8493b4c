// float16 and bfloat16 hold numbers; kernels compute with wider ones.
#include "hornbeam/ops.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {
bool is_half(DType d) { return d == DType::f16 || d == DType::bf16; }

bool computes_halves(const Graph& g, const Node& n, bool kernels) {
  bool any = false;
  for (Value v : n.inputs) any = any || is_half(g.dtype(v));
  for (const ValueType& t : n.outputs) any = any || is_half(t.dtype);
  return any && n.op->kind == OpKind::kernel && !n.op->any_dtype && !(kernels && n.op->halves);
}
}  // namespace

Graph widen_halves(const Graph& g, bool kernels) {
  bool any = false;
  for (int id = 0; id < g.size(); ++id) any = any || computes_halves(g, g.node(id), kernels);
  if (!any) return g;
  Rewriter w(g);
  Ops o(w.out);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!computes_halves(g, n, kernels)) {
      w.keep(id);
      continue;
    }
    w.out.set_scope(n.scope);
    std::vector<Value> inputs = w.at(n.inputs);
    for (Value& v : inputs)
      if (is_half(w.out.dtype(v))) v = o.cast(v, DType::f32);
    Attrs attrs = n.attrs;
    for (const AttrSpec& a : n.op->attrs)  // what random numbers are drawn as
      if (a.type == AttrType::dtype && is_half(attrs.dtype(a.name))) attrs.set(a.name, DType::f32);
    std::vector<Value> outputs = w.out.add(*n.op, inputs, attrs);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = o.cast(outputs[i], n.outputs[i].dtype);
    w.replace(id, outputs);
  }
  return w.finish();
}
}  // namespace hornbeam
