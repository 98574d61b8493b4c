// Reductions of the middle axis of [outer, n, inner], and where its largest or smallest element is.
#pragma once
#include "monoids.cuh"
#include "shares.cuh"

/// y [outer, chunks, inner], times `scale`. In one type or from what a chunk gave to elements.
template <class In, class Out, class Op>
__global__ void __launch_bounds__(kShareThreads) reduce(Run run, const In* x, Out* y, Dims dims, double scale) {
  if (run.halted()) return;
  using W = Wide<In>;
  const Shares shares(dims);
  const Op op;
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    const i64 step = shares.ty * shares.inner;
    const In* at = x + shares.element(p, p.begin + p.lane);
    W sum[4] = {Op::template none<W>(), Op::template none<W>(), Op::template none<W>(), Op::template none<W>()};
    i64 i = p.begin + p.lane;
    for (; i + 3 * shares.ty < p.end; i += 4 * shares.ty, at += 4 * step) {
#pragma unroll
      for (int k = 0; k < 4; ++k) sum[k] = op(sum[k], widen(at[k * step]));
    }
    for (; i < p.end; i += shares.ty, at += step) sum[0] = op(sum[0], widen(*at));
    const W all = shares.join_lanes(op(op(sum[0], sum[1]), op(sum[2], sum[3])), op);
    if (p.inside && p.lane == 0) y[shares.result(p)] = narrow<Out>(scale == 1 ? all : W(double(all) * scale));
  }
}

/// An element and its position; -1: none.
template <class T>
struct Found {
  T value;
  i64 at;
};
/// The first NaN wins, else the first of the largest or smallest.
template <bool kLargest>
struct Better {
  template <class T>
  __device__ __forceinline__ Found<T> operator()(const Found<T>& a, const Found<T>& b) const {
    if (a.at < 0 || b.at < 0) return a.at < 0 ? b : a;
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    const bool even = nan_a || nan_b ? nan_a && nan_b : a.value == b.value;
    if (even) return a.at < b.at ? a : b;
    return nan_a || (!nan_b && (kLargest ? a.value > b.value : a.value < b.value)) ? a : b;
  }
};

/// Positions y [outer, chunks, inner] in x [outer, size, inner]; among those `found` by chunks, if not null.
template <class T, class Out, bool kLargest>
__global__ void __launch_bounds__(kShareThreads)
    find(Run run, const T* x, i64 size, const i64* found, Out* y, Dims dims) {
  if (run.halted()) return;
  const Shares shares(dims);
  const Better<kLargest> better;
  for (i64 block = blockIdx.x; block < shares.blocks(); block += gridDim.x) {
    const Place p = shares.place(block);
    const T* column = x + p.outer * size * shares.inner + p.inner;
    Found<Wide<T>> best{Wide<T>(0), -1};
    for (i64 i = p.begin + p.lane; i < p.end; i += shares.ty) {
      const i64 at = found ? found[shares.element(p, i)] : i;
      best = better(best, Found<Wide<T>>{widen(column[at * shares.inner]), at});
    }
    best = shares.join_lanes(best, better);
    if (p.inside && p.lane == 0) y[shares.result(p)] = Out(best.at);
  }
}
