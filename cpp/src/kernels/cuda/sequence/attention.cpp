// Attention and its gradient: a block for each 64 rows of a head (device/attention.cuh).
#include <algorithm>

#include "base/check.hpp"
#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int64_t kRows = 64;  // of a block; this and the next as in the device's code
constexpr int kThreads = 128;
constexpr int64_t kWidest = 128;     // columns that a block makes at most
constexpr int64_t kFactsBytes = 16;  // of a row: RowFacts

struct Attention {
  explicit Attention(const KernelRequest& r) : planner(r), dtype(r.inputs[0].dtype), masked(r.attrs.flag("masked")) {
    const Shape &q = r.inputs[0].shape, &v = r.inputs[2].shape;
    heads = q[0] * q[2], rows = q[1], keys = v[1], depth = q[3], width = v[3];
    sizes = Dims({rows, keys, q[2], depth, width});
    if (masked) {
      const Shape& m = r.inputs[3].shape;
      int64_t step = 1;
      for (size_t i = 4; i-- > 0;) {
        mask_strides.n[i] = m[i] == 1 ? 0 : step;
        step *= m[i];
      }
    }
    scale = r.attrs.real("scale"), causal = r.attrs.flag("causal");
  }

  // The kernel's blocks go over all `positions` and `columns` of a head.
  void launch(const std::string& kernel, int64_t positions, int64_t columns, std::vector<Param> params) {
    int64_t made = 16;
    while (made < kWidest && made < columns) made *= 2;
    const Grid grid{heads * blocks(positions, kRows), std::max<int64_t>(1, blocks(columns, made))};
    if (grid.x == 0) return;
    for (const Param& p : {Param(sizes), Param(mask_strides), Param(scale), Param(masked), Param(causal)})
      params.push_back(p);
    const std::string instance =
        concat_text(kernel, "<", type_name(dtype), ", ", made, rounded() ? ", true>" : ", false>");
    planner.launch("attention.cuh", instance, grid, kThreads, std::move(params));
  }
  static int64_t blocks(int64_t n, int64_t each) { return (n + each - 1) / each; }
  // Whether factors are cut to the 10 bits that tensor cores take; those of 16 bits have no more.
  bool rounded() const { return planner.target().tf32 || dtype != DType::f32; }
  Address mask() const { return planner.in(masked ? 3 : 0); }  // not read where there is none

  Planner planner;
  DType dtype;
  int64_t heads = 0, rows = 0, keys = 0, depth = 0, width = 0;
  Dims sizes, mask_strides;
  double scale = 1;
  bool masked = false, causal = false;
};
}  // namespace

KernelPlan plan_attention(const KernelRequest& r) {
  Attention a(r);
  const Planner& p = a.planner;
  a.launch("attention", a.rows, a.width, {p.in(0), p.in(1), p.in(2), a.mask(), p.out()});
  return a.planner.done();
}

KernelPlan plan_attention_grad(const KernelRequest& r) {
  Attention a(r);
  const Planner& p = a.planner;
  const size_t y = a.masked ? 4 : 3, dy = y + 1;
  const Address facts = a.planner.work(a.heads * a.rows * kFactsBytes);
  a.launch("attention_query_grad", a.rows, a.depth,
           {p.in(0), p.in(1), p.in(2), a.mask(), p.in(y), p.in(dy), p.out(0), facts});
  a.launch("attention_key_grad", a.keys, std::max(a.depth, a.width),
           {p.in(0), p.in(1), p.in(2), a.mask(), p.in(dy), facts, p.out(1), p.out(2)});
  return a.planner.done();
}
}  // namespace hornbeam::cuda
