#include "graph/persistent.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {

std::vector<bool> persistent_nodes(const Graph& g) {
  std::vector<bool> written(g.variables.size(), false), persistent(size_t(g.size()), false);
  for (const auto& [index, v] : g.updates) written[size_t(index)] = true;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (n.op->kind == OpKind::constant) {
      persistent[size_t(id)] = true;
    } else if (n.op->kind == OpKind::variable) {
      persistent[size_t(id)] = !written[size_t(n.attrs.integer("index"))];
    } else {
      bool all = !n.inputs.empty() && n.op->pure;
      for (Value v : n.inputs) all = all && persistent[size_t(v.node)];
      persistent[size_t(id)] = all;
    }
  }
  return persistent;
}
}  // namespace hornbeam
