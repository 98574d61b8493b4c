// softmax, log_softmax and the fused sparse softmax cross-entropy along the last axis; softmax along any.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_softmax(const KernelRequest&);
KernelPlan plan_log_softmax(const KernelRequest&);
KernelPlan plan_softmax_grad(const KernelRequest&);
KernelPlan plan_softmax_along(const KernelRequest&);
KernelPlan plan_softmax_along_grad(const KernelRequest&);
KernelPlan plan_sparse_cross_entropy(const KernelRequest&);
KernelPlan plan_sparse_cross_entropy_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_softmax(const KernelRequest&);
KernelPlan plan_log_softmax(const KernelRequest&);
KernelPlan plan_sparse_cross_entropy(const KernelRequest&);
KernelPlan plan_sparse_cross_entropy_grad(const KernelRequest&);
}  // namespace cuda

namespace {
Types infer_softmax(const InferContext& c) {
  if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
  if (c.rank(0) == 0) c.fail("needs at least one axis");
  if (c.axis(c.attrs.integer("axis"), c.rank(0)) != c.rank(0) - 1) c.fail("works on the last axis; transpose first");
  return {c.type(0)};
}

const std::vector<AttrSpec> kAlong = {{"axis", AttrType::integer, false, true},
                                      {"logarithm", AttrType::boolean, false}};

Types infer_along(const InferContext& c) {
  if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
  c.axis(c.attrs.integer("axis"), c.rank(0));
  return {c.type(0)};
}

Types infer_cross_entropy(const InferContext& c) {
  if (!is_float(c.dtype(0))) c.fail_type("logits must be float");
  if (c.dtype(1) != DType::i32 && c.dtype(1) != DType::i64) c.fail_type("labels must be int32 or int64");
  if (c.rank(0) < 1 || c.rank(1) != c.rank(0) - 1) c.fail("labels must have the logits' axes but the last");
  for (int i = 0; i < c.rank(1); ++i)
    c.same(c.shape(0)[size_t(i)], c.shape(1)[size_t(i)], "labels must have the logits' axes but the last");
  return {{c.dtype(0), c.shape(1)}};
}

Value expand_last(Ops& o, Value v) {
  SymShape s = o.g.shape(v);
  s.push_back(1);
  return o.reshape(v, s);
}

OpDef row_op(const char* name, PlanKernel cpu, PlanCudaKernel cuda) {
  OpDef d;
  d.name = name;
  d.attrs = {{"axis", AttrType::integer, int64_t(-1)}};
  d.infer = infer_softmax;
  d.cpu = cpu;
  d.cuda = cuda;
  d.halves = true;
  d.rowwise = rows_off_axis;
  return d;
}
}  // namespace

HB_DEFINE_OP(softmax) {
  OpDef d = row_op("softmax", plan_softmax, cuda::plan_softmax);
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("softmax_grad", {c.out(0), c.dy()}, {{"logarithm", false}})};
  };
  return d;
}

HB_DEFINE_OP(log_softmax) {
  OpDef d = row_op("log_softmax", plan_log_softmax, cuda::plan_log_softmax);
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("softmax_grad", {c.out(0), c.dy()}, {{"logarithm", true}})};
  };
  return d;
}

HB_DEFINE_OP(softmax_grad) {  // inputs y of softmax or log_softmax ("logarithm"), dy
  OpDef d;
  d.name = "softmax_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = {{"logarithm", AttrType::boolean, false}};
  d.infer = [](const InferContext& c) -> Types {
    if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
    if (c.rank(0) == 0) c.fail("needs at least one axis");
    check_input(c, 1, c.type(0), "the output's gradient");
    return {c.type(0)};
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    Value y = in[0], dy = in[1];
    if (a.flag("logarithm")) return {o.sub(dy, o.mul(o.exp(y), o.sum(dy, {-1}, true)))};
    return {o.mul(o.sub(dy, o.sum(o.mul(dy, y), {-1}, true)), y)};
  };
  d.cpu = plan_softmax_grad;
  d.float32_only = true;
  return d;
}

// Along an axis before others, whose elements lie apart: where kernels know rows alone, these are made of it.
HB_DEFINE_OP(softmax_along) {
  OpDef d;
  d.name = "softmax_along";
  d.attrs = kAlong;
  d.infer = infer_along;
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("softmax_along_grad", {c.out(0), c.dy()}, c.attrs())};
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    const int64_t rank = int64_t(g.shape(in[0]).size()), axis = a.integer("axis");
    std::vector<int64_t> order(g.shape(in[0]).size());
    for (int64_t i = 0; i < rank; ++i) order[size_t(i)] = i;
    std::swap(order[size_t(axis < 0 ? axis + rank : axis)], order.back());
    const Value rows = o.transpose(in[0], order);
    return {o.transpose(a.flag("logarithm") ? o.log_softmax(rows) : o.softmax(rows), order)};
  };
  d.cpu = plan_softmax_along;
  d.float32_only = true;
  d.rowwise = rows_off_axis;
  return d;
}

HB_DEFINE_OP(softmax_along_grad) {  // inputs y of softmax_along, dy
  OpDef d;
  d.name = "softmax_along_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = kAlong;
  d.infer = [](const InferContext& c) -> Types {
    check_input(c, 1, c.type(0), "the output's gradient");
    return infer_along(c);
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    Value y = in[0], dy = in[1];
    const int64_t axis = a.integer("axis");
    if (a.flag("logarithm")) return {o.sub(dy, o.mul(o.exp(y), o.sum(dy, {axis}, true)))};
    return {o.mul(o.sub(dy, o.sum(o.mul(dy, y), {axis}, true)), y)};
  };
  d.cpu = plan_softmax_along_grad;
  d.float32_only = true;
  return d;
}

HB_DEFINE_OP(sparse_softmax_cross_entropy) {  // inputs logits [.., C], labels [..]; output [..]
  OpDef d;
  d.name = "sparse_softmax_cross_entropy";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 2;
  d.infer = infer_cross_entropy;
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("sparse_softmax_cross_entropy_grad", {c.in(0), c.in(1), c.dy()}), Value{}};
  };
  d.cpu = plan_sparse_cross_entropy;
  d.cuda = cuda::plan_sparse_cross_entropy;
  d.halves = true;
  return d;
}

HB_DEFINE_OP(sparse_softmax_cross_entropy_grad) {  // (softmax(logits) - one_hot(labels)) * dy
  OpDef d;
  d.name = "sparse_softmax_cross_entropy_grad";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 3;
  d.infer = [](const InferContext& c) -> Types {
    const ValueType loss = infer_cross_entropy(c)[0];
    check_input(c, 2, loss, "the loss' gradient");
    return {c.type(0)};
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs&) -> Values {
    Ops o(g);
    const SymShape shape = g.shape(in[0]);
    SymShape last(shape.size(), Dim(1));
    last.back() = shape.back();
    Value classes = o.iota(last, int64_t(shape.size()) - 1, g.dtype(in[1]));
    Value hot = o.cast(o.binary("equal", expand_last(o, in[1]), classes), g.dtype(in[0]));
    return {o.mul(o.sub(o.softmax(in[0]), hot), expand_last(o, in[2]))};
  };
  d.cpu = plan_sparse_cross_entropy_grad;
  d.cuda = cuda::plan_sparse_cross_entropy_grad;
  d.halves = true;
  return d;
}
}  // namespace hornbeam
