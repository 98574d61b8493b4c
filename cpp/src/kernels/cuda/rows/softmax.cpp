// softmax, log_softmax and the sparse softmax cross-entropy.
#include <algorithm>

#include "base/check.hpp"
#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {
namespace {
// Threads for a row of n: whole warps, no more than it has work for.
int threads_for(int64_t n) { return int(std::min<int64_t>(256, (n + 31) / 32 * 32)); }

KernelPlan plan_rows(const KernelRequest& r, const std::string& name, std::vector<Param> params, bool labels) {
  Planner p(r);
  const TensorSpec& x = r.inputs[0];
  const int64_t n = x.shape.back(), rows = n ? x.size() / n : 0;
  std::string kernel = concat_text(name, "<", type_name(x.dtype));
  if (labels) kernel += concat_text(", ", type_name(r.inputs[1].dtype));
  params.push_back(rows);
  params.push_back(n);
  if (labels) p.checks_index(1, n);
  p.launch("softmax.cuh", kernel + ">", {std::min<int64_t>(rows, 1 << 20)}, threads_for(n), std::move(params));
  return p.done();
}
}  // namespace

KernelPlan plan_softmax(const KernelRequest& r) {
  const Planner p(r);
  return plan_rows(r, "softmax_rows", {p.in(0), p.out()}, false);
}
KernelPlan plan_log_softmax(const KernelRequest& r) {
  const Planner p(r);
  return plan_rows(r, "log_softmax_rows", {p.in(0), p.out()}, false);
}
KernelPlan plan_sparse_cross_entropy(const KernelRequest& r) {
  const Planner p(r);
  return plan_rows(r, "cross_entropy_rows", {p.in(0), p.in(1), p.out()}, true);
}
KernelPlan plan_sparse_cross_entropy_grad(const KernelRequest& r) {
  const Planner p(r);
  return plan_rows(r, "cross_entropy_grad_rows", {p.in(0), p.in(1), p.in(2), p.out()}, true);
}
}  // namespace hornbeam::cuda
