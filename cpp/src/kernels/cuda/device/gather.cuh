// Reads by index: rows of a table, elements along an axis. An index out of range is reported and reads nothing.
#pragma once
#include "walk.cuh"

/// y's row r is row ids[r] of the table; rows are of `inner` words.
template <class Word, class Id, class I>
__global__ void gather_rows(Run run, const Word* table, const Id* ids, Word* y, i64 n, i64 rows, i64 inner, i64 magic) {
  if (run.halted()) return;
  make_words<I>(y, n, [&](I i) {
    const I r = quotient(i, inner, magic);
    const I at = i - r * I(inner);
    const i64 id = ids[r];
    if (id >= 0 && id < rows) return table[id * inner + at];
    if (at == 0) run.fail(r);
    return word_of<Word>(0);
  });
}

/// Of ids [outer, picks, inner], each points to an element of x [outer, n, inner] with its own place on the other axes.
template <class Word, class Id, class I>
__global__ void take_along(Run run, const Word* x, const Id* ids, Word* y, i64 total, i64 n, i64 inner, i64 inner_magic,
                           i64 line, i64 line_magic) {
  if (run.halted()) return;
  make_words<I>(y, total, [&](I i) {
    const i64 id = ids[i];
    const i64 outer = quotient(i, line, line_magic), at = i - quotient(i, inner, inner_magic) * I(inner);
    if (id >= 0 && id < n) return x[(outer * n + id) * inner + at];
    run.fail(i);
    return word_of<Word>(0);
  });
}
