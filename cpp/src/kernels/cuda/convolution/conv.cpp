// Which way a convolution or one of its gradients is computed, and separable convolutions.
#include "kernels/cuda/convolution/conv.hpp"
#include "kernels/cuda/product/product.hpp"

namespace hornbeam::cuda {
namespace {
// Whether windows are rows of a matrix as they lie in memory: of one pixel, or of the whole image.
bool is_product(const ConvGeometry& g) {
  bool pixels = g.groups == 1, images = g.groups == 1;
  for (int i = 0; i < 3; ++i) {
    pixels = pixels && g.window[i] == 1 && g.stride[i] == 1 && g.low[i] == 0 && g.in[i] == g.out[i];
    images = images && g.window[i] == g.in[i] && g.out[i] == 1 && g.low[i] == 0 && g.dilation[i] == 1;
  }
  return pixels || images;
}
void launch_matrices(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Address to) {
  const int64_t rows = g.batch * g.out_pixels(), columns = g.taps() * g.channels;
  Product product;
  product.dtype = dtype;
  product.c = to;
  switch (g.role) {
    case ConvRole::forward:
      product.m = rows, product.n = g.filters, product.k = columns, product.a = {a}, product.b = {b};
      break;
    case ConvRole::input_grad:
      product.m = rows, product.n = columns, product.k = g.filters, product.a = {a}, product.b = {b, true};
      break;
    case ConvRole::kernel_grad:
      product.m = columns, product.n = g.filters, product.k = rows, product.a = {a, true}, product.b = {b};
      break;
  }
  plan_product(p, std::move(product));
}

void launch_any(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Address to) {
  if (conv_is_direct(g)) return launch_direct(p, g, dtype, a, b, Param(0), false, to);
  if (p.target().blas && is_product(g)) return launch_matrices(p, g, dtype, a, b, to);
  if (!launch_library(p, g, dtype, a, b, to)) launch_tiles(p, g, dtype, a, b, to);
}

KernelPlan plan_any(const KernelRequest& r, const ConvGeometry& g) {
  Planner p(r);
  launch_any(p, g, r.inputs[0].dtype, p.in(0), p.in(1), p.out());
  return p.done();
}
}  // namespace

std::vector<Param> conv_params(const ConvGeometry& g) {
  return {Dims({g.in[0], g.in[1], g.in[2], g.out[0], g.out[1], g.out[2], g.window[0], g.window[1], g.window[2],
                g.stride[0], g.stride[1], g.stride[2]}),
          Dims({g.low[0], g.low[1], g.low[2], g.dilation[0], g.dilation[1], g.dilation[2], g.batch, g.channels,
                g.filters, g.groups})};
}

KernelPlan plan_conv(const KernelRequest& r) {
  return plan_any(
      r, ConvGeometry::make(ConvRole::forward, r.inputs[0].shape, r.inputs[1].shape, r.outputs[0].shape, r.attrs));
}
KernelPlan plan_conv_input_grad(const KernelRequest& r) {
  return plan_any(
      r, ConvGeometry::make(ConvRole::input_grad, r.outputs[0].shape, r.inputs[1].shape, r.inputs[0].shape, r.attrs));
}
KernelPlan plan_conv_kernel_grad(const KernelRequest& r) {
  return plan_any(
      r, ConvGeometry::make(ConvRole::kernel_grad, r.inputs[0].shape, r.outputs[0].shape, r.inputs[1].shape, r.attrs));
}

KernelPlan plan_separable_conv(const KernelRequest& r) {
  Planner p(r);
  const DType dtype = r.inputs[0].dtype;
  Shape middle = r.outputs[0].shape;
  middle.back() = r.inputs[0].shape.back();
  const ConvGeometry g = ConvGeometry::make(ConvRole::forward, r.inputs[0].shape, r.inputs[1].shape, middle, r.attrs);
  ConvGeometry pointwise{ConvRole::forward};
  pointwise.batch = g.batch * g.out_pixels(), pointwise.channels = g.channels;
  pointwise.filters = r.outputs[0].shape.back();
  const Address between = p.work(shape_product(middle) * int64_t(dtype_size(dtype)));
  launch_direct(p, g, dtype, p.in(0), p.in(1), r.attrs.flag("bias") ? Param(p.in(3)) : Param(0), r.attrs.flag("relu"),
                between);
  launch_any(p, pointwise, dtype, between, p.in(2), p.out());
  return p.done();
}
}  // namespace hornbeam::cuda
