// Batch normalization: statistics of the columns of [rows, n], and their gradients. Columns are shared by chunks of
// rows; what the chunks give is joined in double.
#pragma once
#include "pack.cuh"
#include "shares.cuh"

/// The number, the mean and the squares about it of some elements; joined as by Chan, Golub and LeVeque (1979).
template <class W>
struct Moments {
  W count, mean, squares;
};
struct JoinMoments {
  template <class W>
  __device__ __forceinline__ Moments<W> operator()(const Moments<W>& a, const Moments<W>& b) const {
    if (a.count == 0) return b;
    if (b.count == 0) return a;
    const W all = a.count + b.count, share = b.count / all, d = b.mean - a.mean;
    return {all, a.mean + d * share, a.squares + b.squares + d * d * (a.count * share)};
  }
};
/// Those of four elements.
template <class W>
__device__ __forceinline__ Moments<W> moments_of(const W (&v)[4]) {
  const W mean = ((v[0] + v[1]) + (v[2] + v[3])) / 4;
  const W a = v[0] - mean, b = v[1] - mean, c = v[2] - mean, d = v[3] - mean;
  return {4, mean, (a * a + b * b) + (c * c + d * d)};
}

/// Of each chunk of rows [chunks, n] the mean and the squares about it.
template <class T>
__global__ void __launch_bounds__(kShareThreads)
    batch_norm_moments(Run run, const T* x, Wide<T>* means, Wide<T>* squares, Dims dims) {
  if (run.halted()) return;
  using W = Wide<T>;
  const Shares shares(dims);
  const JoinMoments join;
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    const i64 step = shares.ty * shares.inner;
    const T* at = x + shares.element(p, p.begin + p.lane);
    Moments<W> all{0, 0, 0};
    i64 i = p.begin + p.lane;
    for (; i + 3 * shares.ty < p.end; i += 4 * shares.ty, at += 4 * step) {
      const W v[4] = {widen(at[0]), widen(at[step]), widen(at[2 * step]), widen(at[3 * step])};
      all = join(all, moments_of(v));
    }
    for (; i < p.end; i += shares.ty, at += step) all = join(all, Moments<W>{1, widen(*at), 0});
    all = shares.join_lanes(all, join);
    if (!p.inside || p.lane != 0) continue;
    means[shares.result(p)] = all.mean;
    squares[shares.result(p)] = all.squares;
  }
}

/// The statistics from those of chunks of `length` rows, and scale and shift [2, n] with y = x * scale + shift.
template <class T>
__global__ void __launch_bounds__(kShareThreads)
    batch_norm_scale(Run run, const Wide<T>* means, const Wide<T>* squares, const T* gamma, const T* beta, T* mean,
                     T* variance, Wide<T>* scale, i64 rows, i64 length, double epsilon, Dims dims) {
  if (run.halted()) return;
  const Shares shares(dims);
  const JoinMoments join;
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    Moments<double> all{0, 0, 0};
    for (i64 i = p.begin + p.lane; i < p.end; i += shares.ty) {
      const i64 at = shares.element(p, i), count = min(length, rows - i * length);
      all = join(all, Moments<double>{double(count), double(means[at]), double(squares[at])});
    }
    all = shares.join_lanes(all, join);
    if (!p.inside || p.lane != 0) continue;
    const i64 c = p.inner;
    const Wide<T> spread = Wide<T>(all.squares / double(rows > 0 ? rows : 1)), centre = Wide<T>(all.mean);
    const double by = double(widen(gamma[c])) / sqrt(double(spread) + epsilon);
    mean[c] = narrow<T>(centre);
    variance[c] = narrow<T>(spread);
    scale[c] = Wide<T>(by);
    scale[shares.inner + c] = Wide<T>(double(widen(beta[c])) - double(centre) * by);
  }
}

/// y = x * scale + shift for what comes then; inner counts packs.
template <class T, int kEach, class End>
__global__ void __launch_bounds__(kShareThreads)
    batch_norm_apply(Run run, const T* __restrict__ x, const Pack<Wide<T>, kEach>* scale, End end, Dims dims) {
  if (run.halted()) return;
  using P = Pack<T, kEach>;
  const Shares shares(dims);
  const bool aligned = P::aligned(x);
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    if (!p.inside) continue;
    const Pack<Wide<T>, kEach> a = scale[p.inner], b = scale[shares.inner + p.inner];
#pragma unroll 2
    for (i64 i = p.begin + p.lane; i < p.end; i += shares.ty) {
      const i64 at = shares.element(p, i) * kEach;
      const P e = P::load(x + at, aligned);
      Wide<T> y[kEach];
#pragma unroll
      for (int k = 0; k < kEach; ++k) y[k] = widen(e.v[k]) * a.v[k] + b.v[k];
      end.template apply<kEach>(at, y);
    }
  }
}

