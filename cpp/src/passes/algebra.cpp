// Algebraic clean-up: identities, chains of views and casts, broadcasts that elementwise ops make themselves, and
// transposes that matmul can take as flags. Results may differ in the last bit where a product is merged.
#include <algorithm>

#include "hornbeam/ops.hpp"
#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {

class Algebra {
 public:
  explicit Algebra(const Graph& g) : w_(g), g_(w_.out), ops_(w_.out) {}

  Graph run() {
    for (int id = 0; id < w_.source().size(); ++id) {
      const Node& n = w_.source().node(id);
      g_.set_scope(n.scope);
      Value v = n.outputs.size() == 1 ? simplify(n) : Value{};
      if (v.defined())
        w_.replace(id, {v});
      else
        w_.keep(id);
    }
    return w_.finish();
  }

 private:
  const Node& node(Value v) const { return g_.node(v.node); }
  template <class Op>
  bool made_by(Value v, Op op) const {
    return is(node(v), op);
  }
  // The value `v` when it already has the result's type.
  Value same(const Node& n, Value v) const {
    return g_.type(v).shape == n.outputs[0].shape && g_.dtype(v) == n.outputs[0].dtype ? v : Value{};
  }

  Value simplify(const Node& n) {
    std::vector<Value> in = w_.at(n.inputs);
    if (n.op->elementwise >= 0) return elementwise(n, in);
    if (is(n, op::reshape)) {
      if (made_by(in[0], op::reshape)) return ops_.reshape(node(in[0]).inputs[0], n.outputs[0].shape);
      return same(n, in[0]);
    }
    if (is(n, op::transpose)) {
      if (made_by(in[0], op::transpose)) {
        const Ints a = node(in[0]).attrs.ints("perm"), b = n.attrs.ints("perm");
        Ints both;
        for (int64_t p : b) both.push_back(a[size_t(p)]);
        return ops_.transpose(node(in[0]).inputs[0], both);
      }
      return moves_only_ones(n, in[0]) ? ops_.reshape(in[0], n.outputs[0].shape) : Value{};
    }
    if (is(n, op::broadcast_to)) {
      if (made_by(in[0], op::broadcast_to)) return ops_.broadcast_to(node(in[0]).inputs[0], n.outputs[0].shape);
      return same(n, in[0]);
    }
    if (is(n, op::matmul)) return matmul(n, in);
    if (is(n, op::slice)) return same(n, in[0]);  // a range of the whole
    if (is(n, op::concat)) return of_ranges(n, in);
    if (is(n, op::sum) || is(n, op::mean) || is(n, op::max) || is(n, op::min) || is(n, op::prod))
      return of_one_each(n, in[0]);
    return {};
  }

  // A reduction over axes of 1.
  Value of_one_each(const Node& n, Value x) {
    const SymShape& shape = n.outputs[0].shape;
    return shape_product(g_.shape(x)) == shape_product(shape) ? ops_.reshape(x, shape) : Value{};
  }

  // The axes that are not 1 keep their order.
  bool moves_only_ones(const Node& n, Value x) const {
    int64_t last = -1;
    for (int64_t p : n.attrs.ints("perm")) {
      if (g_.shape(x)[size_t(p)] == Dim(1)) continue;
      if (p < last) return false;
      last = p;
    }
    return true;
  }

