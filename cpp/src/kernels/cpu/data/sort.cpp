// The order of rows, and places in a sorted row. A number is sorted as an unsigned one with its place behind it: what
// breaks ties is then part of it, and few elements are ranked by how many lie below each, more by passes over digits.
// Where a small share of the order is wanted, all but a few elements are passed over by a look at the last of those.
#include <utility>

#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct SortParams {
  int64_t rows, n, first;  // so many of each row's order are wanted
  DType dtype;
  bool descending;
  const IsaTable* isa;
};

// A number as an unsigned one in the same order: NaN is above every number, and the zeros are one.
template <class T>
auto ordered(T x) {
  using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  constexpr U kTop = U(1) << (sizeof(U) * 8 - 1);
  if constexpr (std::is_floating_point_v<T>) {
    U bits;
    x += T(0);
    std::memcpy(&bits, &x, sizeof(U));
    bits ^= (U(0) - (bits >> (sizeof(U) * 8 - 1))) | kTop;
    return x != x ? U(~U(0)) : bits;
  } else {
    return U(std::is_signed_v<T> ? U(x) ^ kTop : U(x));
  }
}

// What is sorted: a number, and where it stands, which breaks ties: so the order is stable.
template <class U>
struct Entry {
  U key;
  int32_t at;
  static Entry of(U key, int32_t at) { return {key, at}; }
  U number() const { return key; }
  int32_t place() const { return at; }
  bool operator<(const Entry& o) const { return key != o.key ? key < o.key : at < o.at; }
};
template <>
struct Entry<uint32_t> {
  uint64_t both;
  static Entry of(uint32_t key, int32_t at) { return {uint64_t(key) << 32 | uint32_t(at)}; }
  uint32_t number() const { return uint32_t(both >> 32); }
  int32_t place() const { return int32_t(both); }
  bool operator<(const Entry& o) const { return both < o.both; }
};

constexpr int64_t kFew = 48;  // that are ranked
void rank(const Entry<uint32_t>* from, Entry<uint32_t>* to, int64_t n) {
  constexpr int64_t kTogether = 8;
  int64_t numbers[kFew + kTogether];  // signed ones, which machines compare
  for (int64_t i = 0; i < n; ++i) numbers[i] = int64_t(from[i].both ^ uint64_t(1) << 63);
  std::fill_n(numbers + n, kTogether, INT64_MAX);
  for (int64_t i = 0; i < n; i += kTogether) {
    int64_t below[kTogether] = {};
    for (int64_t k = 0; k < n; ++k)
      for (int64_t j = 0; j < kTogether; ++j) below[j] += numbers[k] < numbers[i + j];
    for (int64_t j = 0; j < std::min(kTogether, n - i); ++j) to[below[j]] = from[i + j];
  }
}
void rank(const Entry<uint64_t>* from, Entry<uint64_t>* to, int64_t n) {
  std::copy(from, from + n, to);
  std::sort(to, to + n);
}

// Entries whose equals stand in order, by passes over 8 bits of their numbers, the lowest first; returns which of the
// two buffers has the result.
template <class U>
Entry<U>* sort_digits(Entry<U>* from, Entry<U>* to, int64_t n) {
  constexpr int kDigits = int(sizeof(U)), kValues = 256;
  const auto digit = [](const Entry<U>& e, int d) { return size_t(e.number() >> (8 * d)) % kValues; };
  int32_t counts[kDigits][kValues] = {};
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < kDigits; ++d) ++counts[d][digit(from[i], d)];
  for (int d = 0; d < kDigits; ++d) {
    int32_t* count = counts[d];
    if (count[digit(from[0], d)] == n) continue;  // all alike
    int32_t before = 0;
    for (int v = 0; v < kValues; ++v) before += std::exchange(count[v], before);
    for (int64_t i = 0; i < n; ++i) to[count[digit(from[i], d)]++] = from[i];
    std::swap(from, to);
  }
  return from;
}

template <class T>
struct RowSort {
  using U = decltype(ordered(T()));
  using E = Entry<U>;
  const SortParams& p;
  const T* x;
  E* entries;  // room for twice a row

  E entry(int64_t i) const {
    const U key = ordered(x[i]);
    return E::of(p.descending ? U(~key) : key, int32_t(i));
  }
  const E* whole() const {
    for (int64_t i = 0; i < p.n; ++i) entries[i] = entry(i);
    if (p.n > kFew) return sort_digits(entries, entries + p.n, p.n);
    rank(entries, entries + p.n, p.n);
    return entries + p.n;
  }
  // The next element from i on that may come before an entry.
  int64_t next(int64_t i, const E& last) const {
    if constexpr (std::is_same_v<T, float>)
      return i + p.isa->find(x + i, p.n - i, x[last.place()], p.descending ? Find::above : Find::below);
    while (i < p.n && !(entry(i) < last)) ++i;
    return i;
  }
  // Puts the first of `count` entries in front, in order where they are few.
  void keep_first(int64_t count) const {
    if (count > kFew) return std::nth_element(entries, entries + p.first - 1, entries + count);
    rank(entries, entries + count, count);
    std::copy(entries + count, entries + count + p.first, entries);
  }
  const E* first() const {
    const int64_t room = 2 * p.first + 8;
    int64_t count = room;
    for (int64_t i = 0; i < room; ++i) entries[i] = entry(i);
    keep_first(count);
    E& last = entries[p.first - 1];
    count = p.first;
    for (int64_t i = next(room, last); i < p.n; i = next(i + 1, last)) {
      entries[count] = entry(i);
      if (!(entries[count] < last) || ++count < room) continue;
      keep_first(count);
      count = p.first;
    }
    keep_first(count);
    if (count > kFew) std::sort(entries, entries + p.first);
    return entries;
  }
  const E* least() const {
    *entries = entry(0);
    for (int64_t i = 1; i < p.n; ++i) {
      const E e = entry(i);
      *entries = e < *entries ? e : *entries;
    }
    return entries;
  }
  const E* sorted() const {
    if (p.n <= kFew) return p.first == 1 ? least() : whole();
    return p.first <= std::max<int64_t>(16, p.n / 16) ? first() : whole();
  }
};

