// What the kernels of convolutions share: the geometry, the pixels that taps join, sums that were cut into parts.
#pragma once
#include "pack.cuh"

/// Three spatial axes; missing ones have size 1.
struct Conv {
  i64 in[3], out[3], window[3], stride[3], low[3], dilation[3];
  i64 batch, channels, filters, groups;
  i64 group_channels, group_filters;
  __device__ Conv(const Dims& sizes, const Dims& rest) {
    for (int i = 0; i < 3; ++i) {
      in[i] = sizes.n[i], out[i] = sizes.n[3 + i], window[i] = sizes.n[6 + i], stride[i] = sizes.n[9 + i];
      low[i] = rest.n[i], dilation[i] = rest.n[3 + i];
    }
    batch = rest.n[6], channels = rest.n[7], filters = rest.n[8], groups = rest.n[9];
    group_channels = channels / groups, group_filters = filters / groups;
  }
};

/// A grid of pixels and the source pixels that its taps reach: at * step + start + tap * spread along each axis. Its
/// taps are every `tap_step`th of the kernel's from `first_tap` on; its pixels lie at at * scale + phase of the result.
struct TapGrid {
  i64 count[3], size[3], step[3], start[3], spread[3];
  i64 taps[3], first_tap[3], tap_step[3];
  i64 scale[3], phase[3];
  __device__ i64 pixels() const { return count[0] * count[1] * count[2]; }
};

/// The output over the input.
__device__ __forceinline__ TapGrid forward_grid(const Conv& c) {
  TapGrid g;
  for (int i = 0; i < 3; ++i) {
    g.count[i] = c.out[i], g.size[i] = c.in[i], g.step[i] = c.stride[i], g.start[i] = -c.low[i];
    g.spread[i] = c.dilation[i], g.taps[i] = c.window[i], g.first_tap[i] = 0, g.tap_step[i] = 1;
    g.scale[i] = 1, g.phase[i] = 0;
  }
  return g;
}

/// The input over the output, for those pixels of the input that are `phase` of each axis' min(stride, size).
__device__ __forceinline__ TapGrid backward_grid(const Conv& c, i64 phase) {
  TapGrid g;
  for (int i = 2; i >= 0; --i) {
    const i64 stride = c.stride[i], dilation = c.dilation[i], phases = stride < c.in[i] ? stride : c.in[i];
    const i64 at = phase % phases, reach = at + c.low[i];
    phase /= phases;
    i64 a = stride, b = dilation;  // their greatest common divisor
    while (b) {
      const i64 r = a % b;
      a = b, b = r;
    }
    // those taps meet the phase that lie a multiple of the stride before it
    i64 first = 0;
    const i64 every = stride / a, most = every < c.window[i] ? every : c.window[i];
    while (first < most && (reach - first * dilation) % stride != 0) ++first;
    const bool none = first == most;
    g.count[i] = (c.in[i] - at + stride - 1) / stride, g.size[i] = c.out[i];
    g.step[i] = 1, g.start[i] = none ? 0 : (reach - first * dilation) / stride, g.spread[i] = -dilation / a;
    g.taps[i] = none ? 0 : (c.window[i] - first + every - 1) / every, g.first_tap[i] = first, g.tap_step[i] = every;
    g.scale[i] = stride, g.phase[i] = at;
  }
  return g;
}

/// A pixel of a grid, the last axis the fastest.
struct Pixel {
  i64 image, at[3];
  __device__ Pixel(i64 number, const i64 (&count)[3]) {
    for (int i = 2; i >= 0; --i) at[i] = number % count[i], number /= count[i];
    image = number;
  }
  __device__ __forceinline__ void advance(i64 by, const i64 (&count)[3]) {
    at[2] += by;
    while (at[2] >= count[2]) {
      at[2] -= count[2];
      if (++at[1] < count[1]) continue;
      at[1] = 0;
      if (++at[0] < count[0]) continue;
      at[0] = 0, ++image;
    }
  }
};

__device__ __forceinline__ bool inside(i64 a, i64 b, i64 c, const i64 (&size)[3]) {
  return u64(a) < u64(size[0]) && u64(b) < u64(size[1]) && u64(c) < u64(size[2]);
}

/// y = the sum of `parts` tensors: L threads share an element's, each takes every Lth in their order.
template <class W, class T, int L>
__global__ void __launch_bounds__(256) add_parts(Run run, const W* x, T* y, i64 parts, i64 n) {
  if (run.halted()) return;
  constexpr int kElements = 256 / L;
  __shared__ W sums[L][kElements];
  const int at = threadIdx.x % kElements, first = threadIdx.x / kElements;
  for (i64 i = i64(blockIdx.x) * kElements + at; i - at < n; i += i64(gridDim.x) * kElements) {
    W sum = 0;
    for (i64 k = first; k < parts && i < n; k += L) sum += x[k * n + i];
    if (L > 1) {
      sums[first][at] = sum;
      __syncthreads();
      for (int l = 1; l < L && first == 0; ++l) sum += sums[l][at];
      __syncthreads();
    }
    if (first == 0 && i < n) y[i] = narrow<T>(sum);
  }
}
