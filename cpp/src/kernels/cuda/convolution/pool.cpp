// Pooling and its gradients.
#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "kernels/cuda/plan.hpp"
#include "schema/windows.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;

// The kernel takes `arguments`, then the geometry.
KernelPlan plan_pool(const KernelRequest& r, const char* kernel, const PoolGeometry& g, bool indexed,
                     std::vector<Param> arguments) {
  Planner p(r);
  HB_CHECK(!indexed || g.in_pixels() * g.channels < (int64_t(1) << 31), "[", r.op.name,
           "] an image may have at most 2^31 elements; the input has ", g.in_pixels() * g.channels);
  arguments.push_back(Dims({g.in[0], g.in[1], g.in[2], g.out[0], g.out[1], g.out[2], g.window[0], g.window[1],
                            g.window[2], g.stride[0], g.stride[1], g.stride[2]}));
  arguments.push_back(Dims({g.low[0], g.low[1], g.low[2], g.batch, g.channels}));
  const int together = g.channels % 4 == 0 ? 4 : 1;
  p.launch("pool.cuh", concat_text(kernel, "<", type_name(r.inputs.back().dtype), ", ", together, ">"),
           {p.blocks(r.outputs[0].size() / together, kThreads)}, kThreads, std::move(arguments));
  return p.done();
}
}  // namespace

KernelPlan plan_max_pool(const KernelRequest& r) {
  const Planner p(r);
  const PoolGeometry g = PoolGeometry::make(r.op.name, r.inputs[0].shape, r.outputs[0].shape, r.attrs);
  return plan_pool(r, "max_pool", g, true, {p.in(0), p.out(0), p.out(1)});
}
KernelPlan plan_max_pool_grad(const KernelRequest& r) {
  const Planner p(r);
  const PoolGeometry g = PoolGeometry::make(r.op.name, r.outputs[0].shape, r.inputs[1].shape, r.attrs);
  return plan_pool(r, "max_pool_grad", g, true, {p.in(0), p.in(1), p.out()});
}
KernelPlan plan_max_pool_pick(const KernelRequest& r) {
  Planner p(r);
  const PoolGeometry g = PoolGeometry::make(r.op.name, r.inputs[1].shape, r.outputs[0].shape, r.attrs);
  const int64_t n = r.outputs[0].size();
  p.launch("pool.cuh", concat_text("max_pool_pick<", type_name(r.inputs[1].dtype), ">"), {p.blocks(n, kThreads)},
           kThreads, {p.in(0), p.in(1), p.out(), n, g.in_pixels() * g.channels, g.out_pixels() * g.channels});
  return p.done();
}
KernelPlan plan_average_pool(const KernelRequest& r) {
  const Planner p(r);
  const PoolGeometry g = PoolGeometry::make(r.op.name, r.inputs[0].shape, r.outputs[0].shape, r.attrs);
  return plan_pool(r, "average_pool", g, false, {p.in(0), p.out()});
}
KernelPlan plan_average_pool_grad(const KernelRequest& r) {
  const Planner p(r);
  const PoolGeometry g = PoolGeometry::make(r.op.name, r.outputs[0].shape, r.inputs[0].shape, r.attrs);
  return plan_pool(r, "average_pool_grad", g, false, {p.in(0), p.out()});
}
}  // namespace hornbeam::cuda
