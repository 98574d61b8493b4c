// Kernels that read and write by index. An index out of range raises the status word and touches nothing.
#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct IndexParams {
  int64_t count;  // ids
  int64_t rows;   // of the table
  int64_t inner;  // elements of a row
  DType ids, dtype;
  const IsaTable* isa = nullptr;  // of kernels that add rows
};

// y += x, a row each.
template <class T>
void add_row(const IndexParams& p, T* y, const T* x) {
  constexpr int64_t kShort = 16;
  if constexpr (std::is_same_v<T, float>)
    if (p.inner > kShort) return p.isa->add_rows(y, x, 1, p.inner, p.inner);
  for (int64_t k = 0; k < p.inner; ++k) y[k] = wrapping_add(y[k], x[k]);
}

template <class Id>
int64_t id_at(const KernelCall& c, int input, int64_t i) {
  return int64_t(buffer<const Id>(c, input)[i]);
}
int64_t load_id(const KernelCall& c, int input, DType d, int64_t i) {
  return d == DType::i32 ? id_at<int32_t>(c, input, i) : id_at<int64_t>(c, input, i);
}

// Rows at random places are fetched so many ids ahead: `at` + id * bytes, wherever a wrong id may point.
constexpr int64_t kAhead = 8;
inline void fetch_row(const void* at, int64_t id, size_t bytes) {
  constexpr size_t kLine = 64, kMost = 4 * kLine;
  if (bytes < kLine) return;
  const uintptr_t row = reinterpret_cast<uintptr_t>(at) + uintptr_t(id) * bytes;
  for (size_t k = 0; k < std::min(bytes, kMost); k += kLine) __builtin_prefetch(reinterpret_cast<const void*>(row + k));
}

// Runs of ids up or down, as of crops and mirrored images, are copied without a look at each.
template <class Id, class Bytes>
void gather_rows(const KernelCall& c, Bytes bytes) {
  const auto& p = params_of<IndexParams>(c);
  const char* table = buffer<const char>(c, 0);
  const Id* ids = buffer<const Id>(c, 1);
  char* y = buffer<char>(c, 2);
  const Range r = part_range(p.count, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end;) {
    const int64_t id = ids[i], most = r.end - i;
    char* to = y + size_t(i) * bytes;
    if (most > kAhead) fetch_row(table, ids[i + kAhead], bytes);
    if (id < 0 || id >= p.rows) {
      c.status->raise_index(c.node, i, id, p.rows);
      std::memset(to, 0, bytes);
      ++i;
      continue;
    }
    const char* from = table + size_t(id) * bytes;
    copy_row(to, from, bytes);
    int64_t n = 1;
    if (most > 1 && ids[i + 1] == id + 1) {
      for (const int64_t end = std::min(most, p.rows - id); n < end && ids[i + n] == id + n;) ++n;
      std::memcpy(to + bytes, from + bytes, size_t(n - 1) * bytes);
    } else {
      for (const int64_t end = std::min(most, id + 1); n < end && ids[i + n] == id - n; ++n)
        copy_row(to + size_t(n) * bytes, from - size_t(n) * bytes, bytes);
    }
    i += n;
  }
}
void run_gather(const KernelCall& c) {
  const auto& p = params_of<IndexParams>(c);
  with_row_bytes(p.inner * int64_t(dtype_size(p.dtype)), [&](auto bytes) {
    if (p.ids == DType::i32)
      gather_rows<int32_t>(c, bytes);
    else
      gather_rows<int64_t>(c, bytes);
  });
}

template <class T, class Id>
void scatter_rows(const KernelCall& c) {  // each part owns a range of rows, so sums are in the ids' order
  const auto& p = params_of<IndexParams>(c);
  const Range r = part_range(p.rows, c.parts, c.part);
  const Id* ids = buffer<const Id>(c, 0);
  const T* updates = buffer<const T>(c, 1);
  T* y = buffer<T>(c, 2);
  std::fill(y + r.begin * p.inner, y + r.end * p.inner, T(0));
  for (int64_t i = 0; i < p.count; ++i) {
    const int64_t id = ids[i];
    if (id < 0 || id >= p.rows) {
      if (c.part == 0) c.status->raise_index(c.node, i, id, p.rows);
      continue;
    }
    if (i + kAhead < p.count) fetch_row(y, ids[i + kAhead], size_t(p.inner) * sizeof(T));
    if (id < r.begin || id >= r.end) continue;
    add_row(p, y + id * p.inner, updates + i * p.inner);
  }
}
void run_scatter_add(const KernelCall& c) {
  const auto& p = params_of<IndexParams>(c);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    p.ids == DType::i32 ? scatter_rows<T, int32_t>(c) : scatter_rows<T, int64_t>(c);
  });
}

