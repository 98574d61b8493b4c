// A check behind outputs that must be finite, as early in the graph as it can stand: no variable is written before it.
#include <algorithm>

#include "hornbeam/ops.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {
// The nodes in an order in which the numbers that `wanted` are made of come as soon as what they take is there: a mean
// over the batches so far may have been written last. All else stays where it is.
std::vector<int> numbers_early(const Graph& g, const std::vector<Value>& wanted) {
  std::vector<bool> needed(size_t(g.size()), false);
  for (Value v : wanted) needed[size_t(v.node)] = true;
  for (int id = g.size() - 1; id >= 0; --id)
    if (needed[size_t(id)])
      for (Value v : g.node(id).inputs) needed[size_t(v.node)] = true;
  std::vector<std::pair<int, int>> places;  // the node that it follows, itself
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    bool moves = needed[size_t(id)] && n.op->pure && n.op->kind != OpKind::input;
    for (const ValueType& t : n.outputs) moves = moves && (n.inputs.empty() || shape_product(t.shape) == Dim(1));
    int after = moves ? -1 : id;
    for (Value v : n.inputs) after = std::max(after, places[size_t(v.node)].first);
    places.push_back({after, id});
  }
  std::sort(places.begin(), places.end());
  std::vector<int> order;
  for (const auto& [after, id] : places) order.push_back(id);
  return order;
}
}  // namespace

Graph finite_outputs(const Graph& g, const std::vector<std::string>& names) {
  if (names.empty()) return g;
  g.verify();
  std::vector<Value> checked;
  for (const std::string& name : names) {
    const auto it = std::find_if(g.outputs.begin(), g.outputs.end(), [&](const auto& o) { return o.first == name; });
    HB_CHECK(it != g.outputs.end(), "the graph has no output \"", name, "\" to be finite");
    HB_CHECK_TYPE(is_float(g.dtype(it->second)), "output \"", name, "\" cannot be checked to be finite: it is ",
                  g.type(it->second).str());
    checked.push_back(it->second);
  }
  Rewriter w(g);
  Ops o(w.out);
  for (int id : numbers_early(g, checked)) {
    w.keep(id);
    for (Value v : checked) {
      if (v.node != id) continue;
      w.out.set_scope(g.node(id).scope);
      w.out.add1("check_finite", {g.dtype(v) == DType::f64 ? w.at(v) : o.cast(w.at(v), DType::f32)});
    }
  }
  w.out.set_scope("");
  return w.finish();
}
}  // namespace hornbeam
