// Kernels that add by index: scatter_add, unique_rows and put_along_axis. Sums are made in one order, whatever the
// device.
#include "kernels/cuda/data/sort.hpp"
#include "kernels/cuda/rows/scan.hpp"
#include "schema/views.hpp"

namespace hornbeam::cuda {
namespace {
/// Where ids point to, ascending, and where each of them stands.
struct Sorted {
  Address targets, order;
};
bool sortable(int64_t ids, int64_t targets) { return ids <= INT32_MAX && targets <= UINT32_MAX; }
Sorted sort_ids(Planner& p, DType dtype, int64_t count, const IdsAlong& a) {
  const Sorted s{p.work(count * 4), p.work(count * 4)};
  launch_sort(p, {concat_text("Indices<", type_name(dtype), ">"), 4, Dims({a.n, a.picks, a.inner})}, p.in(0), 1, count,
              &s.targets, s.order);
  return s;
}

// Places that a thread adds up: more where there are many, so that as few chunks are joined.
int64_t chunk_for(int64_t count) {
  int64_t chunk = 32;
  while (chunk < 512 && chunk * chunk * 64 < count) chunk *= 2;
  return chunk;
}
// `count` rows of input 1, of `inner` elements, into the `rows` of y, which are zero.
void launch_sums(Planner& p, const Sorted& s, Address y, DType dtype, int64_t count, int64_t rows, int64_t inner) {
  constexpr int64_t kColumns = 32, kMostBlocks = 1 << 15;  // a block of join_chunks has so many columns
  const int64_t chunk = chunk_for(count), chunks = divide_up(count, chunk);
  const int64_t wide = std::max<int64_t>(4, int64_t(dtype_size(dtype)));
  const Address parts = p.work(chunks > 1 ? 2 * chunks * inner * wide : 0);
  const std::string of_type = concat_text("<", wrapping_name(dtype), ">");
  p.launch("scatter.cuh", "sum_chunks" + of_type, {p.blocks(chunks * inner, 128)}, 128,
           {s.targets, s.order, p.in(1), y, parts, count, rows, inner, chunk});
  if (chunks == 1) return;
  p.launch("scatter.cuh", "join_chunks" + of_type,
           {std::min(chunks - 1, kMostBlocks), std::min(divide_up(inner, kColumns), kMostBlocks)}, 256,
           {s.targets, parts, y, count, rows, inner, chunk});
}

void clear(Planner& p, const KernelRequest& r, size_t output) {
  p.fill(p.out(output), 0, r.outputs[output].size() * int64_t(dtype_size(r.outputs[output].dtype)));
}
}  // namespace

KernelPlan plan_scatter_add(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &ids = r.inputs[0], &y = r.outputs[0];
  const int64_t rows = y.shape[0], count = ids.size();
  HB_CHECK(sortable(count, rows), "[scatter_add] takes at most 2^31 - 1 ids and 2^32 - 1 rows; got ", count, " and ",
           rows);
  p.checks_index(0, rows);
  clear(p, r, 0);
  if (count > 0)
    launch_sums(p, sort_ids(p, ids.dtype, count, {1, rows, count, 1}), p.out(), y.dtype, count, rows, y.size() / rows);
  return p.done();
}

KernelPlan plan_unique_rows(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec& ids = r.inputs[0];
  const int64_t n = ids.size(), rows = r.attrs.ints("rows")[0], inner = r.outputs[1].size() / n;
  HB_CHECK(rows <= INT32_MAX && n < INT32_MAX, "[unique_rows] takes at most 2^31 - 1 rows and ids; got ", rows, " and ",
           n);
  p.checks_index(0, rows);
  Sorted s = sort_ids(p, ids.dtype, n, {1, rows, n, 1});
  const Address numbers = p.work(n * 4);  // of runs of equal ids
  const Grid places{p.blocks(n)};
  p.launch("unique_rows.cuh", "mark_runs", places, 256, {s.targets, numbers, n});
  launch_scan(p, {DType::i32, false, false, false}, {1, n, 1}, numbers, numbers);
  p.launch("unique_rows.cuh", "list_runs", places, 256, {s.targets, numbers, p.out(), n, rows});
  if (inner == 0) return p.done();
  s.targets = numbers;
  clear(p, r, 1);
  launch_sums(p, s, p.out(1), r.inputs[1].dtype, n, n, inner);
  return p.done();
}

KernelPlan plan_put_along_axis(const KernelRequest& r) {
  // A thread walks the ids of a line where there are few of them, or so many lines that they keep the device busy.
  constexpr int64_t kFewPicks = 64, kManyLines = 1 << 16;
  Planner p(r);
  const TensorSpec &ids = r.inputs[0], &y = r.outputs[0];
  const IdsAlong a = ids_along(r, ids.shape, y.shape);
  const int64_t lines = a.outer * a.inner;
  p.checks_index(0, a.n);
  clear(p, r, 0);
  if (ids.size() == 0) return p.done();
  if (a.picks > kFewPicks && lines < kManyLines && sortable(ids.size(), y.size()))
    launch_sums(p, sort_ids(p, ids.dtype, ids.size(), a), p.out(), y.dtype, ids.size(), y.size(), 1);
  else
    p.launch("scatter.cuh", concat_text("add_along<", wrapping_name(y.dtype), ", ", type_name(ids.dtype), ">"),
             {p.blocks(lines)}, 256, {p.in(0), p.in(1), p.out(), lines, a.n, a.picks, a.inner});
  return p.done();
}
}  // namespace hornbeam::cuda