// The workspace of unique_rows, in int32: the order of the ids, where each id's run begins in it, how many there are.
struct UniqueLayout {
  int64_t n;
  int64_t order() const { return 0; }
  int64_t starts() const { return n; }
  int64_t count() const { return 2 * n + 1; }
  int64_t scratch() const { return 2 * n + 2; }  // keys and orders of the sort
  size_t bytes() const { return size_t(scratch() + 3 * n) * 4; }
};
constexpr int kDigit = 11;  // bits a pass of the sort takes

void sort_ids(const KernelCall& c) {
  const auto& p = params_of<IndexParams>(c);
  const UniqueLayout at{p.count};
  int32_t* work = buffer<int32_t>(c, c.work);
  int32_t *order = work + at.order(), *keys = work + at.scratch(), *next_order = keys + at.n,
          *next_keys = next_order + at.n;
  int32_t n = 0;
  for (int64_t i = 0; i < p.count; ++i) {
    const int64_t id = load_id(c, 0, p.ids, i);
    if (id < 0 || id >= p.rows) {
      c.status->raise_index(c.node, i, id, p.rows);
      continue;
    }
    keys[n] = int32_t(id), order[n++] = int32_t(i);
  }
  for (int shift = 0; shift < 31 && (p.rows - 1) >> shift > 0; shift += kDigit) {  // stable, least digit first
    int32_t place[(1 << kDigit) + 1] = {};
    auto digit = [&](int32_t key) { return (key >> shift) & ((1 << kDigit) - 1); };
    for (int32_t i = 0; i < n; ++i) ++place[digit(keys[i]) + 1];
    for (int d = 0; d < 1 << kDigit; ++d) place[d + 1] += place[d];
    for (int32_t i = 0; i < n; ++i) {
      const int32_t to = place[digit(keys[i])]++;
      next_keys[to] = keys[i], next_order[to] = order[i];
    }
    std::memcpy(keys, next_keys, size_t(n) * 4);
    std::memcpy(order, next_order, size_t(n) * 4);
  }
  int32_t* ids = buffer<int32_t>(c, 2);
  int32_t runs = 0;
  for (int32_t i = 0; i < n; ++i)
    if (i == 0 || keys[i] != keys[i - 1]) ids[runs] = keys[i], work[at.starts() + runs++] = i;
  work[at.starts() + runs] = n;
  work[at.count()] = runs;
  std::fill(ids + runs, ids + p.count, int32_t(p.rows));
}
void sum_runs(const KernelCall& c) {
  const auto& p = params_of<IndexParams>(c);
  const UniqueLayout at{p.count};
  const int32_t *work = buffer<const int32_t>(c, c.work), *order = work + at.order(), *starts = work + at.starts();
  const Range r = part_range(p.count, c.parts, c.part);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* updates = buffer<const T>(c, 1);
    T* y = buffer<T>(c, 3) + r.begin * p.inner;
    for (int64_t run = r.begin; run < r.end; ++run, y += p.inner) {
      if (run >= work[at.count()]) {
        std::fill(y, y + p.inner, T(0));
        continue;
      }
      const T* first = updates + int64_t(order[starts[run]]) * p.inner;
      std::copy(first, first + p.inner, y);
      for (int32_t i = starts[run] + 1; i < starts[run + 1]; ++i) add_row(p, y, updates + int64_t(order[i]) * p.inner);
    }
  });
}