/// Of each chunk of rows the sums [chunks, n] of dy and of dy (x - mean).
template <class T>
__global__ void __launch_bounds__(kShareThreads)
    batch_norm_grad_sums(Run run, const T* x, const T* mean, const T* dy, Wide<T>* sums, Wide<T>* dots, Dims dims) {
  if (run.halted()) return;
  using W = Wide<T>;
  const Shares shares(dims);
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    const W centre = p.inside ? widen(mean[p.inner]) : W(0);
    W sum[4] = {}, dot[4] = {};
    i64 i = p.begin + p.lane;
    for (; i + 3 * shares.ty < p.end; i += 4 * shares.ty) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const i64 at = shares.element(p, i + k * shares.ty);
        const W d = widen(dy[at]);
        sum[k] += d;
        dot[k] += d * (widen(x[at]) - centre);
      }
    }
    for (; i < p.end; i += shares.ty) {
      const i64 at = shares.element(p, i);
      const W d = widen(dy[at]);
      sum[0] += d;
      dot[0] += d * (widen(x[at]) - centre);
    }
    const W all = shares.join_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]), Add());
    const W product = shares.join_lanes((dot[0] + dot[1]) + (dot[2] + dot[3]), Add());
    if (!p.inside || p.lane != 0) continue;
    sums[shares.result(p)] = all;
    dots[shares.result(p)] = product;
  }
}

/// The gradients of gamma and beta where they are wanted, and a, b, c [3, n] with dx = dy * a + x * b + c.
template <class T>
__global__ void __launch_bounds__(kShareThreads)
    batch_norm_grad_scale(Run run, const Wide<T>* sums, const Wide<T>* dots, const T* gamma, const T* mean,
                          const T* variance, T* dgamma, T* dbeta, Wide<T>* scale, i64 rows, double epsilon, Dims dims) {
  if (run.halted()) return;
  const Shares shares(dims);
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    double sum = 0, dot = 0;
    for (i64 i = p.begin + p.lane; i < p.end; i += shares.ty) {
      sum += double(sums[shares.element(p, i)]);
      dot += double(dots[shares.element(p, i)]);
    }
    sum = shares.join_lanes(sum, Add());
    dot = shares.join_lanes(dot, Add());
    if (!p.inside || p.lane != 0) continue;
    const i64 c = p.inner, n = shares.inner;
    const double count = double(rows > 0 ? rows : 1), by = double(widen(gamma[c]));
    const double rstd = 1 / sqrt(double(widen(variance[c])) + epsilon), slope = -by * rstd * rstd * rstd * dot / count;
    if (dgamma) dgamma[c] = narrow<T>(Wide<T>(dot * rstd));
    if (dbeta) dbeta[c] = narrow<T>(Wide<T>(sum));
    scale[c] = Wide<T>(by * rstd);
    scale[n + c] = Wide<T>(slope);
    scale[2 * n + c] = Wide<T>(-by * rstd * sum / count - slope * double(widen(mean[c])));
  }
}

/// dx = dy * a + x * b + c where it is wanted; inner counts packs.
template <class T, int kEach>
__global__ void __launch_bounds__(kShareThreads)
    batch_norm_grad_apply(Run run, const T* __restrict__ x, const T* __restrict__ dy, const Pack<Wide<T>, kEach>* scale,
                          T* __restrict__ dx, Dims dims) {
  if (run.halted()) return;
  if (!dx) return;
  using P = Pack<T, kEach>;
  const Shares shares(dims);
  const bool aligned = P::aligned(x) && P::aligned(dy) && P::aligned(dx);
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    if (!p.inside) continue;
    const i64 n = shares.inner;
    const Pack<Wide<T>, kEach> a = scale[p.inner], b = scale[n + p.inner], c = scale[2 * n + p.inner];
#pragma unroll 4
    for (i64 i = p.begin + p.lane; i < p.end; i += shares.ty) {
      const i64 at = shares.element(p, i) * kEach;
      const P e = P::load(x + at, aligned);
      P d = P::load(dy + at, aligned);
#pragma unroll
      for (int k = 0; k < kEach; ++k) d.v[k] = narrow<T>(widen(d.v[k]) * a.v[k] + (widen(e.v[k]) * b.v[k] + c.v[k]));
      d.store(dx + at, aligned);
    }
  }
}
