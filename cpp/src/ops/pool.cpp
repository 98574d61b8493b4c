// Pooling over 1 to 3 spatial axes, channels last. max_pool also gives the winner's index inside its image (spatial
// position x channels + channel), which its gradient scatters to and the gradient of that gathers from.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_max_pool(const KernelRequest&);
KernelPlan plan_max_pool_grad(const KernelRequest&);
KernelPlan plan_max_pool_pick(const KernelRequest&);
KernelPlan plan_average_pool(const KernelRequest&);
KernelPlan plan_average_pool_grad(const KernelRequest&);

namespace {
const std::vector<AttrSpec> kPoolAttrs = {{"window", AttrType::ints, false, true},
                                          {"strides", AttrType::ints, false, true},
                                          {"low", AttrType::dims, false, true},
                                          {"high", AttrType::dims, false, true}};

SymShape pooled(const InferContext& c) {
  if (!(c.dtype(0) == DType::f32 || c.dtype(0) == DType::f64)) c.fail_type("needs a float32 or float64 input");
  const int n = c.rank(0) - 2;
  if (n < 1 || n > 3) c.fail("needs 1 to 3 spatial axes");
  const Ints &w = c.attrs.ints("window"), &s = c.attrs.ints("strides");
  const SymShape &lo = c.attrs.dims("low"), &hi = c.attrs.dims("high");
  if (int(w.size()) != n || int(s.size()) != n || int(lo.size()) != n || int(hi.size()) != n)
    c.fail(concat_text("needs window, strides and padding for ", n, " spatial axes"));
  SymShape y{c.shape(0)[0]};
  for (int i = 0; i < n; ++i) {
    const size_t k = size_t(i);
    if (w[k] < 1 || s[k] < 1)
      c.fail(concat_text("window and strides must be >= 1; window=", shape_text(w), " strides=", shape_text(s)));
    Dim padded = c.shape(0)[k + 1] + lo[k] + hi[k];
    if (padded.is_const() && padded.value() < w[k])
      c.fail(concat_text("the window (", w[k], ") is larger than the padded input (", padded.str(),
                         ") on spatial axis ", i));
    y.push_back(floordiv(padded - w[k], s[k]) + 1);
  }
  y.push_back(c.shape(0).back());
  return y;
}

// The winners' indices and the gradient go together.
void check_index(const InferContext& c) {
  if (c.dtype(0) != DType::i32) c.fail_type("the index must be int32");
  if (c.rank(0) != c.rank(1)) c.fail("the index and the gradient must have one shape");
  for (int i = 0; i < c.rank(0); ++i)
    c.same(c.shape(0)[size_t(i)], c.shape(1)[size_t(i)], "the index and the gradient must have one shape");
}

std::vector<AttrSpec> with_shape(std::vector<AttrSpec> attrs) {
  attrs.push_back({"shape", AttrType::dims, false, true});  // of the pooled input
  return attrs;
}
Attrs shaped_as(Attrs attrs, const SymShape& shape) {
  attrs.set("shape", shape);
  return attrs;
}
// Window, strides and padding belong to the "shape" of a gradient.
void check_shape(const InferContext& c) {
  const size_t n = c.attrs.dims("shape").size();
  if (n < 3 || n > 5 || c.attrs.ints("window").size() != n - 2 || c.attrs.ints("strides").size() != n - 2 ||
      c.attrs.dims("low").size() != n - 2 || c.attrs.dims("high").size() != n - 2)
    c.fail("needs a shape of 1 to 3 spatial axes, with window, strides and padding for each");
  for (size_t i = 0; i < n - 2; ++i)
    if (c.attrs.ints("window")[i] < 1 || c.attrs.ints("strides")[i] < 1) c.fail("window and strides must be >= 1");
}
}  // namespace

HB_DEFINE_OP(max_pool) {
  OpDef d;
  d.name = "max_pool";
  d.attrs = kPoolAttrs;
  d.infer = [](const InferContext& c) -> Types {
    SymShape y = pooled(c);
    return {{c.dtype(0), y}, {DType::i32, y}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    if (!c.dy().defined()) return {Value{}};
    return {c.graph.add1("max_pool_grad", {c.out(1), c.dy()}, shaped_as(c.attrs(), c.graph.shape(c.in(0))))};
  };
  d.cpu = plan_max_pool;
  d.optional_outputs = true;
  return d;
}

HB_DEFINE_OP(max_pool_grad) {  // inputs index, dy
  OpDef d;
  d.name = "max_pool_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = with_shape(kPoolAttrs);
  d.infer = [](const InferContext& c) -> Types {
    check_index(c);
    check_shape(c);
    return {{c.dtype(1), c.attrs.dims("shape")}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.erase("shape");
    return {Value{}, c.graph.add1("max_pool_pick", {c.in(0), c.dy()}, a)};
  };
  d.cpu = plan_max_pool_grad;
  return d;
}

HB_DEFINE_OP(max_pool_pick) {  // inputs index [N, out.., C], x [N, in.., C]: x at the index
  OpDef d;
  d.name = "max_pool_pick";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = kPoolAttrs;
  d.infer = [](const InferContext& c) -> Types {
    if (c.dtype(0) != DType::i32) c.fail_type("the index must be int32");
    return {{c.dtype(1), c.shape(0)}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    return {Value{}, c.graph.add1("max_pool_grad", {c.in(0), c.dy()}, shaped_as(c.attrs(), c.graph.shape(c.in(1))))};
  };
  d.cpu = plan_max_pool_pick;
  return d;
}

HB_DEFINE_OP(average_pool) {  // padding does not count in the mean
  OpDef d;
  d.name = "average_pool";
  d.attrs = kPoolAttrs;
  d.infer = [](const InferContext& c) -> Types { return {{c.dtype(0), pooled(c)}}; };
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("average_pool_grad", {c.dy()}, shaped_as(c.attrs(), c.graph.shape(c.in(0))))};
  };
  d.cpu = plan_average_pool;
  return d;
}

HB_DEFINE_OP(average_pool_grad) {
  OpDef d;
  d.name = "average_pool_grad";
  d.attrs = with_shape(kPoolAttrs);
  d.infer = [](const InferContext& c) -> Types {
    check_shape(c);
    return {{c.dtype(0), c.attrs.dims("shape")}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.erase("shape");
    return {c.graph.add1("average_pool", {c.dy()}, a)};
  };
  d.cpu = plan_average_pool_grad;
  return d;
}
}  // namespace hornbeam
