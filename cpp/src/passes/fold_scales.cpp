// A product by weights that stay the same, followed by scales and shifts of its columns that stay the same too (batch
// normalization when predicting), becomes a product by scaled weights plus one shift. The scaled weights are made once
// for many runs (see Runner::run).
#include <vector>

#include "graph/persistent.hpp"
#include "hornbeam/ops.hpp"
#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {

namespace {
class FoldScales {
 public:
  explicit FoldScales(const Graph& g)
      : g_(g), w_(g), ops_(w_.out), persistent_(persistent_nodes(g)), reader_(size_t(g.size()), kNobody) {
    for (int id = 0; id < g.size(); ++id)
      for (Value v : g.node(id).inputs) read(v.node, id);
    for (const auto& [name, v] : g.outputs) read(v.node, kMany);
    for (const auto& [index, v] : g.updates) read(v.node, kMany);
  }

  Graph run() {
    std::vector<int> product(size_t(g_.size()), -1);  // by the last node of a chain
    std::vector<bool> inside(size_t(g_.size()), false);
    bool any = false;
    for (int id = 0; id < g_.size(); ++id) {
      if (!takes_scale(g_.node(id))) continue;
      bool scales = false;
      int last = id;
      for (int next = reader_[size_t(id)]; next >= 0 && in_chain(next, last); next = reader_[size_t(next)]) {
        scales = scales || is(g_.node(next), Ew::multiply_);
        last = next;
      }
      if (!scales) continue;
      for (int at = id; at != last; at = reader_[size_t(at)]) inside[size_t(at)] = true;
      product[size_t(last)] = id;
      any = true;
    }
    if (!any) return g_;
    for (int id = 0; id < g_.size(); ++id) {
      if (inside[size_t(id)]) continue;
      if (product[size_t(id)] < 0)
        w_.keep(id);
      else
        w_.replace(id, {folded(product[size_t(id)], id)});
    }
    return w_.finish();
  }

 private:
  static constexpr int kNobody = -1, kMany = -2;
  void read(int node, int by) { reader_[size_t(node)] = reader_[size_t(node)] == kNobody ? by : kMany; }

  bool takes_scale(const Node& n) const {
    return n.op->scaled_axis && n.outputs[0].dtype == DType::f32 && persistent_[size_t(n.inputs[1].node)] &&
           n.op->scaled_axis(g_, n) >= 0;
  }
  // The other operand of `id`, which reads `from`.
  Value other(int id, int from) const {
    const auto& in = g_.node(id).inputs;
    return in[in[0].node == from ? 1 : 0];
  }
  // Whether node `id` scales or shifts the columns of what `from` makes.
  bool in_chain(int id, int from) const {
    const Node& n = g_.node(id);
    const bool subtract = is(n, Ew::subtract_);
    if (!subtract && !is(n, Ew::multiply_) && !is(n, Ew::add_)) return false;
    if (subtract && n.inputs[0].node != from) return false;
    const Value v = other(id, from);
    const SymShape &shape = g_.shape(v), &full = g_.node(from).outputs[0].shape;
    if (!persistent_[size_t(v.node)] || shape.empty() || n.outputs[0].shape != full || shape.back() != full.back())
      return false;
    for (size_t i = 0; i + 1 < shape.size(); ++i)
      if (shape[i] != Dim(1)) return false;
    return true;
  }

  Value folded(int product, int last) {
    Node n = g_.node(product);
    w_.out.set_scope(n.scope);
    const SymShape columns{n.outputs[0].shape.back()};
    Value scale, shift;
    for (int at = product; at != last;) {
      const int next = reader_[size_t(at)];
      const Value v = ops_.reshape(w_.at(other(next, at)), columns);
      if (is(g_.node(next), Ew::multiply_)) {
        scale = scale.defined() ? ops_.mul(scale, v) : v;
        if (shift.defined()) shift = ops_.mul(shift, v);
      } else if (is(g_.node(next), Ew::add_)) {
        shift = shift.defined() ? ops_.add(shift, v) : v;
      } else {
        shift = shift.defined() ? ops_.sub(shift, v) : ops_.unary("neg", v);
      }
      at = next;
    }
    const Value weights = w_.at(n.inputs[1]);
    SymShape along(size_t(g_.rank(n.inputs[1])), Dim(1));  // the weights' axis that becomes the columns
    along[size_t(n.op->scaled_axis(g_, n))] = columns[0];
    n.inputs = {w_.at(n.inputs[0]), ops_.mul(weights, ops_.reshape(scale, along))};
    const Value y{w_.out.append(std::move(n)), 0};
    return shift.defined() ? ops_.add(y, shift) : y;
  }

  const Graph& g_;
  Rewriter w_;
  Ops ops_;
  std::vector<bool> persistent_;
  std::vector<int> reader_;  // the only node that reads each, or one of the above
};
}  // namespace

Graph fold_scales(const Graph& g) { return FoldScales(g).run(); }
}  // namespace hornbeam
