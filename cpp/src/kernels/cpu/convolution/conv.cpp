// Which algorithm computes a convolution or one of its gradients: the first of a list that supports the case.
#include "kernels/cpu/convolution/conv_geometry.hpp"

namespace hornbeam {
namespace {
struct Algorithm {
  bool (*supports)(const ConvGeometry& g, const KernelRequest& r);
  KernelPlan (*plan)(const ConvGeometry& g, const KernelRequest& r);
};

bool is_double(const ConvGeometry&, const KernelRequest& r) { return r.inputs[0].dtype == DType::f64; }
bool is_depthwise(const ConvGeometry& g, const KernelRequest&) { return g.by_channel(); }
bool always(const ConvGeometry&, const KernelRequest&) { return true; }

const Algorithm kForward[] = {{is_double, plan_conv_reference},       {is_depthwise, plan_depthwise},
                              {groups_are_small, plan_small_groups},  {is_pointwise, plan_pointwise},
                              {winograd_pays, plan_winograd_forward}, {clipping_pays, plan_clipped_forward},
                              {always, plan_product_forward}};
const Algorithm kInputGrad[] = {{is_double, plan_conv_reference},          {is_depthwise, plan_depthwise},
                                {groups_are_small, plan_small_groups},     {is_pointwise, plan_pointwise},
                                {winograd_pays, plan_winograd_input_grad}, {clipping_pays, plan_clipped_input_grad},
                                {always, plan_product_input_grad}};
const Algorithm kKernelGrad[] = {{is_double, plan_conv_reference},           {is_depthwise, plan_depthwise},
                                 {groups_are_small, plan_small_groups},      {is_pointwise, plan_pointwise},
                                 {winograd_pays, plan_winograd_kernel_grad}, {clipping_pays, plan_clipped_kernel_grad},
                                 {always, plan_product_kernel_grad}};

// The same with fewer axes, where the kernel looks along some alone: planes that no tap joins are images of their own,
// lines and pixels that none joins are one long line.
ConvGeometry flattened(ConvGeometry g) {
  auto apart = [&](int i) { return g.window[i] == 1 && g.stride[i] == 1 && g.low[i] == 0 && g.in[i] == g.out[i]; };
  if (apart(0)) {
    g.batch *= g.in[0];
    g.in[0] = g.out[0] = 1;
  } else if (apart(1) && apart(2)) {
    g.in[2] *= g.in[1], g.out[2] = g.in[2];
    for (auto* axes : {&g.in, &g.out, &g.window, &g.stride, &g.low, &g.dilation}) {
      (*axes)[1] = (*axes)[0];
      (*axes)[0] = axes == &g.low ? 0 : 1;
    }
  }
  return g;
}

template <size_t N>
KernelPlan first_of(const Algorithm (&list)[N], const ConvGeometry& given, const KernelRequest& r) {
  const ConvGeometry g = is_double(given, r) ? given : flattened(given);  // float64 judges the others
  if (r.inputs[0].dtype != DType::f32 && r.inputs[0].dtype != DType::f64) no_kernel(r);
  const Algorithm* a = list;
  while (!a->supports(g, r)) ++a;
  return a->plan(g, r);
}
}  // namespace

KernelPlan plan_conv(const KernelRequest& r) {
  return first_of(
      kForward,
      ConvGeometry::make(ConvRole::forward, r.inputs[0].shape, r.inputs[1].shape, r.outputs[0].shape, r.attrs), r);
}
KernelPlan plan_conv_input_grad(const KernelRequest& r) {
  return first_of(
      kInputGrad,
      ConvGeometry::make(ConvRole::input_grad, r.outputs[0].shape, r.inputs[1].shape, r.inputs[0].shape, r.attrs), r);
}
KernelPlan plan_conv_kernel_grad(const KernelRequest& r) {
  return first_of(
      kKernelGrad,
      ConvGeometry::make(ConvRole::kernel_grad, r.inputs[0].shape, r.outputs[0].shape, r.inputs[1].shape, r.attrs), r);
}
}  // namespace hornbeam
