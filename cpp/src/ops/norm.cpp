// Batch normalization (statistics over all axes but the last) and layer normalization (over the last axis), each
// with a fused gradient op whose own gradient comes from its decomposition.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_batch_norm(const KernelRequest&);
KernelPlan plan_batch_norm_grad(const KernelRequest&);
KernelPlan plan_layer_norm(const KernelRequest&);
KernelPlan plan_layer_norm_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_batch_norm(const KernelRequest&);
KernelPlan plan_batch_norm_grad(const KernelRequest&);
KernelPlan plan_layer_norm(const KernelRequest&);
KernelPlan plan_layer_norm_grad(const KernelRequest&);
}  // namespace cuda

namespace {
const std::vector<AttrSpec> kEpsilon = {{"epsilon", AttrType::real, 1e-3}};

void check_norm(const InferContext& c, size_t params) {
  if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
  if (c.rank(0) < 1) c.fail("needs at least one axis");
  for (size_t i = 1; i <= params; ++i) {
    if (c.dtype(i) != c.dtype(0)) c.fail_type("inputs must have one dtype");
    if (c.rank(i) != 1) c.fail("scale and offset must have one axis");
    c.same(c.shape(i)[0], c.shape(0).back(), "scale and offset must have the size of the last axis");
  }
}

Ints leading_axes(int rank) {
  Ints axes;
  for (int i = 0; i + 1 < rank; ++i) axes.push_back(i);
  return axes;
}
Value sum_leading(Ops& o, Value v) {
  Ints axes = leading_axes(o.g.rank(v));
  return axes.empty() ? v : o.sum(v, axes);
}
Value mean_leading(Ops& o, Value v) {
  Ints axes = leading_axes(o.g.rank(v));
  return axes.empty() ? v : o.mean(v, axes);
}
}  // namespace

HB_DEFINE_OP(batch_norm) {  // inputs x [.., C], gamma [C], beta [C]; outputs y, mean [C], biased variance [C]
  OpDef d;
  d.name = "batch_norm";
  d.min_inputs = d.max_inputs = 3;
  d.attrs = kEpsilon;
  d.infer = [](const InferContext& c) -> Types {
    check_norm(c, 2);
    ValueType stat{c.dtype(0), {c.shape(0).back()}};
    return {c.type(0), stat, stat};
  };
  d.gradient = [](const GradContext& c) -> Values {
    Ops o(c.graph);
    Value x = c.in(0), dx, dgamma, dbeta;
    if (c.dy(0).defined()) {
      auto g = c.graph.add("batch_norm_grad", {x, c.in(1), c.out(1), c.out(2), c.dy(0)}, c.attrs());
      dx = g[0], dgamma = g[1], dbeta = g[2];
    }
    const SymShape shape = c.graph.shape(x);
    Value n = o.dim_value(floordiv(shape_product(shape), shape.back()), c.graph.dtype(x));
    auto accumulate = [&](Value v) { dx = dx.defined() ? o.add(dx, v) : v; };
    if (c.dy(1).defined()) accumulate(o.broadcast_to(o.div(c.dy(1), n), shape));
    if (c.dy(2).defined()) accumulate(o.mul(o.sub(x, c.out(1)), o.div(o.mul(c.dy(2), 2), n)));
    return {dx, dgamma, dbeta};
  };
  d.cpu = plan_batch_norm;
  d.cuda = cuda::plan_batch_norm;
  d.halves = true;
  d.epilogue = [](const Graph&, const Node&) { return EpilogueRoom::one; };
  d.cuda_epilogue = EpilogueRoom::several;
  return d;
}