struct AlongParams : IdsAlong {
  DType ids, dtype;
};
template <class T, class Id>
void take_along(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  const int64_t group = p.picks * p.inner;
  const Range r = part_range(p.outer * group, c.parts, c.part);
  const Id* ids = buffer<const Id>(c, 1);
  T* y = buffer<T>(c, 2);
  int64_t k = group > 0 ? r.begin % p.inner : 0;
  for (int64_t i = r.begin, o = group > 0 ? i / group : 0; i < r.end; ++o) {
    const int64_t end = std::min(r.end, (o + 1) * group);
    const T* x = buffer<const T>(c, 0) + o * p.n * p.inner;
    for (; i < end; ++i) {
      const int64_t id = ids[i];
      const bool valid = id >= 0 && id < p.n;
      if (!valid) c.status->raise_index(c.node, i, id, p.n);
      y[i] = valid ? x[id * p.inner + k] : T(0);
      if (++k == p.inner) k = 0;
    }
  }
}
void run_take_along(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  with_size(dtype_size(p.dtype), [&](auto zero) {
    using T = decltype(zero);
    p.ids == DType::i32 ? take_along<T, int32_t>(c) : take_along<T, int64_t>(c);
  });
}
void run_put_along(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  const Range r = part_range(p.outer, c.parts, c.part);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* y = buffer<T>(c, 2);
    std::fill(y + r.begin * p.n * p.inner, y + r.end * p.n * p.inner, T(0));
    for (int64_t i = r.begin * p.picks * p.inner; i < r.end * p.picks * p.inner; ++i) {
      const int64_t o = i / (p.picks * p.inner), k = i % p.inner, id = load_id(c, 0, p.ids, i);
      if (id < 0 || id >= p.n)
        c.status->raise_index(c.node, i, id, p.n);
      else
        y[(o * p.n + id) * p.inner + k] += buffer<const T>(c, 1)[i];
    }
  });
}
}  // namespace

KernelPlan plan_gather(const KernelRequest& r) {
  const Shape& t = r.inputs[0].shape;
  IndexParams p{r.inputs[1].size(), t[0], 1, r.inputs[1].dtype, r.inputs[0].dtype};
  for (size_t i = 1; i < t.size(); ++i) p.inner *= t[i];
  return make_plan(p, {{run_gather, parts_for(p.count, double(p.inner) + 4)}});
}
KernelPlan plan_scatter_add(const KernelRequest& r) {
  const Shape& y = r.outputs[0].shape;
  IndexParams p{r.inputs[0].size(), y[0], 1, r.inputs[0].dtype, r.inputs[1].dtype, r.target.isa};
  for (size_t i = 1; i < y.size(); ++i) p.inner *= y[i];
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  const int parts = parts_for(p.rows, double(p.inner) * (1 + double(p.count) / double(std::max<int64_t>(1, p.rows))));
  const int most = int(std::min<int64_t>(8, 1 + p.inner / 8));  // as each reads all ids
  return make_plan(p, {{run_scatter_add, std::min(parts, most)}});
}
KernelPlan plan_unique_rows(const KernelRequest& r) {
  const Shape& y = r.outputs[1].shape;
  IndexParams p{r.inputs[0].size(), r.attrs.ints("rows")[0], 1, r.inputs[0].dtype, r.inputs[1].dtype, r.target.isa};
  HB_CHECK(p.rows <= INT32_MAX && p.count < INT32_MAX, "[unique_rows] takes at most 2^31 - 1 rows and ids; got ",
           p.rows, " and ", p.count);
  for (size_t i = 1; i < y.size(); ++i) p.inner *= y[i];
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  const int parts = parts_for(p.count, double(p.inner) + 4);
  return make_plan(p, {{sort_ids, 1}, {sum_runs, parts}}, UniqueLayout{p.count}.bytes());
}
KernelPlan plan_take_along_axis(const KernelRequest& r) {
  const AlongParams p{ids_along(r, r.inputs[1].shape, r.inputs[0].shape), r.inputs[1].dtype, r.inputs[0].dtype};
  return make_plan(p, {{run_take_along, parts_for(p.outer * p.picks * p.inner, 8)}});
}
KernelPlan plan_put_along_axis(const KernelRequest& r) {
  const AlongParams p{ids_along(r, r.inputs[0].shape, r.outputs[0].shape), r.inputs[0].dtype, r.inputs[1].dtype};
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  return make_plan(p, {{run_put_along, parts_for(p.outer, double((p.n + 8 * p.picks) * p.inner))}});
}
}  // namespace hornbeam
