// Reductions. The axes are merged into [outer, reduced, inner] steps, one after another when the reduced axes are not
// adjacent. float32 sums use the ISA's rows and columns; other dtypes and operations use plain loops.
#include <cmath>
#include <limits>

#include "kernels/cpu/kernel_util.hpp"
#include "schema/reduction.hpp"

namespace hornbeam {
namespace {

struct Step {  // [outer, reduced, inner] -> [outer, inner]
  int64_t outer, reduced, inner;
  int64_t chunks;  // pieces the reduced axis is cut into when there is little else to share
};

struct ReduceParams {
  Reduction op;
  DType dtype;
  const IsaTable* isa;
  std::vector<Step> steps;
  std::vector<size_t> at;  // where in the workspace step i puts its result; the last one writes the output
  double scale = 1;        // of the last step (mean)
};

template <class T>
T identity(Reduction op) {
  switch (op) {
    case Reduction::max:
      return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                  : std::numeric_limits<T>::lowest();
    case Reduction::min:
      return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
    case Reduction::prod:
    case Reduction::all:
      return T(1);
    default:
      return T(0);
  }
}
template <class T>
T combine(Reduction op, T a, T b) {
  switch (op) {
    case Reduction::sum:
    case Reduction::mean:
      return wrapping_add(a, b);
    case Reduction::prod:
      return wrapping_multiply(a, b);
    case Reduction::max:
      return (a > b || a != a) ? a : b;
    case Reduction::min:
      return (a < b || a != a) ? a : b;
    case Reduction::any:
      return a || b;
    case Reduction::all:
      return a && b;
  }
  return a;
}

// Reduces rows [begin, end) of `reduced` for one outer index into out[inner].
template <class T>
void reduce_block(const ReduceParams& p, const T* x, int64_t rows, int64_t inner, T* out) {
  for (int64_t i = 0; i < inner; ++i) out[i] = identity<T>(p.op);
  if constexpr (std::is_same_v<T, float>) {
    if (inner == 1 && p.op == Reduction::sum) {
      *out = p.isa->sum(x, rows);
      return;
    }
    if (inner == 1 && p.op == Reduction::max) {
      *out = p.isa->max(x, rows);
      return;
    }
    if (p.op == Reduction::sum) {
      // partial sums over blocks of rows keep the rounding error small
      constexpr int64_t kBlock = 256;
      float acc[1024];
      for (int64_t c = 0; c < inner; c += 1024) {
        const int64_t n = std::min<int64_t>(1024, inner - c);
        for (int64_t r = 0; r < rows; r += kBlock) {
          std::fill(acc, acc + n, 0.0f);
          p.isa->add_rows(acc, x + r * inner + c, std::min(kBlock, rows - r), n, inner);
          p.isa->add_rows(out + c, acc, 1, n, n);
        }
      }
      return;
    }
    if (p.op == Reduction::max) {
      p.isa->max_rows_into(out, x, rows, inner, inner);
      return;
    }
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < inner; ++i) out[i] = combine(p.op, out[i], x[r * inner + i]);
}

template <class T>
void step_typed(const KernelCall& c, const ReduceParams& p, size_t s, bool second) {
  const Step& st = p.steps[s];
  char* work = buffer<char>(c, c.work);
  const T* in = s == 0 ? buffer<const T>(c, 0) : reinterpret_cast<const T*>(work + p.at[s - 1]);
  const bool last = s + 1 == p.steps.size();
  T* out = last ? buffer<T>(c, c.out) : reinterpret_cast<T*>(work + p.at[s]);
  T* partial = reinterpret_cast<T*>(work + p.at[p.steps.size() - 1 + s]);
  const double scale = last ? p.scale : 1;
  auto finish = [&](T* y, int64_t n) {
    if (scale != 1)
      for (int64_t i = 0; i < n; ++i) y[i] = T(double(y[i]) * scale);
  };
  if (second) {  // combine the pieces, in order
    if (st.chunks == 1 || c.part != 0) return;
    for (int64_t o = 0; o < st.outer; ++o) {
      T* y = out + o * st.inner;
      std::memcpy(y, partial + o * st.chunks * st.inner, size_t(st.inner) * sizeof(T));
      for (int64_t k = 1; k < st.chunks; ++k)
        for (int64_t i = 0; i < st.inner; ++i) y[i] = combine(p.op, y[i], partial[(o * st.chunks + k) * st.inner + i]);
      finish(y, st.inner);
    }
    return;
  }
  const Range units = part_range(st.outer * st.chunks, c.parts, c.part);
  for (int64_t u = units.begin; u < units.end; ++u) {
    const int64_t o = u / st.chunks;
    const Range rows = part_range(st.reduced, int(st.chunks), int(u % st.chunks));
    T* y = st.chunks == 1 ? out + o * st.inner : partial + u * st.inner;
    reduce_block<T>(p, in + (o * st.reduced + rows.begin) * st.inner, rows.size(), st.inner, y);
    if (st.chunks == 1) finish(y, st.inner);
  }
}

void dispatch(const KernelCall& c, size_t step, bool second) {
  const auto& p = params_of<ReduceParams>(c);
  with_type(p.dtype, [&](auto zero) { step_typed<decltype(zero)>(c, p, step, second); });
}
template <int kStep>
void run_step(const KernelCall& c) {
  dispatch(c, kStep, false);
}
template <int kStep>
void run_combine(const KernelCall& c) {
  dispatch(c, kStep, true);
}

constexpr KernelFn kSteps[] = {run_step<0>, run_step<1>, run_step<2>, run_step<3>, run_step<4>, run_step<5>};
constexpr KernelFn kCombines[] = {run_combine<0>, run_combine<1>, run_combine<2>,
                                  run_combine<3>, run_combine<4>, run_combine<5>};

KernelPlan plan(const KernelRequest& r, Reduction op) {
  const Shape& x = r.inputs[0].shape;
  check_rank(x, r.op.name);
  ReduceParams p;
  p.op = op == Reduction::mean ? Reduction::sum : op;  // with a scale
  p.dtype = r.inputs[0].dtype;
  p.isa = r.target.isa;
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  std::vector<bool> reduced(x.size(), r.attrs.ints("axes").empty() && !r.attrs.flag("none"));
  for (int64_t a : r.attrs.ints("axes")) reduced[size_t(a < 0 ? a + int64_t(x.size()) : a)] = true;
  int64_t count = 1;
  Shape rest = x;
  for (size_t i = x.size(); i-- > 0;) {  // each run of reduced axes, from the last
    if (!reduced[i]) continue;
    size_t first = i;
    while (first > 0 && reduced[first - 1]) --first;
    Step s{1, 1, 1, 1};
    for (size_t k = 0; k < rest.size(); ++k) (k < first ? s.outer : k <= i ? s.reduced : s.inner) *= rest[k];
    p.steps.push_back(s);
    count *= s.reduced;
    rest.erase(rest.begin() + long(first), rest.begin() + long(i) + 1);
    i = first;
    if (i == 0) break;
  }
  if (p.steps.empty()) p.steps.push_back({shape_product(x), 1, 1, 1});
  if (op == Reduction::mean) p.scale = 1.0 / double(count);
  const size_t size = dtype_size(p.dtype), n = p.steps.size();
  if (n > 6) throw ValueError(concat_text("[", r.op.name, "] the reduced axes lie in more than 6 separate runs"));
  size_t bytes = 0;
  auto take = [&](int64_t elements) {
    p.at.push_back(bytes);
    bytes += (size_t(elements) * size + 63) / 64 * 64;
  };
  for (size_t i = 0; i + 1 < n; ++i) take(p.steps[i].outer * p.steps[i].inner);
  std::vector<Stage> stages;
  for (size_t i = 0; i < n; ++i) {
    Step& s = p.steps[i];
    const double cost = double(s.reduced) * double(s.inner);
    if (s.outer < 8 && cost * double(s.outer) > 65536)
      s.chunks = std::max<int64_t>(1, std::min<int64_t>({s.reduced / 64, int64_t(cost / 32768), int64_t(16)}));
    take(s.chunks > 1 ? s.outer * s.chunks * s.inner : 0);
    stages.push_back({kSteps[i], parts_for(s.outer * s.chunks, cost / double(s.chunks), 65536)});
    if (s.chunks > 1) stages.push_back({kCombines[i], 1});
  }
  return make_plan(std::move(p), std::move(stages), bytes);
}
}  // namespace

template <Reduction kind>
KernelPlan plan_reduce(const KernelRequest& r) {
  return plan(r, kind);
}
template KernelPlan plan_reduce<Reduction::sum>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::mean>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::max>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::min>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::prod>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::any>(const KernelRequest&);
template KernelPlan plan_reduce<Reduction::all>(const KernelRequest&);

namespace {
struct AlongParams {
  int64_t outer, n, inner;
  DType dtype;
  bool max, product, exclusive, reverse;
};

AlongParams along(const KernelRequest& r, int64_t axis) {
  const Shape& x = r.inputs[0].shape;
  if (axis < 0) axis += int64_t(x.size());
  AlongParams p{1, x[size_t(axis)], 1, r.inputs[0].dtype, false, false, false, false};
  for (int64_t i = 0; i < int64_t(x.size()); ++i)
    if (i != axis) (i < axis ? p.outer : p.inner) *= x[size_t(i)];
  if (!with_type(p.dtype, [](auto) {})) no_kernel(r);
  return p;
}

void run_arg(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  const Range r = part_range(p.outer * p.inner, c.parts, c.part);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t u = r.begin; u < r.end; ++u) {
      const T* x = buffer<const T>(c, 0) + u / p.inner * p.n * p.inner + u % p.inner;
      int64_t best = 0;
      T top = x[0];
      for (int64_t i = 1; i < p.n && top == top; ++i) {  // the first NaN wins, as in NumPy
        const T v = x[i * p.inner];
        if ((p.max ? v > top : v < top) || v != v) top = v, best = i;
      }
      buffer<int32_t>(c, 1)[u] = int32_t(best);
    }
  });
}

