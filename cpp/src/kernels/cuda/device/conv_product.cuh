// Convolutions and their gradients as products of tiles: blocks of 256 threads compute 16 R x 64 results each, from
// factors that they gather where a product of matrices would read rows.
#pragma once
#include "conv_shape.cuh"

constexpr int kDepth = 16;    // of the sum that is in shared memory
constexpr int kColumns = 64;  // of a tile of results

/// Two factors of a piece of the sum. Rows are padded, so that columns are stored without too many conflicts.
template <class W, int R>
struct Factors {
  W a[kDepth][16 * R + 4];
  W b[kDepth][kColumns + 4];
};

/// Four numbers from `from` on, of which the first `count` are there.
template <class T, int V>
__device__ __forceinline__ void load_four(const T* from, i64 count, Wide<T> (&to)[4]) {
  if (V == 4) {
    if (count > 0) {
      const Pack<T, 4> four = load_pack<4>(from);
      for (int i = 0; i < 4; ++i) to[i] = widen(four.v[i]);
    } else {
      for (int i = 0; i < 4; ++i) to[i] = 0;
    }
  } else {
    for (int i = 0; i < 4; ++i) to[i] = i < count ? widen(from[i]) : Wide<T>(0);
  }
}

// ---- Factors whose neighbours in memory follow each other along the sum: a thread takes 4 of a row, of 4 threads.
// ----

/// The tap and channel of the sum's place `k`.
struct TapWalk {
  i64 c, u[3], d[3];  // channel; tap, and how far that reaches
  __device__ TapWalk(i64 k, const TapGrid& g, i64 channels) {
    c = k % channels;
    k /= channels;
    for (int i = 2; i >= 0; --i) {
      u[i] = k % g.taps[i], k /= g.taps[i];
      d[i] = u[i] * g.spread[i];
    }
  }
  __device__ __forceinline__ void advance(i64 by, const TapGrid& g, i64 channels) {
    c += by;
    while (c >= channels) {
      c -= channels;
      if (step(2, g) || step(1, g)) continue;
      ++u[0], d[0] += g.spread[0];
    }
  }
  /// To the axis' next tap, else back to its first.
  __device__ __forceinline__ bool step(int axis, const TapGrid& g) {
    const bool more = u[axis] + 1 < g.taps[axis];
    u[axis] = more ? u[axis] + 1 : 0, d[axis] = more ? d[axis] + g.spread[axis] : 0;
    return more;
  }
};

/// Rows: pixels of a grid; along the sum: taps, of each the channels of a group.
template <class T, int V, int kPasses>
struct GatheredRows {
  const T* x;  // the group's first channel
  i64 all, channels;
  i64 image[kPasses], at[kPasses][3];
  bool there[kPasses];

  __device__ GatheredRows(const T* from, i64 all_channels, i64 group_channels, const TapGrid& g, i64 row, i64 rows)
      : x(from), all(all_channels), channels(group_channels) {
    for (int p = 0; p < kPasses; ++p) {
      const i64 m = row + p * 64 + threadIdx.x / 4;
      there[p] = m < rows;
      const Pixel pixel(there[p] ? m : 0, g.count);
      image[p] = pixel.image;
      for (int i = 0; i < 3; ++i) at[p][i] = pixel.at[i] * g.step[i] + g.start[i];
    }
  }
  __device__ __forceinline__ bool find(int p, const TapWalk& w, const TapGrid& g, const T*& from) const {
    const i64 a = at[p][0] + w.d[0], b = at[p][1] + w.d[1], c = at[p][2] + w.d[2];
    from = x + (((image[p] * g.size[0] + a) * g.size[1] + b) * g.size[2] + c) * all + w.c;
    return there[p] && inside(a, b, c, g.size);
  }
  /// `left`: of the sum from the thread's place on.
  __device__ __forceinline__ void fetch(TapWalk w, const TapGrid& g, i64 left, Wide<T> (&to)[kPasses][4]) const {
    for (int i = 0; i < 4; i += V) {
      for (int p = 0; p < kPasses; ++p) {
        const T* from;
        const bool found = i < left && find(p, w, g, from);
        if (V == 4)
          load_four<T, 4>(from, found ? 4 : 0, to[p]);
        else
          to[p][i] = found ? widen(*from) : Wide<T>(0);
      }
      if (V == 1) w.advance(1, g, channels);
    }
  }
};

