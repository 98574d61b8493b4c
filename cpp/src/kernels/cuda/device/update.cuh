// Copies that end a step: they write variables, unless the run has failed.
#pragma once
#include "core.cuh"

template <class Word>
__global__ void update_words(Run run, const Word* from, Word* to, i64 n) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) to[i] = from[i];
}
