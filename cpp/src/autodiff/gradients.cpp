// Reverse-mode differentiation, graph to graph: one walk from the targets back to the sources, calling each op's
// gradient rule. An op with no rule but a decomposition is differentiated through that.
#include <algorithm>
#include <unordered_map>

#include "base/check.hpp"
#include "hornbeam/graph.hpp"
#include "hornbeam/ops.hpp"

namespace hornbeam {
namespace {
using Values = std::vector<Value>;

class ReverseWalk {
 public:
  // Nodes before `first` are leaves.
  ReverseWalk(Graph& g, const Values& sources, int first) : g_(g), first_(first), depends_(size_t(g.size()), false) {
    for (Value s : sources) is_source_[s] = true;
    for (int id = 0; id < g.size(); ++id) {
      bool d = false;
      if (id >= first)
        for (Value v : g.node(id).inputs) d = d || depends(v);
      depends_[size_t(id)] = d;
    }
  }

  void seed(Value v, Value grad) { accumulate(v, grad); }

  void run() {
    for (int id = int(depends_.size()) - 1; id >= first_; --id) {
      if (!depends_[size_t(id)]) continue;
      Values dys;
      bool any = false;
      for (size_t i = 0; i < g_.node(id).outputs.size(); ++i) {
        dys.push_back(gradient_of({id, int(i)}));
        any = any || dys.back().defined();
      }
      if (any) visit(id, dys);
    }
  }

  Value gradient_of(Value v) const {
    auto it = grads_.find(v);
    return it == grads_.end() ? Value{} : it->second;
  }

 private:
  bool depends(Value v) const { return depends_[size_t(v.node)] || is_source_.count(v); }

  void visit(int id, const Values& dys) {
    const OpDef& op = *g_.node(id).op;
    if (!op.differentiable) return;
    const Values inputs = g_.node(id).inputs;
    std::vector<bool> wanted;
    for (Value v : inputs) wanted.push_back(depends(v) && is_float(g_.dtype(v)));
    g_.set_scope(g_.node(id).scope);
    Values d;
    if (op.gradient) {
      d = op.gradient(GradContext{g_, id, dys, wanted});
    } else if (op.decompose) {
      d = through_decomposition(id, inputs, dys);
    } else {
      throw GradientError(concat_text("[", op.name, "] has no gradient",
                                      g_.scope().empty() ? "" : " (layer \"" + g_.scope() + "\")",
                                      std::string(op.name) == "while_loop" ? "; give it maximum_iterations" : ""));
    }
    for (size_t i = 0; i < inputs.size() && i < d.size(); ++i)
      if (d[i].defined() && wanted[i]) accumulate(inputs[i], d[i]);
  }

  Values through_decomposition(int id, const Values& inputs, const Values& dys) {
    const int first = g_.size();
    const Attrs attrs = g_.node(id).attrs;
    Values outs = g_.node(id).op->decompose(g_, inputs, attrs);
    if (outs.size() != dys.size())
      throw InternalError(concat_text("[", g_.node(id).op->name, "] has ", dys.size(),
                                      " outputs; its decomposition has ", outs.size()));
    ReverseWalk walk(g_, inputs, first);
    for (size_t i = 0; i < outs.size(); ++i)
      if (dys[i].defined()) walk.seed(outs[i], dys[i]);
    walk.run();
    Values d;  // a value given twice gets its whole gradient once
    for (size_t i = 0; i < inputs.size(); ++i) {
      bool repeated = std::find(inputs.begin(), inputs.begin() + long(i), inputs[i]) != inputs.begin() + long(i);
      d.push_back(repeated ? Value{} : walk.gradient_of(inputs[i]));
    }
    return d;
  }

  void accumulate(Value v, Value grad) {
    auto [it, fresh] = grads_.emplace(v, grad);
    if (!fresh) it->second = Ops(g_).add(it->second, grad);
  }

  Graph& g_;
  int first_;
  std::vector<bool> depends_;
  std::unordered_map<Value, bool, ValueHash> is_source_;
  std::unordered_map<Value, Value, ValueHash> grads_;
};
}  // namespace

std::vector<Value> gradients(Graph& g, const Values& targets, const Values& sources, Values seeds) {
  HB_CHECK(seeds.empty() || seeds.size() == targets.size(), "gradients: needs one seed for each of the ",
           targets.size(), " targets; got ", seeds.size());
  for (Value t : targets)
    HB_CHECK_TYPE(is_float(g.dtype(t)), "gradients: targets must be float; got ", g.type(t).str());
  for (Value s : sources)
    HB_CHECK_TYPE(is_float(g.dtype(s)), "gradients: sources must be float; got ", g.type(s).str());
  for (size_t i = 0; i < seeds.size(); ++i)
    if (seeds[i].defined()) g.check_type(seeds[i], g.type(targets[i]), "gradients: a target's seed");
  const std::string scope = g.scope();
  Ops o(g);
  ReverseWalk walk(g, sources, 0);
  for (size_t i = 0; i < targets.size(); ++i) {
    Value s = seeds.empty() || !seeds[i].defined() ? o.full_like(targets[i], 1) : seeds[i];
    walk.seed(targets[i], s);
  }
  walk.run();
  g.set_scope(scope);
  Values out;
  for (Value s : sources) out.push_back(walk.gradient_of(s));
  return out;
}
}  // namespace hornbeam
