// Means and variances of columns in one reading.
#pragma once

#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
/// Column loops for double; float goes to the ISA.
struct Columns {
  const IsaTable* isa;
  void add(float* acc, const float* x, int64_t rows, int64_t n) const { isa->add_rows(acc, x, rows, n, n); }
  void moments(float* sums, float* squares, const float* x, const float* shift, int64_t rows, int64_t n) const {
    isa->add_moments(sums, squares, x, shift, rows, n);
  }
  void grads(float* sums, float* dots, const float* x, const float* dy, const float* mean, int64_t rows,
             int64_t n) const {
    isa->add_norm_grads(sums, dots, x, dy, mean, rows, n);
  }
  void affine(float* y, const float* x, const float* a, const float* b, int64_t rows, int64_t n) const {
    isa->affine_columns(y, x, a, b, rows, n);
  }
  void affine2(float* out, const float* x, const float* dy, const float* a, const float* b, const float* c,
               int64_t rows, int64_t n) const {
    isa->affine2_columns(out, x, dy, a, b, c, rows, n);
  }
  void add(double* acc, const double* x, int64_t rows, int64_t n) const {
    for (int64_t i = 0; i < rows * n; ++i) acc[i % n] += x[i];
  }
  void moments(double* sums, double* squares, const double* x, const double* shift, int64_t rows, int64_t n) const {
    for (int64_t i = 0; i < rows * n; ++i) {
      const double d = x[i] - shift[i % n];
      sums[i % n] += d, squares[i % n] += d * d;
    }
  }
  void grads(double* sums, double* dots, const double* x, const double* dy, const double* mean, int64_t rows,
             int64_t n) const {
    for (int64_t i = 0; i < rows * n; ++i) sums[i % n] += dy[i], dots[i % n] += dy[i] * (x[i] - mean[i % n]);
  }
  void affine(double* y, const double* x, const double* a, const double* b, int64_t rows, int64_t n) const {
    for (int64_t i = 0; i < rows * n; ++i) y[i] = x[i] * a[i % n] + b[i % n];
  }
  void affine2(double* out, const double* x, const double* dy, const double* a, const double* b, const double* c,
               int64_t rows, int64_t n) const {
    for (int64_t i = 0; i < rows * n; ++i) out[i] = dy[i] * a[i % n] + x[i] * b[i % n] + c[i % n];
  }
};

/// Joins the mean and the squares about it of `rows` more rows to those of `count` (Chan, Golub and LeVeque 1979).
template <class T>
void join_moments(double count, T* mean, T* squares, double rows, const T* more_mean, const T* more_squares,
                  int64_t n) {
  const double share = rows / (count + rows), weight = count * share;
  for (int64_t i = 0; i < n; ++i) {
    const double d = double(more_mean[i]) - double(mean[i]);
    mean[i] = T(double(mean[i]) + d * share);
    squares[i] = T(double(squares[i]) + double(more_squares[i]) + d * d * weight);
  }
}

/// Mean and squares of the columns of x [rows, n], and 2 n numbers of scratch, at `mean`. A block's are taken about the
/// mean of the blocks before it, the first one's about its own: what is subtracted later is then no more than what lies
/// between their means, and that is part of the variance.
template <class T>
void column_moments(const Columns& columns, T* mean, const T* x, int64_t rows, int64_t n) {
  const int64_t block = std::max<int64_t>(64, 8192 / std::max<int64_t>(1, n)), first = std::min(block, rows);
  T *squares = mean + n, *block_mean = squares + n, *block_squares = block_mean + n;
  std::fill(mean, mean + 2 * n, T(0));
  columns.add(mean, x, first, n);
  for (int64_t i = 0; i < n; ++i) mean[i] /= T(std::max<int64_t>(first, 1));
  for (int64_t row = 0; row < rows; row += block) {
    const int64_t count = std::min(block, rows - row);
    std::fill(block_mean, block_mean + 2 * n, T(0));
    columns.moments(block_mean, block_squares, x + row * n, mean, count, n);
    for (int64_t i = 0; i < n; ++i) {
      const double sum = double(block_mean[i]), off = sum / double(count);
      block_mean[i] = T(double(mean[i]) + off);
      block_squares[i] = T(std::max(double(block_squares[i]) - sum * off, 0.0));  // NaN stays
    }
    join_moments(double(row), mean, squares, double(count), block_mean, block_squares, n);
  }
}
}  // namespace hornbeam
