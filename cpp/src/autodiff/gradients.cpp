// Reverse-mode differentiation, graph to graph: one walk from the targets back to the sources, calling each op's
// gradient rule. An op with no rule but a decomposition is differentiated through that.
#include <algorithm>
#include <unordered_map>

#include "base/check.hpp"
#include "hornbeam/gradients.hpp"
#include "hornbeam/op.hpp"
#include "hornbeam/ops.hpp"

namespace hornbeam {
namespace {
using Values = std::vector<Value>;

class ReverseWalk {
 public:
  // Nodes before `first` are leaves, and so are those that a tape did not record.
  ReverseWalk(Graph& g, const Values& sources, int first, const Recorded* tape = nullptr)
      : g_(g), first_(first), open_(size_t(g.size()), !tape) {
    if (!tape) {
      for (Value s : sources) source_from_[s] = 0;
      spread();
      return;
    }
    for (auto [begin, end] : tape->spans)
      for (int id = begin; id < std::min(end, g.size()); ++id) open_[size_t(id)] = true;
    for (auto [v, from] : tape->watched) source_from_[v] = from;
    spread();
    std::unordered_map<Value, int, ValueHash> seen;  // the sources that the tape knows
    for (Value s : sources) {
      auto watched = source_from_.find(s);
      if (watched != source_from_.end())
        seen.insert(*watched);
      else if (depends_[size_t(s.node)])
        seen[s] = 0;
    }
    source_from_ = std::move(seen);
    spread();
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

  bool is_source(Value v) const { return source_from_.count(v) > 0; }

  Value gradient_of(Value v) const {
    auto it = grads_.find(v);
    return it == grads_.end() ? Value{} : it->second;
  }

 private:
  // Whether `v`, where node `id` reads it, depends on a source.
  bool depends(Value v, int id) const {
    if (depends_[size_t(v.node)]) return true;
    auto it = source_from_.find(v);
    return it != source_from_.end() && id >= it->second;
  }

  void spread() {
    depends_.assign(open_.size(), false);
    for (int id = first_; id < int(open_.size()); ++id) {
      bool d = false;
      if (open_[size_t(id)])
        for (Value v : g_.node(id).inputs) d = d || depends(v, id);
      depends_[size_t(id)] = d;
    }
  }

  void visit(int id, const Values& dys) {
    const OpDef& op = *g_.node(id).op;
    if (!op.differentiable) return;
    const Values inputs = g_.node(id).inputs;
    std::vector<bool> wanted;
    for (Value v : inputs) wanted.push_back(depends(v, id) && is_float(g_.dtype(v)));
    g_.set_scope(g_.node(id).scope);
    Values d;
    if (op.gradient) {
      d = op.gradient(GradContext{g_, id, dys, wanted});
    } else if (op.decompose) {
      d = through_decomposition(id, inputs, dys);
    } else {
      throw GradientError(concat_text("[", op.name, "] has no gradient", in_layer(g_.scope()), op.no_gradient));
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
  std::vector<bool> open_, depends_;
  std::unordered_map<Value, int, ValueHash> source_from_;  // the first node whose reading counts
  std::unordered_map<Value, Value, ValueHash> grads_;
};
}  // namespace

std::vector<Value> gradients(Graph& g, const Values& targets, const Values& sources, Values seeds,
                             const Recorded* tape) {
  HB_CHECK(seeds.empty() || seeds.size() == targets.size(), "gradients: needs one seed for each of the ",
           targets.size(), " targets; got ", seeds.size());
  for (Value t : targets)
    HB_CHECK_TYPE(is_float(g.dtype(t)), "gradients: targets must be float; got ", g.type(t).str());
  for (Value s : sources)
    HB_CHECK_TYPE(is_float(g.dtype(s)), "gradients: sources must be float; got ", g.type(s).str());
  for (size_t i = 0; i < seeds.size(); ++i)
    if (seeds[i].defined()) g.check_type(seeds[i], g.type(targets[i]), "gradients: a target's seed");
  if (tape) {
    for (auto [begin, end] : tape->spans)
      HB_CHECK(begin >= 0, "gradients: a span must begin at a node. Received: [", begin, ", ", end, ")");
    for (const auto& [v, from] : tape->watched) g.type(v);  // throws for what is no value
  }
  const std::string scope = g.scope();
  Ops o(g);
  ReverseWalk walk(g, sources, 0, tape);
  for (size_t i = 0; i < targets.size(); ++i) {
    Value s = seeds.empty() || !seeds[i].defined() ? o.full_like(targets[i], 1) : seeds[i];
    walk.seed(targets[i], s);
  }
  walk.run();
  g.set_scope(scope);
  Values out;
  for (Value s : sources) out.push_back(walk.is_source(s) ? walk.gradient_of(s) : Value{});
  return out;
}
}  // namespace hornbeam
