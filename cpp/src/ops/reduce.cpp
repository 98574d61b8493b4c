// Reductions over any set of axes, index reductions and running sums: inference and gradients.
#include <algorithm>

#include "ops/define.hpp"
#include "schema/reduction.hpp"

namespace hornbeam {
KernelPlan plan_argmax(const KernelRequest&);
KernelPlan plan_argmin(const KernelRequest&);
KernelPlan plan_cumsum(const KernelRequest&);
KernelPlan plan_cumprod(const KernelRequest&);
namespace cuda {
KernelPlan plan_argmax(const KernelRequest&);
KernelPlan plan_argmin(const KernelRequest&);
KernelPlan plan_cumsum(const KernelRequest&);
KernelPlan plan_cumprod(const KernelRequest&);
}  // namespace cuda

namespace {
// The axes as sorted non-negative numbers; none given means all.
std::vector<int> reduced_axes(const Attrs& attrs, int rank) {
  std::vector<int> axes;
  for (int64_t a : attrs.ints("axes")) axes.push_back(int(a < 0 ? a + rank : a));
  if (axes.empty() && !attrs.flag("none"))
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  std::sort(axes.begin(), axes.end());
  return axes;
}

Types infer_reduce(const InferContext& c, Reduction op) {
  DType d = c.dtype(0);
  if (op == Reduction::any || op == Reduction::all) {
    if (d != DType::boolean) c.fail_type("needs a bool input");
  } else if (d == DType::boolean || (op == Reduction::mean && !is_float(d))) {
    c.fail_type(op == Reduction::mean ? "needs a float input" : "needs a numeric input, not bool");
  }
  for (int64_t a : c.attrs.ints("axes")) c.axis(a, c.rank(0));
  auto axes = reduced_axes(c.attrs, c.rank(0));
  for (size_t i = 1; i < axes.size(); ++i)
    if (axes[i] == axes[i - 1]) c.fail(concat_text("axes must differ; axes=", shape_text(c.attrs.ints("axes"))));
  SymShape out;
  for (int i = 0; i < c.rank(0); ++i) {
    bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (reduced && (op == Reduction::max || op == Reduction::min) && c.shape(0)[size_t(i)] == Dim(0))
      c.fail("an empty axis has no maximum or minimum");
    if (!reduced)
      out.push_back(c.shape(0)[size_t(i)]);
    else if (c.attrs.flag("keepdims"))
      out.push_back(1);
  }
  return {{d, out}};
}

// `v` (an output of the reduction) with the reduced axes back as 1s.
Value keep_dims(const GradContext& c, Value v, const std::vector<int>& axes) {
  SymShape shape = c.graph.shape(c.in(0));
  for (int a : axes) shape[size_t(a)] = 1;
  return Ops(c.graph).reshape(v, shape);
}

Values grad_reduce(const GradContext& c, Reduction op) {
  Ops o(c.graph);
  Value x = c.in(0);
  const SymShape shape = c.graph.shape(x);
  auto axes = reduced_axes(c.attrs(), int(shape.size()));
  Value dy = keep_dims(c, c.dy(), axes);
  if (op == Reduction::sum) return {o.broadcast_to(dy, shape)};
  if (op == Reduction::mean) {
    Dim n = 1;
    for (int a : axes) n = n * shape[size_t(a)];
    return {o.broadcast_to(o.div(dy, o.dim_value(n, c.graph.dtype(x))), shape)};
  }
  if (op == Reduction::max || op == Reduction::min) {  // ties share the gradient
    Value hit = o.cast(o.binary("equal", x, keep_dims(c, c.out(0), axes)), c.graph.dtype(x));
    Ints ints(axes.begin(), axes.end());
    if (axes.empty()) return {dy};
    return {o.mul(hit, o.div(dy, o.sum(hit, ints, true)))};
  }
  // prod: the product of the others, exact when some are zero, from exclusive products of both directions over the axes
  // as one, [outer, reduced, inner]; they are brought together where others lie between.
  if (axes.empty()) return {dy};
  const size_t rank = shape.size(), count = axes.size(), first = size_t(axes[0]);
  const bool together = size_t(axes.back()) - first + 1 == count;
  Ints order, back(rank);
  for (size_t i = 0; i < rank; ++i)
    if (together || std::find(axes.begin(), axes.end(), int(i)) == axes.end()) order.push_back(int64_t(i));
  if (!together) order.insert(order.begin() + long(first), axes.begin(), axes.end());
  for (size_t i = 0; i < rank; ++i) back[size_t(order[i])] = int64_t(i);
  Value moved = together ? x : o.transpose(x, order);
  const SymShape given = c.graph.shape(moved);
  SymShape merged(given.begin(), given.begin() + long(first));
  merged.push_back(shape_product(SymShape(given.begin() + long(first), given.begin() + long(first + count))));
  merged.insert(merged.end(), given.begin() + long(first + count), given.end());
  moved = o.reshape(moved, merged);
  const auto products = [&](bool reverse) {
    return c.graph.add1("cumprod", {moved}, {{"axis", int64_t(first)}, {"exclusive", true}, {"reverse", reverse}});
  };
  Value others = o.reshape(o.mul(products(false), products(true)), given);
  return {o.mul(dy, together ? others : o.transpose(others, back))};
}

template <Reduction kind>
OpDef reduce_op(const char* name) {
  OpDef d;
  d.name = name;
  d.attrs = {{"axes", AttrType::ints, Ints{}},
             {"keepdims", AttrType::boolean, false},
             {"none", AttrType::boolean, false}};  // true: `axes` empty means no axis rather than all
  d.infer = [](const InferContext& c) { return infer_reduce(c, kind); };
  d.differentiable = kind != Reduction::any && kind != Reduction::all;
  if (d.differentiable) d.gradient = [](const GradContext& c) { return grad_reduce(c, kind); };
  d.cpu = plan_reduce<kind>;
  d.cuda = cuda::plan_reduce<kind>;
  d.halves = true;
  d.rowwise = any_rows;
  return d;
}

Types infer_arg(const InferContext& c) {
  if (c.rank(0) == 0) c.fail("needs at least one axis");
  int axis = c.axis(c.attrs.integer("axis"), c.rank(0));
  if (c.shape(0)[size_t(axis)] == Dim(0)) c.fail("an empty axis has no maximum or minimum");
  SymShape out = c.shape(0);
  out.erase(out.begin() + axis);
  return {{DType::i32, out}};
}

OpDef arg_op(const char* name, PlanKernel cpu, PlanCudaKernel cuda) {
  OpDef d;
  d.name = name;
  d.attrs = {{"axis", AttrType::integer, int64_t(-1)}};
  d.infer = infer_arg;
  d.differentiable = false;
  d.cpu = cpu;
  d.cuda = cuda;
  d.halves = true;
  d.rowwise = any_rows;
  d.positions = true;
  return d;
}

Types infer_cumulative(const InferContext& c) {
  if (c.dtype(0) == DType::boolean) c.fail_type("needs a numeric input, not bool");
  if (c.rank(0) == 0) c.fail("needs at least one axis");
  c.axis(c.attrs.integer("axis"), c.rank(0));
  return {c.type(0)};
}

Value cumulate(Graph& g, const char* op, Value v, const Attrs& a, bool reverse) {
  return g.add1(op, {v}, {{"axis", a.integer("axis")}, {"exclusive", a.flag("exclusive")}, {"reverse", reverse}});
}

OpDef cumulative_op(const char* name, PlanKernel cpu, PlanCudaKernel cuda) {
  OpDef d;
  d.name = name;
  d.attrs = {{"axis", AttrType::integer, int64_t(-1)},
             {"exclusive", AttrType::boolean, false},
             {"reverse", AttrType::boolean, false}};
  d.infer = infer_cumulative;
  d.cpu = cpu;
  d.cuda = cuda;
  d.halves = true;
  d.rowwise = rows_off_axis;
  return d;
}
}  // namespace

HB_DEFINE_OP(sum) { return reduce_op<Reduction::sum>("sum"); }
HB_DEFINE_OP(mean) { return reduce_op<Reduction::mean>("mean"); }
HB_DEFINE_OP(max) { return reduce_op<Reduction::max>("max"); }
HB_DEFINE_OP(min) { return reduce_op<Reduction::min>("min"); }
HB_DEFINE_OP(prod) { return reduce_op<Reduction::prod>("prod"); }
HB_DEFINE_OP(any) { return reduce_op<Reduction::any>("any"); }
HB_DEFINE_OP(all) { return reduce_op<Reduction::all>("all"); }
HB_DEFINE_OP(argmax) { return arg_op("argmax", plan_argmax, cuda::plan_argmax); }
HB_DEFINE_OP(argmin) { return arg_op("argmin", plan_argmin, cuda::plan_argmin); }

HB_DEFINE_OP(cumsum) {
  OpDef d = cumulative_op("cumsum", plan_cumsum, cuda::plan_cumsum);
  d.gradient = [](const GradContext& c) -> Values {
    return {cumulate(c.graph, "cumsum", c.dy(), c.attrs(), !c.attrs().flag("reverse"))};
  };
  return d;
}

// The sum of the products that x_i is in, each times its gradient and divided by x_i. After a zero all are zero but for
// the first zero's own gradient, for which the products are taken with that zero left out.
HB_DEFINE_OP(cumprod) {
  OpDef d = cumulative_op("cumprod", plan_cumprod, cuda::plan_cumprod);
  d.gradient = [](const GradContext& c) -> Values {
    Ops o(c.graph);
    const bool reverse = c.attrs().flag("reverse");
    Value x = c.in(0), dy = c.dy(), zero = o.compare("equal", x, 0), none = o.scalar(0, x), one = o.scalar(1, x);
    Value rest = o.where(zero, one, x);
    Value zeros = cumulate(c.graph, "cumsum", o.cast(zero, c.graph.dtype(x)), c.attrs(), reverse);
    Value products = cumulate(c.graph, "cumprod", rest, c.attrs(), reverse);
    auto total = [&](double passed) {
      Value kept = o.where(o.compare("equal", zeros, passed), o.mul(products, dy), none);
      return cumulate(c.graph, "cumsum", kept, c.attrs(), !reverse);
    };
    return {o.where(zero, total(1), o.div(total(0), rest))};
  };
  return d;
}
}  // namespace hornbeam
