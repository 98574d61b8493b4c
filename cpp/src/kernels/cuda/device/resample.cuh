// Images at another size: an axis' weights are worked out first, then each element is one sum over rows and columns.
#pragma once
#include "pack.cuh"

/// As schema/resampling.hpp has it; `kind`: 0 nearest, 1 bilinear, 2 bicubic, 3 and 4 lanczos3 and lanczos5.
struct Resampled {
  i64 from, to, kind, most;
  double step, wide, reach;

  __device__ double place(i64 i) const { return (double(i) + 0.5) * step - 0.5; }
  __device__ i64 nearest(i64 i) const { return (2 * i + 1) * from / (2 * to); }
  __device__ i64 first(i64 i) const {
    if (most == 1) return nearest(i);
    const double low = ceil(place(i) - reach);
    const i64 last = from - most;
    return low <= 0 ? 0 : low >= double(last) ? last : i64(low);
  }
  __device__ double weight(i64 i, i64 j) const {
    if (most == 1) return 1;
    constexpr double kPi = 3.14159265358979323846;
    const double x = fabs(place(i) - double(j)) / wide;
    if (kind == 1) return x < 1 ? 1 - x : 0;
    if (kind == 2) return x >= 2 ? 0 : x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
    const double radius = kind == 3 ? 3 : 5;
    if (x > radius) return 0;
    return x > 1e-3 ? radius * sin(kPi * x) * sin(kPi * x / radius) / (kPi * kPi * x * x) : 1;
  }
  /// Elements of the result before the first that may have element j, and after the last.
  __device__ i64 readers_begin(i64 j) const { return bounded(floor((double(j) - reach + 0.5) / step - 0.5) - 1); }
  __device__ i64 readers_end(i64 j) const { return bounded(ceil((double(j) + reach + 0.5) / step - 0.5) + 2); }

 private:
  __device__ i64 bounded(double i) const { return i <= 0 ? 0 : i >= double(to) ? to : i64(i); }
};

/// weights[i * most + k]: of element first(i) + k in element i of the result.
template <class T>
__global__ void resample_weights(Run run, T* weights, i64 from, i64 to, i64 kind, i64 most, double step, double wide,
                                 double reach) {
  if (run.halted()) return;
  const Resampled a{from, to, kind, most, step, wide, reach};
  for (i64 i = first_index(); i < to; i += index_stride()) {
    const i64 first = a.first(i);
    double total = 0;
    for (i64 k = 0; k < most; ++k) total += a.weight(i, first + k);
    const bool seen = fabs(total) > 1000 * 1.1920929e-7;
    for (i64 k = 0; k < most; ++k) weights[i * most + k] = T(seen ? a.weight(i, first + k) / total : 0);
  }
}

/// y [batch, rows.to, columns.to, channels]; a thread makes V channels of a pixel.
template <class T, int V>
__global__ void resample(Run run, const T* x, const Wide<T>* row_weights, const Wide<T>* column_weights, T* y, i64 n,
                         i64 channels, i64 from_r, i64 to_r, i64 kind, i64 most_r, double step_r, double wide_r,
                         double reach_r, i64 from_c, i64 to_c, i64 most_c, double step_c, double wide_c,
                         double reach_c) {
  if (run.halted()) return;
  const Resampled rows{from_r, to_r, kind, most_r, step_r, wide_r, reach_r};
  const Resampled columns{from_c, to_c, kind, most_c, step_c, wide_c, reach_c};
  for (i64 e = first_index(); e < n; e += index_stride()) {
    i64 at = e * V;
    const i64 channel = at % channels;
    at /= channels;
    const i64 column = at % to_c;
    at /= to_c;
    const i64 row = at % to_r, image = at / to_r;
    const i64 r0 = rows.first(row), c0 = columns.first(column);
    Wide<T> sum[V] = {};
    for (i64 r = 0; r < most_r; ++r) {
      const T* line = x + (((image * from_r) + r0 + r) * from_c + c0) * channels + channel;
      const Wide<T> w = row_weights[row * most_r + r];
      for (i64 c = 0; c < most_c; ++c) {
        const Wide<T> share = w * column_weights[column * most_c + c];
        if (share == 0) continue;  // one that does not count may be infinite
        const Pack<T, V> pack = load_pack<V>(line + c * channels);
        for (int j = 0; j < V; ++j) sum[j] += share * widen(pack.v[j]);
      }
    }
    write_pack(y + e * V, sum);
  }
}

/// dx [batch, rows.from, columns.from, channels] of dy [batch, rows.to, columns.to, channels].
template <class T, int V>
__global__ void resample_grad(Run run, const T* dy, const Wide<T>* row_weights, const Wide<T>* column_weights, T* dx,
                              i64 n, i64 channels, i64 from_r, i64 to_r, i64 kind, i64 most_r, double step_r,
                              double wide_r, double reach_r, i64 from_c, i64 to_c, i64 most_c, double step_c,
                              double wide_c, double reach_c) {
  if (run.halted()) return;
  const Resampled rows{from_r, to_r, kind, most_r, step_r, wide_r, reach_r};
  const Resampled columns{from_c, to_c, kind, most_c, step_c, wide_c, reach_c};
  for (i64 e = first_index(); e < n; e += index_stride()) {
    i64 at = e * V;
    const i64 channel = at % channels;
    at /= channels;
    const i64 column = at % from_c;
    at /= from_c;
    const i64 row = at % from_r, image = at / from_r;
    const i64 c_begin = columns.readers_begin(column), c_end = columns.readers_end(column);
    Wide<T> sum[V] = {};
    for (i64 r = rows.readers_begin(row); r < rows.readers_end(row); ++r) {
      const i64 k = row - rows.first(r);
      if (k < 0 || k >= most_r) continue;
      const T* line = dy + (image * to_r + r) * to_c * channels + channel;
      const Wide<T> w = row_weights[r * most_r + k];
      for (i64 c = c_begin; c < c_end; ++c) {
        const i64 m = column - columns.first(c);
        if (m < 0 || m >= most_c) continue;
        const Wide<T> share = w * column_weights[c * most_c + m];
        if (share == 0) continue;
        const Pack<T, V> pack = load_pack<V>(line + c * channels);
        for (int j = 0; j < V; ++j) sum[j] += share * widen(pack.v[j]);
      }
    }
    write_pack(dx + e * V, sum);
  }
}

/// y's pixels, of `inner` words each, are those of x whose area their centres lie in.
template <class Word>
__global__ void resample_nearest(Run run, const Word* x, Word* y, i64 n, i64 inner, i64 from_r, i64 to_r, i64 from_c,
                                 i64 to_c) {
  if (run.halted()) return;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const i64 word = e % inner, column = e / inner % to_c, row = e / inner / to_c % to_r,
              image = e / inner / to_c / to_r;
    const i64 r = (2 * row + 1) * from_r / (2 * to_r), c = (2 * column + 1) * from_c / (2 * to_c);
    y[e] = x[((image * from_r + r) * from_c + c) * inner + word];
  }
}
