#include "graph/lasting.hpp"

namespace hornbeam {

std::vector<bool> lasting_nodes(const Graph& g) {
  std::vector<bool> written(g.variables.size(), false), lasting(size_t(g.size()), false);
  for (const auto& [index, v] : g.updates) written[size_t(index)] = true;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (std::string(n.op->name) == "constant") {
      lasting[size_t(id)] = true;
    } else if (std::string(n.op->name) == "variable") {
      lasting[size_t(id)] = !written[size_t(n.attrs.integer("index"))];
    } else {
      bool all = !n.inputs.empty() && n.op->pure;
      for (Value v : n.inputs) all = all && lasting[size_t(v.node)];
      lasting[size_t(id)] = all;
    }
  }
  return lasting;
}
}  // namespace hornbeam
