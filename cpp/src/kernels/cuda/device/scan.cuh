// Running sums and products along the middle axis of [outer, n, inner], whose places are counted from the end on with
// `reverse`. The axis is cut into chunks: `starts` are what came before each, `totals` what each gives; or null.
#pragma once
#include "monoids.cuh"

/// What elements of T are added up in.
template <class T>
struct TotalOf {
  using type = Wide<T>;
};
template <>
struct TotalOf<u8> {
  using type = u32;
};
template <class T>
using Total = typename TotalOf<T>::type;

/// Contiguous rows: `lanes` of a warp take a chunk, as many places at a time. y may be null.
template <class T, class Op>
__global__ void scan_rows(Run run, const T* x, T* y, const Total<T>* starts, Total<T>* totals, i64 rows, i64 n,
                          i64 length, i64 chunks, i64 lanes, i64 exclusive, i64 reverse) {
  if (run.halted()) return;
  using W = Total<T>;
  const Op op;
  const int width = lanes, lane = threadIdx.x % width, last = width - 1;
  const i64 teams = blockDim.x / width, units = rows * chunks;
  for (i64 first = blockIdx.x * teams; first < units; first += gridDim.x * teams) {
    const i64 unit = first + threadIdx.x / width;
    const i64 begin = unit % chunks * length, end = unit < units ? min(n, begin + length) : 0;
    const i64 row = unit / chunks * n, from = reverse ? row + n - 1 : row, step = reverse ? -1 : 1;
    W before = starts && unit < units ? starts[unit] : Op::template none<W>();
    for (i64 base = begin; base < begin + length; base += width) {  // all lanes of a warp go through it equally often
      const i64 i = base + lane;
      W sum = i < end ? W(widen(x[from + i * step])) : Op::template none<W>();
      for (int d = 1; d < width; d *= 2) {
        const W left = __shfl_up_sync(0xffffffffu, sum, d, width);
        if (lane >= d) sum = op(left, sum);
      }
      const W left = __shfl_up_sync(0xffffffffu, sum, 1, width);
      if (y && i < end) {
        const W given = !exclusive ? op(before, sum) : lane ? op(before, left) : before;
        y[from + i * step] = narrow<T>(given);
      }
      before = op(before, __shfl_sync(0xffffffffu, sum, last, width));
    }
    if (totals && unit < units && lane == 0) totals[unit] = before;
  }
}

/// Columns: a thread takes a chunk of one. y may be null.
template <class T, class Op>
__global__ void scan_columns(Run run, const T* x, T* y, const Total<T>* starts, Total<T>* totals, i64 outer, i64 n,
                             i64 inner, i64 length, i64 chunks, i64 exclusive, i64 reverse) {
  if (run.halted()) return;
  using W = Total<T>;
  const Op op;
  for (i64 unit = first_index(); unit < outer * chunks * inner; unit += index_stride()) {
    const i64 column = unit % inner, rest = unit / inner, begin = rest % chunks * length;
    const i64 count = min(n - begin, length), step = reverse ? -inner : inner;
    const i64 base = (rest / chunks * n + (reverse ? n - 1 - begin : begin)) * inner + column;
    W sum = starts ? starts[unit] : Op::template none<W>();
    constexpr int kAtOnce = 8;
    for (i64 i = 0; i < count; i += kAtOnce) {
      W v[kAtOnce];
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k)
        v[k] = i + k < count ? W(widen(x[base + (i + k) * step])) : Op::template none<W>();
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k) {
        const W next = op(sum, v[k]);
        if (y && i + k < count) y[base + (i + k) * step] = narrow<T>(exclusive ? sum : next);
        sum = next;
      }
    }
    if (totals) totals[unit] = sum;
  }
}
