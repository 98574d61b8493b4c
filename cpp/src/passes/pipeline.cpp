// The passes, in order. The graph is verified after each.
#include <algorithm>

#include "hornbeam/passes.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {
struct Pass {
  const char* name;
  Graph (*run)(const Graph&);
  Graph (*run_with)(const Graph&, const Evaluate&) = nullptr;  // instead, where nodes are computed
  Graph (*run_for)(const Graph&, bool gpu) = nullptr;          // or where it matters what the device is
};
constexpr Pass kPasses[] = {{"dead_code", dead_code},
                            {"fold_constants", nullptr, fold_constants},
                            {"algebra", algebra},
                            {"cse", common_subexpressions},
                            {"lookup_products", lookup_products},
                            {"fold_scales", fold_scales},
                            {"recompute", recompute},
                            {"fuse_elementwise", nullptr, nullptr, fuse_elementwise},
                            {"sparse_updates", sparse_updates},
                            {"fuse_epilogue", nullptr, nullptr, fuse_epilogue},
                            {"fuse_separable", fuse_separable}};

// Puts an op's decomposition where its kernel does not take the dtype, where the GPU has none, or everywhere (`all`).
Graph expand(const Graph& g, bool all, bool gpu) {
  auto takes = [&](const Node& n) {
    const DType d = n.outputs[0].dtype;
    if (gpu && !n.op->cuda) return false;
    return d == DType::f32 || (gpu && n.op->halves && (d == DType::f16 || d == DType::bf16));
  };
  auto expands = [&](const Node& n) { return n.op->float32_only && (all || !takes(n)); };
  bool any = false;
  for (int id = 0; id < g.size(); ++id) any = any || expands(g.node(id));
  if (!any) return g;
  Rewriter w(g);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!expands(n)) {
      w.keep(id);
      continue;
    }
    w.out.set_scope(n.scope);
    w.replace(id, n.op->decompose(w.out, w.at(n.inputs), n.attrs));
  }
  return expand(w.finish(), all, gpu);  // a decomposition may hold such ops too
}

// Optimizes the sub-graphs of scan, cond and while_loop.
Graph optimize_bodies(const Graph& g, const std::vector<std::string>& disable, const Evaluate& evaluate, bool gpu) {
  Rewriter w(g);
  for (int id = 0; id < g.size(); ++id) {
    w.keep(id);
    Node& n = w.out.node(w.at(Value{id, 0}).node);
    for (const AttrSpec& spec : n.op->attrs)
      if (spec.type == AttrType::graph)
        n.attrs.set(spec.name,
                    std::make_shared<const Graph>(optimize(n.attrs.graph(spec.name), disable, evaluate, gpu)));
  }
  return w.finish();
}
}  // namespace

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const Pass& p : kPasses) names.push_back(p.name);
  names.push_back("in_place");   // part of the planner, switched off the same way
  names.push_back("winograd");   // off: convolutions multiply every window, which takes longer and may round less
  names.push_back("slices");     // off: a batch is run as a whole even where slices of it would stay in cache
  names.push_back("fused_ops");  // off: ops with a decomposition run that
  return names;
}

Graph optimize(const Graph& graph, const std::vector<std::string>& disable, const Evaluate& evaluate, bool gpu) {
  const auto known = pass_names();
  for (const auto& name : disable)
    HB_CHECK(std::find(known.begin(), known.end(), name) != known.end(), "there is no pass named \"", name, "\"");
  auto off = [&](const char* name) { return std::find(disable.begin(), disable.end(), name) != disable.end(); };
  graph.verify();
  Graph g = optimize_bodies(expand(widen_halves(graph, gpu), off("fused_ops"), gpu), disable, evaluate, gpu);
  auto run = [&](const Pass& p) {
    if (off(p.name) || (p.run_with && !evaluate)) return;
    g = p.run ? p.run(g) : p.run_for ? p.run_for(g, gpu) : p.run_with(g, evaluate);
    try {
      g.verify();
    } catch (const ValueError& e) {
      throw InternalError(concat_text("pass ", p.name, " broke the graph: ", e.what()));
    }
  };
  for (const Pass& p : kPasses) {
    run(p);
    // what these leave without readers would count as a reader of the rest
    if (p.run == common_subexpressions || p.run == lookup_products || p.run == recompute) run(kPasses[0]);
  }
  run(kPasses[0]);
  return g;
}
}  // namespace hornbeam
