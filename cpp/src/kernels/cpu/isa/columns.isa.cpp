// Reductions along rows and down the columns of a row-major block; what is done to all its columns.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/rows.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

struct Add {
  template <class V>
  V operator()(V a, V b) const {
    return a + b;
  }
};
struct Multiply {
  template <class V>
  V operator()(V a, V b) const {
    return a * b;
  }
};
struct Smaller {  // NaN wins
  template <class V>
  V operator()(V a, V b) const {
    return ((a < b) | (a != a)) ? a : b;
  }
};
template <class F>
HB_INLINE float fold_row(const float* x, int64_t n, float none, F f) {
  Vec s0 = set1(none), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    s0 = f(load(x + i), s0);
    s1 = f(load(x + i + kLanes), s1);
    s2 = f(load(x + i + 2 * kLanes), s2);
    s3 = f(load(x + i + 3 * kLanes), s3);
  }
  for (; i + kLanes <= n; i += kLanes) s0 = f(load(x + i), s0);
  float r = fold_lanes(f(f(s0, s1), f(s2, s3)), f);
  for (; i < n; ++i) r = f(x[i], r);
  return r;
}
// The extreme of a row by `plain`, which may lose a NaN. Their sum finds whether there was one (or infinities of both
// signs); then the row is taken again with f.
template <class P, class F>
HB_INLINE float extreme_of_row(const float* x, int64_t n, float none, P plain, F f) {
  Vec s[4] = {set1(none), set1(none), set1(none), set1(none)}, sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes)
    for (int k = 0; k < 4; ++k) {
      const Vec v = load(x + i + k * kLanes);
      s[k] = plain(v, s[k]);
      sum[k] += v;
    }
  for (; i + kLanes <= n; i += kLanes) s[0] = plain(load(x + i), s[0]), sum[0] += load(x + i);
  if (i < n && n >= kLanes) {  // some twice
    const Vec v = load(x + n - kLanes);
    s[1] = plain(v, s[1]), sum[1] += v;
    i = n;
  }
  float r = fold_lanes(plain(plain(s[0], s[1]), plain(s[2], s[3])), plain);
  float all = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; i < n; ++i) r = plain(x[i], r), all += x[i];
  return all == all ? r : fold_row(x, n, none, f);
}
float row_max(const float* x, int64_t n) {
  return extreme_of_row(
      x, n, -__builtin_inff(), [](auto a, auto b) { return a > b ? a : b; }, Larger{});
}
float row_min(const float* x, int64_t n) {
  return extreme_of_row(
      x, n, __builtin_inff(), [](auto a, auto b) { return a < b ? a : b; }, Smaller{});
}
float row_product(const float* x, int64_t n) { return fold_row(x, n, 1.0f, Multiply{}); }

template <class F>
HB_INLINE int64_t first_where(const float* x, int64_t n, F f) {
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    const IVec a = f(load(x + i)), b = f(load(x + i + kLanes)), c = f(load(x + i + 2 * kLanes)),
               d = f(load(x + i + 3 * kLanes));
    if (lanes_of((a | b) | (c | d)) == 0) continue;
    const uint64_t low = lanes_of(a) | uint64_t(lanes_of(b)) << kLanes, high = lanes_of(c) | uint64_t(lanes_of(d))
                                                                                                 << kLanes;
    return i + (low ? __builtin_ctzll(low) : 2 * kLanes + __builtin_ctzll(high));
  }
  for (; i < n; i += kLanes) {
    const int m = n - i < kLanes ? int(n - i) : kLanes;
    const uint32_t found = lanes_of(f(get(x + i, m))) & uint32_t((uint64_t(1) << m) - 1);
    if (found) return i + __builtin_ctz(found);
  }
  return n;
}
int64_t row_find(const float* x, int64_t n, float bound, Find what) {
  if (what == Find::above) return first_where(x, n, [=](Vec v) { return ~IVec(v <= bound); });
  if (what == Find::below) return first_where(x, n, [=](Vec v) { return ~IVec(v >= bound); });
  return first_where(x, n, [=](Vec v) { return IVec(v == bound); });
}

