// Where the largest and smallest elements along an axis are, and running sums and products.
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {
struct AlongParams {
  int64_t outer, n, inner;
  DType dtype;
  const IsaTable* isa;
  bool max, product, exclusive, reverse;
  int64_t blocks = 1;  // that `inner` is cut into

  // Calls f(outer index, first column, columns) for the part's share of [outer, blocks].
  template <class F>
  void each(const KernelCall& c, F f) const {
    const Range r = part_range(outer * blocks, c.parts, c.part);
    if (blocks == 1)
      for (int64_t o = r.begin; o < r.end; ++o) f(o, int64_t(0), inner);
    for (int64_t u = r.begin; blocks > 1 && u < r.end; ++u) {
      const Range columns = part_range(inner, int(blocks), int(u % blocks));
      f(u / blocks, columns.begin, columns.size());
    }
  }
};
constexpr int64_t kColumns = 1024;  // of a block
constexpr int kRowsAtOnce = 4;      // of a running sum

AlongParams along(const KernelRequest& r, int64_t axis) {
  const Shape& x = r.inputs[0].shape;
  if (axis < 0) axis += int64_t(x.size());
  AlongParams p{1, x[size_t(axis)], 1, r.inputs[0].dtype, r.target.isa, false, false, false, false};
  for (int64_t i = 0; i < int64_t(x.size()); ++i)
    if (i != axis) (i < axis ? p.outer : p.inner) *= x[size_t(i)];
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  p.blocks = std::max((p.inner + kColumns - 1) / kColumns,
                      std::min((p.inner + 63) / 64, 8 / std::max<int64_t>(p.outer, 1)));  // some parts
  return p;
}

template <class T>
int64_t find_first(const T* x, int64_t n, int64_t step, bool max) {
  int64_t best = 0;
  T top = x[0];
  for (int64_t i = 1; i < n && top == top; ++i) {  // the first NaN wins, as in NumPy
    const T v = x[i * step];
    if ((max ? v > top : v < top) || v != v) top = v, best = i;
  }
  return best;
}
// The same of rows of a few elements, without branches.
constexpr int64_t kShortRow = 32;
template <class T, class Wins>
void find_in_short_rows(const T* x, int64_t rows, int64_t n, int32_t* y, Wins wins) {
  for (int64_t r = 0; r < rows; ++r, x += n) {
    T top = x[0];
    int32_t best = 0;
    for (int32_t i = 1; i < n; ++i) {
      const T v = x[i];
      const bool better = wins(v, top) | ((v != v) & (top == top));
      top = better ? v : top;
      best = better ? i : best;
    }
    y[r] = best;
  }
}
// By blocks: the first one with the extreme, then the place in it.
int64_t find_in_row(const AlongParams& p, const float* x) {
  constexpr int64_t kBlock = 128;
  int64_t found = 0;
  float top = 0;
  for (int64_t i = 0; i < p.n && top == top; i += kBlock) {
    const float v = (p.max ? p.isa->max : p.isa->min)(x + i, std::min(kBlock, p.n - i));
    if (i == 0 || (p.max ? v > top : v < top) || v != v) top = v, found = i;
  }
  const int64_t n = std::min(kBlock, p.n - found);
  return found + (top == top ? p.isa->find(x + found, n, top, Find::equal) : find_first(x + found, n, 1, p.max));
}
void run_arg(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  int32_t* y = buffer<int32_t>(c, 1);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (p.inner == 1 && p.n <= kShortRow) {
      const Range r = part_range(p.outer, c.parts, c.part);
      const T* x = buffer<const T>(c, 0) + r.begin * p.n;
      return p.max ? find_in_short_rows(x, r.size(), p.n, y + r.begin, [](T a, T b) { return a > b; })
                   : find_in_short_rows(x, r.size(), p.n, y + r.begin, [](T a, T b) { return a < b; });
    }
    p.each(c, [&](int64_t o, int64_t column, int64_t columns) {
      const T* x = buffer<const T>(c, 0) + o * p.n * p.inner + column;
      int32_t* to = y + o * p.inner + column;
      if constexpr (std::is_same_v<T, float>) {
        float best[kColumns];
        if (p.inner > 1) return p.isa->arg_columns(best, to, x, p.n, columns, p.inner, p.max);
        *to = int32_t(find_in_row(p, x));
        return;
      }
      for (int64_t i = 0; i < columns; ++i) to[i] = int32_t(find_first(x + i, p.n, p.inner, p.max));
    });
  });
}

