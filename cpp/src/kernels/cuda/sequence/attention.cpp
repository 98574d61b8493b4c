// Attention and its gradient: a block for each 64 rows of a head (device/attention.cuh).
#include <algorithm>

#include "base/check.hpp"
#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int64_t kTile = 64;  // as in the device's code, with kThreads
constexpr int kThreads = 256;
constexpr int64_t kFactsBytes = 16;  // of a row: RowFacts

struct Attention {
  explicit Attention(const KernelRequest& r)
      : planner(r), type(type_name(r.inputs[0].dtype)), masked(r.attrs.flag("masked")) {
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

  // The kernel's blocks make tiles of `positions` and of all `columns`, up to 128 at a time.
  void launch(const std::string& kernel, int64_t positions, int64_t columns, std::vector<Param> params) {
    int64_t each = 1;  // columns of a thread, of which 16 share a row
    while (each < 8 && each * 16 < columns) each *= 2;
    const Grid grid{heads * ((positions + kTile - 1) / kTile),
                    std::max<int64_t>(1, (columns + each * 16 - 1) / (each * 16))};
    if (grid.x == 0) return;
    for (const Param& p : std::initializer_list<Param>{sizes, mask_strides, scale, masked, causal}) params.push_back(p);
    planner.launch("attention.cuh", concat_text(kernel, "<", type, ", ", each, ">"), grid, kThreads, std::move(params));
  }
  Address mask() const { return planner.in(masked ? 3 : 0); }  // not read where there is none

  Planner planner;
  const char* type;
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
