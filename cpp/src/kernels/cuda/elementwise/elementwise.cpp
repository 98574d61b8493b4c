// Elementwise ops and fused groups of them.
#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "kernels/cuda/elementwise/group.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
constexpr int64_t kAccess = 16;  // bytes that a thread reads or writes at a time

KernelPlan plan_group(const KernelRequest& r, Group g) {
  Planner p(r);
  for (size_t k = 0; k < r.inputs.size(); ++k) g.inputs.push_back({r.inputs[k], p.in(k)});
  for (size_t j = 0; j < r.outputs.size(); ++j) g.outputs.push_back({r.outputs[j], p.out(j)});
  p.aliases(group_aliases(g));
  launch_group(p, g);
  return p.done();
}

KernelPlan plan_cast(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &x = r.inputs[0], &y = r.outputs[0];
  if (dtype_size(x.dtype) == dtype_size(y.dtype)) p.aliases({0});
  const int64_t pack = std::min<int64_t>(kAccess / int64_t(std::max(dtype_size(x.dtype), dtype_size(y.dtype))), 8);
  p.launch("elementwise.cuh",
           concat_text("cast_elements<", type_name(y.dtype), ", ", type_name(x.dtype), ", ", pack, ">"),
           {p.blocks(x.size(), kThreads, pack)}, kThreads, {p.in(0), p.out(), x.size()});
  return p.done();
}
}  // namespace

KernelPlan plan_elementwise(const KernelRequest& r) {
  const EwInfo& info = kEwInfo[r.op.elementwise];
  if (info.kind == EwKind::convert) return plan_cast(r);
  const bool binary = info.arity > 1, ternary = info.arity > 2;
  return plan_group(r, Group({r.op.elementwise, 0, binary ? 1 : -1, ternary ? 2 : -1}, info.arity));
}

KernelPlan plan_fused(const KernelRequest& r) {
  if (!r.attrs.ints("sparse").empty()) throw InternalError("a fused group of sparse rows was planned for a GPU");
  return plan_group(r, Group(r.attrs));
}
}  // namespace hornbeam::cuda