  Value elementwise(const Node& n, std::vector<Value> in) {
    double c = 0;
    if (is(n, Ew::cast_)) {
      if (Value v = same(n, in[0]); v.defined()) return v;
      return {};
    }
    if (is(n, Ew::where_))
      if (Value v = winners_relu(in); v.defined()) return v;
    // An operand need not be broadcast before an op that broadcasts, when another already has the shape.
    if (is(n, Ew::add_)) {
      if (Value v = joined(in); v.defined()) return v;
      for (size_t i : {0, 1})
        if (Value v = added_in_range(in[1 - i], in[i]); v.defined()) return v;
    }
    bool changed = false;
    for (size_t i = 0; i < in.size(); ++i) {
      if (!made_by(in[i], op::broadcast_to)) continue;
      const Value inner = node(in[i]).inputs[0];
      bool covered = false;
      for (size_t k = 0; k < in.size(); ++k) covered = covered || (k != i && g_.shape(in[k]) == n.outputs[0].shape);
      if (covered) in[i] = inner, changed = true;
    }
    const bool rc = in.size() == 2 && scalar_constant(g_, in[1], &c);
    if (rc && ((is(n, Ew::multiply_) && c == 1) || (is(n, Ew::divide_) && c == 1) || (is(n, Ew::subtract_) && c == 0) ||
               (is(n, Ew::power_) && c == 1)))
      if (Value v = same(n, in[0]); v.defined()) return v;
    if (rc && is(n, Ew::power_))
      if (Value v = power(n, in[0], c); v.defined()) return v;
    double l = 0;
    if (in.size() == 2 && is(n, Ew::multiply_) && scalar_constant(g_, in[0], &l) && l == 1)
      if (Value v = same(n, in[1]); v.defined()) return v;
    if (is(n, Ew::neg_) && made_by(in[0], Ew::neg_)) return node(in[0]).inputs[0];
    if (changed) return g_.add(*n.op, in, n.attrs)[0];
    return {};
  }
  // Whether `begin` and `end` take all of `shape`, but for `axis`, one by one.
  bool along_alone(const Attrs& a, const SymShape& shape, size_t axis) const {
    const SymShape &begin = a.dims("begin"), &end = a.dims("end");
    for (size_t i = 0; i < shape.size(); ++i)
      if (a.ints("strides")[i] != 1 || (i != axis && !(begin[i] == Dim(0) && end[i] == shape[i]))) return false;
    return true;
  }
  // A concatenation takes its ranges itself: what a roll is made of, or a window that moves on.
  Value of_ranges(const Node& n, std::vector<Value> in) {
    const int64_t given = n.attrs.integer("axis");
    const size_t axis = size_t(given < 0 ? given + int64_t(n.outputs[0].shape.size()) : given);
    SymShape begin = n.attrs.dims("begin"), end = n.attrs.dims("end");
    const bool whole = begin.empty();
    bool any = false;
    for (size_t i = 0; i < in.size(); ++i) {
      if (whole) begin.push_back(0), end.push_back(g_.shape(in[i])[axis]);
      if (!made_by(in[i], op::slice) || !along_alone(node(in[i]).attrs, g_.shape(node(in[i]).inputs[0]), axis))
        continue;
      const Dim first = node(in[i]).attrs.dims("begin")[axis];
      begin[i] = begin[i] + first, end[i] = end[i] + first;
      in[i] = node(in[i]).inputs[0], any = true;
    }
    return any ? g_.add1("concat", in, {{"axis", given}, {"begin", begin}, {"end", end}}) : Value{};
  }
  Value concat(const std::vector<Value>& in, const Attrs& attrs) {
    const Value v = g_.add1("concat", in, attrs), ranges = of_ranges(Node(node(v)), in);
    return ranges.defined() ? ranges : v;
  }
  // x and, on a range of an axis, a slice's gradient: the range alone is added. (Not where x is computed element by
  // element: then all of it is one group.)
  Value added_in_range(Value x, Value range) {
    if (!made_by(range, op::slice_grad) || made_by(x, op::slice_grad) || node(x).op->elementwise >= 0) return {};
    const SymShape shape = g_.shape(range);
    if (g_.shape(x) != shape || g_.dtype(x) != g_.dtype(range)) return {};
    const Attrs attrs = node(range).attrs;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (!along_alone(attrs, shape, axis) || attrs.dims("begin")[axis] == attrs.dims("end")[axis]) continue;
      SymShape low(shape.size(), Dim(0)), high = shape;
      const Dim first = low[axis] = attrs.dims("begin")[axis], last = high[axis] = attrs.dims("end")[axis];
      const Value sum = ops_.add(ops_.slice(x, low, high), node(range).inputs[0]);
      std::vector<Value> parts;
      SymShape begin, end;
      auto take = [&](Value v, const Dim& from, const Dim& to) {
        if (from != to) parts.push_back(v), begin.push_back(from), end.push_back(to);
      };
      take(x, 0, first), take(sum, 0, last - first), take(x, last, shape[axis]);
      return concat(parts, {{"axis", int64_t(axis)}, {"begin", begin}, {"end", end}});
    }
    return {};
  }

  // The gradients of slices that a sum is made of; none where it has other terms, or more than are worth a look.
  std::vector<Value> slice_gradients(std::vector<Value> sums) const {
    constexpr size_t kMost = 256;
    std::vector<Value> found;
    while (!sums.empty()) {
      const Value v = sums.back();
      sums.pop_back();
      if (made_by(v, op::slice_grad))
        found.push_back(v);
      else if (made_by(v, Ew::add_) && found.size() + sums.size() < kMost)
        for (Value x : node(v).inputs) sums.push_back(x);
      else
        return {};
    }
    return found;
  }
  // The sum of the gradients of slices that lie side by side on an axis they fill, as those of a split: these, joined.
  Value joined(const std::vector<Value>& in) {
    const std::vector<Value> parts = slice_gradients(in);
    if (parts.empty()) return {};
    const SymShape shape = g_.shape(parts[0]);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      bool all = true;
      for (Value v : parts) all = all && g_.shape(v) == shape && along_alone(node(v).attrs, shape, axis);
      if (!all) continue;
      std::vector<Value> side_by_side;
      Dim at = 0;
      for (size_t k = 0; k < parts.size(); ++k) {
        auto next = std::find_if(parts.begin(), parts.end(), [&](Value v) {
          const Attrs& a = node(v).attrs;
          return a.dims("begin")[axis] == at && a.dims("end")[axis] != at;
        });
        if (next == parts.end()) break;
        side_by_side.push_back(node(*next).inputs[0]);
        at = node(*next).attrs.dims("end")[axis];
      }
      if (side_by_side.size() == parts.size() && at == shape[axis])
        return concat(side_by_side, {{"axis", int64_t(axis)}});
    }
    return {};
  }
  // x^c, where that takes a few instructions.
  Value power(const Node& n, Value x, double c) {
    if (g_.shape(x) != n.outputs[0].shape) return {};
    if (c == 2) return ops_.square(x);
    if (c == 3) return ops_.mul(ops_.square(x), x);
    if (c == 4) return ops_.square(ops_.square(x));
    if (!is_float(g_.dtype(x))) return {};
    if (c == 0.5) return ops_.sqrt(x);
    if (c == -0.5) return ops_.rsqrt(x);
    if (c == -1) return ops_.unary("reciprocal", x);
    if (c == -2) return ops_.square(ops_.unary("reciprocal", x));
    return {};
  }
  // relu's gradient where a max pool reads relu's result: what the winners pass back is kept where they are positive,
  // and the others pass nothing back. There are fewer winners.
  Value winners_relu(const std::vector<Value>& in) {
    double zero = 1, bound = 1;
    if (!made_by(in[0], Ew::greater_) || !made_by(in[1], op::max_pool_grad) || !scalar_constant(g_, in[2], &zero) ||
        zero != 0)
      return {};
    const Node test = node(in[0]), grad = node(in[1]);
    const Value index = grad.inputs[0];
    if (!made_by(index, op::max_pool) || index.out != 1 || node(index).inputs[0] != test.inputs[0] ||
        !scalar_constant(g_, test.inputs[1], &bound) || bound != 0)
      return {};
    const Value positive = ops_.binary("greater", {index.node, 0}, test.inputs[1]);
    return g_.add1("max_pool_grad", {index, ops_.where(positive, grad.inputs[1], in[2])}, grad.attrs);
  }

  Value matmul(const Node& n, std::vector<Value> in) {
    bool flags[2] = {n.attrs.flag("transpose_a"), n.attrs.flag("transpose_b")};
    bool changed = false;
    for (size_t i = 0; i < 2; ++i) {
      if (!made_by(in[i], op::transpose)) continue;
      const Ints& perm = node(in[i]).attrs.ints("perm");
      const size_t r = perm.size();
      bool swaps = perm[r - 1] == int64_t(r) - 2 && perm[r - 2] == int64_t(r) - 1;
      for (size_t k = 0; k + 2 < r; ++k) swaps = swaps && perm[k] == int64_t(k);
      if (!swaps) continue;
      in[i] = node(in[i]).inputs[0];
      flags[i] = !flags[i];
      changed = true;
    }
    return changed ? ops_.matmul(in[0], in[1], flags[0], flags[1]) : Value{};
  }

  Rewriter w_;
  Graph& g_;
  Ops ops_;
};
}  // namespace

Graph algebra(const Graph& g) { return Algebra(g).run(); }
}  // namespace hornbeam
