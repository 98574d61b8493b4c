// Pooling over 1 to 3 spatial axes, channels last. max_pool also gives the winner's index inside its image (spatial
// position x channels + channel), which its gradient scatters to and the gradient of that gathers from.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_max_pool(const KernelRequest&);
KernelPlan plan_max_pool_grad(const KernelRequest&);
KernelPlan plan_max_pool_pick(const KernelRequest&);
KernelPlan plan_average_pool(const KernelRequest&);
KernelPlan plan_average_pool_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_max_pool(const KernelRequest&);
KernelPlan plan_max_pool_grad(const KernelRequest&);
KernelPlan plan_max_pool_pick(const KernelRequest&);
KernelPlan plan_average_pool(const KernelRequest&);
KernelPlan plan_average_pool_grad(const KernelRequest&);
}  // namespace cuda

namespace {
const std::vector<AttrSpec> kPoolAttrs = {AttrSpec{"window", AttrType::ints, false, true}.between(1, kMostExtent),
                                          AttrSpec{"strides", AttrType::ints, false, true}.between(1, kMostExtent),
                                          AttrSpec{"low", AttrType::dims, false, true}.between(0, kMostExtent),
                                          AttrSpec{"high", AttrType::dims, false, true}.between(0, kMostExtent)};

// The type of what pooling makes of an input of type x.
ValueType pooled(const InferContext& c, const ValueType& x) {
  if (!is_float(x.dtype)) c.fail_type("needs a float input");
  const int n = int(x.shape.size()) - 2;
  if (n < 1 || n > 3) c.fail("needs 1 to 3 spatial axes");
  const Ints &w = c.attrs.ints("window"), &s = c.attrs.ints("strides");
  const SymShape &lo = c.attrs.dims("low"), &hi = c.attrs.dims("high");
  if (int(w.size()) != n || int(s.size()) != n || int(lo.size()) != n || int(hi.size()) != n)
    c.fail(concat_text("needs window, strides and padding for ", n, " spatial axes"));
  SymShape y{x.shape[0]};
  for (int i = 0; i < n; ++i) {
    const size_t k = size_t(i);
    Dim padded = x.shape[k + 1] + lo[k] + hi[k];
    if (padded.is_const() && padded.value() < w[k])
      c.fail(concat_text("the window (", w[k], ") is larger than the padded input (", padded.str(),
                         ") on spatial axis ", i));
    y.push_back(floordiv(padded - w[k], s[k]) + 1);
  }
  y.push_back(x.shape.back());
  return {x.dtype, y};
}

std::vector<AttrSpec> with_shape(std::vector<AttrSpec> attrs) {
  attrs.push_back(AttrSpec{"shape", AttrType::dims, false, true}.between(0));  // of the pooled input
  return attrs;
}
Attrs shaped_as(Attrs attrs, const SymShape& shape) {
  attrs.set("shape", shape);
  return attrs;
}
// The input that the "shape" of a gradient op tells of, whose result's gradient is input `dy`, which is checked.
ValueType input_of(const InferContext& c, size_t dy) {
  const ValueType x{c.dtype(dy), c.attrs.dims("shape")};
  check_input(c, dy, pooled(c, x), "the result's gradient");
  return x;
}
}  // namespace

HB_DEFINE_OP(max_pool) {
  OpDef d;
  d.name = "max_pool";
  d.attrs = kPoolAttrs;
  d.infer = [](const InferContext& c) -> Types {
    const ValueType y = pooled(c, c.type(0));
    return {y, {DType::i32, y.shape}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    if (!c.dy().defined()) return {Value{}};
    return {c.graph.add1("max_pool_grad", {c.out(1), c.dy()}, shaped_as(c.attrs(), c.graph.shape(c.in(0))))};
  };
  d.cpu = plan_max_pool;
  d.cuda = cuda::plan_max_pool;
  d.halves = true;
  d.optional_outputs = true;
  d.rowwise = rows_of_first;
  return d;
}

HB_DEFINE_OP(max_pool_grad) {  // inputs index, dy
  OpDef d;
  d.name = "max_pool_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = with_shape(kPoolAttrs);
  d.infer = [](const InferContext& c) -> Types {
    const ValueType x = input_of(c, 1);
    check_input(c, 0, {DType::i32, c.shape(1)}, "the index");
    return {x};
  };
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.erase("shape");
    return {Value{}, c.graph.add1("max_pool_pick", {c.in(0), c.dy()}, a)};
  };
  d.cpu = plan_max_pool_grad;
  d.cuda = cuda::plan_max_pool_grad;
  d.halves = true;
  return d;
}

HB_DEFINE_OP(max_pool_pick) {  // inputs index [N, out.., C], x [N, in.., C]: x at the index
  OpDef d;
  d.name = "max_pool_pick";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = kPoolAttrs;
  d.infer = [](const InferContext& c) -> Types {
    const ValueType y = pooled(c, c.type(1));
    check_input(c, 0, {DType::i32, y.shape}, "the index");
    return {y};
  };
  d.gradient = [](const GradContext& c) -> Values {
    return {Value{}, c.graph.add1("max_pool_grad", {c.in(0), c.dy()}, shaped_as(c.attrs(), c.graph.shape(c.in(1))))};
  };
  d.cpu = plan_max_pool_pick;
  d.cuda = cuda::plan_max_pool_pick;
  d.halves = true;
  return d;
}

HB_DEFINE_OP(average_pool) {  // padding does not count in the mean
  OpDef d;
  d.name = "average_pool";
  d.attrs = kPoolAttrs;
  d.infer = [](const InferContext& c) -> Types { return {pooled(c, c.type(0))}; };
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("average_pool_grad", {c.dy()}, shaped_as(c.attrs(), c.graph.shape(c.in(0))))};
  };
  d.cpu = plan_average_pool;
  d.cuda = cuda::plan_average_pool;
  d.halves = true;
  d.rowwise = rows_of_first;
  return d;
}

HB_DEFINE_OP(average_pool_grad) {
  OpDef d;
  d.name = "average_pool_grad";
  d.attrs = with_shape(kPoolAttrs);
  d.infer = [](const InferContext& c) -> Types { return {input_of(c, 0)}; };
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.erase("shape");
    return {c.graph.add1("average_pool", {c.dy()}, a)};
  };
  d.cpu = plan_average_pool_grad;
  d.cuda = cuda::plan_average_pool_grad;
  d.halves = true;
  return d;
}
}  // namespace hornbeam
