// Batch normalization (statistics over all axes but the last), layer normalization (over the last axis) and group
// normalization (of a sample's channels), each with a fused gradient op whose own gradient comes from its
// decomposition.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_batch_norm(const KernelRequest&);
KernelPlan plan_batch_norm_grad(const KernelRequest&);
KernelPlan plan_layer_norm(const KernelRequest&);
KernelPlan plan_layer_norm_grad(const KernelRequest&);
KernelPlan plan_group_norm(const KernelRequest&);
KernelPlan plan_group_norm_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_batch_norm(const KernelRequest&);
KernelPlan plan_batch_norm_grad(const KernelRequest&);
KernelPlan plan_layer_norm(const KernelRequest&);
KernelPlan plan_layer_norm_grad(const KernelRequest&);
}  // namespace cuda

namespace {
const std::vector<AttrSpec> kEpsilon = {{"epsilon", AttrType::real, 1e-3}};
const std::vector<AttrSpec> kLayer = {{"epsilon", AttrType::real, 1e-3},
                                      {"centred", AttrType::boolean, true}};  // false: by the root mean square

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
  d.attrs = kLayer;
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
  d.attrs = kLayer;
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
    const bool about = a.flag("centred");
    Value centred = about ? o.sub(x, o.mean(x, {-1}, true)) : x;
    Value rstd = o.rsqrt(o.add(o.mean(o.square(centred), {-1}, true), a.real("epsilon")));
    Value xhat = o.mul(centred, rstd), dxhat = o.mul(dy, gamma);
    Value slope = about ? o.sub(dxhat, o.mean(dxhat, {-1}, true)) : dxhat;
    Value dx = o.mul(rstd, o.sub(slope, o.mul(xhat, o.mean(o.mul(dxhat, xhat), {-1}, true))));
    return {dx, sum_leading(o, o.mul(dy, xhat)), sum_leading(o, dy)};
  };
  d.cpu = plan_layer_norm_grad;
  d.cuda = cuda::plan_layer_norm_grad;
  d.halves = true;
  d.optional_outputs = true;
  return d;
}

namespace {
const std::vector<AttrSpec> kGroups = {{"epsilon", AttrType::real, 1e-3},
                                       {"groups", AttrType::integer, int64_t(1)},
                                       {"axis", AttrType::integer, int64_t(-1)}};

void check_groups(const InferContext& c, size_t params) {
  if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
  if (c.rank(0) < 2) c.fail("needs samples and channels");
  const int axis = c.axis(c.attrs.integer("axis"), c.rank(0));
  const Dim channels = c.shape(0)[size_t(axis)];
  const int64_t groups = c.attrs.integer("groups");
  if (axis == 0) c.fail("the channels' axis must not be the samples'");
  if (groups < 1 || !channels.is_const() || channels.value() % groups != 0)
    c.fail(concat_text("the channels must be known and divisible by groups=", groups));
  for (size_t i = 1; i <= params; ++i) check_input(c, i, {c.dtype(0), {channels}}, "a scale or offset");
}
ValueType group_statistic(const InferContext& c) {
  return {c.dtype(0), {c.shape(0)[0], Dim(c.attrs.integer("groups"))}};
}

// x [N, .., C, ..] with the channels' axis split in two, [groups, channels of a group].
struct Split {
  Ops& o;
  SymShape given, shape;
  size_t axis;
  Ints over;     // the axes that a group's statistics are of
  Ints samples;  // the axes but those of channels

  Split(Ops& ops, Value x, const Attrs& a) : o(ops), given(ops.g.shape(x)), shape(given) {
    const int64_t at = a.integer("axis"), groups = a.integer("groups");
    axis = size_t(at < 0 ? at + int64_t(given.size()) : at);
    shape[axis] = given[axis].value() / groups;
    shape.insert(shape.begin() + long(axis), Dim(groups));
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i != 0 && i != axis) over.push_back(int64_t(i));
      if (i != axis && i != axis + 1) samples.push_back(int64_t(i));
    }
  }
  Value split(Value x) const { return o.reshape(x, shape); }
  Value whole(Value x) const { return o.reshape(x, given); }
  Value mean(Value x) const { return o.mean(x, over, true); }
  Value along(Value v) const {  // of channels, so that it broadcasts with what is split
    SymShape s(shape.size(), Dim(1));
    s[axis] = shape[axis], s[axis + 1] = shape[axis + 1];
    return o.reshape(v, s);
  }
  Value of_channels(Value v) const { return o.reshape(o.sum(v, samples), {given[axis]}); }
  Value statistic(Value v) const { return o.reshape(v, {given[0], shape[axis]}); }
};