// Some rows side by side, so that one step need not wait for the last: next = last + x, or last * x.
template <int kRows, class T, class F>
void scan_rows(const AlongParams& p, const T* x, T* y, T start, F combine) {
  T acc[kRows];
  std::fill(acc, acc + kRows, start);
  const int64_t step = p.reverse ? -1 : 1;
  for (int64_t i = 0, at = p.reverse ? p.n - 1 : 0; i < p.n; ++i, at += step)
    for (int r = 0; r < kRows; ++r) {
      const T next = combine(acc[r], x[r * p.n + at]);
      y[r * p.n + at] = p.exclusive ? acc[r] : next;
      acc[r] = next;
    }
}
// One row of the axis after another, some columns each.
template <class T, class F>
void scan_columns(const AlongParams& p, const T* x, T* y, int64_t columns, T start, F combine) {
  T acc[kColumns];
  std::fill(acc, acc + columns, start);
  for (int64_t i = 0; i < p.n; ++i) {
    const int64_t at = (p.reverse ? p.n - 1 - i : i) * p.inner;
    if (p.exclusive) std::copy(acc, acc + columns, y + at);
    for (int64_t k = 0; k < columns; ++k) acc[k] = combine(acc[k], x[at + k]);
    if (!p.exclusive) std::copy(acc, acc + columns, y + at);
  }
}

void run_cumulative(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* from = buffer<const T>(c, 0);
    T* to = buffer<T>(c, 1);
    const auto scan = [&](T start, auto combine) {
      if (p.inner != 1)
        return p.each(c, [&](int64_t o, int64_t column, int64_t columns) {
          const int64_t at = o * p.n * p.inner + column;
          scan_columns(p, from + at, to + at, columns, start, combine);
        });
      const Range r = part_range(p.outer, c.parts, c.part);
      int64_t o = r.begin;
      for (; o + kRowsAtOnce <= r.end; o += kRowsAtOnce)
        scan_rows<kRowsAtOnce>(p, from + o * p.n, to + o * p.n, start, combine);
      for (; o < r.end; ++o) scan_rows<1>(p, from + o * p.n, to + o * p.n, start, combine);
    };
    if (p.product)
      scan(T(1), [](T a, T b) { return wrapping_multiply(a, b); });
    else
      scan(T(0), [](T a, T b) { return wrapping_add(a, b); });
  });
}

KernelPlan plan_along(const AlongParams& p, KernelFn run) {
  const double columns = double(std::min(p.inner, kColumns));
  return make_plan(p, {{run, parts_for(p.outer * p.blocks, 2.0 * double(p.n) * columns)}});
}
}  // namespace

static KernelPlan plan_arg(const KernelRequest& r, bool max) {
  AlongParams p = along(r, r.attrs.integer("axis"));
  p.max = max;
  HB_CHECK(p.n > 0 || p.outer * p.inner == 0, "[", r.op.name, "] an empty axis has no maximum or minimum");
  return plan_along(p, run_arg);
}

KernelPlan plan_argmax(const KernelRequest& r) { return plan_arg(r, true); }
KernelPlan plan_argmin(const KernelRequest& r) { return plan_arg(r, false); }

static KernelPlan plan_cumulative(const KernelRequest& r, bool product) {
  AlongParams p = along(r, r.attrs.integer("axis"));
  p.product = product;
  p.exclusive = r.attrs.flag("exclusive");
  p.reverse = r.attrs.flag("reverse");
  return plan_along(p, run_cumulative);
}
KernelPlan plan_cumsum(const KernelRequest& r) { return plan_cumulative(r, false); }
KernelPlan plan_cumprod(const KernelRequest& r) { return plan_cumulative(r, true); }
}  // namespace hornbeam