/// Puts what threads have of 64 rows a pass, with the sum along memory, where columns are.
template <int kPasses, class W, int N>
__device__ __forceinline__ void store_rows(const W (&from)[kPasses][4], W (&to)[kDepth][N]) {
  for (int p = 0; p < kPasses; ++p)
    for (int i = 0; i < 4; ++i) to[threadIdx.x % 4 * 4 + i][p * 64 + threadIdx.x / 4] = from[p][i];
}
/// The same of 1024 numbers a pass that lie in memory as they are stored, `kWidth` in each row.
template <int kWidth, int kPasses, class W, int N>
__device__ __forceinline__ void store_columns(const W (&from)[kPasses][4], W (&to)[kDepth][N]) {
  constexpr int kThreads = kWidth / 4;
  for (int p = 0; p < kPasses; ++p) {
    Pack<W, 4> four;
    for (int i = 0; i < 4; ++i) four.v[i] = from[p][i];
    store_pack(&to[p * (256 / kThreads) + threadIdx.x / kThreads][threadIdx.x % kThreads * 4], four);
  }
}

template <class W, int R>
__device__ __forceinline__ void multiply(const Factors<W, R>& f, W (&sum)[R][4]) {
  const int row = threadIdx.x / 16 * R, column = threadIdx.x % 16 * 4;
#pragma unroll 8
  for (int k = 0; k < kDepth; ++k) {
    W a[R];
#pragma unroll
    for (int i = 0; i < R; i += 4) {
      const Pack<W, 4> four = load_pack<4>(&f.a[k][row + i]);
      for (int j = 0; j < 4; ++j) a[i + j] = four.v[j];
    }
    const Pack<W, 4> b = load_pack<4>(&f.b[k][column]);
#pragma unroll
    for (int i = 0; i < R; ++i)
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[i][j] += a[i] * b.v[j];
  }
}

/// The sum over [begin, end), kDepth at a time: `fetch(k)` reads what the thread brings of [k, k + kDepth), `store`
/// puts it into shared memory. What comes next is read while what is there is multiplied.
template <class W, int R, class Fetch, class Store>
__device__ __forceinline__ void sum_tiles(i64 begin, i64 end, W (&sum)[R][4], Fetch fetch, Store store) {
  __shared__ Factors<W, R> factors[2];
  if (begin >= end) return;
  fetch(begin);
  store(factors[0]);
  __syncthreads();
  int at = 0;
  for (i64 k = begin; k < end; k += kDepth, at ^= 1) {
    const bool more = k + kDepth < end;
    if (more) fetch(k + kDepth);
    multiply(factors[at], sum);
    if (more) store(factors[at ^ 1]);
    __syncthreads();
  }
}

/// The part of the sum over [0, n) that is split number `split`.
__device__ __forceinline__ void part_of_sum(i64 n, i64 splits, i64 split, i64& begin, i64& end) {
  const i64 tiles = (n + kDepth - 1) / kDepth, each = (tiles + splits - 1) / splits * kDepth;
  begin = split * each, end = begin + each < n ? begin + each : n;
}

/// Writes `count` of a thread's four results of a row.
template <class T, class W>
__device__ __forceinline__ void write_four(T* to, const W (&sum)[4], i64 count, bool aligned) {
  if (aligned && count >= 4) {
    write_pack(to, sum);
  } else {
    for (int i = 0; i < 4; ++i)
      if (i < count) to[i] = narrow<T>(sum[i]);
  }
}

