// Copies that end a step: they write variables, unless the run has failed. Those that end a branch, and which is taken.
#pragma once
#include "core.cuh"

template <class Word>
__global__ void update_words(Run run, const Word* from, Word* to, i64 n) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) to[i] = from[i];
}

/// Says for each branch of a cond whether its launches do anything: none does in a branch that is itself not taken.
template <class Flag>
__global__ void choose_branch(Run run, const Flag* condition, u8* flags) {
  const bool live = !run.halted(), truth = live && *condition;
  flags[0] = live && truth;
  flags[1] = live && !truth;
}
