// Convolution over 1 to 3 spatial axes, channels last, and its two gradients; each of the three is linear in both
// inputs and differentiates into the other two. Transposed convolution is conv_input_grad.
// Layouts: x [N, spatial.., C], kernel [window.., C/groups, O], y [N, out.., O].
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_conv(const KernelRequest&);
KernelPlan plan_conv_input_grad(const KernelRequest&);
KernelPlan plan_conv_kernel_grad(const KernelRequest&);
KernelPlan plan_separable_conv(const KernelRequest&);
namespace cuda {
KernelPlan plan_conv(const KernelRequest&);
KernelPlan plan_conv_input_grad(const KernelRequest&);
KernelPlan plan_conv_kernel_grad(const KernelRequest&);
KernelPlan plan_separable_conv(const KernelRequest&);
}  // namespace cuda

namespace {
const std::vector<AttrSpec> kConvAttrs = {
    AttrSpec{"strides", AttrType::ints, false, true}.between(1, kMostExtent),
    AttrSpec{"low", AttrType::dims, false, true}.between(0, kMostExtent),   // padding before, per spatial axis
    AttrSpec{"high", AttrType::dims, false, true}.between(0, kMostExtent),  // and after
    AttrSpec{"dilations", AttrType::ints, false, true}.between(1, kMostExtent),
    AttrSpec{"groups", AttrType::integer, int64_t(1)}.between(1)};

// Checks the parameters and returns the number of spatial axes.
size_t spatial_axes(const InferContext& c, int rank) {
  const int n = rank - 2;
  if (n < 1 || n > 3) c.fail("needs 1 to 3 spatial axes");
  const Ints &s = c.attrs.ints("strides"), &d = c.attrs.ints("dilations");
  const SymShape &lo = c.attrs.dims("low"), &hi = c.attrs.dims("high");
  if (int(s.size()) != n || int(d.size()) != n || int(lo.size()) != n || int(hi.size()) != n)
    c.fail(concat_text("needs strides, padding and dilations for ", n, " spatial axes"));
  return size_t(n);
}

Dim extent(const Dim& kernel, int64_t dilation) {
  if (kernel.is_const()) (void)checked_mul(kernel.value(), dilation, "[conv] dilated kernel");
  return (kernel - 1) * dilation + 1;
}

// The type of the convolution of x by a kernel.
ValueType convolved(const InferContext& c, const ValueType& x, const ValueType& kernel) {
  if (x.dtype != kernel.dtype || !is_float(x.dtype)) c.fail_type("inputs must be of one float dtype");
  if (x.shape.size() != kernel.shape.size()) c.fail("inputs must have the same number of axes");
  const size_t n = spatial_axes(c, int(x.shape.size()));
  const SymShape& k = kernel.shape;
  const int64_t groups = c.attrs.integer("groups");
  const Dim outs = k[n + 1];
  c.same(x.shape[n + 1], k[n] * groups,
         concat_text("input channels must be groups x kernel channels; groups=", groups));
  if (outs.is_const() && outs.value() % groups != 0)
    c.fail(concat_text("output channels must be divisible by groups=", groups));
  SymShape y{x.shape[0]};
  for (size_t i = 0; i < n; ++i) {
    Dim padded = x.shape[i + 1] + c.attrs.dims("low")[i] + c.attrs.dims("high")[i];
    Dim window = extent(k[i], c.attrs.ints("dilations")[i]);
    if (k[i] == Dim(0)) c.fail("the kernel is empty");
    if (padded.is_const() && window.is_const() && window.value() > padded.value())
      c.fail(concat_text("the dilated kernel (", window.str(), ") is larger than the padded input (", padded.str(),
                         ") on spatial axis ", i));
    y.push_back(floordiv(padded - window, c.attrs.ints("strides")[i]) + 1);
  }
  y.push_back(outs);
  return {x.dtype, y};
}
Types infer_conv(const InferContext& c) { return {convolved(c, c.type(0), c.type(1))}; }

Value conv(Graph& g, Value x, Value k, const Attrs& a) {
  Attrs p = a;
  p.erase("shape");
  return g.add1("conv", {x, k}, p);
}
Value input_grad(Graph& g, Value dy, Value k, const Attrs& a, SymShape shape) {
  Attrs p = a;
  p.set("shape", std::move(shape));
  return g.add1("conv_input_grad", {dy, k}, p);
}
Value kernel_grad(Graph& g, Value x, Value dy, const Attrs& a, SymShape shape) {
  Attrs p = a;
  p.set("shape", std::move(shape));
  return g.add1("conv_kernel_grad", {x, dy}, p);
}

std::vector<AttrSpec> with_shape() {
  std::vector<AttrSpec> attrs = kConvAttrs;
  attrs.push_back(AttrSpec{"shape", AttrType::dims, false, true}.between(0));  // of the result
  return attrs;
}
}  // namespace

namespace {
// Elements of the convolution's output times kernel elements a filter, whichever of the three is computed.
double multiply_adds(const Shape& y, const Shape& kernel) {
  return 2.0 * double(shape_product(y)) * double(shape_product(kernel)) / double(std::max<int64_t>(1, kernel.back()));
}

// Behind the product of all channels, and behind depthwise convolutions.
EpilogueRoom epilogue_of(const Graph& g, const Node& n) {
  const int64_t groups = n.attrs.integer("groups");
  const SymShape& kernel = g.shape(n.inputs[1]);
  const bool depthwise = kernel[kernel.size() - 2] == Dim(1) && kernel.back() == Dim(groups);
  return groups == 1 || depthwise ? EpilogueRoom::one : EpilogueRoom::none;
}
}  // namespace

