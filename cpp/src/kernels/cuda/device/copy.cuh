// Kernels that move words, whatever they are: copies under other strides, transposes by tiles, concatenation, padding.
#pragma once
#include "walk.cuh"

/// y is contiguous; x has the strides.
template <class Word, class I, int kAxes>
__global__ void copy_strided(Run run, const Word* x, Word* y, i64 n, Dims sizes, Dims magics, Dims strides) {
  if (run.halted()) return;
  make_words<I>(y, n, [&](I i) { return x[place_of<kAxes>(i, sizes, magics, strides)]; });
}

/// Two axes change places: [rows, columns] with rows contiguous in x, and columns in y. A block a tile; the axes of
/// `sizes` are those around, then the tiles of rows, then those of columns.
template <class Word, int kAxes>
__global__ void transpose_tiles(Run run, const Word* x, Word* y, i64 rows, i64 columns, i64 x_column, i64 y_row,
                                i64 tiles, Dims sizes, Dims magics, Dims x_strides, Dims y_strides) {
  constexpr int kTile = sizeof(Word) < 4 ? 64 : 32, last = kAxes - 1;
  __shared__ Word tile[kTile][kTile + 1];
  if (run.halted()) return;
  const int lane = threadIdx.x % kTile, first = threadIdx.x / kTile, step = blockDim.x / kTile;
  for (i64 t = blockIdx.x; t < tiles; t += gridDim.x) {
    const u32 above = quotient(u32(t), sizes.n[last], magics.n[last]);
    const u32 around = quotient(above, sizes.n[last - 1], magics.n[last - 1]);
    const i64 column = (u32(t) - above * u32(sizes.n[last])) * i64(kTile);
    const i64 row = (above - around * u32(sizes.n[last - 1])) * i64(kTile);
    const Word* from = x + place_of<kAxes>(u32(t), sizes, magics, x_strides);
    Word* to = y + place_of<kAxes>(u32(t), sizes, magics, y_strides);
#pragma unroll 4
    for (int c = first; c < kTile; c += step)
      if (row + lane < rows && column + c < columns) tile[c][lane] = from[c * x_column + lane];
    __syncthreads();
#pragma unroll 4
    for (int r = first; r < kTile; r += step)
      if (column + lane < columns && row + r < rows) to[r * y_row + lane] = tile[lane][r];
    __syncthreads();
  }
}

/// The columns [0, ends[0]) of y's rows come from `a`, those up to ends[1] from `b`, and so on; y's rows are `pitch`
/// apart, theirs `pitches`.
template <class Word, class I>
__global__ void concat_rows(Run run, const Word* a, const Word* b, const Word* c, const Word* d, Word* y, i64 n,
                            i64 width, i64 magic, i64 pitch, Dims ends, Dims pitches) {
  if (run.halted()) return;
  const i64 gap = pitch - width;
  each_word<I>(
      n,
      [&](I i) {
        const i64 row = quotient(i, width, magic), at = i - row * width;
        if (at < ends.n[0]) return a[row * pitches.n[0] + at];
        if (at < ends.n[1]) return b[row * pitches.n[1] + at - ends.n[0]];
        if (at < ends.n[2]) return c[row * pitches.n[2] + at - ends.n[1]];
        return d[row * pitches.n[3] + at - ends.n[2]];
      },
      [&](I i, Word word) { y[i64(i) + quotient(i, width, magic) * gap] = word; });
}

/// Element i of an axis of x goes to first + i * step of y's; the rest of y is `fill`.
template <class Word, class I, int kAxes, bool kSteps>
__global__ void place_words(Run run, const Word* x, Word* y, i64 n, Dims sizes, Dims magics, Dims first, Dims counts,
                            Dims strides, Dims steps, Dims step_magics, i64 fill) {
  if (run.halted()) return;
  make_words<I>(y, n, [&](I i) {
    i64 at = 0;
    bool inside = true;
#pragma unroll
    for (int a = kAxes - 1; a >= 0; --a) {
      const I rest = quotient(i, sizes.n[a], magics.n[a]);
      I k = i - rest * I(sizes.n[a]);
      inside = inside && k >= I(first.n[a]);
      k -= I(first.n[a]);
      if (kSteps && inside) {
        const I taken = quotient(k, steps.n[a], step_magics.n[a]);
        inside = taken * I(steps.n[a]) == k;
        k = taken;
      }
      inside = inside && k < I(counts.n[a]);
      at += i64(k) * strides.n[a];
      i = rest;
    }
    return inside ? x[at] : word_of<Word>(fill);
  });
}

/// Counts from `first` along an axis of n whose elements are `inner` apart.
template <class T, class I>
__global__ void count_up(Run run, T* y, i64 total, i64 n, i64 n_magic, i64 inner, i64 inner_magic, i64 first) {
  if (run.halted()) return;
  make_words<I>(y, total, [&](I i) {
    const I line = quotient(i, inner, inner_magic);
    return narrow<T>(first + i64(line - quotient(line, n, n_magic) * I(n)));
  });
}
