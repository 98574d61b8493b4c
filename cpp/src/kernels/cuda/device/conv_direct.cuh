// Convolutions of small groups, depthwise above all, where no tile of a product would be filled: a thread computes the
// elements of the result by themselves.
#pragma once
#include "conv_shape.cuh"

/// How far `tap` of an axis reaches from a pixel of the output.
__device__ __forceinline__ i64 reach(const Conv& c, int axis, i64 pixel, i64 tap) {
  return pixel * c.stride[axis] - c.low[axis] + tap * c.dilation[axis];
}

/// y = the convolution plus `bias`, which may be null, through relu if that is set. V = 4 takes four channels at once
/// and needs one channel and one filter a group.
template <class T, int V>
__global__ void __launch_bounds__(256, 3)
    conv_direct(Run run, const T* x, const T* kernel, const T* bias, T* y, Dims sizes, Dims rest, i64 relu) {
  if (run.halted()) return;
  using W = Wide<T>;
  const Conv c(sizes, rest);
  const i64 n = c.batch * c.out[0] * c.out[1] * c.out[2] * c.filters / V;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const i64 filter = e * V % c.filters, channel = filter / c.group_filters * c.group_channels;
    const Pixel p(e * V / c.filters, c.out);
    W sum[V];
    for (int j = 0; j < V; ++j) sum[j] = bias ? widen(bias[filter + j]) : W(0);
    for (i64 t0 = 0; t0 < c.window[0]; ++t0)
      for (i64 t1 = 0; t1 < c.window[1]; ++t1)
        for (i64 t2 = 0; t2 < c.window[2]; ++t2) {
          const i64 a0 = reach(c, 0, p.at[0], t0), a1 = reach(c, 1, p.at[1], t1), a2 = reach(c, 2, p.at[2], t2);
          if (!inside(a0, a1, a2, c.in)) continue;
          const T* from = x + (((p.image * c.in[0] + a0) * c.in[1] + a1) * c.in[2] + a2) * c.channels + channel;
          const T* w = kernel + ((t0 * c.window[1] + t1) * c.window[2] + t2) * c.group_channels * c.filters + filter;
          if (V == 4) {
            const Pack<T, V> xs = load_pack<V>(from), ws = load_pack<V>(w);
            for (int j = 0; j < V; ++j) sum[j] += widen(xs.v[j]) * widen(ws.v[j]);
          } else {
            for (i64 k = 0; k < c.group_channels; ++k) sum[0] += widen(from[k]) * widen(w[k * c.filters]);
          }
        }
    for (int j = 0; j < V; ++j) sum[j] = relu && sum[j] < 0 ? W(0) : sum[j];
    write_pack(y + e * V, sum);
  }
}

/// The pixel of the output from which `tap` of an axis reaches `pixel` of the input; negative when there is none.
__device__ __forceinline__ i64 source(const Conv& c, int axis, i64 pixel, i64 tap) {
  const i64 at = pixel + c.low[axis] - tap * c.dilation[axis];
  if (c.stride[axis] == 1 || at < 0) return at;
  return at % c.stride[axis] == 0 ? at / c.stride[axis] : -1;
}

