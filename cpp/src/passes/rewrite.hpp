// What every pass is made of: a walk over the nodes that builds the next graph.
#pragma once

#include <string>
#include <vector>

#include "base/check.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {

/// Copies `source` node by node into a new graph. A pass gives other values for some nodes with `replace`.
class Rewriter {
 public:
  explicit Rewriter(const Graph& source) : source_(source), map_(size_t(source.size())) {
    out.variables = source.variables;
    out.input_names = source.input_names;
    out.checks = source.checks;
    for (DimCheck& check : out.checks) check.node = -1;
    out.inputs.assign(source.inputs.size(), -1);
  }

  Graph out;
  const Graph& source() const { return source_; }
  /// Where a value of the source went.
  Value at(Value v) const { return map_[size_t(v.node)][size_t(v.out)]; }
  std::vector<Value> at(const std::vector<Value>& vs) const {
    std::vector<Value> r;
    for (Value v : vs) r.push_back(at(v));
    return r;
  }
  bool mapped(Value v) const { return !map_[size_t(v.node)].empty(); }
  void replace(int id, std::vector<Value> values) { map_[size_t(id)] = std::move(values); }
  /// Appends node `id` as it is.
  void keep(int id) {
    Node n = source_.node(id);
    n.inputs = at(n.inputs);
    const size_t outputs = n.outputs.size();
    const bool input = n.op->kind == OpKind::input;
    const int index = input ? int(n.attrs.integer("index")) : -1;
    const int to = out.append(std::move(n));
    if (input) out.inputs[size_t(index)] = to;
    std::vector<Value> values;
    for (size_t i = 0; i < outputs; ++i) values.push_back({to, int(i)});
    replace(id, values);
  }
  Graph finish() {
    for (const auto& [name, v] : source_.outputs) out.outputs.push_back({name, at(v)});
    for (const auto& [index, v] : source_.updates) out.updates.push_back({index, at(v)});
    return std::move(out);
  }

 private:
  const Graph& source_;
  std::vector<std::vector<Value>> map_;
};

/// The value of a constant scalar (any shape of one element); false when `v` is none.
inline bool scalar_constant(const Graph& g, Value v, double* out) {
  const Node& n = g.node(v.node);
  if (n.op->kind != OpKind::constant) return false;
  const Tensor& t = n.attrs.tensor("value");
  if (t.size() != 1) return false;
  *out = t.at(0);
  return true;
}
}  // namespace hornbeam
