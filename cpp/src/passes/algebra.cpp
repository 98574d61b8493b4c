// Algebraic clean-up: identities, chains of views and casts, broadcasts that elementwise ops make themselves, and
// transposes that matmul can take as flags. Results may differ in the last bit where a product is merged.
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