void run_cumulative(const KernelCall& c) {
  const auto& p = params_of<AlongParams>(c);
  const Range r = part_range(p.outer * p.inner, c.parts, c.part);
  with_type(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t u = r.begin; u < r.end; ++u) {
      const int64_t base = u / p.inner * p.n * p.inner + u % p.inner;
      const T* x = buffer<const T>(c, 0) + base;
      T* y = buffer<T>(c, 1) + base;
      T acc = p.product ? T(1) : T(0);
      for (int64_t i = 0; i < p.n; ++i) {
        const int64_t at = (p.reverse ? p.n - 1 - i : i) * p.inner;
        const T next = p.product ? wrapping_multiply(acc, x[at]) : wrapping_add(acc, x[at]);
        y[at] = p.exclusive ? acc : next;
        acc = next;
      }
    }
  });
}
}  // namespace

static KernelPlan plan_arg(const KernelRequest& r, bool max) {
  AlongParams p = along(r, r.attrs.integer("axis"));
  p.max = max;
  HB_CHECK(p.n > 0 || p.outer * p.inner == 0, "[", r.op.name, "] an empty axis has no maximum or minimum");
  return make_plan(p, {{run_arg, parts_for(p.outer * p.inner, 2.0 * double(p.n))}});
}

KernelPlan plan_argmax(const KernelRequest& r) { return plan_arg(r, true); }
KernelPlan plan_argmin(const KernelRequest& r) { return plan_arg(r, false); }

static KernelPlan plan_cumulative(const KernelRequest& r, bool product) {
  AlongParams p = along(r, r.attrs.integer("axis"));
  p.product = product;
  p.exclusive = r.attrs.flag("exclusive");
  p.reverse = r.attrs.flag("reverse");
  return make_plan(p, {{run_cumulative, parts_for(p.outer * p.inner, 2.0 * double(p.n))}});
}
KernelPlan plan_cumsum(const KernelRequest& r) { return plan_cumulative(r, false); }
KernelPlan plan_cumprod(const KernelRequest& r) { return plan_cumulative(r, true); }
}  // namespace hornbeam
