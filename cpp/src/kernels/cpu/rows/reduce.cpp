// Reductions. The axes are merged into [outer, reduced, inner] steps, one after another when the reduced axes are not
// adjacent. float32 uses the ISA's rows and columns, other dtypes plain loops.
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

// Partial sums of so many rows keep the rounding error small.
constexpr int64_t kSumRows = 256;

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
// Calls f with the function that combines two elements.
template <class T, class F>
void with_combine(Reduction op, F f) {
  switch (op) {
    case Reduction::sum:
    case Reduction::mean:
      return f([](T a, T b) { return wrapping_add(a, b); });
    case Reduction::prod:
      return f([](T a, T b) { return wrapping_multiply(a, b); });
    case Reduction::max:
      return f([](T a, T b) { return (a > b || a != a) ? a : b; });
    case Reduction::min:
      return f([](T a, T b) { return (a < b || a != a) ? a : b; });
    case Reduction::any:
      if constexpr (std::is_integral_v<T>) return f([](T a, T b) { return T(a | T(b != 0)); });
      return;
    case Reduction::all:
      if constexpr (std::is_integral_v<T>) return f([](T a, T b) { return T(a & T(b != 0)); });
      return;
  }
}

using RowFn = float (*)(const float*, int64_t);
using ColumnsFn = void (*)(float*, const float*, int64_t, int64_t, int64_t);
RowFn row_of(const IsaTable& t, Reduction op) {
  return op == Reduction::sum ? t.sum : op == Reduction::prod ? t.product : op == Reduction::max ? t.max : t.min;
}
ColumnsFn columns_of(const IsaTable& t, Reduction op) {
  return op == Reduction::sum    ? t.add_rows
         : op == Reduction::prod ? t.multiply_rows
         : op == Reduction::max  ? t.max_rows_into
                                 : t.min_rows_into;
}

// Reduces `rows` rows of `inner` into out[inner].
void reduce_block(const ReduceParams& p, const float* x, int64_t rows, int64_t inner, float* out) {
  const float none = identity<float>(p.op);
  const ColumnsFn columns = columns_of(*p.isa, p.op);
  if (inner == 1) {
    *out = row_of(*p.isa, p.op)(x, rows);
  } else if (p.op == Reduction::sum && rows > kSumRows) {
    const int64_t block = inner > 4 ? kSumRows : 16 * kSumRows;  // of so few columns rows lie side by side
    float acc[1024];
    for (int64_t c = 0; c < inner; c += 1024) {
      const int64_t n = std::min<int64_t>(1024, inner - c);
      std::fill(out + c, out + c + n, none);
      for (int64_t r = 0; r < rows; r += block) {
        std::fill(acc, acc + n, none);
        columns(acc, x + r * inner + c, std::min(block, rows - r), n, inner);
        columns(out + c, acc, 1, n, n);
      }
    }
  } else {
    std::fill(out, out + inner, none);
    columns(out, x, rows, inner, inner);
  }
}
template <class T>
void reduce_block(const ReduceParams& p, const T* x, int64_t rows, int64_t inner, T* out) {
  with_combine<T>(p.op, [&](auto combine) {
    if (inner == 1) {
      constexpr int kTogether = 16;  // so that a step need not wait for the last
      T acc[kTogether];
      std::fill(acc, acc + kTogether, identity<T>(p.op));
      int64_t r = 0;
      for (; r + kTogether <= rows; r += kTogether)
        for (int k = 0; k < kTogether; ++k) acc[k] = combine(acc[k], x[r + k]);
      T all = identity<T>(p.op);
      for (; r < rows; ++r) all = combine(all, x[r]);
      for (int k = 0; k < kTogether; ++k) all = combine(all, acc[k]);
      *out = all;
      return;
    }
    std::fill(out, out + inner, identity<T>(p.op));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < inner; ++i) out[i] = combine(out[i], x[r * inner + i]);
  });
}

// Many rows of a few elements: y[i] is what row i of x [rows, n] gives.
constexpr int64_t kShortRow = 16;
template <class T, class Wins>
void short_extremes(const T* x, int64_t rows, int64_t n, T* y, Wins wins) {  // without branches
  for (int64_t r = 0; r < rows; ++r, x += n) {
    T top = x[0];
    bool odd = top != top;
    for (int64_t i = 1; i < n; ++i) {
      const T v = x[i];
      top = wins(v, top) ? v : top;
      odd |= v != v;
    }
    y[r] = odd ? std::numeric_limits<T>::quiet_NaN() : top;
  }
}
template <class T>
void reduce_short_rows(const ReduceParams& p, const T* x, int64_t rows, int64_t n, T* y) {
  if (std::is_floating_point_v<T> && n > 0 && p.op == Reduction::max)
    return short_extremes(x, rows, n, y, [](T a, T b) { return a > b; });
  if (std::is_floating_point_v<T> && n > 0 && p.op == Reduction::min)
    return short_extremes(x, rows, n, y, [](T a, T b) { return a < b; });
  with_combine<T>(p.op, [&](auto combine) {
    const T none = identity<T>(p.op);
    for (int64_t r = 0; r < rows; ++r, x += n) {
      T acc = none;
      for (int64_t i = 0; i < n; ++i) acc = combine(acc, x[i]);
      y[r] = acc;
    }
  });
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
      reduce_block(p, partial + o * st.chunks * st.inner, st.chunks, st.inner, y);
      finish(y, st.inner);
    }
    return;
  }
  const Range units = part_range(st.outer * st.chunks, c.parts, c.part);
  if (st.inner == 1 && st.reduced <= kShortRow) {
    reduce_short_rows<T>(p, in + units.begin * st.reduced, units.size(), st.reduced, out + units.begin);
    return finish(out + units.begin, units.size());
  }
  for (int64_t u = units.begin; u < units.end; ++u) {
    const bool whole = st.chunks == 1;
    const int64_t o = whole ? u : u / st.chunks;
    const Range rows = whole ? Range{0, st.reduced} : part_range(st.reduced, int(st.chunks), int(u % st.chunks));
    T* y = whole ? out + o * st.inner : partial + u * st.inner;
    reduce_block(p, in + (o * st.reduced + rows.begin) * st.inner, rows.size(), st.inner, y);
    if (whole) finish(y, st.inner);
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
}  // namespace hornbeam
