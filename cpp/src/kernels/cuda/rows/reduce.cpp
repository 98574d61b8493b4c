// Reductions and index reductions. The axes are merged into [outer, n, inner] steps, one after another where the
// reduced axes are not adjacent.
#include "hornbeam/op.hpp"
#include "kernels/cuda/rows/shares.hpp"
#include "schema/reduction.hpp"

namespace hornbeam::cuda {
namespace {
struct How {
  const char* op;  // of device/reduce.cuh
  bool wraps;      // arithmetic, not order
};
constexpr How how(Reduction kind) {
  switch (kind) {
    case Reduction::sum:
    case Reduction::mean:
      return {"Sum", true};
    case Reduction::max:
      return {"Largest", false};
    case Reduction::min:
      return {"Smallest", false};
    case Reduction::prod:
      return {"Product", true};
    case Reduction::any:
      return {"Any", false};
    case Reduction::all:
      return {"All", false};
  }
  return {};
}

// [outer, n, inner] of each run of reduced axes, from the last on.
std::vector<Along> steps_of(const KernelRequest& r) {
  Shape x = r.inputs[0].shape;
  std::vector<bool> reduced(x.size(), r.attrs.ints("axes").empty() && !r.attrs.flag("none"));
  for (int64_t a : r.attrs.ints("axes")) reduced[size_t(a < 0 ? a + int64_t(x.size()) : a)] = true;
  std::vector<Along> steps;
  for (size_t end = x.size(); end > 0; --end) {
    if (!reduced[end - 1]) continue;
    size_t first = end - 1;
    while (first > 0 && reduced[first - 1]) --first;
    Along s;
    for (size_t k = 0; k < x.size(); ++k) (k < first ? s.outer : k < end ? s.n : s.inner) *= x[k];
    steps.push_back(s);
    x.erase(x.begin() + long(first), x.begin() + long(end));
    end = first + 1;
  }
  if (steps.empty()) steps.push_back({shape_product(x), 1, 1});
  return steps;
}

struct Reducer {
  Planner& p;
  std::string element, wide, op;  // types in the device's code
  int64_t wide_bytes;

  void launch(Address to, Address from, const Shares& s, bool first, bool last, double scale) const {
    const std::string kernel =
        concat_text("reduce<", first ? element : wide, ", ", last ? element : wide, ", ", op, ">");
    p.launch("reduce.cuh", kernel, s.grid(), s.threads, {from, to, s.dims(), scale});
  }
  // One step; `to` is written by the last, others give an address in the workspace.
  Address step(Address from, const Along& a, bool first, const Address* to, double scale) const {
    if (a.outer * a.inner == 0) return from;
    const Shares s = share(p.target(), a.outer, a.n, a.inner, true);
    const bool cut = s.chunks > 1, ends = to && !cut;
    const Address result = ends ? *to : p.work(s.results() * wide_bytes);
    launch(result, from, s, first, ends, ends ? scale : 1.0);
    return cut ? step(result, {a.outer, s.chunks, a.inner}, false, to, scale) : result;
  }
};
}  // namespace

template <Reduction kind>
KernelPlan plan_reduce(const KernelRequest& r) {
  Planner p(r);
  const DType d = r.inputs[0].dtype;
  const bool half = d == DType::f16 || d == DType::bf16;
  const std::string name = how(kind).wraps ? wrapping_name(d) : ordered_name(d);
  const Reducer reducer{p, name, half ? "float" : name, how(kind).op, half ? 4 : int64_t(dtype_size(d))};
  const std::vector<Along> steps = steps_of(r);
  double count = 1;
  for (const Along& s : steps) count *= double(s.n);
  const Address out = p.out();
  Address at = p.in(0);
  for (size_t i = 0; i < steps.size(); ++i)
    at = reducer.step(at, steps[i], i == 0, i + 1 == steps.size() ? &out : nullptr,
                      kind == Reduction::mean ? 1 / count : 1.0);
  return p.done();
}
template KernelPlan plan_reduce<Reduction::sum>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::mean>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::max>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::min>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::prod>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::any>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::all>(const KernelRequest&);

static KernelPlan plan_find(const KernelRequest& r, bool largest) {
  Planner p(r);
  const Along a = along(r.inputs[0].shape, r.attrs.integer("axis"));
  HB_CHECK(a.n > 0, "[", r.op.name, "] an empty axis has no maximum or minimum");
  const auto launch = [&](const Shares& s, const char* out, Param found, Address to) {
    p.launch("reduce.cuh", concat_text("find<", ordered_name(r.inputs[0].dtype), ", ", out, ", ", largest, ">"),
             s.grid(), s.threads, {p.in(0), a.n, found, to, s.dims()});
  };
  const Param none = 0;
  const Shares s = share(p.target(), a.outer, a.n, a.inner, true);
  if (s.chunks == 1) {
    launch(s, "int", none, p.out());
  } else {
    const Address found = p.work(s.results() * 8);
    launch(s, "i64", none, found);
    launch(share(p.target(), a.outer, s.chunks, a.inner, false), "int", found, p.out());
  }
  return p.done();
}
KernelPlan plan_argmax(const KernelRequest& r) { return plan_find(r, true); }
KernelPlan plan_argmin(const KernelRequest& r) { return plan_find(r, false); }
}  // namespace hornbeam::cuda
