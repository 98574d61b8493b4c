// Dead code, common subexpressions and constant folding. None of them changes a bit of any result.
#include <unordered_map>

#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {

Graph dead_code(const Graph& g) {
  std::vector<bool> live(size_t(g.size()), false);
  auto mark = [&](Value v) { live[size_t(v.node)] = true; };
  for (const auto& [name, v] : g.outputs) mark(v);
  for (const auto& [index, v] : g.updates) mark(v);
  for (int id = g.size() - 1; id >= 0; --id) {
    if (!g.node(id).op->pure) live[size_t(id)] = true;
    if (live[size_t(id)])
      for (Value v : g.node(id).inputs) mark(v);
  }
  Rewriter w(g);
  for (int id = 0; id < g.size(); ++id) {
    if (!live[size_t(id)]) continue;
    const Node& n = g.node(id);
    if (n.op->view() && !n.op->differentiable)  // there for gradients alone, which are taken by now
      w.replace(id, w.at(n.inputs));
    else
      w.keep(id);
  }
  return w.finish();
}

Graph common_subexpressions(const Graph& g) {
  Rewriter w(g);
  std::unordered_map<std::string, int> seen;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!n.op->pure) {
      w.keep(id);
      continue;
    }
    std::string key = n.op->name;
    key += "|" + n.attrs.str();
    for (Value v : n.inputs) {
      const Value m = w.at(v);
      key += "|" + std::to_string(m.node) + "." + std::to_string(m.out);
    }
    if (n.op->kind == OpKind::constant) key += dtype_name(n.outputs[0].dtype);
    auto [it, fresh] = seen.emplace(key, id);
    if (fresh) {
      w.keep(id);
    } else {
      std::vector<Value> values;
      for (size_t i = 0; i < n.outputs.size(); ++i) values.push_back(w.at(Value{it->second, int(i)}));
      w.replace(id, values);
    }
  }
  return w.finish();
}

namespace {
constexpr int64_t kLargestFolded = 4096;  // elements: larger constants cost more memory than time

bool constant_dims(const Node& n) {
  for (const ValueType& t : n.outputs) {
    int64_t size = 1;
    for (const Dim& d : t.shape)
      if (!d.is_const() || __builtin_mul_overflow(size, d.value(), &size)) return false;
    if (size > kLargestFolded) return false;
  }
  for (const auto& [name, value] : n.attrs.items())
    if (auto* dims = std::get_if<SymShape>(&value))
      for (const Dim& d : *dims)
        if (!d.is_const()) return false;
  return true;
}
}  // namespace

Graph fold_constants(const Graph& g, const Evaluate& evaluate) {
  Rewriter w(g);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    bool fold = n.op->pure && (n.op->cpu || n.op->view()) && constant_dims(n);
    std::vector<Tensor> inputs, outputs;
    for (Value v : n.inputs) {
      if (!fold) break;
      const Node& m = w.out.node(w.at(v).node);
      fold = m.op->kind == OpKind::constant;
      if (fold) inputs.push_back(m.attrs.tensor("value"));
    }
    fold = fold && !n.outputs.empty();
    if (fold && n.op->view()) {
      for (size_t i = 0; i < n.outputs.size(); ++i)
        outputs.push_back(inputs[i].reshaped(eval_shape(n.outputs[i].shape, {})));
    } else if (fold) {
      fold = evaluate(n, inputs, &outputs);
    }
    if (!fold) {
      w.keep(id);
      continue;
    }
    std::vector<Value> values;
    for (Tensor& t : outputs) values.push_back(w.out.constant(std::move(t)));
    w.replace(id, values);
  }
  return w.finish();
}
}  // namespace hornbeam
