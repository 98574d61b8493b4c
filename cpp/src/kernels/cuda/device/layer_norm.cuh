// Layer normalization along contiguous rows, about their means or (not `centred`) about zero.
#pragma once
#include "rows.cuh"
#include "shares.cuh"

/// y, and of each row its mean and 1 / its deviation where those are not null.
template <class T, int kLanes, int kEach>
__global__ void __launch_bounds__(kRowThreads) layer_norm_rows(Run run, const T* x, const T* gamma, const T* beta, T* y,
                                                               T* means, T* rstds, i64 rows, i64 n, double epsilon,
                                                               i64 centred) {
  if (run.halted()) return;
  using W = Wide<T>;
  Team<kLanes>::for_rows(rows, [&](i64 r, bool inside) {
    const i64 columns = inside ? n : 0;
    const Elements<T, kLanes, kEach> row(x + r * n, columns);
    W sum = 0, squares = 0;
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) { sum += row(k, i); });
    const W mean = centred ? Team<kLanes>::reduce(sum, Add()) / W(n) : W(0);
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) { squares += (row(k, i) - mean) * (row(k, i) - mean); });
    squares = Team<kLanes>::reduce(squares, Add());
    const W rstd = W(1 / sqrt(double(squares) / double(n) + epsilon));
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) {
      y[r * n + i] = narrow<T>((row(k, i) - mean) * rstd * widen(gamma[i]) + widen(beta[i]));
    });
    if (!inside || Team<kLanes>::lane() != 0) return;
    if (means) means[r] = narrow<T>(mean);
    if (rstds) rstds[r] = narrow<T>(rstd);
  });
}

/// Sums of a thread's columns over the rows that it sees: in registers, or in memory where kEach is 0.
template <class W, int kLanes, int kEach>
struct ColumnSums {
  W held[kEach ? kEach : 1] = {};
  W* memory;  // [n], of the block

  __device__ __forceinline__ ColumnSums(W* to, i64 n) : memory(to) {
    if constexpr (kEach == 0) for_columns<kLanes, kEach>(n, [&](int, i64 i) { memory[i] = 0; });
  }
  __device__ __forceinline__ void add(int k, i64 i, W v) { (kEach ? held[k] : memory[i]) += v; }
  /// Adds up what the block's teams have, in their order. All threads of the block call it.
  __device__ __forceinline__ void store(i64 n) {
    if constexpr (kEach != 0) {
      const bool first = Team<kLanes>::number() == 0;
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        const i64 i = Team<kLanes>::lane() + k * Team<kLanes>::lanes();
        const W sum = Team<kLanes>::teams() > 1 ? of_teams(held[k]) : held[k];
        if (first && i < n) memory[i] = sum;
      }
    }
  }

 private:
  // For the first team.
  static __device__ __forceinline__ W of_teams(W sum) {
    __shared__ W part[kRowThreads];
    __syncthreads();
    part[threadIdx.x] = sum;
    __syncthreads();
    if (Team<kLanes>::number() == 0)
      for (int t = threadIdx.x + Team<kLanes>::lanes(); t < blockDim.x; t += Team<kLanes>::lanes()) sum += part[t];
    return sum;
  }
};

/// dx where it is not null, and each block's sums [blocks, n] of the gradients of gamma and beta.
template <class T, int kLanes, int kEach>
__global__ void __launch_bounds__(kRowThreads)
    layer_norm_grad_rows(Run run, const T* x, const T* gamma, const T* means, const T* rstds, const T* dy, T* dx,
                         Wide<T>* gammas, Wide<T>* betas, i64 rows, i64 n, i64 centred) {
  if (run.halted()) return;
  using W = Wide<T>;
  ColumnSums<W, kLanes, kEach> dgamma(gammas + blockIdx.x * n, n), dbeta(betas + blockIdx.x * n, n);
  Team<kLanes>::for_rows(rows, [&](i64 r, bool inside) {
    const i64 columns = inside ? n : 0;
    const Elements<T, kLanes, kEach> row(x + r * n, columns), slope(dy + r * n, columns);
    const W mean = inside ? widen(means[r]) : W(0), rstd = inside ? widen(rstds[r]) : W(0);
    W sum = 0, dot = 0;
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) {
      const W xhat = (row(k, i) - mean) * rstd, d = slope(k, i), scaled = d * widen(gamma[i]);
      sum += scaled;
      dot += scaled * xhat;
      dgamma.add(k, i, d * xhat);
      dbeta.add(k, i, d);
    });
    sum = centred ? Team<kLanes>::reduce(sum, Add()) / W(n) : W(0);
    dot = Team<kLanes>::reduce(dot, Add()) / W(n);
    if (!dx) return;
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) {
      const W xhat = (row(k, i) - mean) * rstd;
      dx[r * n + i] = narrow<T>(rstd * (slope(k, i) * widen(gamma[i]) - sum - xhat * dot));
    });
  });
  dgamma.store(n);
  dbeta.store(n);
}

/// The sums of both over all blocks, where they are wanted.
template <class T>
__global__ void __launch_bounds__(kShareThreads)
    layer_norm_totals(Run run, const Wide<T>* gammas, const Wide<T>* betas, T* dgamma, T* dbeta, Dims dims) {
  if (run.halted()) return;
  const Shares shares(dims);
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    double gamma = 0, beta = 0;
    for (i64 i = p.begin + p.lane; i < p.end; i += shares.ty) {
      gamma += gammas[shares.element(p, i)];
      beta += betas[shares.element(p, i)];
    }
    gamma = shares.join_lanes(gamma, Add());
    beta = shares.join_lanes(beta, Add());
    if (!p.inside || p.lane != 0) continue;
    if (dgamma) dgamma[p.inner] = narrow<T>(Wide<T>(gamma));
    if (dbeta) dbeta[p.inner] = narrow<T>(Wide<T>(beta));
  }
}
