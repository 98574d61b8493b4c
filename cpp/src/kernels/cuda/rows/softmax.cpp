// softmax, log_softmax and the sparse softmax cross-entropy.
#include "kernels/cuda/rows/team.hpp"

namespace hornbeam::cuda {
namespace {
// A kernel whose parameters are addresses, then how many rows there are and how long they are.
void launch_rows(Planner& p, const KernelRequest& r, const std::string& name, std::vector<Param> params) {
  const TensorSpec& x = r.inputs[0];
  const int64_t n = x.shape.back(), rows = row_count(x.shape);
  const RowTeam team = row_team(n, 16);
  params.push_back(rows);
  params.push_back(n);
  const std::string kernel = concat_text(name, ", ", team.lanes, ", ", team.each, ">");
  p.launch("softmax.cuh", kernel, {std::min<int64_t>(divide_up(rows, team.teams()), 1 << 20)}, team.threads,
           std::move(params));
}

KernelPlan plan_in_place(const KernelRequest& r, const std::string& kernel) {
  Planner p(r);
  launch_rows(p, r, concat_text(kernel, "<", type_name(r.inputs[0].dtype)), {p.in(0), p.out()});
  p.aliases({0});
  return p.done();
}
std::string with_labels(const KernelRequest& r, const std::string& kernel) {
  return concat_text(kernel, "<", type_name(r.inputs[0].dtype), ", ", type_name(r.inputs[1].dtype));
}
}  // namespace

KernelPlan plan_softmax(const KernelRequest& r) { return plan_in_place(r, "softmax_rows"); }
KernelPlan plan_log_softmax(const KernelRequest& r) { return plan_in_place(r, "log_softmax_rows"); }

KernelPlan plan_sparse_cross_entropy(const KernelRequest& r) {
  Planner p(r);
  p.checks_index(1, r.inputs[0].shape.back());
  launch_rows(p, r, with_labels(r, "cross_entropy_rows"), {p.in(0), p.in(1), p.out()});
  return p.done();
}
KernelPlan plan_sparse_cross_entropy_grad(const KernelRequest& r) {
  Planner p(r);
  p.checks_index(1, r.inputs[0].shape.back());
  launch_rows(p, r, with_labels(r, "cross_entropy_grad_rows"), {p.in(0), p.in(1), p.in(2), p.out()});
  p.aliases({0});
  return p.done();
}
}  // namespace hornbeam::cuda