// With one sample and a group a channel, what batch_norm does of channels that come last.
Values as_batch_norm(Ops& o, const Values& in, const Split& s, const Attrs& a) {
  Ints last, back(s.given.size());
  for (size_t i = 0; i < s.given.size(); ++i)
    if (i != s.axis) last.push_back(int64_t(i));
  last.push_back(int64_t(s.axis));
  for (size_t i = 0; i < last.size(); ++i) back[size_t(last[i])] = int64_t(i);
  const Values y = o.g.add("batch_norm", {o.transpose(in[0], last), in[1], in[2]}, {{"epsilon", a.real("epsilon")}});
  return {o.transpose(y[0], back), s.statistic(y[1]), s.statistic(y[2])};
}
}  // namespace

// inputs x [N, .., C, ..], gamma [C], beta [C]; outputs y, mean [N, groups], biased variance [N, groups]
HB_DEFINE_OP(group_norm) {
  OpDef d;
  d.name = "group_norm";
  d.min_inputs = d.max_inputs = 3;
  d.attrs = kGroups;
  d.infer = [](const InferContext& c) -> Types {
    check_groups(c, 2);
    return {c.type(0), group_statistic(c), group_statistic(c)};
  };
  d.gradient = [](const GradContext& c) -> Values {
    if (c.dy(1).defined() || c.dy(2).defined())
      throw GradientError("[group_norm] the mean and variance outputs have no gradient of their own");
    return c.graph.add("group_norm_grad", {c.in(0), c.in(1), c.out(1), c.out(2), c.dy(0)}, c.attrs());
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    const Split s(o, in[0], a);
    if (s.given[0] == Dim(1) && s.shape[s.axis + 1] == Dim(1)) return as_batch_norm(o, in, s, a);
    Value x = s.split(in[0]), mean = s.mean(x), centred = o.sub(x, mean), variance = s.mean(o.square(centred));
    Value xhat = o.mul(centred, o.rsqrt(o.add(variance, a.real("epsilon"))));
    return {s.whole(o.add(o.mul(xhat, s.along(in[1])), s.along(in[2]))), s.statistic(mean), s.statistic(variance)};
  };
  d.cpu = plan_group_norm;
  d.float32_only = true;
  d.epilogue = [](const Graph&, const Node&) { return EpilogueRoom::one; };
  d.optional_outputs = true;
  d.rowwise = rows_of_first;
  return d;
}

HB_DEFINE_OP(group_norm_grad) {  // inputs x, gamma, mean, variance, dy; outputs dx, dgamma, dbeta
  OpDef d;
  d.name = "group_norm_grad";
  d.min_inputs = d.max_inputs = 5;
  d.attrs = kGroups;
  d.infer = [](const InferContext& c) -> Types {
    check_groups(c, 1);
    for (size_t i : {2, 3}) check_input(c, i, group_statistic(c), "a statistic");
    check_input(c, 4, c.type(0), "the output's gradient");
    return {c.type(0), c.type(1), c.type(1)};
  };
  // Recomputes the statistics from x, so that their dependence on x is differentiated too.
  d.decompose = [](Graph& g, const Values& in, const Attrs& a) -> Values {
    Ops o(g);
    const Split s(o, in[0], a);
    Value x = s.split(in[0]), dy = s.split(in[4]), centred = o.sub(x, s.mean(x));
    Value rstd = o.rsqrt(o.add(s.mean(o.square(centred)), a.real("epsilon")));
    Value xhat = o.mul(centred, rstd), dxhat = o.mul(dy, s.along(in[1]));
    Value dx = o.mul(rstd, o.sub(o.sub(dxhat, s.mean(dxhat)), o.mul(xhat, s.mean(o.mul(dxhat, xhat)))));
    return {s.whole(dx), s.of_channels(o.mul(dy, xhat)), s.of_channels(dy)};
  };
  d.cpu = plan_group_norm_grad;
  d.float32_only = true;
  d.optional_outputs = true;
  return d;
}
}  // namespace hornbeam