/// The convolution, or (kBackward) its gradient with respect to x: rows are pixels of the result, columns its channels,
/// the sum goes over taps and channels of the source. A block for each tile of rows, of columns, group, part of the
/// sum and phase, the first the fastest; `y` has a tensor for each part. VX, VK: elements of x and of the kernel that
/// are read together.
template <class T, class O, int VX, int VK, bool kBackward, int R>
__global__ void __launch_bounds__(256, sizeof(T) == 8 ? 1 : 2)
    conv_product(Run run, const T* x, const T* kernel, O* y, Dims sizes, Dims rest, i64 row_tiles, i64 splits) {
  if (run.halted()) return;
  using W = Wide<T>;
  const Conv c(sizes, rest);
  const i64 from_channels = kBackward ? c.filters : c.channels, channels = from_channels / c.groups;
  const i64 to_channels = kBackward ? c.channels : c.filters, columns = to_channels / c.groups;
  const i64 column_tiles = (columns + kColumns - 1) / kColumns;
  i64 block = blockIdx.x;
  const i64 row0 = block % row_tiles * (16 * R);
  block /= row_tiles;
  const i64 column0 = block % column_tiles * kColumns;
  block /= column_tiles;
  const i64 group = block % c.groups;
  block /= c.groups;
  const i64 split = block % splits;
  const TapGrid g = kBackward ? backward_grid(c, block / splits) : forward_grid(c);
  const i64 rows = c.batch * g.pixels(), taps = g.taps[0] * g.taps[1] * g.taps[2];
  if (row0 >= rows) return;
  i64 begin, end;
  part_of_sum(taps * channels, splits, split, begin, end);

  W sum[R][4] = {};
  if (begin < end) {
    constexpr int kPasses = R / 4;
    const GatheredRows<T, VX, kPasses> a(x + group * channels, from_channels, channels, g, row0, rows);
    const T* b = kernel + group * c.group_filters;
    W factor[kPasses][4], other[1][4];
    const int mine = threadIdx.x % 4 * 4;  // along the sum
    TapWalk walk(begin + mine, g, channels);
    auto fetch = [&](i64 k) {
      if (k > begin) walk.advance(kDepth, g, channels);
      a.fetch(walk, g, end - k - mine, factor);
      if (kBackward) {  // of taps the filters, columns are channels
        const i64 column = column0 + threadIdx.x / 4;
        TapWalk w = walk;
        for (int i = 0; i < 4; i += VK) {
          const i64 tap =
              ((g.first_tap[0] + w.u[0] * g.tap_step[0]) * c.window[1] + g.first_tap[1] + w.u[1] * g.tap_step[1]) *
                  c.window[2] +
              g.first_tap[2] + w.u[2] * g.tap_step[2];
          const T* from = b + (tap * columns + column) * c.filters + w.c;
          const bool found = column < columns && k + mine + i < end;
          if (VK == 4)
            load_four<T, 4>(from, found ? 4 : 0, other[0]);
          else
            other[0][i] = found ? widen(*from) : W(0);
          if (VK == 1) w.advance(1, g, channels);
        }
      } else {
        const i64 row = k + threadIdx.x / 16, column = column0 + threadIdx.x % 16 * 4;
        load_four<T, VK>(b + row * c.filters + column, row < end ? columns - column : 0, other[0]);
      }
    };
    sum_tiles<W, R>(begin, end, sum, fetch, [&](Factors<W, R>& to) {
      store_rows(factor, to.a);
      if (kBackward)
        store_rows(other, to.b);
      else
        store_columns<kColumns>(other, to.b);
    });
  }

  i64 shape[3];
  for (int i = 0; i < 3; ++i) shape[i] = kBackward ? c.in[i] : c.out[i];
  const i64 column = column0 + threadIdx.x % 16 * 4, size = c.batch * shape[0] * shape[1] * shape[2] * to_channels;
  for (int i = 0; i < R; ++i) {
    const i64 m = row0 + threadIdx.x / 16 * R + i;
    if (m >= rows || column >= columns) continue;
    const Pixel p(m, g.count);
    i64 at = p.image;
    for (int axis = 0; axis < 3; ++axis) at = at * shape[axis] + p.at[axis] * g.scale[axis] + g.phase[axis];
    write_four(y + split * size + at * to_channels + group * columns + column, sum[i], columns - column,
               columns % 4 == 0);
  }
}

/// Rows: taps, of each the channels of a group; along the sum: pixels of the output. A thread takes 4 rows.
template <class T, int V, int kRows>
struct GatheredColumns {
  static constexpr int kThreads = kRows / 4, kPasses = kRows / 64;
  const T* x;
  i64 offset[4 / V], d[4 / V][3];  // of a pixel's element; how far the tap reaches
  bool there[4 / V];

