// Products of matrices: each block computes tiles of the result from strips of both factors, which pass through shared
// memory, and each of its 256 threads Micro x Micro numbers of a tile in registers.
#pragma once
#include "pack.cuh"

/// What products of T are summed in: ints wrap, as unsigned ones do.
template <class T>
struct SumOf {
  using type = Wide<T>;
};
template <>
struct SumOf<int> {
  using type = u32;
};
template <>
struct SumOf<i64> {
  using type = u64;
};
template <>
struct SumOf<u8> {
  using type = u32;
};
template <class T>
using Sum = typename SumOf<T>::type;

constexpr int kMatmulThreads = 256;
constexpr int kMatmulHeld = 4;  // numbers of a strip that a thread holds

/// Numbers that are read at once.
template <class W>
struct alignas(16) Four {
  W v[4];
};

/// Strips of a factor, one after another: `Side` lines (rows of A, columns of B) of kDepth numbers. A thread holds its
/// share in registers on the way.
template <class T, int Side>
struct Strip {
  static constexpr int kDepth = kMatmulHeld * kMatmulThreads / Side;
  const T* at;           // the thread's first number of the next strip
  i64 between, advance;  // from one of its numbers to the next, and from strip to strip
  int line, depth, lines_between, depths_between;
  Sum<T> held[kMatmulHeld];

  /// Neighbouring threads read neighbouring numbers: along the lines where these are contiguous.
  __device__ __forceinline__ Strip(const T* from, i64 line_step, i64 depth_step) {
    const int t = threadIdx.x;
    const bool along = depth_step == 1;
    line = along ? t / kDepth : t % Side;
    depth = along ? t % kDepth : t / Side;
    lines_between = along ? kMatmulThreads / kDepth : 0;
    depths_between = along ? 0 : kMatmulThreads / Side;
    at = from + line * line_step + depth * depth_step;
    between = lines_between * line_step + depths_between * depth_step;
    advance = kDepth * depth_step;
  }
  /// Reads a strip; beyond the `lines` and `depths` that there are it is 0.
  __device__ __forceinline__ void fetch(i64 lines, i64 depths) {
#pragma unroll
    for (int i = 0; i < kMatmulHeld; ++i) {
      const bool inside = line + i * lines_between < lines && depth + i * depths_between < depths;
      held[i] = inside ? Sum<T>(widen(at[i * between])) : Sum<T>(0);
    }
    at += advance;
  }
  __device__ __forceinline__ void store(Sum<T> (*tile)[Side + 4]) const {
#pragma unroll
    for (int i = 0; i < kMatmulHeld; ++i) tile[depth + i * depths_between][line + i * lines_between] = held[i];
  }
};

/// The thread's lines of a strip at one depth: groups of four, 64 lines apart, so that a warp reads without conflicts.
template <class W, int Micro>
__device__ __forceinline__ void read_lines(const W* lines, int first, W (&out)[Micro]) {
#pragma unroll
  for (int g = 0; g < Micro / 4; ++g) {
    const Four<W> four = *reinterpret_cast<const Four<W>*>(lines + 64 * g + first);
#pragma unroll
    for (int i = 0; i < 4; ++i) out[4 * g + i] = four.v[i];
  }
}

/// C[part, entry], which `end` takes, = the terms [part * depth, (part + 1) * depth) of A[entry] B[entry]. An entry of the batch is counted
/// along `axes` axes, the last of them first, with steps of A and B; those of C lie one after another.
template <class T, int Micro, class End>
__global__ void __launch_bounds__(kMatmulThreads, 2)
    matmul_tiles(Run run, const T* a, const T* b, End end, i64 m, i64 n, i64 k, i64 a_row, i64 a_column, i64 b_row,
                 i64 b_column, i64 parts, i64 depth, i64 batch, i64 axes, const __grid_constant__ Dims sizes,
                 const __grid_constant__ Dims a_steps, const __grid_constant__ Dims b_steps) {
  if (run.halted()) return;
  using W = Sum<T>;
  constexpr int side = 16 * Micro, strip_depth = Strip<T, side>::kDepth;
  __shared__ __align__(16) W a_tile[strip_depth][side + 4];
  __shared__ __align__(16) W b_tile[strip_depth][side + 4];
  const int own_row = threadIdx.x / 16 * 4, own_column = threadIdx.x % 16 * 4;
  const i64 down = (m + side - 1) / side, across = (n + side - 1) / side;
  for (i64 t = blockIdx.x; t < down * across * batch * parts; t += gridDim.x) {
    const i64 column = t % across * side, row = t / across % down * side;
    const i64 entry = t / across / down % batch, part = t / across / down / batch;
    i64 a_at = 0, b_at = 0, rest = entry;
    for (int i = 0; i < axes; ++i) {
      a_at += rest % sizes.n[i] * a_steps.n[i];
      b_at += rest % sizes.n[i] * b_steps.n[i];
      rest /= sizes.n[i];
    }
    i64 left = min(depth, k - part * depth);
    Strip<T, side> a_strip(a + a_at + row * a_row + part * depth * a_column, a_row, a_column);
    Strip<T, side> b_strip(b + b_at + column * b_column + part * depth * b_row, b_column, b_row);
    W sum[Micro][Micro] = {};
    a_strip.fetch(m - row, left);
    b_strip.fetch(n - column, left);
    for (; left > 0; left -= strip_depth) {
      __syncthreads();  // the last strip has been read
      a_strip.store(a_tile);
      b_strip.store(b_tile);
      __syncthreads();
      if (left > strip_depth) {  // the next strip comes while this one is multiplied
        a_strip.fetch(m - row, left - strip_depth);
        b_strip.fetch(n - column, left - strip_depth);
      }
#pragma unroll
      for (int d = 0; d < strip_depth; ++d) {
        W x[Micro], y[Micro];
        read_lines(a_tile[d], own_row, x);
        read_lines(b_tile[d], own_column, y);
#pragma unroll
        for (int i = 0; i < Micro; ++i)
#pragma unroll
          for (int j = 0; j < Micro; ++j) sum[i][j] += x[i] * y[j];
      }
    }
    const i64 to = (part * batch + entry) * m * n;
#pragma unroll
    for (int i = 0; i < Micro; ++i)
#pragma unroll
      for (int j = 0; j < Micro; ++j) {
        const i64 r = row + i / 4 * 64 + own_row + i % 4, s = column + j / 4 * 64 + own_column + j % 4;
        const W number[1] = {sum[i][j]};
        if (r < m && s < n) end.apply(to + r * n + s, number);
      }
  }
}

/// The sum of all parts of each number, in their order.
template <class T, class End>
__global__ void matmul_sum(Run run, const Sum<T>* from, End end, i64 size, i64 parts) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < size; i += index_stride()) {
    Sum<T> sum[1] = {from[i]};
    for (i64 part = 1; part < parts; ++part) sum[0] += from[part * size + i];
    end.apply(i, sum);
  }
}
