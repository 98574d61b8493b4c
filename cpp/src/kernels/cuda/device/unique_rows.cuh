// The runs of equal ids among sorted ones.
#pragma once
#include "core.cuh"

/// 1 where another run begins than the one before.
__global__ void mark_runs(Run run, const u32* keys, u32* marks, i64 n) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) marks[i] = i > 0 && keys[i] != keys[i - 1];
}

/// The id of each run, by the number of the run at each place; then `rows` for the places left.
__global__ void list_runs(Run run, const u32* keys, const u32* numbers, int* ids, i64 n, i64 rows) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) {
    if (i == 0 || numbers[i - 1] != numbers[i]) ids[numbers[i]] = int(keys[i]);
    if (i > numbers[n - 1]) ids[i] = int(rows);
  }
}
