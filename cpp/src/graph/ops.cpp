// The composites of hornbeam/ops.hpp.
#include "hornbeam/ops.hpp"

#include "base/check.hpp"

namespace hornbeam {
namespace {
// `axis` in [-rank, rank) made non-negative.
int64_t axis_of(const char* op, int64_t axis, int rank) {
  HB_CHECK(axis >= -rank && axis < rank, "[", op, "] axis must be in [", -rank, ", ", rank, "). Received: axis=", axis);
  return axis < 0 ? axis + rank : axis;
}
}  // namespace

const char* Ops::named(const char* op) {
  HB_CHECK(op, "an op's name is null");
  return op;
}

Value Ops::reduce(const std::string& op, Value a, Ints axes, bool keepdims) {
  return g.add1(op, {a}, {{"axes", std::move(axes)}, {"keepdims", keepdims}});
}

Value Ops::logsumexp(Value a, Ints axes, bool keepdims) {
  Value top = stop_gradient(reduce("max", a, axes, true));
  Value safe = where(unary("isfinite", top), top, full_like(top, 0));
  Value s = add(log(sum(exp(sub(a, safe)), axes, true)), safe);
  return keepdims ? s : sum(s, std::move(axes));
}

Value Ops::matmul(Value a, Value b, bool ta, bool tb) {
  return g.add1("matmul", {a, b}, {{"transpose_a", ta}, {"transpose_b", tb}});
}

Value Ops::reshape(Value a, SymShape shape) {
  return shape == g.shape(a) ? a : g.add1("reshape", {a}, {{"shape", std::move(shape)}});
}

Value Ops::transpose(Value a, Ints perm) {
  bool identity = int(perm.size()) == g.rank(a);
  for (size_t i = 0; i < perm.size(); ++i) identity = identity && perm[i] == int64_t(i);
  return identity ? a : g.add1("transpose", {a}, {{"perm", std::move(perm)}});
}

Value Ops::broadcast_to(Value a, SymShape shape) {
  return shape == g.shape(a) ? a : g.add1("broadcast_to", {a}, {{"shape", std::move(shape)}});
}

Value Ops::concat(std::vector<Value> parts, int64_t axis) {
  if (parts.size() != 1) return g.add1("concat", std::move(parts), {{"axis", axis}});
  axis_of("concat", axis, g.rank(parts[0]));
  return parts[0];
}

Value Ops::slice(Value a, SymShape begin, SymShape end, Ints strides) {
  if (strides.empty()) strides.assign(begin.size(), 1);
  return g.add1("slice", {a}, {{"begin", std::move(begin)}, {"end", std::move(end)}, {"strides", std::move(strides)}});
}

Value Ops::gather(Value table, Value ids, int64_t axis) {
  const int rank = g.rank(table), n = g.rank(ids);
  axis = axis_of("gather", axis, rank);
  if (axis == 0) return g.add1("gather", {table, ids});
  Ints front{axis}, back;
  for (int i = 0; i < rank; ++i)
    if (i != axis) front.push_back(i);
  Value y = g.add1("gather", {transpose(table, front), ids});
  // y's axes: ids..., then the table's others; put the ids' back where the axis was
  for (int64_t i = 0; i < axis; ++i) back.push_back(n + i);
  for (int i = 0; i < n; ++i) back.push_back(i);
  for (int64_t i = axis; i + 1 < rank; ++i) back.push_back(n + i);
  return transpose(y, back);
}

Value Ops::iota(SymShape shape, int64_t axis, DType dtype) {
  return g.add1("iota", {}, {{"shape", std::move(shape)}, {"axis", axis}, {"dtype", dtype}});
}

Value Ops::dim_value(const Dim& d, DType dtype) {
  if (d.is_const()) return g.scalar(dtype, double(d.value()));
  return g.add1("dim_value", {}, {{"dim", SymShape{d}}, {"dtype", dtype}});
}

Value Ops::sum_to(Value a, const SymShape& shape) {
  const SymShape& have = g.shape(a);
  if (have == shape) return a;
  HB_CHECK(shape.size() <= have.size(), "sum_to: ", g.type(a).str(), " has fewer axes than shape ", shape_text(shape));
  Ints axes;
  const size_t lead = have.size() - shape.size();
  for (size_t i = 0; i < have.size(); ++i)
    if (i < lead || (shape[i - lead] == Dim(1) && have[i] != Dim(1))) axes.push_back(int64_t(i));
  if (!axes.empty()) a = sum(a, axes, true);
  return reshape(a, shape);
}
}  // namespace hornbeam
