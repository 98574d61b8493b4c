// random_uniform and check_finite.
#include "base/check.hpp"
#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
}

KernelPlan plan_random_uniform(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec& y = r.outputs[0];
  p.launch("random.cuh", concat_text("random_uniform<", type_name(y.dtype), ">"),
           {p.blocks(y.size(), kThreads, 16 / int64_t(dtype_size(y.dtype)))}, kThreads,
           {p.in(0), p.out(), y.size(), r.attrs.integer("stream")});
  return p.done();
}

KernelPlan plan_check_finite(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec& x = r.inputs[0];
  p.checks_finite(0);
  p.launch("random.cuh", concat_text("check_finite<", type_name(x.dtype), ">"), {p.blocks(x.size(), kThreads, 4)},
           kThreads, {p.in(0), p.out(), x.size()});
  return p.done();
}
}  // namespace hornbeam::cuda
