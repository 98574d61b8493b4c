// Loops over contiguous rows.
#include "kernels/cpu/isa/rows.hpp"
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/math.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

float row_sum(const float* x, int64_t n) {
  return sum_of(n, [=](int64_t i, int m) { return get(x + i, m); });
}
float row_dot(const float* x, const float* y, int64_t n) {
  return sum_of(n, [=](int64_t i, int m) { return get(x + i, m) * get(y + i, m); });
}
float row_squares(const float* x, int64_t n, float mean) {
  return sum_of(n, [=](int64_t i, int m) {
    Vec d = keep(get(x + i, m) - mean, m);
    return d * d;
  });
}
template <bool Store>
float row_exp_sum(float* y, const float* x, int64_t n, float shift) {
  return sum_of(
      n, [=](int64_t i, int m) __attribute__((always_inline)) {
        __builtin_prefetch(x + n + i);  // the next row, while this one keeps the arithmetic busy
        if (Store) __builtin_prefetch(y + n + i, 1);
        Vec e = keep(exp_of_negative(get(x + i, m) - shift), m);
        if (Store) put(y + i, e, m);
        return e;
      });
}
float row_exp(float* y, const float* x, int64_t n, float shift) {
  return y ? row_exp_sum<true>(y, x, n, shift) : row_exp_sum<false>(y, x, n, shift);
}
void row_scale_shift(float* y, const float* x, int64_t n, float scale, float shift) {
  each(n, [=](int64_t i, int m) { put(y + i, get(x + i, m) * scale + shift, m); });
}

// Rows of at most a register each.
void short_softmax(float* y, const float* x, int64_t rows, int64_t n, bool logarithm) {
  const int m = int(n);
  const IVec inside = lane_numbers() < m;
  const Vec none = set1(-__builtin_inff());
  for (int64_t r = 0; r < rows; ++r) {
    const Vec v = select(inside, get(x + r * n, m), none);
    const float top = max_lanes(v);
    if (top == none[0]) {
      put(y + r * n, logarithm ? none : Vec{}, m);
      continue;
    }
    const Vec d = v - top, e = select(inside, exp_of_negative(d), Vec{}), s = set1(sum_lanes(e));
    put(y + r * n, logarithm ? d - log(s) : e * (1.0f / s), m);
  }
}
void row_log_softmax_grad(float* dx, const float* y, const float* dy, int64_t n, float sum) {
  each(n, [=](int64_t i, int m) { put(dx + i, get(dy + i, m) - exp(get(y + i, m)) * sum, m); });
}
void row_softmax_grad(float* dx, const float* y, const float* dy, int64_t n, float shift, float scale) {
  each(n, [=](int64_t i, int m) { put(dx + i, get(y + i, m) * (get(dy + i, m) - shift) * scale, m); });
}

void norm_grad_row(float* sums, const float* x, const float* dy, int64_t n, float mean) {
  sums[0] += row_sum(dy, n);
  sums[1] += sum_of(n, [=](int64_t i, int m) { return get(dy + i, m) * (get(x + i, m) - mean); });
}
void affine2_row(float* out, const float* x, const float* dy, int64_t n, float a, float b, float c) {
  each(n, [=](int64_t i, int m) { put(out + i, get(dy + i, m) * a + (get(x + i, m) * b + c), m); });
}
void layer_norm_row(float* y, const float* x, const float* gamma, const float* beta, int64_t n, float mean,
                    float rstd) {
  each(n,
       [=](int64_t i, int m) { put(y + i, (get(x + i, m) - mean) * rstd * get(gamma + i, m) + get(beta + i, m), m); });
}
void layer_norm_grad_row(float* dx, float* dgamma, float* dbeta, const float* x, const float* dy, const float* gamma,
                         int64_t n, float mean, float rstd, bool centred) {
  const float s1 = centred ? row_dot(dy, gamma, n) : 0.0f;
  const float s2 =
      sum_of(n, [=](int64_t i, int m) { return get(dy + i, m) * get(gamma + i, m) * ((get(x + i, m) - mean) * rstd); });
  const float inv = 1.0f / float(n), m1 = s1 * inv, m2 = s2 * inv;
  each(n, [=](int64_t i, int m) {
    Vec xhat = (get(x + i, m) - mean) * rstd, d = get(dy + i, m);
    if (dx) put(dx + i, rstd * (d * get(gamma + i, m) - m1 - xhat * m2), m);
    put(dgamma + i, get(dgamma + i, m) + d * xhat, m);
    put(dbeta + i, get(dbeta + i, m) + d, m);
  });
}
}  // namespace

void fill_rows(IsaTable& t) {
  t.sum = row_sum;
  t.dot = row_dot;
  t.sum_squares = row_squares;
  t.exp_sum = row_exp;
  t.scale_shift = row_scale_shift;
  t.short_softmax = short_softmax;
  t.softmax_grad = row_softmax_grad;
  t.log_softmax_grad = row_log_softmax_grad;
  t.norm_grad_row = norm_grad_row;
  t.affine2_row = affine2_row;
  t.layer_norm_row = layer_norm_row;
  t.layer_norm_grad_row = layer_norm_grad_row;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
