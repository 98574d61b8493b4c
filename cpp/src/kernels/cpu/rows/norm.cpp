// Batch and layer normalization. A batch's statistics are taken in one reading, by blocks of rows, about the mean of
// the rows before, and joined in order in double; float64 runs the same frames on plain loops.
#include <cmath>

#include "kernels/cpu/product/epilogue.hpp"
#include "kernels/cpu/rows/columns.hpp"

namespace hornbeam {
namespace {

constexpr int kChunks = 16;

struct NormParams {
  int64_t rows, n;
  DType dtype;
  double epsilon;
  int chunks;
  const IsaTable* isa;
  Epilogue epilogue;    // of batch_norm
  bool centred = true;  // of layer_norm: about the mean rather than about zero
};

NormParams norm_params(const KernelRequest& r) {
  const Shape& x = r.inputs[0].shape;
  NormParams p{1, x.back(), r.inputs[0].dtype, r.attrs.real("epsilon"), 1, r.target.isa, {}};
  for (size_t i = 0; i + 1 < x.size(); ++i) p.rows *= x[i];
  if (p.dtype != DType::f32 && p.dtype != DType::f64) no_kernel(r);
  p.chunks = parts_for(p.rows, 4.0 * double(p.n));
  p.chunks = std::min(p.chunks, kChunks);
  return p;
}

// What a chunk's statistics take beside its rows is as much as some tens of rows.
NormParams batch_norm_params(const KernelRequest& r) {
  NormParams p = norm_params(r);
  p.chunks = std::max(1, int(std::min<int64_t>(p.chunks, p.rows / 32)));
  return p;
}

// Calls f(pointer to this chunk's sums, first row, rows) after zeroing the sums; chunks lie one after another in the
// workspace, `slot` sets of them.
template <class T, class F>
void chunk_sums(const KernelCall& c, const NormParams& p, int slot, F f) {
  T* sums = buffer<T>(c, c.work) + (int64_t(slot) * p.chunks + c.part) * p.n;
  std::fill(sums, sums + p.n, T(0));
  const Range r = part_range(p.rows, p.chunks, c.part);
  constexpr int64_t kBlock = 64;  // rows summed in single precision before they join the chunk's sum
  for (int64_t row = r.begin; row < r.end; row += kBlock) f(sums, row, std::min(kBlock, r.end - row));
}
template <class T>
double total(const KernelCall& c, const NormParams& p, int slot, int64_t column) {
  const T* sums = buffer<const T>(c, c.work) + int64_t(slot) * p.chunks * p.n;
  double s = 0;
  for (int k = 0; k < p.chunks; ++k) s += double(sums[k * p.n + column]);
  return s;
}

// ---- batch_norm: x, gamma, beta -> y, mean, variance ----

template <class T>
void bn_moments(const KernelCall& c, const NormParams& p) {  // of each chunk
  const Range r = part_range(p.rows, p.chunks, c.part);
  column_moments(Columns{p.isa}, buffer<T>(c, c.work) + c.part * 4 * p.n, buffer<const T>(c, 0) + r.begin * p.n,
                 r.size(), p.n);
}
template <class T>
void bn_scale(const KernelCall& c, const NormParams& p) {  // the statistics, and y = x * a + b in the workspace's tail
  T *mean = buffer<T>(c, c.out + 1), *variance = buffer<T>(c, c.out + 2);
  T* a = buffer<T>(c, c.work) + int64_t(4) * p.chunks * p.n;
  T* b = a + p.n;
  std::fill(mean, mean + p.n, T(0));
  std::fill(variance, variance + p.n, T(0));
  for (int k = 0; k < p.chunks; ++k) {
    const Range r = part_range(p.rows, p.chunks, k);
    const T* chunk = buffer<const T>(c, c.work) + int64_t(k) * 4 * p.n;
    if (r.size() > 0) join_moments(double(r.begin), mean, variance, double(r.size()), chunk, chunk + p.n, p.n);
  }
  for (int64_t i = 0; i < p.n; ++i) {
    variance[i] = T(double(variance[i]) / double(std::max<int64_t>(p.rows, 1)));
    const double scale = double(buffer<const T>(c, 1)[i]) / std::sqrt(double(variance[i]) + p.epsilon);
    a[i] = T(scale);
    b[i] = T(double(buffer<const T>(c, 2)[i]) - double(mean[i]) * scale);
  }
}
template <class T>
void bn_apply(const KernelCall& c, const NormParams& p) {
  const T* a = buffer<const T>(c, c.work) + int64_t(4) * p.chunks * p.n;
  const Range r = part_range(p.rows, c.parts, c.part);
  const int64_t block =
      p.epilogue.present ? std::max<int64_t>(1, 2048 / std::max<int64_t>(1, p.n)) : r.size();  // that stays in L1
  for (int64_t row = r.begin; row < r.end; row += block) {
    const int64_t begin = row * p.n, rows = std::min(block, r.end - row);
    Columns{p.isa}.affine(buffer<T>(c, c.out) + begin, buffer<const T>(c, 0) + begin, a, a + p.n, rows, p.n);
    if constexpr (std::is_same_v<T, float>)
      if (p.epilogue.present) p.epilogue.apply(c, buffer<float>(c, c.out), begin, begin + rows * p.n);
  }
}

// ---- batch_norm_grad: x, gamma, mean, variance, dy -> dx, dgamma, dbeta ----
template <class T>
void bng_sums(const KernelCall& c, const NormParams& p) {
  const T *x = buffer<const T>(c, 0), *mean = buffer<const T>(c, 2), *dy = buffer<const T>(c, 4);
  T* dots = buffer<T>(c, c.work) + (int64_t(p.chunks) + c.part) * p.n;
  std::fill(dots, dots + p.n, T(0));
  chunk_sums<T>(c, p, 0, [&](T* acc, int64_t row, int64_t rows) {
    Columns{p.isa}.grads(acc, dots, x + row * p.n, dy + row * p.n, mean, rows, p.n);
  });
}
template <class T>
void bng_coefficients(const KernelCall& c, const NormParams& p) {  // dx = dy * a + x * b + c
  T* a = buffer<T>(c, c.work) + int64_t(2) * p.chunks * p.n;
  T *b = a + p.n, *d = b + p.n;
  const double n = double(std::max<int64_t>(p.rows, 1));
  for (int64_t i = 0; i < p.n; ++i) {
    const double sum = total<T>(c, p, 0, i), dot = total<T>(c, p, 1, i);
    const double rstd = 1 / std::sqrt(double(buffer<const T>(c, 3)[i]) + p.epsilon),
                 gamma = double(buffer<const T>(c, 1)[i]);
    if (T* dgamma = buffer<T>(c, 6)) dgamma[i] = T(dot * rstd);
    if (T* dbeta = buffer<T>(c, 7)) dbeta[i] = T(sum);
    const double slope = -gamma * rstd * rstd * rstd * dot / n;
    a[i] = T(gamma * rstd);
    b[i] = T(slope);
    d[i] = T(-gamma * rstd * sum / n - slope * double(buffer<const T>(c, 2)[i]));
  }
}
template <class T>
void bng_apply(const KernelCall& c, const NormParams& p) {
  T* dx = buffer<T>(c, 5);
  if (!dx) return;
  const T* a = buffer<const T>(c, c.work) + int64_t(2) * p.chunks * p.n;
  const Range r = part_range(p.rows, c.parts, c.part);
  Columns{p.isa}.affine2(dx + r.begin * p.n, buffer<const T>(c, 0) + r.begin * p.n,
                         buffer<const T>(c, 4) + r.begin * p.n, a, a + p.n, a + 2 * p.n, r.size(), p.n);
}

// ---- layer_norm: x, gamma, beta -> y, mean, rstd ----
template <class T>
void ln_rows(const KernelCall& c, const NormParams& p) {
  const Range r = part_range(p.rows, c.parts, c.part);
  const T *gamma = buffer<const T>(c, 1), *beta = buffer<const T>(c, 2);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const T* x = buffer<const T>(c, 0) + i * p.n;
    T* y = buffer<T>(c, 3) + i * p.n;
    T mean, rstd;
    if constexpr (std::is_same_v<T, float>) {
      mean = p.centred ? p.isa->sum(x, p.n) / float(p.n) : 0.0f;
      rstd = float(1 / std::sqrt(double(p.isa->sum_squares(x, p.n, mean)) / double(p.n) + p.epsilon));
      p.isa->layer_norm_row(y, x, gamma, beta, p.n, mean, rstd);
    } else {
      double s = 0, q = 0;
      for (int64_t k = 0; k < p.n; ++k) s += x[k];
      mean = p.centred ? s / double(p.n) : 0;
      for (int64_t k = 0; k < p.n; ++k) q += (x[k] - mean) * (x[k] - mean);
      rstd = 1 / std::sqrt(q / double(p.n) + p.epsilon);
      for (int64_t k = 0; k < p.n; ++k) y[k] = (x[k] - mean) * rstd * gamma[k] + beta[k];
    }
    if (T* m = buffer<T>(c, 4)) m[i] = mean;
    if (T* s = buffer<T>(c, 5)) s[i] = rstd;
  }
}

// ---- layer_norm_grad: x, gamma, mean, rstd, dy -> dx, dgamma, dbeta ----
template <class T>
void lng_rows(const KernelCall& c, const NormParams& p) {
  T* dgamma = buffer<T>(c, c.work) + int64_t(c.part) * p.n;
  T* dbeta = buffer<T>(c, c.work) + int64_t(p.chunks + c.part) * p.n;
  std::fill(dgamma, dgamma + p.n, T(0));
  std::fill(dbeta, dbeta + p.n, T(0));
  const Range r = part_range(p.rows, p.chunks, c.part);
  const T* gamma = buffer<const T>(c, 1);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const T *x = buffer<const T>(c, 0) + i * p.n, *dy = buffer<const T>(c, 4) + i * p.n;
    T* dx = buffer<T>(c, 5) ? buffer<T>(c, 5) + i * p.n : nullptr;
    const T mean = buffer<const T>(c, 2)[i], rstd = buffer<const T>(c, 3)[i];
    if constexpr (std::is_same_v<T, float>) {
      p.isa->layer_norm_grad_row(dx, dgamma, dbeta, x, dy, gamma, p.n, mean, rstd, p.centred);
    } else {
      double s1 = 0, s2 = 0;
      for (int64_t k = 0; k < p.n; ++k) {
        const double xhat = (x[k] - mean) * rstd;
        s1 += dy[k] * gamma[k];
        s2 += dy[k] * gamma[k] * xhat;
        dgamma[k] += dy[k] * xhat;
        dbeta[k] += dy[k];
      }
      if (!p.centred) s1 = 0;
      if (dx)
        for (int64_t k = 0; k < p.n; ++k)
          dx[k] = rstd * (dy[k] * gamma[k] - s1 / double(p.n) - (x[k] - mean) * rstd * s2 / double(p.n));
    }
  }
}
template <class T>
void lng_totals(const KernelCall& c, const NormParams& p) {
  if constexpr (std::is_same_v<T, float>) {
    for (int slot : {0, 1})
      if (float* to = buffer<float>(c, 6 + slot)) {
        std::fill(to, to + p.n, 0.0f);
        p.isa->add_rows(to, buffer<const float>(c, c.work) + slot * p.chunks * p.n, p.chunks, p.n, p.n);
      }
    return;
  }
  for (int64_t i = 0; i < p.n; ++i) {
    if (T* dgamma = buffer<T>(c, 6)) dgamma[i] = T(total<T>(c, p, 0, i));
    if (T* dbeta = buffer<T>(c, 7)) dbeta[i] = T(total<T>(c, p, 1, i));
  }
}