// Rows of a few columns are taken so many at a time, side by side as one row: no lanes are idle then.
constexpr int kMostTogether = 16, kMostColumns = kLanes * kMostTogether;
HB_INLINE int64_t together(int64_t rows, int64_t n) {
  return n >= 2 * kLanes || n < 1 || rows < 4 * kMostTogether ? 1 : n <= kLanes ? kMostTogether : kMostTogether / 2;
}
HB_INLINE void repeat(float* wide, const float* x, int64_t n, int64_t times) {
  for (int64_t t = 0; t < times; ++t)
    for (int64_t i = 0; i < n; ++i) wide[t * n + i] = x[i];
}

// acc[i] = f of it and of rows of x[row * stride + i]: V registers of columns, R rows at a time.
template <int V, int R, class F>
HB_INLINE void fold_into(float* acc, const float* x, int64_t rows, int64_t stride, int m, float none, F f) {
  Vec s[R][V];
  for (int u = 0; u < R; ++u)
    for (int v = 0; v < V; ++v) s[u][v] = u ? set1(none) : get(acc + v * kLanes, m);
  int64_t r = 0;
  for (; r + R <= rows; r += R)
    for (int u = 0; u < R; ++u)
      for (int v = 0; v < V; ++v) s[u][v] = f(get(x + (r + u) * stride + v * kLanes, m), s[u][v]);
  for (; r < rows; ++r)
    for (int v = 0; v < V; ++v) s[0][v] = f(get(x + r * stride + v * kLanes, m), s[0][v]);
  for (int v = 0; v < V; ++v) {
    for (int u = 1; u < R; ++u) s[0][v] = f(s[u][v], s[0][v]);
    put(acc + v * kLanes, s[0][v], m);
  }
}
// A few rows at a time, so that memory is read almost in order.
HB_INLINE int64_t rows_at_once(int64_t n) { return n < 256 ? 2048 / (n + 1) + 1 : 8; }
template <class F>
__attribute__((noinline)) void fold_columns(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride,
                                            float none, F f) {
  const int64_t most = rows_at_once(n);
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t count = rows - first < most ? rows - first : most;
    const float* from = x + first * stride;
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) fold_into<4, 1>(acc + i, from + i, count, stride, kLanes, none, f);
    for (; i + kLanes <= n; i += kLanes) fold_into<1, 4>(acc + i, from + i, count, stride, kLanes, none, f);
    if (i < n) fold_into<1, 4>(acc + i, from + i, count, stride, int(n - i), none, f);
  }
}
template <class F>
HB_INLINE void fold_rows(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride, float none, F f) {
  const int64_t times = stride == n ? together(rows, n) : 1, wide = n * times, taken = rows / times * times;
  if (times > 1) {
    float joined[kMostColumns];
    for (int64_t i = 0; i < wide; ++i) joined[i] = none;
    fold_columns(joined, x, rows / times, wide, wide, none, f);
    fold_columns(acc, joined, times, n, n, none, f);
  }
  const int64_t done = times > 1 ? taken : 0;
  fold_columns(acc, x + done * stride, rows - done, n, stride, none, f);
}
void add_rows(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride) {
  fold_rows(acc, x, rows, n, stride, 0.0f, Add{});
}
void max_rows_into(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride) {
  fold_rows(acc, x, rows, n, stride, -__builtin_inff(), Larger{});
}
void min_rows_into(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride) {
  fold_rows(acc, x, rows, n, stride, __builtin_inff(), Smaller{});
}
void multiply_rows(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride) {
  fold_rows(acc, x, rows, n, stride, 1.0f, Multiply{});
}
void arg_columns(float* best, int32_t* at, const float* x, int64_t rows, int64_t n, int64_t stride, bool largest) {
  const float sign = largest ? 1.0f : -1.0f;
  const int64_t most = rows_at_once(n);
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t end = rows - first < most ? rows : first + most;
    each(n, [=](int64_t i, int m) {
      float* numbers = reinterpret_cast<float*>(at) + i;
      Vec top = first ? get(best + i, m) : get(x + i, m) * sign;
      IVec where = first ? bits(get(numbers, m)) : IVec{};
      for (int64_t r = first ? first : 1; r < end; ++r) {
        const Vec v = get(x + r * stride + i, m) * sign;
        const IVec wins = (v > top) | ((v != v) & (top == top));
        top = select(wins, v, top);
        where = wins ? IVec{} + int32_t(r) : where;
      }
      put(best + i, top, m);
      put(numbers, from_bits(where), m);
    });
  }
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
template <class F>
HB_INLINE void add_two_columns(float* a, float* b, int64_t rows, int64_t n, F f) {
  const int64_t most = rows_at_once(n);
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
// f(first row, rows, columns, a, b, shift) adds to a and b; `shift` is of the columns.
template <class F>
HB_INLINE void add_two_together(float* a, float* b, const float* shift, int64_t rows, int64_t n, F f) {
  const int64_t times = together(rows, n), wide = n * times, done = times > 1 ? rows / times * times : 0;
  if (times > 1) {
    float sums[2][kMostColumns] = {}, shifts[kMostColumns];
    repeat(shifts, shift, n, times);
    f(0, rows / times, wide, sums[0], sums[1], shifts);
    fold_columns(a, sums[0], times, n, n, 0.0f, Add{});
    fold_columns(b, sums[1], times, n, n, 0.0f, Add{});
  }
  f(done, rows - done, n, a, b, shift);
}
void add_moments(float* sums, float* squares, const float* x, const float* shift, int64_t rows, int64_t n) {
  add_two_together(
      sums, squares, shift, rows, n,
      [=](int64_t first, int64_t count, int64_t wide, float* a, float* b, const float* about)
          __attribute__((noinline)) {
            const float* from = x + first * n;
            add_two_columns(a, b, count, wide, [=](int64_t r, int64_t i, int m, Vec& s, Vec& t) {
              const Vec d = get(from + r * wide + i, m) - get(about + i, m);
              s += d;
              t += d * d;
            });
          });
}
void add_norm_grads(float* sums, float* dots, const float* x, const float* dy, const float* mean, int64_t rows,
                    int64_t n) {
  add_two_together(
      sums, dots, mean, rows, n,
      [=](int64_t first, int64_t count, int64_t wide, float* a, float* b, const float* about)
          __attribute__((noinline)) {
            const float *from = x + first * n, *slope = dy + first * n;
            add_two_columns(a, b, count, wide, [=](int64_t r, int64_t i, int m, Vec& s, Vec& t) {
              const Vec d = get(slope + r * wide + i, m);
              s += d;
              t += (get(from + r * wide + i, m) - get(about + i, m)) * d;
            });
          });
}
// Calls f(first row, rows, columns, parameters) with N parameters of the columns.
template <int N, class F>
HB_INLINE void map_together(const float* const (&of)[N], int64_t rows, int64_t n, F f) {
  const int64_t times = together(rows, n), done = times > 1 ? rows / times * times : 0;
  if (times > 1) {
    float wide[N][kMostColumns];
    const float* repeated[N];
    for (int k = 0; k < N; ++k) {
      repeat(wide[k], of[k], n, times);
      repeated[k] = wide[k];
    }
    f(0, rows / times, n * times, repeated);
  }
  f(done, rows - done, n, of);
}
void affine_columns(float* y, const float* x, const float* scale, const float* shift, int64_t rows, int64_t n) {
  map_together<2>({scale, shift}, rows, n, [=](int64_t first, int64_t count, int64_t wide, const float* const* of) {
    const float *a = of[0], *b = of[1];
    for (int64_t r = 0; r < count; ++r) {
      const int64_t at = first * n + r * wide;
      each(wide, [=](int64_t i, int m) { put(y + at + i, get(x + at + i, m) * get(a + i, m) + get(b + i, m), m); });
    }
  });
}
void affine2_columns(float* out, const float* x, const float* dy, const float* a, const float* b, const float* c,
                     int64_t rows, int64_t n) {
  map_together<3>({a, b, c}, rows, n, [=](int64_t first, int64_t count, int64_t wide, const float* const* of) {
    const float *slope = of[0], *scale = of[1], *shift = of[2];
    for (int64_t r = 0; r < count; ++r) {
      const int64_t at = first * n + r * wide;
      each(wide, [=](int64_t i, int m) {
        const Vec v = get(x + at + i, m) * get(scale + i, m) + get(shift + i, m);
        put(out + at + i, get(dy + at + i, m) * get(slope + i, m) + v, m);
      });
    }
  });
}
}  // namespace

void fill_columns(IsaTable& t) {
  t.max = row_max;
  t.min = row_min;
  t.product = row_product;
  t.find = row_find;
  t.add_rows = add_rows;
  t.max_rows_into = max_rows_into;
  t.min_rows_into = min_rows_into;
  t.multiply_rows = multiply_rows;
  t.arg_columns = arg_columns;
  t.add_moments = add_moments;
  t.add_norm_grads = add_norm_grads;
  t.affine_columns = affine_columns;
  t.affine2_columns = affine2_columns;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
