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
// By blocks: the first one with the extreme, then the place in it.
int64_t find_in_row(const AlongParams& p, const float* x) {
  constexpr int64_t kBlock = 128;
  int64_t found = 0;
  float top = 0;
  for (int64_t i = 0; i < p.n && top == top; i += kBlock) {
    const float v = (p.max ? p.isa->max : p.isa->min)(x + i, std::min(kBlock, p.n - i));
    if (i == 0 || (p.max ? v > top : v < top) || v != v) top = v, found = i;
  }
  return found + find_first(x + found, std::min(kBlock, p.n - found), 1, p.max);
}
void run_arg(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  int32_t* y = buffer<int32_t>(c, 1);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    p.each(c, [&](int64_t o, int64_t column, int64_t columns) {
      const T* x = buffer<const T>(c, 0) + o * p.n * p.inner + column;
      int32_t* to = y + o * p.inner + column;
      if constexpr (std::is_same_v<T, float>) {
        float best[kColumns];
        if (p.inner > 1) return p.isa->arg_columns(best, to, x, p.n, columns, p.inner, p.max);
        if (p.n > 32) {
          *to = int32_t(find_in_row(p, x));
          return;
        }
      }
      for (int64_t i = 0; i < columns; ++i) to[i] = int32_t(find_first(x + i, p.n, p.inner, p.max));
    });
  });
}

// One row of the axis after another: next = last + x, or last * x.
template <class T, class F>
void run_rows(const AlongParams& p, const T* x, T* y, int64_t columns, T start, F combine) {
  if (p.inner == 1) {
    T acc = start;
    if (!p.reverse && !p.exclusive) {
      for (int64_t i = 0; i < p.n; ++i) y[i] = acc = combine(acc, x[i]);
      return;
    }
    for (int64_t i = 0; i < p.n; ++i) {
      const int64_t at = p.reverse ? p.n - 1 - i : i;
      const T next = combine(acc, x[at]);
      y[at] = p.exclusive ? acc : next;
      acc = next;
    }
    return;
  }
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
    p.each(c, [&](int64_t o, int64_t column, int64_t columns) {
      const int64_t at = o * p.n * p.inner + column;
      const T* x = buffer<const T>(c, 0) + at;
      T* y = buffer<T>(c, 1) + at;
      if (p.product)
        run_rows(p, x, y, columns, T(1), [](T a, T b) { return wrapping_multiply(a, b); });
      else
        run_rows(p, x, y, columns, T(0), [](T a, T b) { return wrapping_add(a, b); });
    });
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
