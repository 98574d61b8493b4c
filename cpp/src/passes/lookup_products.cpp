// Products of rows that were looked up in a small table. With P the matrix that has a one at (i, ids[i]), a look-up is
// P T, and products may be grouped so that their rows are the table's instead of the ids':
//   (P T) W  = P (T W)      a layer behind an embedding: each row is multiplied once, then looked up
//   (P T)' D = T' (P' D)    that layer's kernel gradient; P' D sums the gradient's rows by id
//   P' (D W) = (P' D) W     the table's gradient
//   1' D     = 1' (P' D)    the bias' gradient, where P' D is there
// A character model has dozens of rows and thousands of ids.
#include <map>
#include <utility>

#include "hornbeam/ops.hpp"
#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kUnknown = 32;  // what a dimension is taken for that has no number yet
constexpr int64_t kFewer = 4;     // times as many ids as rows, or more, make it worth while

class LookupProducts {
 public:
  explicit LookupProducts(const Graph& g) : g_(g), w_(g), ops_(w_.out) {}

  Graph run() {
    for (int id = 0; id < g_.size(); ++id) note_sums(g_.node(id));
    for (int id = 0; id < g_.size(); ++id) {
      const Node& n = g_.node(id);
      w_.out.set_scope(n.scope);
      const Value v = rewritten(id, n);
      if (v.defined())
        w_.replace(id, {same_shape(v, n.outputs[0].shape)});
      else
        w_.keep(id);
    }
    return w_.finish();
  }

 private:
  const Node& node(Value v) const { return g_.node(v.node); }
  Value same_shape(Value v, const SymShape& shape) { return w_.out.shape(v) == shape ? v : ops_.reshape(v, shape); }
  // `v` before reshapes that leave its rows alone.
  Value rows_of(Value v) const {
    while (is(node(v), op::reshape) && !g_.shape(v).empty() && g_.rank(node(v).inputs[0]) > 0 &&
           g_.shape(node(v).inputs[0]).back() == g_.shape(v).back())
      v = node(v).inputs[0];
    return v;
  }

  // Whether a table has far fewer rows than there are ids.
  bool small(const Dim& rows, Value ids) const {
    if (!rows.is_const()) return false;
    int64_t count = 1;
    for (const Dim& d : g_.shape(ids)) count *= d.is_const() ? d.value() : kUnknown;
    return kFewer * rows.value() <= count;
  }
  // The gather of rows of a small table that made `v`, or null.
  const Node* lookup(Value v) const {
    const Node& n = node(rows_of(v));
    return is(n, op::gather) && g_.rank(n.inputs[0]) == 2 && small(g_.shape(n.inputs[0])[0], n.inputs[1]) ? &n
                                                                                                          : nullptr;
  }
  // A product of rows by one matrix, all rows alike.
  bool by_matrix(const Node& n) const {
    return is(n, op::matmul) && !n.attrs.flag("transpose_a") && g_.rank(n.inputs[1]) == 2;
  }
  bool kernel_gradient(const Node& n) const {
    return is(n, op::matmul) && n.attrs.flag("transpose_a") && !n.attrs.flag("transpose_b") &&
           g_.rank(n.inputs[0]) == 2 && g_.rank(n.inputs[1]) == 2 && lookup(n.inputs[0]);
  }
  // A table's gradient whose rows are products; its lazy form is left to sparse_updates.
  bool table_gradient(const Node& n) const {
    return is(n, op::scatter_add) && !n.attrs.flag("lazy") && n.outputs[0].shape.size() == 2 &&
           small(n.outputs[0].shape[0], n.inputs[0]) && by_matrix(node(rows_of(n.inputs[1])));
  }

