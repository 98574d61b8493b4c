// softmax, log_softmax and the sparse cross-entropy on logits, of rows; softmax along other axes, by columns that are
// turned into rows. A row of -inf gives zeros, whose logarithm is -inf.
#include <cmath>

#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct RowParams {
  int64_t rows, n;
  DType dtype, labels;
  const IsaTable* isa;
  bool logarithm = false;  // of softmax_grad
  int64_t inner = 1;       // columns side by side, where these are meant by rows
  int64_t together = 1;    // how many of them are turned at a time
};

RowParams rows_of(const KernelRequest& r) {
  const Shape& x = r.inputs[0].shape;
  RowParams p{1, x.back(), r.inputs[0].dtype, DType::i32, r.target.isa};
  for (size_t i = 0; i + 1 < x.size(); ++i) p.rows *= x[i];
  if (p.dtype != DType::f32 && p.dtype != DType::f64) no_kernel(r);
  return p;
}

// The same row operations for float (the ISA's) and double.
struct FloatRow {
  const IsaTable* isa;
  float max(const float* x, int64_t n) const { return isa->max(x, n); }
  float exp_sum(float* y, const float* x, int64_t n, float shift) const { return isa->exp_sum(y, x, n, shift); }
  void affine(float* y, const float* x, int64_t n, float a, float b) const { isa->scale_shift(y, x, n, a, b); }
};
struct DoubleRow {
  double max(const double* x, int64_t n) const {
    double m = -INFINITY;
    for (int64_t i = 0; i < n; ++i) m = (x[i] > m || x[i] != x[i]) ? x[i] : m;
    return m;
  }
  double exp_sum(double* y, const double* x, int64_t n, double shift) const {
    double s = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double e = std::exp(x[i] - shift);
      if (y) y[i] = e;
      s += e;
    }
    return s;
  }
  void affine(double* y, const double* x, int64_t n, double a, double b) const {
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] * a + b;
  }
};

bool short_rows(const KernelCall& c, const RowParams& p, Range r, bool logarithm) {
  if (p.dtype != DType::f32 || p.n > p.isa->lanes || p.n == 0) return false;
  p.isa->short_softmax(buffer<float>(c, 1) + r.begin * p.n, buffer<const float>(c, 0) + r.begin * p.n, r.size(), p.n,
                       logarithm);
  return true;
}

template <class T, class Row>
void softmax_rows(const KernelCall& c, const RowParams& p, const Row& row) {
  const Range r = part_range(p.rows, c.parts, c.part);
  if (short_rows(c, p, r, false)) return;
  for (int64_t i = r.begin; i < r.end; ++i) {
    const T* x = buffer<const T>(c, 0) + i * p.n;
    T* y = buffer<T>(c, 1) + i * p.n;
    const T top = row.max(x, p.n);
    if (top == -INFINITY) {
      std::fill(y, y + p.n, T(0));
      continue;
    }
    const T s = row.exp_sum(y, x, p.n, top);
    row.affine(y, y, p.n, T(1) / s, T(0));
  }
}
template <class T, class Row>
void log_softmax_rows(const KernelCall& c, const RowParams& p, const Row& row) {
  const Range r = part_range(p.rows, c.parts, c.part);
  if (short_rows(c, p, r, true)) return;
  for (int64_t i = r.begin; i < r.end; ++i) {
    const T* x = buffer<const T>(c, 0) + i * p.n;
    T* y = buffer<T>(c, 1) + i * p.n;
    const T top = row.max(x, p.n);
    if (top == -INFINITY) {
      std::fill(y, y + p.n, top);
      continue;
    }
    const T s = row.exp_sum(nullptr, x, p.n, top);
    row.affine(y, x, p.n, T(1), -(top + std::log(s)));
  }
}

// y, dy -> dx
void run_softmax_grad(const KernelCall& c) {
  const auto& p = params_of<RowParams>(c);
  const Range r = part_range(p.rows, c.parts, c.part);
  for (int64_t i = r.begin * p.n; i < r.end * p.n; i += p.n) {
    const float *y = buffer<const float>(c, 0) + i, *dy = buffer<const float>(c, 1) + i;
    float* dx = buffer<float>(c, 2) + i;
    if (p.logarithm)
      p.isa->log_softmax_grad(dx, y, dy, p.n, p.isa->sum(dy, p.n));
    else
      p.isa->softmax_grad(dx, y, dy, p.n, p.isa->dot(y, dy, p.n), 1.0f);
  }
}

int64_t label_at(const KernelCall& c, const RowParams& p, int64_t i) {
  return p.labels == DType::i32 ? buffer<const int32_t>(c, 1)[i] : buffer<const int64_t>(c, 1)[i];
}

template <class T, class Row>
void loss_rows(const KernelCall& c, const RowParams& p, const Row& row) {
  const Range r = part_range(p.rows, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const T* x = buffer<const T>(c, 0) + i * p.n;
    const int64_t label = label_at(c, p, i);
    T& y = buffer<T>(c, 2)[i];
    if (label < 0 || label >= p.n) {
      c.status->raise_index(c.node, i, label, p.n);
      y = 0;
      continue;
    }
    const T top = row.max(x, p.n);
    y = top == -INFINITY ? T(INFINITY) : top + std::log(row.exp_sum(nullptr, x, p.n, top)) - x[label];
  }
}
template <class T, class Row>
void loss_grad_rows(const KernelCall& c, const RowParams& p, const Row& row) {
  const Range r = part_range(p.rows, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const T* x = buffer<const T>(c, 0) + i * p.n;
    T* dx = buffer<T>(c, 3) + i * p.n;
    const int64_t label = label_at(c, p, i);
    if (label < 0 || label >= p.n) {
      c.status->raise_index(c.node, i, label, p.n);
      std::fill(dx, dx + p.n, T(0));
      continue;
    }
    const T dy = buffer<const T>(c, 2)[i];
    const T top = row.max(x, p.n);
    if (top == -INFINITY) {
      std::fill(dx, dx + p.n, T(0));
    } else {
      const T s = row.exp_sum(dx, x, p.n, top);
      row.affine(dx, dx, p.n, dy / s, T(0));
    }
    dx[label] -= dy;
  }
}

