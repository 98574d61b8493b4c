// Elementwise values that only the backward pass still needs are computed again there, when that reads fewer tensors
// than keeping them would: a GELU then keeps its input instead of six intermediate results.
#include <algorithm>
#include <map>
#include <set>

#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {
constexpr size_t kMaxSteps = 48;  // instructions that may be repeated for one value

class Recompute {
 public:
  explicit Recompute(const Graph& g) : g_(g), w_(g), depth_(size_t(g.size()), 0), stored_(size_t(g.size()), false) {}

  Graph run() {
    measure();
    choose();
    if (again_.empty()) return g_;
    for (int id = 0; id < g_.size(); ++id) {
      const std::vector<Value>& in = g_.node(id).inputs;
      std::vector<Value> repeated(in.size());
      if (elementwise(id))
        for (size_t i = 0; i < in.size(); ++i)
          if (again_.count(in[i].node) && depth(id) > depth(in[i].node))
            repeated[i] = {repeat(in[i].node, depth(id)), 0};
      w_.keep(id);
      for (size_t i = 0; i < in.size(); ++i)
        if (repeated[i].defined()) w_.out.node(w_.at(Value{id, 0}).node).inputs[i] = repeated[i];
    }
    return w_.finish();
  }

 private:
  bool elementwise(int id) const { return g_.node(id).op->elementwise >= 0; }
  int depth(int id) const { return depth_[size_t(id)]; }

  // How many heavy nodes lie on the longest way to each node: elementwise nodes of one depth may share a group, and a
  // value that is used at a greater depth has to be kept until then. Values that others than elementwise nodes read
  // are kept anyway.
  void measure() {
    for (int id = 0; id < g_.size(); ++id) {
      const Node& n = g_.node(id);
      int d = 0;
      for (Value v : n.inputs) d = std::max(d, depth(v.node));
      depth_[size_t(id)] = d + (elementwise(id) || n.op->view() || n.inputs.empty() ? 0 : 1);
      if (!elementwise(id))
        for (Value v : n.inputs) stored_[size_t(v.node)] = true;
    }
    for (const auto& [name, v] : g_.outputs) stored_[size_t(v.node)] = true;
    for (const auto& [index, v] : g_.updates) stored_[size_t(v.node)] = true;
  }

  // A value is computed from its leaves: what is kept anyway.
  bool is_leaf(int id, int from) const {
    return !elementwise(id) || (id != from && stored_[size_t(id)]) || depth(id) < depth(from);
  }
  void visit(int id, int from, std::set<int>& leaves, std::set<int>& steps) const {
    if (is_leaf(id, from)) {
      if (g_.node(id).outputs[0].shape == g_.node(from).outputs[0].shape) leaves.insert(id);
      return;
    }
    if (!steps.insert(id).second) return;
    for (Value v : g_.node(id).inputs) visit(v.node, from, leaves, steps);
  }

  // Values that would be kept for a later depth alone, in families that come from the same leaves.
  void choose() {
    std::set<int> far;
    for (int id = 0; id < g_.size(); ++id)
      if (elementwise(id))
        for (Value v : g_.node(id).inputs)
          if (elementwise(v.node) && depth(id) > depth(v.node) && !stored_[size_t(v.node)] &&
              !g_.node(v.node).outputs[0].shape.empty())
            far.insert(v.node);
    std::map<std::set<int>, std::vector<int>> families;
    for (int id : far) {
      std::set<int> leaves, steps;
      visit(id, id, leaves, steps);
      if (steps.size() <= kMaxSteps) families[leaves].push_back(id);
    }
    for (const auto& [leaves, ids] : families)
      if (ids.size() > leaves.size()) again_.insert(ids.begin(), ids.end());
  }

  // The node again, for users at a depth.
  int repeat(int id, int at) {
    auto it = made_.find({id, at});
    if (it != made_.end()) return it->second;
    Node n = g_.node(id);
    for (Value& v : n.inputs) v = is_leaf(v.node, id) ? w_.at(v) : Value{repeat(v.node, at), 0};
    return made_[{id, at}] = w_.out.append(std::move(n));
  }

  const Graph& g_;
  Rewriter w_;
  std::vector<int> depth_;
  std::vector<bool> stored_;
  std::set<int> again_;
  std::map<std::pair<int, int>, int> made_;
};
}  // namespace

Graph recompute(const Graph& g) { return Recompute(g).run(); }
}  // namespace hornbeam
