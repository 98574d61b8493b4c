// A 1 x 1 convolution without strides is a matrix product over all pixels; so is its kernel's gradient.
#include "kernels/cpu/convolution/conv_geometry.hpp"

namespace hornbeam {
KernelPlan plan_matmul(const KernelRequest& r);

namespace {
constexpr int64_t kGradRegisters = 4;  // of filters, below which windows make the better kernel gradient

// The shape of a tensor that follows the product elementwise, for its two axes; empty when it has none.
Shape as_rows(const Shape& s, const Shape& y, bool* fits) {
  const int64_t n = shape_product(s);
  if (s == y) return {n / y.back(), y.back()};
  *fits = *fits && (n == 1 || (!s.empty() && s.back() == n && n == y.back()));
  return n == 1 ? Shape{} : Shape{n};
}
}  // namespace

bool is_pointwise(const ConvGeometry& g, const KernelRequest& r) {
  bool fits = g.groups == 1 && g.taps() == 1 && g.batch * g.in_pixels() * g.channels * g.filters > 0;
  for (int i = 0; i < 3; ++i) fits = fits && g.stride[i] == 1 && g.low[i] == 0 && g.in[i] == g.out[i];
  // One channel is a row, whose sums would run through all pixels in one go.
  if (g.role == ConvRole::kernel_grad)
    fits = fits && g.channels > 1 && g.filters >= kGradRegisters * r.target.isa->lanes;
  for (size_t i = 2; i < r.inputs.size(); ++i) as_rows(r.inputs[i].shape, r.outputs[0].shape, &fits);
  return fits;
}

KernelPlan plan_pointwise(const ConvGeometry& g, const KernelRequest& r) {
  const Shape x{g.batch * g.in_pixels(), g.channels}, kernel{g.channels, g.filters}, dy{x[0], g.filters};
  const bool input_grad = g.role == ConvRole::input_grad, kernel_grad = g.role == ConvRole::kernel_grad;
  Attrs attrs{{"transpose_a", kernel_grad}, {"transpose_b", input_grad}};
  for (const char* name : {"program", "results"})
    if (r.attrs.has(name)) attrs.set(name, r.attrs.ints(name));
  bool fits = true;
  KernelRequest q{r.op, attrs, r.inputs, r.outputs, r.target, r.persistent};
  q.inputs[0].shape = input_grad ? dy : x, q.inputs[1].shape = kernel_grad ? dy : kernel;
  for (TensorSpec& y : q.outputs) y.shape = kernel_grad ? kernel : input_grad ? x : dy;
  for (size_t i = 2; i < q.inputs.size(); ++i)
    q.inputs[i].shape = as_rows(r.inputs[i].shape, r.outputs[0].shape, &fits);
  return plan_matmul(q);
}
}  // namespace hornbeam
