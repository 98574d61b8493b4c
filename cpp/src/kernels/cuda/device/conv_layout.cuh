// What convolutions by cuDNN need beside it: kernels with their filters first, images with other borders.
#pragma once
#include "core.cuh"

/// y [columns, rows] = x [rows, columns] transposed; blocks of 32 x 8 threads take squares of 32 x 32, those of a row
/// of squares are neighbours.
template <class T>
__global__ void __launch_bounds__(256) transpose_matrix(Run run, const T* x, T* y, i64 rows, i64 columns) {
  if (run.halted()) return;
  __shared__ T square[32][33];
  const i64 across = (columns + 31) / 32, row0 = blockIdx.x / across * 32, column0 = blockIdx.x % across * 32;
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
  for (int i = line; i < 32; i += 8)
    if (row0 + i < rows && column0 + lane < columns) square[i][lane] = x[(row0 + i) * columns + column0 + lane];
  __syncthreads();
  for (int i = line; i < 32; i += 8)
    if (column0 + i < columns && row0 + lane < rows) y[(column0 + i) * rows + row0 + lane] = square[lane][i];
}

/// Images of [height, width, channels]: pixel (h, w) of y is pixel (h + down, w + right) of x, or zero where x has
/// none.
template <class T>
__global__ void move_image(Run run, const T* x, T* y, i64 n, i64 height, i64 width, i64 channels, i64 x_height,
                           i64 x_width, i64 down, i64 right) {
  if (run.halted()) return;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const i64 channel = e % channels, pixel = e / channels, w = pixel % width + right;
    const i64 h = pixel / width % height + down, image = pixel / width / height;
    const bool there = u64(h) < u64(x_height) && u64(w) < u64(x_width);
    y[e] = there ? x[((image * x_height + h) * x_width + w) * channels + channel] : T{};
  }
}