  struct Sums {
    Value ids, made;
    Dim rows;
  };
  void note_sums(const Node& n) {
    if (kernel_gradient(n)) {
      const Node& table = *lookup(n.inputs[0]);
      sums_.insert({key(n.inputs[1]), {table.inputs[1], {}, g_.shape(table.inputs[0])[0]}});
    } else if (table_gradient(n)) {
      sums_.insert({key(node(rows_of(n.inputs[1])).inputs[0]), {n.inputs[0], {}, n.outputs[0].shape[0]}});
    }
  }
  std::pair<int, int> key(Value d) const {
    const Value v = rows_of(d);
    return {v.node, v.out};
  }
  // The rows of `d` summed by id; undefined when that is not at hand.
  Value summed(Value d) {
    const auto it = sums_.find(key(d));
    if (it == sums_.end() || !w_.mapped(it->second.ids)) return {};
    Sums& s = it->second;
    if (!s.made.defined()) {
      SymShape shape = g_.shape(s.ids);
      shape.push_back(g_.shape(d).back());
      const Value rows = same_shape(w_.at(rows_of(d)), shape);
      s.made = w_.out.add1("scatter_add", {w_.at(s.ids), rows}, {{"rows", SymShape{s.rows}}});
    }
    return s.made;
  }
  // The same, when it is by these ids.
  Value summed(Value d, Value ids) {
    const auto it = sums_.find(key(d));
    return it != sums_.end() && it->second.ids.node == ids.node && it->second.ids.out == ids.out ? summed(d) : Value{};
  }

  Value rewritten(int id, const Node& n) {
    if (by_matrix(n) && lookup(n.inputs[0])) {
      const Node& rows = *lookup(n.inputs[0]);
      return look_up(id, ops_.matmul(w_.at(rows.inputs[0]), w_.at(n.inputs[1]), false, n.attrs.flag("transpose_b")),
                     rows);
    }
    if (is(n, Ew::add_)) return shifted(id, n);
    if (kernel_gradient(n)) {
      const Node& table = *lookup(n.inputs[0]);
      const Value d = summed(n.inputs[1], table.inputs[1]);
      return d.defined() ? ops_.matmul(w_.at(table.inputs[0]), d, true, false) : Value{};
    }
    if (table_gradient(n)) {
      const Node& product = node(rows_of(n.inputs[1]));
      const Value d = summed(product.inputs[0], n.inputs[0]);
      return d.defined() ? ops_.matmul(d, w_.at(product.inputs[1]), false, product.attrs.flag("transpose_b")) : Value{};
    }
    if (is(n, op::sum)) return column_sums(n);
    return {};
  }

  // Looks up in `table` what `gather` looked up in its own, and says so in messages.
  Value look_up(int id, Value table, const Node& gather) {
    looked_up_[id] = {table, &gather};
    w_.out.set_scope(gather.scope);
    return ops_.gather(table, w_.at(gather.inputs[1]));
  }
  // A bias is added to the table's products.
  Value shifted(int id, const Node& n) {
    for (size_t i = 0; i < 2; ++i) {
      const auto it = looked_up_.find(n.inputs[i].node);
      const Value bias = n.inputs[1 - i];
      if (it == looked_up_.end() || n.outputs[0].shape != g_.shape(n.inputs[i]) || g_.rank(bias) == 0 ||
          g_.shape(bias).back() != n.outputs[0].shape.back() || shape_product(g_.shape(bias)) != g_.shape(bias).back())
        continue;
      const auto [table, gather] = it->second;
      return look_up(id, ops_.add(table, same_shape(w_.at(bias), {g_.shape(bias).back()})), *gather);
    }
    return {};
  }
  Value column_sums(const Node& n) {
    const int rank = g_.rank(n.inputs[0]);
    if (rank < 2) return {};
    std::vector<bool> over(size_t(rank), false);
    for (int64_t a : n.attrs.ints("axes")) over[size_t(a < 0 ? a + rank : a)] = true;
    for (int i = 0; i < rank; ++i)
      if (over[size_t(i)] != (i + 1 < rank)) return {};
    const Value d = summed(n.inputs[0]);
    return d.defined() ? ops_.sum(d, {0}) : Value{};
  }

  const Graph& g_;
  Rewriter w_;
  Ops ops_;
  std::map<std::pair<int, int>, Sums> sums_;                // by the gradient that is summed
  std::map<int, std::pair<Value, const Node*>> looked_up_;  // by product: the table's (in the result), and the gather
};
}  // namespace

Graph lookup_products(const Graph& g) { return LookupProducts(g).run(); }
}  // namespace hornbeam
