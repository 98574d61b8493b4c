// Builders for graphs: one method per common op, and the composites that both gradients and applications use.
#pragma once

#include <string>
#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {

/// Appends ops to a graph: `Ops o{graph}; Value y = o.relu(o.add(o.matmul(x, w), b));` Throws as Graph::add does.
class HB_API Ops {
 public:
  explicit Ops(Graph& graph) : g(graph) {}
  Graph& g;

  Value unary(const char* op, Value a) { return g.add1(named(op), {a}); }
  Value binary(const char* op, Value a, Value b) { return g.add1(named(op), {a, b}); }
  /// The scalar `v` of the dtype of `like`; an integer dtype takes whole numbers alone.
  Value scalar(double v, Value like) { return g.scalar(g.dtype(like), v); }

  Value neg(Value a) { return unary("neg", a); }
  Value exp(Value a) { return unary("exp", a); }
  Value log(Value a) { return unary("log", a); }
  Value sqrt(Value a) { return unary("sqrt", a); }
  Value rsqrt(Value a) { return unary("rsqrt", a); }
  Value square(Value a) { return unary("square", a); }
  Value relu(Value a) { return unary("relu", a); }
  Value tanh(Value a) { return unary("tanh", a); }
  Value sigmoid(Value a) { return unary("sigmoid", a); }
  Value add(Value a, Value b) { return binary("add", a, b); }
  Value sub(Value a, Value b) { return binary("subtract", a, b); }
  Value mul(Value a, Value b) { return binary("multiply", a, b); }
  Value div(Value a, Value b) { return binary("divide", a, b); }
  Value add(Value a, double b) { return add(a, scalar(b, a)); }
  Value sub(Value a, double b) { return sub(a, scalar(b, a)); }
  Value mul(Value a, double b) { return mul(a, scalar(b, a)); }
  Value div(Value a, double b) { return div(a, scalar(b, a)); }
  Value rsub(double a, Value b) { return sub(scalar(a, b), b); }
  Value where(Value c, Value a, Value b) { return g.add1("where", {c, a, b}); }
  Value cast(Value a, DType d) { return g.dtype(a) == d ? a : g.add1("cast", {a}, {{"dtype", d}}); }
  Value compare(const char* op, Value a, double b) { return binary(op, a, scalar(b, a)); }

  /// Reduces over `axes` (empty: all of them). op: sum, mean, max, min, prod, any, all.
  Value reduce(const std::string& op, Value a, Ints axes, bool keepdims = false);
  Value sum(Value a, Ints axes = {}, bool keepdims = false) { return reduce("sum", a, std::move(axes), keepdims); }
  Value mean(Value a, Ints axes = {}, bool keepdims = false) { return reduce("mean", a, std::move(axes), keepdims); }

  /// log(sum(exp(a))) without overflow.
  Value logsumexp(Value a, Ints axes = {}, bool keepdims = false);

  Value matmul(Value a, Value b, bool transpose_a = false, bool transpose_b = false);
  Value reshape(Value a, SymShape shape);
  Value transpose(Value a, Ints perm);
  Value broadcast_to(Value a, SymShape shape);
  Value concat(std::vector<Value> parts, int64_t axis);
  /// a[begin:end:stride] per axis; `end` may use the shape's dimensions.
  Value slice(Value a, SymShape begin, SymShape end, Ints strides = {});
  Value gather(Value table, Value ids, int64_t axis = 0);
  Value softmax(Value a, int64_t axis = -1) { return g.add1("softmax", {a}, {{"axis", axis}}); }
  Value log_softmax(Value a, int64_t axis = -1) { return g.add1("log_softmax", {a}, {{"axis", axis}}); }
  Value iota(SymShape shape, int64_t axis, DType dtype);
  Value zeros(DType dtype, SymShape shape) { return broadcast_to(g.scalar(dtype, 0), std::move(shape)); }
  Value full_like(Value a, double v) { return broadcast_to(scalar(v, a), g.shape(a)); }
  /// A dimension's value as a scalar of `dtype`.
  Value dim_value(const Dim& d, DType dtype);
  Value stop_gradient(Value a) { return unary("stop_gradient", a); }

  /// Sums `a` down to `shape`, undoing NumPy broadcasting.
  Value sum_to(Value a, const SymShape& shape);

 private:
  static const char* named(const char* op);
};

}  // namespace hornbeam