/// dx = the gradient with respect to the input.
template <class T, int V>
__global__ void __launch_bounds__(256, 3)
    conv_direct_input_grad(Run run, const T* dy, const T* kernel, T* dx, Dims sizes, Dims rest) {
  if (run.halted()) return;
  using W = Wide<T>;
  const Conv c(sizes, rest);
  const i64 n = c.batch * c.in[0] * c.in[1] * c.in[2] * c.channels / V;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const i64 channel = e * V % c.channels, filter = channel / c.group_channels * c.group_filters;
    const Pixel p(e * V / c.channels, c.in);
    W sum[V] = {};
    for (i64 t0 = 0; t0 < c.window[0]; ++t0) {
      const i64 a0 = source(c, 0, p.at[0], t0);
      for (i64 t1 = 0; t1 < c.window[1]; ++t1) {
        const i64 a1 = source(c, 1, p.at[1], t1);
        for (i64 t2 = 0; t2 < c.window[2]; ++t2) {
          const i64 a2 = source(c, 2, p.at[2], t2);
          if (!inside(a0, a1, a2, c.out)) continue;
          const T* from = dy + (((p.image * c.out[0] + a0) * c.out[1] + a1) * c.out[2] + a2) * c.filters + filter;
          const T* w = kernel +
                       (((t0 * c.window[1] + t1) * c.window[2] + t2) * c.group_channels + channel % c.group_channels) *
                           c.filters +
                       filter;
          if (V == 4) {
            const Pack<T, V> ys = load_pack<V>(from), ws = load_pack<V>(w);
            for (int j = 0; j < V; ++j) sum[j] += widen(ys.v[j]) * widen(ws.v[j]);
          } else {
            for (i64 k = 0; k < c.group_filters; ++k) sum[0] += widen(from[k]) * widen(w[k]);
          }
        }
      }
    }
    write_pack(dx + e * V, sum);
  }
}

constexpr int kTaps = 9;  // that a thread has sums of

/// The gradient with respect to the kernel. A block has 32 pairs of a group's channel and a filter, kTaps taps and a
/// chunk of the pixels, which its 8 warps share; blocks that differ in the pairs are neighbours. `dk` has a tensor for
/// each of `chunks`.
template <class T, class O>
__global__ void __launch_bounds__(256)
    conv_direct_kernel_grad(Run run, const T* x, const T* dy, O* dk, Dims sizes, Dims rest, i64 chunks) {
  if (run.halted()) return;
  using W = Wide<T>;
  __shared__ W part[8][32];
  const Conv c(sizes, rest);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const i64 pairs = c.group_channels * c.filters, pair_blocks = (pairs + 31) / 32;
  const i64 taps = c.window[0] * c.window[1] * c.window[2];
  const i64 pair = blockIdx.x % pair_blocks * 32 + lane;
  const i64 chunk = blockIdx.x / pair_blocks % chunks, first_tap = blockIdx.x / pair_blocks / chunks * kTaps;
  const bool paired = pair < pairs;
  const i64 filter = pair % c.filters, channel = filter / c.group_filters * c.group_channels + pair / c.filters;

  i64 d[kTaps][3];
  for (int t = 0; t < kTaps; ++t) {
    i64 tap = first_tap + t;
    const bool there = tap < taps;
    for (int i = 2; i >= 0; --i) {
      d[t][i] = there ? tap % c.window[i] * c.dilation[i] - c.low[i] : -(i64(1) << 62);  // which is nowhere
      tap /= c.window[i];
    }
  }
  const i64 pixels = c.batch * c.out[0] * c.out[1] * c.out[2], each = (pixels + chunks - 1) / chunks;
  const i64 end = (chunk + 1) * each < pixels ? (chunk + 1) * each : pixels;
  W sum[kTaps] = {};
  for (i64 number = chunk * each + warp; number < end && paired; number += 8) {
    const Pixel p(number, c.out);
    const W y = widen(dy[number * c.filters + filter]);
    const i64 b0 = p.at[0] * c.stride[0], b1 = p.at[1] * c.stride[1], b2 = p.at[2] * c.stride[2];
#pragma unroll
    for (int t = 0; t < kTaps; ++t) {
      const i64 a0 = b0 + d[t][0], a1 = b1 + d[t][1], a2 = b2 + d[t][2];
      if (inside(a0, a1, a2, c.in))
        sum[t] += y * widen(x[(((p.image * c.in[0] + a0) * c.in[1] + a1) * c.in[2] + a2) * c.channels + channel]);
    }
  }
#pragma unroll
  for (int t = 0; t < kTaps; ++t) {
    part[warp][lane] = sum[t];
    __syncthreads();
    if (warp == 0 && paired && first_tap + t < taps) {
      W all = part[0][lane];
      for (int i = 1; i < 8; ++i) all += part[i][lane];
      dk[(chunk * taps + first_tap + t) * pairs + pair] = narrow<O>(all);
    }
    __syncthreads();
  }
}
