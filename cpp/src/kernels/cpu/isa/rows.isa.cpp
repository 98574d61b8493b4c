// Loops over contiguous rows and over columns of a row-major block.
#include "kernels/cpu/isa/rows.hpp"
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/math.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

// Sums f over a row with four accumulators, added in a fixed order.
template <class F>
HB_INLINE float sum_of(int64_t n, F f) {
  Vec s0{}, s1{}, s2{}, s3{};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    s0 += f(i, kLanes);
    s1 += f(i + kLanes, kLanes);
    s2 += f(i + 2 * kLanes, kLanes);
    s3 += f(i + 3 * kLanes, kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) s0 += f(i, kLanes);
  if (i < n) s1 += f(i, int(n - i));
  return sum_lanes((s0 + s1) + (s2 + s3));
}
float row_sum(const float* x, int64_t n) {
  return sum_of(n, [=](int64_t i, int m) { return get(x + i, m); });
}
float row_max(const float* x, int64_t n) {
  const Larger larger;
  Vec m0 = set1(-__builtin_inff()), m1 = m0, m2 = m0, m3 = m0;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    m0 = larger(load(x + i), m0);
    m1 = larger(load(x + i + kLanes), m1);
    m2 = larger(load(x + i + 2 * kLanes), m2);
    m3 = larger(load(x + i + 3 * kLanes), m3);
  }
  for (; i + kLanes <= n; i += kLanes) m0 = larger(load(x + i), m0);
  float r = max_lanes(larger(larger(m0, m1), larger(m2, m3)));
  for (; i < n; ++i) r = (x[i] > r || x[i] != x[i]) ? x[i] : r;
  return r;
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
float row_exp(float* y, const float* x, int64_t n, float shift) {
  return sum_of(n, [=](int64_t i, int m) {
    __builtin_prefetch(x + n + i);  // the next row, while this one keeps the arithmetic busy
    if (y) __builtin_prefetch(y + n + i, 1);
    Vec e = keep(exp(get(x + i, m) - shift), m);
    if (y) put(y + i, e, m);
    return e;
  });
}
void row_scale_shift(float* y, const float* x, int64_t n, float scale, float shift) {
  each(n, [=](int64_t i, int m) { put(y + i, get(x + i, m) * scale + shift, m); });
}

void row_softmax_grad(float* dx, const float* y, const float* dy, int64_t n, float shift, float scale) {
  each(n, [=](int64_t i, int m) { put(dx + i, get(y + i, m) * (get(dy + i, m) - shift) * scale, m); });
}