HB_DEFINE_OP(conv) {
  OpDef d;
  d.name = "conv";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = kConvAttrs;
  d.infer = infer_conv;
  d.gradient = [](const GradContext& c) -> Values {
    Graph& g = c.graph;
    const Attrs a = c.attrs();
    return {c.wanted[0] ? input_grad(g, c.dy(), c.in(1), a, g.shape(c.in(0))) : Value{},
            c.wanted[1] ? kernel_grad(g, c.in(0), c.dy(), a, g.shape(c.in(1))) : Value{}};
  };
  d.cpu = plan_conv;
  d.cuda = cuda::plan_conv;
  d.halves = true;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>& out, const Attrs&) {
    return multiply_adds(out[0], in[1]);
  };
  d.rowwise = rows_of_first;
  d.product = ProductKind::rows;
  d.epilogue = epilogue_of;
  d.scaled_axis = [](const Graph& g, const Node& n) { return g.rank(n.inputs[1]) - 1; };
  return d;
}

HB_DEFINE_OP(conv_input_grad) {  // inputs dy, kernel
  OpDef d;
  d.name = "conv_input_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = with_shape();
  d.infer = [](const InferContext& c) -> Types {
    const ValueType x{c.dtype(0), c.attrs.dims("shape")};
    check_input(c, 0, convolved(c, x, c.type(1)), "the result's gradient");
    return {x};
  };
  d.gradient = [](const GradContext& c) -> Values {
    const Attrs a = c.attrs();
    return {conv(c.graph, c.dy(), c.in(1), a), kernel_grad(c.graph, c.dy(), c.in(0), a, c.graph.shape(c.in(1)))};
  };
  d.cpu = plan_conv_input_grad;
  d.cuda = cuda::plan_conv_input_grad;
  d.halves = true;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>&, const Attrs&) {
    return multiply_adds(in[0], in[1]);
  };
  d.rowwise = rows_of_first;
  d.product = ProductKind::rows;
  d.epilogue = epilogue_of;
  d.scaled_axis = [](const Graph& g, const Node& n) {
    return n.attrs.integer("groups") == 1 ? g.rank(n.inputs[1]) - 2 : -1;
  };
  return d;
}

HB_DEFINE_OP(conv_kernel_grad) {  // inputs x, dy
  OpDef d;
  d.name = "conv_kernel_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = with_shape();
  d.infer = [](const InferContext& c) -> Types {
    const ValueType kernel{c.dtype(0), c.attrs.dims("shape")};
    check_input(c, 1, convolved(c, c.type(0), kernel), "the result's gradient");
    return {kernel};
  };
  d.gradient = [](const GradContext& c) -> Values {
    const Attrs a = c.attrs();
    return {input_grad(c.graph, c.in(1), c.dy(), a, c.graph.shape(c.in(0))), conv(c.graph, c.in(0), c.dy(), a)};
  };
  d.cpu = plan_conv_kernel_grad;
  d.cuda = cuda::plan_conv_kernel_grad;
  d.halves = true;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>& out, const Attrs&) {
    return multiply_adds(in[1], out[0]);
  };
  d.epilogue = [](const Graph&, const Node& n) {
    return n.attrs.integer("groups") == 1 ? EpilogueRoom::several : EpilogueRoom::none;
  };
  return d;
}

// Inputs x, depthwise kernel [window.., 1, C], pointwise kernel [1.., C, O], then [C] when `bias`: conv by the first,
// plus the bias, through relu when that is set, conv by the second. Made by the pass fuse_separable.
HB_DEFINE_OP(separable_conv) {
  OpDef d;
  d.name = "separable_conv";
  d.min_inputs = 3;
  d.max_inputs = 4;
  d.attrs = kConvAttrs;
  d.attrs.push_back({"bias", AttrType::boolean, false});
  d.attrs.push_back({"relu", AttrType::boolean, false});
  d.infer = [](const InferContext& c) -> Types {
    ValueType y = infer_conv(c)[0];
    const SymShape& k = c.shape(2);
    for (size_t i = 0; i < c.inputs.size(); ++i)
      if (c.dtype(i) != DType::f32) c.fail_type("inputs must be float32");
    if (y.shape.back() != Dim(c.attrs.integer("groups")) || c.shape(1)[size_t(c.rank(1) - 2)] != Dim(1))
      c.fail("the first kernel must be depthwise");
    if (c.rank(2) != c.rank(0)) c.fail("inputs must have the same number of axes");
    for (int i = 0; i + 2 < c.rank(2); ++i) c.same(k[size_t(i)], Dim(1), "the second kernel must have one tap");
    c.same(k[size_t(c.rank(2) - 2)], y.shape.back(), "the second kernel must take the first's channels");
    if (c.inputs.size() != (c.attrs.flag("bias") ? 4 : 3)) c.fail("takes a fourth input with `bias` alone");
    if (c.attrs.flag("bias")) {
      if (c.rank(3) != 1) c.fail("the bias must be [channels]");
      c.same(c.shape(3)[0], y.shape.back(), "the bias must be [channels]");
    }
    y.shape.back() = k.back();
    return {y};
  };
  d.differentiable = false;
  d.cpu = plan_separable_conv;
  d.cuda = cuda::plan_separable_conv;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>& out, const Attrs&) {
    const double pixels = double(shape_product(out[0])) / double(std::max<int64_t>(1, out[0].back()));
    return 2.0 * pixels * double(shape_product(in[1]) + shape_product(in[2]));
  };
  d.rowwise = rows_of_first;
  d.product = ProductKind::rows;
  return d;
}
}  // namespace hornbeam