  __device__ GatheredColumns(const T* from, const Conv& c, i64 row, i64 rows) : x(from) {
    for (int i = 0; i < 4 / V; ++i) {
      const i64 m = row + threadIdx.x % kThreads * 4 + i * V;
      there[i] = m < rows;
      i64 tap = there[i] ? m / c.group_channels : 0;
      for (int axis = 2; axis >= 0; --axis) {
        d[i][axis] = tap % c.window[axis] * c.dilation[axis] - c.low[axis];
        tap /= c.window[axis];
      }
      offset[i] = ((d[i][0] * c.in[1] + d[i][1]) * c.in[2] + d[i][2]) * c.channels + m % c.group_channels;
    }
  }
  __device__ __forceinline__ void fetch(const Pixel& p, const Conv& c, bool in_sum, Wide<T> (&to)[4]) const {
    const i64 at[3] = {p.at[0] * c.stride[0], p.at[1] * c.stride[1], p.at[2] * c.stride[2]};
    const T* base = x + (((p.image * c.in[0] + at[0]) * c.in[1] + at[1]) * c.in[2] + at[2]) * c.channels;
    for (int i = 0; i < 4 / V; ++i) {
      const bool found = in_sum && there[i] && inside(at[0] + d[i][0], at[1] + d[i][1], at[2] + d[i][2], c.in);
      if (V == 4)
        load_four<T, 4>(base + offset[i], found ? 4 : 0, to);
      else
        to[i] = found ? widen(base[offset[i]]) : Wide<T>(0);
    }
  }
};

/// The gradient of a convolution with respect to its kernel: rows are taps and channels of a group, columns its
/// filters, the sum goes over pixels. Blocks are as conv_product's; `dk` has a tensor for each part of the sum.
template <class T, class O, int VX, int VY, int R>
__global__ void __launch_bounds__(256, sizeof(T) == 8 ? 1 : 2)
    conv_kernel_product(Run run, const T* x, const T* dy, O* dk, Dims sizes, Dims rest, i64 row_tiles, i64 splits) {
  if (run.halted()) return;
  using W = Wide<T>;
  constexpr int kRows = 16 * R;
  using Gathered = GatheredColumns<T, VX, kRows>;
  constexpr int kPasses = Gathered::kPasses, kThreads = Gathered::kThreads, kEach = 256 / kThreads;
  const Conv c(sizes, rest);
  const i64 taps = c.window[0] * c.window[1] * c.window[2], rows = taps * c.group_channels, columns = c.group_filters;
  const i64 column_tiles = (columns + kColumns - 1) / kColumns;
  i64 block = blockIdx.x;
  const i64 row0 = block % row_tiles * kRows;
  block /= row_tiles;
  const i64 column0 = block % column_tiles * kColumns;
  block /= column_tiles;
  const i64 group = block % c.groups, split = block / c.groups;
  i64 begin, end;
  part_of_sum(c.batch * c.out[0] * c.out[1] * c.out[2], splits, split, begin, end);

  W sum[R][4] = {};
  if (begin < end) {
    const Gathered a(x + group * c.group_channels, c, row0, rows);
    const T* b = dy + group * columns;
    W factor[kPasses][4], other[1][4];
    const int mine = threadIdx.x / kThreads;  // along the sum
    Pixel pixel(begin + mine, c.out);
    auto fetch = [&](i64 k) {
      if (k > begin) pixel.advance(kEach, c.out);
      for (int p = 0; p < kPasses; ++p) {
        if (p > 0) pixel.advance(kEach, c.out);
        a.fetch(pixel, c, k + p * kEach + mine < end, factor[p]);
      }
      const i64 row = k + threadIdx.x / 16, column = column0 + threadIdx.x % 16 * 4;
      load_four<T, VY>(b + row * c.filters + column, row < end ? columns - column : 0, other[0]);
    };
    sum_tiles<W, R>(begin, end, sum, fetch, [&](Factors<W, R>& to) {
      store_columns<kRows>(factor, to.a);
      store_columns<kColumns>(other, to.b);
    });
  }

  const i64 column = column0 + threadIdx.x % 16 * 4;
  for (int i = 0; i < R; ++i) {
    const i64 m = row0 + threadIdx.x / 16 * R + i;
    if (m >= rows || column >= columns) continue;
    write_four(dk + (split * rows + m) * c.filters + group * columns + column, sum[i], columns - column,
               columns % 4 == 0);
  }
}
