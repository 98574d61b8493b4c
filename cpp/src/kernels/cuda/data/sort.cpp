// argsort and searchsorted.
#include "kernels/cuda/data/sort.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int64_t kTile = 2048;  // elements that are sorted in shared memory
constexpr int kThreads = 256;

int64_t key_bytes(DType d) { return dtype_size(d) == 8 ? 8 : 4; }
}  // namespace

void launch_sort(Planner& p, const SortSource& source, Address x, int64_t rows, int64_t n, const Address* keys,
                 Address order) {
  const Param none = 0;
  const int64_t size = std::min(kTile, power_of_two(n)), held = std::max<int64_t>(size, 512), together = held / size;
  const int64_t units = rows * divide_up(n, size);
  struct Sorted {
    Param keys;
    Address order;
  };
  const Sorted result{keys ? Param(*keys) : none, order};
  int passes = 0;  // of merges, which go to and fro between two buffers, the last one to the result
  for (int64_t width = size; width < n; width *= 2) ++passes;
  const auto buffer = [&] { return Sorted{p.work(rows * n * source.key_bytes), p.work(rows * n * 4)}; };
  Sorted from = passes ? buffer() : result, to = passes > 1 ? buffer() : result;
  p.launch("sort.cuh", concat_text("sort_tiles<", source.type, ">"),
           {std::min<int64_t>(divide_up(units, together), 1 << 20)}, int(std::min<int64_t>(512, held / 2)),
           {x, from.keys, from.order, rows, n, size, held, source.how}, held * (source.key_bytes + 4));
  for (int64_t width = size; width < n; width *= 2) {
    if (width * 2 >= n) to = result;
    p.launch("sort.cuh", concat_text("merge_runs<", source.key_bytes == 8 ? "u64" : "u32", ">"),
             {p.blocks(rows * n, kThreads)}, kThreads, {from.keys, from.order, to.keys, to.order, rows, n, width});
    std::swap(from, to);
  }
}

KernelPlan plan_argsort(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec& x = r.inputs[0];
  const SortSource source{concat_text("Numbers<", ordered_name(x.dtype), ">"), key_bytes(x.dtype),
                          Dims({r.attrs.flag("descending")})};
  const int64_t rows = row_count(x.shape), n = x.shape.back(), first = r.outputs[0].shape.back();
  HB_CHECK(first <= n, "[argsort] the first ", first, " of ", n, " elements were asked for");
  const Address order = first < n ? p.work(rows * n * 4) : p.out();
  launch_sort(p, source, p.in(0), rows, n, nullptr, order);
  if (first < n)
    p.launch("sort.cuh", "take_first", {p.blocks(rows * first, kThreads)}, kThreads,
             {order, p.out(), rows * first, n, first});
  return p.done();
}

KernelPlan plan_searchsorted(const KernelRequest& r) {
  Planner p(r);
  const int64_t n = r.inputs[0].size(), count = r.inputs[1].size();
  HB_CHECK(n <= INT32_MAX, "[searchsorted] takes at most 2^31 - 1 sorted elements; got ", n);
  const bool right = r.attrs.text("side") == "right";
  p.launch("sort.cuh", concat_text("search_sorted<", ordered_name(r.inputs[0].dtype), ", ", right, ">"),
           {p.blocks(count, kThreads)}, kThreads, {p.in(0), p.in(1), p.out(), n, count});
  return p.done();
}
}  // namespace hornbeam::cuda