#define HB_ROW_RUN(name, impl)               \
  void name(const KernelCall& c) {           \
    const auto& p = params_of<RowParams>(c); \
    if (p.dtype == DType::f32)               \
      impl<float>(c, p, FloatRow{p.isa});    \
    else                                     \
      impl<double>(c, p, DoubleRow{});       \
  }
HB_ROW_RUN(run_softmax, softmax_rows)
HB_ROW_RUN(run_log_softmax, log_softmax_rows)
HB_ROW_RUN(run_loss, loss_rows)
HB_ROW_RUN(run_loss_grad, loss_grad_rows)

// What `Run` does to rows (one or two inputs, and then the output) for columns, some turned into rows at a time.
template <KernelFn Run, int kInputs>
void run_turned(const KernelCall& c) {
  const auto& p = params_of<RowParams>(c);
  const int64_t blocks = (p.inner + p.together - 1) / p.together, size = p.together * p.n;
  float* work = buffer<float>(c, c.work) + c.thread * kInputs * size;
  const Range units = part_range(p.rows * blocks, c.parts, c.part);
  for (int64_t u = units.begin; u < units.end; ++u) {
    const int64_t first = u % blocks * p.together, at = u / blocks * p.n * p.inner + first;
    RowParams rows = p;
    rows.rows = std::min(p.together, p.inner - first);
    void* buffers[kInputs + 1];
    for (int k = 0; k < kInputs; ++k) {
      buffers[k] = work + k * size;
      transpose_floats(buffer<const float>(c, k) + at, p.inner, work + k * size, p.n, p.n, rows.rows);
    }
    buffers[kInputs] = work;
    Run({&rows, buffers, kInputs, kInputs, 0, 1, c.node, c.status, c.thread});
    transpose_floats(work, p.n, buffer<float>(c, kInputs) + at, p.inner, rows.rows, p.n);
  }
}
}  // namespace

static KernelPlan plan_in_place(const KernelRequest& r, KernelFn run) {
  const RowParams p = rows_of(r);
  KernelPlan plan = make_plan(p, {{run, parts_for(p.rows, 12.0 * double(p.n))}});
  plan.alias_inputs = {0};
  return plan;
}
KernelPlan plan_softmax(const KernelRequest& r) { return plan_in_place(r, run_softmax); }
KernelPlan plan_log_softmax(const KernelRequest& r) { return plan_in_place(r, run_log_softmax); }
KernelPlan plan_softmax_grad(const KernelRequest& r) {
  RowParams p = rows_of(r);
  if (p.dtype != DType::f32) no_kernel(r);
  p.logarithm = r.attrs.flag("logarithm");
  KernelPlan plan = make_plan(p, {{run_softmax_grad, parts_for(p.rows, (p.logarithm ? 12.0 : 6.0) * double(p.n))}});
  plan.alias_inputs = {0, 1};
  return plan;
}
template <KernelFn Run, int kInputs>
static KernelPlan plan_along(const KernelRequest& r, double cost) {
  const Shape& x = r.inputs[0].shape;
  const int64_t rank = int64_t(x.size()), given = r.attrs.integer("axis"), axis = given < 0 ? given + rank : given;
  RowParams p{1, x[size_t(axis)], r.inputs[0].dtype, DType::i32, r.target.isa, r.attrs.flag("logarithm")};
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis) (i < axis ? p.rows : p.inner) *= x[size_t(i)];
  if (p.dtype != DType::f32) no_kernel(r);
  constexpr int64_t kTogether = 32;
  p.together = std::clamp<int64_t>(p.inner, 1, kTogether);
  const bool apart = p.inner != 1;
  const int64_t units = p.rows * ((p.inner + p.together - 1) / p.together);
  const int parts = parts_for(units, cost * double(p.n * p.together));
  const size_t work = apart ? size_t(at_once(r, parts) * kInputs * p.together * p.n) * 4 : 0;
  KernelPlan plan = make_plan(p, {{apart ? run_turned<Run, kInputs> : Run, parts}}, work);
  plan.alias_inputs = {0};
  return plan;
}
KernelPlan plan_softmax_along(const KernelRequest& r) {
  return r.attrs.flag("logarithm") ? plan_along<run_log_softmax, 1>(r, 14) : plan_along<run_softmax, 1>(r, 14);
}
KernelPlan plan_softmax_along_grad(const KernelRequest& r) { return plan_along<run_softmax_grad, 2>(r, 12); }

KernelPlan plan_sparse_cross_entropy(const KernelRequest& r) {
  RowParams p = rows_of(r);
  p.labels = r.inputs[1].dtype;
  return make_plan(p, {{run_loss, parts_for(p.rows, 10.0 * double(p.n))}});
}
KernelPlan plan_sparse_cross_entropy_grad(const KernelRequest& r) {
  RowParams p = rows_of(r);
  p.labels = r.inputs[1].dtype;
  KernelPlan plan = make_plan(p, {{run_loss_grad, parts_for(p.rows, 12.0 * double(p.n))}});
  plan.alias_inputs = {0};
  return plan;
}
}  // namespace hornbeam