#define HB_NORM_RUN(impl)                                              \
  [](const KernelCall& c) {                                            \
    const auto& np = params_of<NormParams>(c);                         \
    np.dtype == DType::f32 ? impl<float>(c, np) : impl<double>(c, np); \
  }
}  // namespace

KernelPlan plan_batch_norm(const KernelRequest& r) {
  NormParams p = batch_norm_params(r);
  p.epilogue = Epilogue::plan(r, 3, Epilogue::kNotInRegisters);
  const int parts = parts_for(p.rows, 2.0 * double(p.n));
  const size_t bytes = size_t(4 * p.chunks + 2) * size_t(p.n) * dtype_size(p.dtype);
  return make_plan(p, {{HB_NORM_RUN(bn_moments), p.chunks}, {HB_NORM_RUN(bn_scale), 1}, {HB_NORM_RUN(bn_apply), parts}},
                   bytes);
}
KernelPlan plan_batch_norm_grad(const KernelRequest& r) {
  NormParams p = batch_norm_params(r);
  const int parts = parts_for(p.rows, 3.0 * double(p.n));
  const size_t bytes = size_t(2 * p.chunks + 3) * size_t(p.n) * dtype_size(p.dtype);
  return make_plan(
      p, {{HB_NORM_RUN(bng_sums), p.chunks}, {HB_NORM_RUN(bng_coefficients), 1}, {HB_NORM_RUN(bng_apply), parts}},
      bytes);
}
KernelPlan plan_layer_norm(const KernelRequest& r) {
  NormParams p = norm_params(r);
  p.centred = r.attrs.flag("centred");
  return make_plan(p, {{HB_NORM_RUN(ln_rows), parts_for(p.rows, 6.0 * double(p.n))}});
}
KernelPlan plan_layer_norm_grad(const KernelRequest& r) {
  NormParams p = norm_params(r);
  p.centred = r.attrs.flag("centred");
  p.chunks = std::max(1, int(std::min<int64_t>(p.chunks, p.rows / 4)));  // sums of a chunk take as much as a row or two
  const size_t bytes = size_t(2 * p.chunks) * size_t(p.n) * dtype_size(p.dtype);
  return make_plan(p, {{HB_NORM_RUN(lng_rows), p.chunks}, {HB_NORM_RUN(lng_totals), 1}}, bytes);
}
}  // namespace hornbeam
