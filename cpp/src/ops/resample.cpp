// Images [batch, rows, columns, channels] at another size: both axes are interpolated, one after another.
#include "ops/define.hpp"
#include "schema/resampling.hpp"

namespace hornbeam {
KernelPlan plan_resample(const KernelRequest&);
KernelPlan plan_resample_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_resample(const KernelRequest&);
KernelPlan plan_resample_grad(const KernelRequest&);
}  // namespace cuda

namespace {
Types infer_resample(const InferContext& c) {
  if (c.rank(0) != 4) c.fail("needs images of shape (batch, rows, columns, channels)");
  if (c.attrs.text("kernel") != "nearest" && !is_float(c.dtype(0))) c.fail_type("needs a float input");
  const SymShape &x = c.shape(0), &size = c.attrs.dims("size");
  for (size_t i : {1, 2})
    if (x[i] == Dim(0) && size[i - 1] != Dim(0)) c.fail("needs images with pixels");
  return {{c.dtype(0), {x[0], size[0], size[1], x[3]}}};
}

OpDef make(const char* name) {
  OpDef d;
  d.name = name;
  d.attrs = {
      AttrSpec{"size", AttrType::dims, false, true}.exactly(2).between(0, kMostExtent),
      AttrSpec{"kernel", AttrType::text, false, true}.one_of({std::begin(kInterpolations), std::end(kInterpolations)}),
      {"antialias", AttrType::boolean, false}};
  d.halves = true;
  d.rowwise = rows_of_first;
  return d;
}
// The other op, to the size that this one's input has.
Values transposed(const GradContext& c, const char* op) {
  const SymShape& x = c.graph.shape(c.in(0));
  Attrs a = c.attrs();
  a.set("size", SymShape{x[1], x[2]});
  return {c.graph.add1(op, {c.dy()}, a)};
}
}  // namespace

HB_DEFINE_OP(resample) {  // to `size`: rows, columns
  OpDef d = make("resample");
  d.infer = infer_resample;
  d.gradient = [](const GradContext& c) { return transposed(c, "resample_grad"); };
  d.cpu = plan_resample;
  d.cuda = cuda::plan_resample;
  return d;
}

HB_DEFINE_OP(resample_grad) {  // input dy; `size`: of what was resampled
  OpDef d = make("resample_grad");
  d.infer = [](const InferContext& c) -> Types {
    if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
    return infer_resample(c);
  };
  d.gradient = [](const GradContext& c) { return transposed(c, "resample"); };
  d.cpu = plan_resample_grad;
  d.cuda = cuda::plan_resample_grad;
  return d;
}
}  // namespace hornbeam
