// Kernels that add by index: scatter_add and put_along_axis. Sums are made in one order, whatever the device.
#include "base/check.hpp"
#include "kernels/cuda/data/walk.hpp"

namespace hornbeam::cuda {
namespace {
/// Ids, which point along an axis, and the rows that are added where they point to: input 0 and input 1.
struct Scatter {
  int64_t count;  // of ids
  Along ids;
  int64_t rows;   // of the output
  int64_t inner;  // elements of a row
};

int64_t blocks_of(int64_t n, int64_t each) { return (n + each - 1) / each; }

// The keys of all ids (device/scatter.cuh), sorted.
Address sort_keys(Planner& p, const Scatter& s, DType ids) {
  constexpr int64_t kLeast = 64, kMost = 2048;
  int64_t width = kLeast;
  while (width < kMost && width < s.count) width *= 2;
  Address keys = p.work(s.count * 8);
  p.launch("scatter.cuh", concat_text("sort_tiles<", type_name(ids), ">"), {blocks_of(s.count, width)}, int(width / 2),
           {p.in(0), keys, s.count, s.ids.n, s.ids.picks, s.ids.inner, width}, width * 8);
  if (width >= s.count) return keys;
  Address merged = p.work(s.count * 8);
  for (; width < s.count; width *= 2, std::swap(keys, merged))
    p.launch("scatter.cuh", "merge_tiles", {p.blocks(s.count)}, 256, {keys, merged, s.count, width});
  return keys;
}

// Keys that a thread adds up: more where there are many, so that as few chunks are joined.
int64_t chunk_for(int64_t count) {
  int64_t chunk = 32;
  while (chunk < 512 && chunk * chunk * 64 < count) chunk *= 2;
  return chunk;
}

void add_sorted(Planner& p, const Scatter& s, DType ids, DType dtype) {
  const Address keys = sort_keys(p, s, ids);
  const int64_t chunk = chunk_for(s.count), chunks = blocks_of(s.count, chunk);
  const int64_t wide = std::max<int64_t>(4, int64_t(dtype_size(dtype)));
  const Address parts = p.work(chunks > 1 ? 2 * chunks * s.inner * wide : 0);
  const std::string type = type_name(dtype);
  p.launch("scatter.cuh", "sum_chunks<" + type + ">", {p.blocks(chunks * s.inner, 128)}, 128,
           {keys, p.in(1), p.out(), parts, s.count, s.rows, s.inner, chunk});
  if (chunks == 1) return;
  constexpr int64_t kColumns = 32, kMostBlocks = 1 << 15;
  p.launch("scatter.cuh", "join_chunks<" + type + ">",
           {std::min(chunks - 1, kMostBlocks), std::min(blocks_of(s.inner, kColumns), kMostBlocks)}, 256,
           {keys, parts, p.out(), s.count, s.rows, s.inner, chunk});
}

bool fits_keys(const Scatter& s) { return s.rows <= UINT32_MAX && s.count <= UINT32_MAX; }
}  // namespace

KernelPlan plan_scatter_add(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &ids = r.inputs[0], &y = r.outputs[0];
  const int64_t rows = y.shape[0], count = ids.size();
  const Scatter s{count, {1, rows, count, 1}, rows, y.size() / rows};
  HB_CHECK(fits_keys(s), "[scatter_add] takes at most 2^32 - 1 rows and ids; got ", rows, " and ", count);
  p.checks_index(0, rows);
  p.fill(p.out(), 0, y.size() * int64_t(dtype_size(y.dtype)));
  if (count > 0) add_sorted(p, s, ids.dtype, y.dtype);
  return p.done();
}

KernelPlan plan_put_along_axis(const KernelRequest& r) {
  // A thread walks the ids of a line where there are few of them, or so many lines that they keep the device busy.
  constexpr int64_t kFewPicks = 64, kManyLines = 1 << 16;
  Planner p(r);
  const TensorSpec &ids = r.inputs[0], &y = r.outputs[0];
  const Along a = along_axis(r, ids.shape, y.shape);
  const Scatter s{ids.size(), a, y.size(), 1};
  const DType dtype = y.dtype == DType::boolean ? DType::u8 : y.dtype;  // which adds bytes, as the CPU does
  p.checks_index(0, a.n);
  p.fill(p.out(), 0, y.size() * int64_t(dtype_size(dtype)));
  if (s.count == 0) return p.done();
  const int64_t lines = a.outer * a.inner;
  if (a.picks > kFewPicks && lines < kManyLines && fits_keys(s))
    add_sorted(p, s, ids.dtype, dtype);
  else
    p.launch("scatter.cuh", concat_text("add_along<", type_name(dtype), ", ", type_name(ids.dtype), ">"),
             {p.blocks(lines)}, 256, {p.in(0), p.in(1), p.out(), lines, a.n, a.picks, a.inner});
  return p.done();
}
}  // namespace hornbeam::cuda
