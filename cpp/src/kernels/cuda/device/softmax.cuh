// softmax and log_softmax along the last axis, and the cross-entropy of classes given by number: a block a row.
#pragma once
#include "core.cuh"

template <class T>
__device__ __forceinline__ T row_max(const T* x, i64 n) {
  T most = -infinity<T>();
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) most = Max()(most, x[i]);
  return block_reduce(most, Max());
}
template <class T>
__device__ __forceinline__ T row_exp_sum(const T* x, i64 n, T most) {
  T sum = 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) sum += exp(x[i] - most);
  return block_reduce(sum, Add());
}

template <class T>
__global__ void softmax_rows(Run run, const T* x, T* y, i64 rows, i64 n) {
  if (run.halted()) return;
  for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* from = x + r * n;
    const T most = row_max(from, n);
    T sum = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
      const T e = exp(from[i] - most);
      y[r * n + i] = e;
      sum += e;
    }
    sum = block_reduce(sum, Add());
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) y[r * n + i] /= sum;
  }
}

template <class T>
__global__ void log_softmax_rows(Run run, const T* x, T* y, i64 rows, i64 n) {
  if (run.halted()) return;
  for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
    const T most = row_max(x + r * n, n);
    const T shift = most + log(row_exp_sum(x + r * n, n, most));
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) y[r * n + i] = x[r * n + i] - shift;
  }
}

template <class T, class I>
__global__ void cross_entropy_rows(Run run, const T* x, const I* labels, T* y, i64 rows, i64 n) {
  if (run.halted()) return;
  for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
    const i64 label = labels[r];
    if (label < 0 || label >= n) {
      if (threadIdx.x == 0) run.fail(r);
      continue;
    }
    const T most = row_max(x + r * n, n);
    const T sum = row_exp_sum(x + r * n, n, most);
    if (threadIdx.x == 0) y[r] = log(sum) + most - x[r * n + label];
  }
}

template <class T, class I>
__global__ void cross_entropy_grad_rows(Run run, const T* x, const I* labels, const T* dy, T* dx, i64 rows, i64 n) {
  if (run.halted()) return;
  for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
    const i64 label = labels[r];
    if (label < 0 || label >= n) {
      if (threadIdx.x == 0) run.fail(r);
      continue;
    }
    const T most = row_max(x + r * n, n);
    const T sum = row_exp_sum(x + r * n, n, most);
    for (i64 i = threadIdx.x; i < n; i += blockDim.x)
      dx[r * n + i] = (exp(x[r * n + i] - most) / sum - T(i == label)) * dy[r];
  }
}
