// cumsum and cumprod. An axis is cut into chunks where there are too few columns for the device: first the total of
// each chunk, then what comes before each, then the chunks themselves.
#include "kernels/cuda/rows/scan.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;

struct Pieces {
  int64_t length, chunks;
};
Pieces pieces(const Target& target, const Along& a) {
  const bool rows = a.inner == 1;
  const int64_t units = a.outer * a.inner, wanted = target.multiprocessors * (rows ? 32 : 1024);
  const int64_t worth = a.n / (rows ? 512 : 64);
  const int64_t chunks = std::max<int64_t>(1, std::min({wanted / std::max<int64_t>(units, 1), worth, int64_t(512)}));
  const int64_t length = divide_up(a.n, chunks);
  return {length, divide_up(a.n, length)};
}

void launch_pass(Planner& p, const Scan& scan, const Along& a, const Pieces& c, Address x, Param y, Param starts,
                 Param totals) {
  const std::string types = concat_text("<", wrapping_name(scan.element), ", ", scan.product ? "Product" : "Sum", ">");
  const int64_t units = a.outer * c.chunks * a.inner;
  if (a.inner == 1) {
    const int64_t lanes = std::min<int64_t>(32, power_of_two(a.n));
    p.launch("scan.cuh", "scan_rows" + types, {std::min<int64_t>(divide_up(units * lanes, kThreads), 1 << 20)},
             kThreads, {x, y, starts, totals, a.outer, a.n, c.length, c.chunks, lanes, scan.exclusive, scan.reverse});
  } else {
    p.launch("scan.cuh", "scan_columns" + types, {p.blocks(units, kThreads)}, kThreads,
             {x, y, starts, totals, a.outer, a.n, a.inner, c.length, c.chunks, scan.exclusive, scan.reverse});
  }
}
// What device/scan.cuh has totals in.
DType total_dtype(DType d) {
  if (d == DType::u8 || d == DType::boolean) return DType::i32;
  return d == DType::f16 || d == DType::bf16 ? DType::f32 : d;
}
}  // namespace

void launch_scan(Planner& p, const Scan& scan, const Along& a, Address x, Address y) {
  const Param none = 0;
  const Pieces c = pieces(p.target(), a);
  if (c.chunks == 1) return launch_pass(p, scan, a, c, x, y, none, none);
  const int64_t units = a.outer * c.chunks * a.inner;
  const Address totals = p.work(units * 8), starts = p.work(units * 8);
  launch_pass(p, scan, a, c, x, none, none, totals);
  const Along before{a.outer, c.chunks, a.inner};
  launch_pass(p, {total_dtype(scan.element), scan.product, true, false}, before, {c.chunks, 1}, totals, starts, none,
              none);
  launch_pass(p, scan, a, c, x, y, starts, none);
}

static KernelPlan plan_cumulative(const KernelRequest& r, bool product) {
  Planner p(r);
  const Scan scan{r.inputs[0].dtype, product, r.attrs.flag("exclusive"), r.attrs.flag("reverse")};
  launch_scan(p, scan, along(r.inputs[0].shape, r.attrs.integer("axis")), p.in(0), p.out());
  p.aliases({0});
  return p.done();
}
KernelPlan plan_cumsum(const KernelRequest& r) { return plan_cumulative(r, false); }
KernelPlan plan_cumprod(const KernelRequest& r) { return plan_cumulative(r, true); }
}  // namespace hornbeam::cuda
