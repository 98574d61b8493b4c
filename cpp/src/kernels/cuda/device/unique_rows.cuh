// Sums of the rows that have the same id, from sorted ids: `keys`, and `order`, where each of them stands.
#pragma once
#include "core.cuh"

/// starts[i] = 1 where a run of equal ids begins.
__global__ void mark_runs(Run run, const u32* keys, u32* starts, i64 n) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) starts[i] = i == 0 || keys[i] != keys[i - 1];
}

/// The id of each run and where it begins, from how many runs begin up to each place; then `rows` for the places left.
__global__ void list_runs(Run run, const u32* keys, const u32* begun, int* ids, int* starts, i64 n, i64 rows) {
  if (run.halted()) return;
  const i64 runs = begun[n - 1];
  for (i64 i = first_index(); i < n; i += index_stride()) {
    const i64 number = begun[i] - 1;
    if (i == 0 || begun[i - 1] != begun[i]) {
      ids[number] = int(keys[i]);
      starts[number] = int(i);
    }
    if (i >= runs) ids[i] = int(rows);
    if (i == n - 1) starts[runs] = int(n);
  }
}

/// Sums of `length` places: of a run that begins among them to y, of one that began before to `pieces`.
template <class T>
__global__ void sum_pieces(Run run, const T* updates, const int* order, const u32* begun, const int* starts, T* y,
                           Wide<T>* pieces, i64 n, i64 inner, i64 length) {
  if (run.halted()) return;
  constexpr int kAtOnce = 8;  // rows that are on their way together
  const i64 units = (n + length - 1) / length * inner;
  for (i64 unit = first_index(); unit < units; unit += index_stride()) {
    const i64 column = unit % inner, begin = unit / inner * length, end = min(n, begin + length);
    Wide<T> sum = 0, v[kAtOnce];
    for (i64 base = begin; base < end; base += kAtOnce) {
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k)
        if (base + k < end) v[k] = widen(updates[order[base + k] * inner + column]);
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k) {
        const i64 i = base + k;
        if (i >= end) break;
        sum = i == begin || begun[i] != begun[i - 1] ? v[k] : sum + v[k];
        if (i + 1 < end && begun[i + 1] == begun[i]) continue;
        const i64 number = begun[i] - 1;
        if (starts[number] >= begin)
          y[number * inner + column] = narrow<T>(sum);
        else
          pieces[unit] = sum;
      }
    }
  }
}

/// Adds to the sum of each run those of the later pieces that it reaches into; zeros where there is no run.
template <class T>
__global__ void join_pieces(Run run, const u32* begun, const int* starts, const Wide<T>* pieces, T* y, i64 n, i64 inner,
                            i64 length) {
  if (run.halted()) return;
  const i64 runs = begun[n - 1];
  for (i64 unit = first_index(); unit < n * inner; unit += index_stride()) {
    const i64 number = unit / inner, column = unit % inner;
    if (number >= runs) {
      y[unit] = narrow<T>(Wide<T>(0));
      continue;
    }
    const i64 first = starts[number] / length, last = (starts[number + 1] - 1) / length;
    if (first == last) continue;
    Wide<T> sum = widen(y[unit]);
#pragma unroll 8
    for (i64 piece = first + 1; piece <= last; ++piece) sum += pieces[piece * inner + column];
    y[unit] = narrow<T>(sum);
  }
}
