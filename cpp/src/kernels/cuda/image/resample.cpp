// Images at another size.
#include "schema/resampling.hpp"

#include "kernels/cuda/data/walk.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;

void append(std::vector<Param>& to, std::initializer_list<Param> more) { to.insert(to.end(), more); }

// The table of an axis' weights.
Address weights_of(Planner& p, const ResampledAxis& a, DType wide) {
  const Address weights = p.work(a.to * a.most() * int64_t(dtype_size(wide)));
  p.launch("resample.cuh", concat_text("resample_weights<", type_name(wide), ">"), {p.blocks(a.to, kThreads)}, kThreads,
           {weights, a.from, a.to, int64_t(a.kind), a.most(), a.step, a.wide, a.reach});
  return weights;
}

KernelPlan plan_weighted(const KernelRequest& r, const Resampling& g, const char* kernel) {
  Planner p(r);
  const DType dtype = r.inputs[0].dtype;
  const DType wide = dtype == DType::f64 ? DType::f64 : DType::f32;
  const Address rows = weights_of(p, g.rows, wide), columns = weights_of(p, g.columns, wide);
  const int together = g.channels % 4 == 0 ? 4 : 1;
  const int64_t n = r.outputs[0].size() / together;
  std::vector<Param> params{p.in(0), rows, columns, p.out(), n, g.channels};
  append(params, {g.rows.from, g.rows.to, int64_t(g.rows.kind), g.rows.most(), g.rows.step, g.rows.wide, g.rows.reach});
  append(params, {g.columns.from, g.columns.to, g.columns.most(), g.columns.step, g.columns.wide, g.columns.reach});
  p.launch("resample.cuh", concat_text(kernel, "<", type_name(dtype), ", ", together, ">"), {p.blocks(n, kThreads)},
           kThreads, std::move(params));
  return p.done();
}
}  // namespace

KernelPlan plan_resample(const KernelRequest& r) {
  const Resampling g = Resampling::make(r, r.inputs[0].shape, r.outputs[0].shape);
  if (g.rows.kind != Interpolation::nearest) return plan_weighted(r, g, "resample");
  Planner p(r);
  const int64_t pixel = g.channels * int64_t(dtype_size(r.inputs[0].dtype)), word = int64_t(word_bytes({pixel}));
  const int64_t n = g.batch * g.rows.to * g.columns.to * pixel / word;
  p.launch("resample.cuh", concat_text("resample_nearest<", word_name(size_t(word)), ">"), {p.blocks(n, kThreads)},
           kThreads, {p.in(0), p.out(), n, pixel / word, g.rows.from, g.rows.to, g.columns.from, g.columns.to});
  return p.done();
}

KernelPlan plan_resample_grad(const KernelRequest& r) {
  return plan_weighted(r, Resampling::make(r, r.outputs[0].shape, r.inputs[0].shape), "resample_grad");
}
}  // namespace hornbeam::cuda
