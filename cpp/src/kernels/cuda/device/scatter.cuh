// Sums of rows by index, always in one order: chunks of sorted places are summed, then the runs of equal targets that
// chunks share are joined. targets[i], ascending, is where the row of x goes that stands at order[i].
#pragma once
#include "core.cuh"

/// The sums of the runs of equal targets in each chunk, a thread a column. What a chunk has of a run that others share
/// goes to `parts`, of two rows a chunk: of a run that began before, and of one that begins here and goes on.
template <class T>
__global__ void sum_chunks(Run run, const u32* targets, const int* order, const T* x, T* y, Wide<T>* parts, i64 n,
                           i64 rows, i64 inner, i64 chunk) {
  if (run.halted()) return;
  constexpr int kAtOnce = 8;
  const i64 chunks = (n + chunk - 1) / chunk;
  for (i64 t = first_index(); t < chunks * inner; t += index_stride()) {
    const i64 c = t / inner, column = t - c * inner, begin = c * chunk, end = min(begin + chunk, n);
    u32 target = targets[begin];
    bool shared = begin > 0 && targets[begin - 1] == target;
    Wide<T> sum = 0;
    const auto put = [&] {
      if (shared)
        parts[2 * c * inner + column] = sum;
      else if (target < rows)
        y[i64(target) * inner + column] = narrow<T>(sum);
    };
    for (i64 at = begin; at < end; at += kAtOnce) {
      u32 next[kAtOnce];
      Wide<T> value[kAtOnce];
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k)
        if (at + k < end) next[k] = targets[at + k], value[k] = widen(x[order[at + k] * inner + column]);
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k)
        if (at + k < end) {
          if (next[k] != target) {
            put();
            target = next[k], sum = 0, shared = false;
          }
          sum += value[k];
        }
    }
    if (!shared && end < n && targets[end] == target)
      parts[(2 * c + 1) * inner + column] = sum;
    else
      put();
  }
}

/// The sums of the runs that chunks share: a block for those that begin in one chunk, eight threads a column.
template <class T>
__global__ void join_chunks(Run run, const u32* targets, const Wide<T>* parts, T* y, i64 n, i64 rows, i64 inner,
                            i64 chunk) {
  constexpr int kColumns = 32, kSlices = 8;
  __shared__ Wide<T> sums[kSlices][kColumns];
  if (run.halted()) return;
  const int lane = threadIdx.x % kColumns, slice = threadIdx.x / kColumns;
  const i64 chunks = (n + chunk - 1) / chunk;
  for (i64 c = blockIdx.x; c + 1 < chunks; c += gridDim.x) {
    const i64 begin = c * chunk, end = begin + chunk;
    const u32 target = targets[end - 1];
    const bool began_before = begin > 0 && targets[begin - 1] == target;
    if (target >= rows || targets[end] != target || began_before) continue;
    i64 low = end, high = n;  // the run's end is in (low, high]
    while (high - low > 1) {
      const i64 middle = (low + high) / 2;
      (targets[middle] == target ? low : high) = middle;
    }
    const i64 last = low / chunk;  // the chunk where it ends
    for (i64 first = blockIdx.y * i64(kColumns); first < inner; first += gridDim.y * i64(kColumns)) {
      const i64 column = first + lane;
      Wide<T> sum = 0;
      if (column < inner) {
#pragma unroll 4
        for (i64 k = c + 1 + slice; k <= last; k += kSlices) sum += parts[2 * k * inner + column];
      }
      sums[slice][lane] = sum;
      __syncthreads();
      if (slice == 0 && column < inner) {
        sum = parts[(2 * c + 1) * inner + column];
        for (int k = 0; k < kSlices; ++k) sum += sums[k][lane];
        y[i64(target) * inner + column] = narrow<T>(sum);
      }
      __syncthreads();
    }
  }
}

/// Each element of x [outer, picks, inner] is added where its id points to in y [outer, n, inner]: a thread a line.
template <class T, class Id>
__global__ void add_along(Run run, const Id* ids, const T* x, T* y, i64 lines, i64 n, i64 picks, i64 inner) {
  if (run.halted()) return;
  for (i64 t = first_index(); t < lines; t += index_stride()) {
    const i64 outer = t / inner, at = t - outer * inner;
    for (i64 p = 0; p < picks; ++p) {
      const i64 i = (outer * picks + p) * inner + at, id = ids[i];
      if (id < 0 || id >= n) {
        run.fail(i);
        continue;
      }
      T& to = y[(outer * n + id) * inner + at];
      to = narrow<T>(widen(to) + widen(x[i]));
    }
  }
}