HB_DEFINE_OP(batch_norm_grad) {  // inputs x, gamma, mean, variance, dy; outputs dx, dgamma, dbeta
  OpDef d;
  d.name = "batch_norm_grad";
  d.min_inputs = d.max_inputs = 5;
  d.attrs = kEpsilon;
  d.infer = [](const InferContext& c) -> Types {
    check_norm(c, 1);
    for (size_t i : {2, 3}) check_input(c, i, {c.dtype(0), {c.shape(0).back()}}, "a statistic");
    check_input(c, 4, c.type(0), "the output's gradient");
    return {c.type(0), c.type(1), c.type(1)};
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    Value x = in[0], gamma = in[1], mean = in[2], variance = in[3], dy = in[4];
    Value rstd = o.rsqrt(o.add(variance, a.real("epsilon"))), xhat = o.mul(o.sub(x, mean), rstd);
    Value dgamma = sum_leading(o, o.mul(dy, xhat)), dbeta = sum_leading(o, dy);
    Value centred = o.sub(o.sub(dy, mean_leading(o, dy)), o.mul(xhat, mean_leading(o, o.mul(dy, xhat))));
    return {o.mul(centred, o.mul(gamma, rstd)), dgamma, dbeta};
  };
  d.cpu = plan_batch_norm_grad;
  d.cuda = cuda::plan_batch_norm_grad;
  d.halves = true;
  d.optional_outputs = true;
  return d;
}

HB_DEFINE_OP(layer_norm) {  // inputs x [.., C], gamma [C], beta [C]; outputs y, mean [..], 1/stddev [..]
  OpDef d;
  d.name = "layer_norm";
  d.min_inputs = d.max_inputs = 3;
  d.attrs = kEpsilon;
  d.infer = [](const InferContext& c) -> Types {
    check_norm(c, 2);
    SymShape rows(c.shape(0).begin(), c.shape(0).end() - 1);
    return {c.type(0), {c.dtype(0), rows}, {c.dtype(0), rows}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    if (c.dy(1).defined() || c.dy(2).defined())
      throw GradientError("[layer_norm] the mean and deviation outputs have no gradient of their own");
    return c.graph.add("layer_norm_grad", {c.in(0), c.in(1), c.out(1), c.out(2), c.dy(0)}, c.attrs());
  };
  d.cpu = plan_layer_norm;
  d.cuda = cuda::plan_layer_norm;
  d.halves = true;
  d.optional_outputs = true;
  d.rowwise = rows_of_first;
  return d;
}

HB_DEFINE_OP(layer_norm_grad) {  // inputs x, gamma, mean, rstd, dy; outputs dx, dgamma, dbeta
  OpDef d;
  d.name = "layer_norm_grad";
  d.min_inputs = d.max_inputs = 5;
  d.attrs = kEpsilon;
  d.infer = [](const InferContext& c) -> Types {
    check_norm(c, 1);
    const SymShape rows(c.shape(0).begin(), c.shape(0).end() - 1);
    for (size_t i : {2, 3}) check_input(c, i, {c.dtype(0), rows}, "a statistic");
    check_input(c, 4, c.type(0), "the output's gradient");
    return {c.type(0), c.type(1), c.type(1)};
  };
  // Recomputes mean and deviation from x, so that their dependence on x is differentiated too.
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    Value x = in[0], gamma = in[1], dy = in[4];
    Value centred = o.sub(x, o.mean(x, {-1}, true));
    Value rstd = o.rsqrt(o.add(o.mean(o.square(centred), {-1}, true), a.real("epsilon")));
    Value xhat = o.mul(centred, rstd), dxhat = o.mul(dy, gamma);
    Value dx = o.mul(
        rstd, o.sub(o.sub(dxhat, o.mean(dxhat, {-1}, true)), o.mul(xhat, o.mean(o.mul(dxhat, xhat), {-1}, true))));
    return {dx, sum_leading(o, o.mul(dy, xhat)), sum_leading(o, dy)};
  };
  d.cpu = plan_layer_norm_grad;
  d.cuda = cuda::plan_layer_norm_grad;
  d.halves = true;
  d.optional_outputs = true;
  return d;
}
}  // namespace hornbeam