void run_argsort(const KernelCall& c) {
  const auto& p = params_of<SortParams>(c);
  const Range r = part_range(p.first > 0 ? p.rows : 0, c.parts, c.part);
  with_type(p.dtype, [&](auto zero) {
    using Row = RowSort<decltype(zero)>;
    auto* entries = buffer<typename Row::E>(c, c.work) + int64_t(c.thread) * 2 * p.n;
    for (int64_t i = r.begin; i < r.end; ++i) {
      const Row row{p, buffer<const decltype(zero)>(c, 0) + i * p.n, entries};
      const auto* sorted = row.sorted();
      int32_t* y = buffer<int32_t>(c, 1) + i * p.first;
      for (int64_t k = 0; k < p.first; ++k) y[k] = sorted[k].place();
    }
  });
}

// How many of n sorted elements come before each of some values, by halves, without branches; side by side, as a step
// waits for what the last one read.
template <int kCount, class T, class Before>
void places_of(const T* sorted, int64_t n, const T* values, int32_t* y, Before before) {
  const T* from[kCount];
  std::fill(from, from + kCount, sorted);
  for (int64_t half = n / 2; n > 1; n -= half, half = n / 2)
    for (int k = 0; k < kCount; ++k) from[k] += before(from[k][half - 1], values[k]) ? half : 0;
  for (int k = 0; k < kCount; ++k) y[k] = int32_t(from[k] - sorted + (n == 1 && before(*from[k], values[k])));
}

struct SearchParams {
  int64_t n, values;
  DType dtype;
  bool right;
};
void run_searchsorted(const KernelCall& c) {
  const auto& p = params_of<SearchParams>(c);
  const Range r = part_range(p.values, c.parts, c.part);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T *sorted = buffer<const T>(c, 0), *values = buffer<const T>(c, 1);
    int32_t* y = buffer<int32_t>(c, c.out);
    const auto search = [&](auto before) {
      constexpr int kTogether = 8;
      int64_t i = r.begin;
      for (; i + kTogether <= r.end; i += kTogether) places_of<kTogether>(sorted, p.n, values + i, y + i, before);
      for (; i < r.end; ++i) places_of<1>(sorted, p.n, values + i, y + i, before);
    };
    if (p.right)
      search([](T x, T value) { return x <= value; });
    else
      search([](T x, T value) { return x < value; });
    if constexpr (std::is_floating_point_v<T>) {  // NaN, which is before nothing by these, is above every number
      const T* end = sorted + p.n;
      const T* numbers = p.right ? end : std::partition_point(sorted, end, [](T x) { return x == x; });
      for (int64_t i = r.begin; i < r.end; ++i)
        if (values[i] != values[i]) y[i] = int32_t(numbers - sorted);
    }
  });
}
}  // namespace

KernelPlan plan_argsort(const KernelRequest& r) {
  const Shape& x = r.inputs[0].shape;
  SortParams p{1, x.back(), r.outputs[0].shape.back(), r.inputs[0].dtype, r.attrs.flag("descending"), r.target.isa};
  for (size_t i = 0; i + 1 < x.size(); ++i) p.rows *= x[i];
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  HB_CHECK(p.first <= p.n && p.n <= INT32_MAX, "[argsort] the first ", p.first, " of ", p.n,
           " elements were asked for; there may be 2^31 - 1");
  const int parts = parts_for(p.rows, 32.0 * double(p.n));
  const size_t entry = dtype_size(p.dtype) == 8 ? sizeof(Entry<uint64_t>) : sizeof(Entry<uint32_t>);
  return make_plan(p, {{run_argsort, parts}}, size_t(at_once(r, parts) * 2 * p.n) * entry);
}
KernelPlan plan_searchsorted(const KernelRequest& r) {
  const SearchParams p{r.inputs[0].size(), r.inputs[1].size(), r.inputs[0].dtype, r.attrs.text("side") == "right"};
  HB_CHECK(p.n <= INT32_MAX, "[searchsorted] takes at most 2^31 - 1 sorted elements; got ", p.n);
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  return make_plan(p, {{run_searchsorted, parts_for(p.values, 64)}});
}
}  // namespace hornbeam