// acc[i] += the sum over rows of f(row, i, lanes): four columns of registers at a time down all the rows; for the last
// ones, four rows at a time.
template <class F>
HB_INLINE void sum_columns(float* acc, int64_t rows, int64_t n, F f) {
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    Vec s[4];
    for (int v = 0; v < 4; ++v) s[v] = load(acc + i + v * kLanes);
    for (int64_t r = 0; r < rows; ++r)
      for (int v = 0; v < 4; ++v) s[v] += f(r, i + v * kLanes, kLanes);
    for (int v = 0; v < 4; ++v) store(acc + i + v * kLanes, s[v]);
  }
  each(n - i, [=](int64_t j, int m) {
    const int64_t k = i + j;
    Vec s0 = get(acc + k, m), s1{}, s2{}, s3{};
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      s0 += f(r, k, m);
      s1 += f(r + 1, k, m);
      s2 += f(r + 2, k, m);
      s3 += f(r + 3, k, m);
    }
    for (; r < rows; ++r) s0 += f(r, k, m);
    put(acc + k, (s0 + s1) + (s2 + s3), m);
  });
}
void add_rows(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride) {
  sum_columns(acc, rows, n, [=](int64_t r, int64_t i, int m) { return get(x + r * stride + i, m); });
}
void max_rows_into(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride) {
  each(n, [=](int64_t i, int m) {
    Vec s = get(acc + i, m);
    for (int64_t r = 0; r < rows; ++r) {
      Vec v = get(x + r * stride + i, m);
      s = select((v > s) | (v != v), v, s);
    }
    put(acc + i, s, m);
  });
}
// a[i] and b[i] += the sums over rows of what f(row, i, lanes, &s, &t) adds to s and t: V registers of columns, R rows
// at a time.
template <int V, int R, class F>
HB_INLINE void add_two(float* a, float* b, int64_t rows, int64_t i, int m, F f) {
  Vec s[R][V], t[R][V];
  for (int u = 0; u < R; ++u)
    for (int v = 0; v < V; ++v) {
      s[u][v] = u ? Vec{} : get(a + i + v * kLanes, m);
      t[u][v] = u ? Vec{} : get(b + i + v * kLanes, m);
    }
  int64_t r = 0;
  for (; r + R <= rows; r += R)
    for (int u = 0; u < R; ++u)
      for (int v = 0; v < V; ++v) f(r + u, i + v * kLanes, m, s[u][v], t[u][v]);
  for (; r < rows; ++r)
    for (int v = 0; v < V; ++v) f(r, i + v * kLanes, m, s[0][v], t[0][v]);
  for (int v = 0; v < V; ++v) {
    for (int u = 1; u < R; ++u) s[0][v] += s[u][v], t[0][v] += t[u][v];
    put(a + i + v * kLanes, s[0][v], m);
    put(b + i + v * kLanes, t[0][v], m);
  }
}
// A few rows at a time, so that memory is read almost in order.
template <class F>
HB_INLINE void add_two_columns(float* a, float* b, int64_t rows, int64_t n, F f) {
  const int64_t most = n < 256 ? 2048 / (n + 1) + 1 : 8;
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t count = rows - first < most ? rows - first : most;
    auto at = [=](int64_t r, int64_t i, int m, Vec& s, Vec& t) __attribute__((always_inline)) {
      f(first + r, i, m, s, t);
    };
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) add_two<4, 1>(a, b, count, i, kLanes, at);
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) add_two<2, 2>(a, b, count, i, kLanes, at);
    for (; i + kLanes <= n; i += kLanes) add_two<1, 4>(a, b, count, i, kLanes, at);
    if (i < n) add_two<1, 4>(a, b, count, i, int(n - i), at);
  }
}
void add_moments(float* sums, float* squares, const float* x, const float* shift, int64_t rows, int64_t n) {
  add_two_columns(sums, squares, rows, n, [=](int64_t r, int64_t i, int m, Vec& s, Vec& t) {
    const Vec d = get(x + r * n + i, m) - get(shift + i, m);
    s += d;
    t += d * d;
  });
}
void add_norm_grads(float* sums, float* dots, const float* x, const float* dy, const float* mean, int64_t rows,
                    int64_t n) {
  add_two_columns(sums, dots, rows, n, [=](int64_t r, int64_t i, int m, Vec& s, Vec& t) {
    const Vec d = get(dy + r * n + i, m);
    s += d;
    t += (get(x + r * n + i, m) - get(mean + i, m)) * d;
  });
}
void affine_columns(float* y, const float* x, const float* scale, const float* shift, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r)
    each(n, [=](int64_t i, int m) {
      put(y + r * n + i, get(x + r * n + i, m) * get(scale + i, m) + get(shift + i, m), m);
    });
}
void affine2_columns(float* out, const float* x, const float* dy, const float* a, const float* b, const float* c,
                     int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r)
    each(n, [=](int64_t i, int m) {
      put(out + r * n + i,
          get(dy + r * n + i, m) * get(a + i, m) + (get(x + r * n + i, m) * get(b + i, m) + get(c + i, m)), m);
    });
}
void layer_norm_row(float* y, const float* x, const float* gamma, const float* beta, int64_t n, float mean,
                    float rstd) {
  each(n,
       [=](int64_t i, int m) { put(y + i, (get(x + i, m) - mean) * rstd * get(gamma + i, m) + get(beta + i, m), m); });
}
void layer_norm_grad_row(float* dx, float* dgamma, float* dbeta, const float* x, const float* dy, const float* gamma,
                         int64_t n, float mean, float rstd) {
  const float s1 = row_dot(dy, gamma, n);
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
  t.max = row_max;
  t.dot = row_dot;
  t.sum_squares = row_squares;
  t.exp_sum = row_exp;
  t.scale_shift = row_scale_shift;
  t.softmax_grad = row_softmax_grad;
  t.add_rows = add_rows;
  t.max_rows_into = max_rows_into;
  t.add_moments = add_moments;
  t.add_norm_grads = add_norm_grads;
  t.affine_columns = affine_columns;
  t.affine2_columns = affine2_columns;
  t.layer_norm_row = layer_norm_row;
  t.layer_norm_grad_row = layer_norm_grad_row;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
