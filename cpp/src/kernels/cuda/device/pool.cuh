// Pooling and its gradients: a thread computes V elements of the result, neighbours in a pixel, gradients from the
// windows that they lie in.
#pragma once
#include "pack.cuh"

/// Three spatial axes; missing ones have size 1.
struct Pool {
  i64 in[3], out[3], window[3], stride[3], low[3];
  i64 batch, channels;
  __device__ Pool(const Dims& sizes, const Dims& rest) {
    for (int i = 0; i < 3; ++i) {
      in[i] = sizes.n[i], out[i] = sizes.n[3 + i], window[i] = sizes.n[6 + i], stride[i] = sizes.n[9 + i];
      low[i] = rest.n[i];
    }
    batch = rest.n[3], channels = rest.n[4];
  }
  __device__ i64 in_size() const { return in[0] * in[1] * in[2] * channels; }
  __device__ i64 out_size() const { return out[0] * out[1] * out[2] * channels; }
};

/// A box of pixels.
struct Box {
  i64 begin[3], end[3];
  __device__ i64 size() const { return (end[0] - begin[0]) * (end[1] - begin[1]) * (end[2] - begin[2]); }
};

/// An element's channel and position of an image of `size`, and the number of the image.
struct Element {
  i64 image, at[3], channel;
  __device__ Element(i64 e, i64 channels, const i64 (&size)[3]) {
    channel = e % channels, e /= channels;
    for (int i = 2; i >= 0; --i) at[i] = e % size[i], e /= size[i];
    image = e;
  }
};

/// The pixels of the input in the window of a pixel of the output. None: all axes are empty.
__device__ __forceinline__ Box window_of(const Pool& p, const i64 (&at)[3]) {
  Box b;
  bool empty = false;
  for (int i = 0; i < 3; ++i) {
    const i64 first = at[i] * p.stride[i] - p.low[i], end = first + p.window[i];
    b.begin[i] = first > 0 ? first : 0, b.end[i] = end < p.in[i] ? end : p.in[i];
    empty = empty || b.end[i] <= b.begin[i];
  }
  for (int i = 0; i < 3; ++i)
    if (empty) b.end[i] = b.begin[i];
  return b;
}
/// The pixels of the output whose windows have a pixel of the input.
__device__ __forceinline__ Box readers_of(const Pool& p, const i64 (&at)[3]) {
  Box b;
  for (int i = 0; i < 3; ++i) {
    const i64 last = at[i] + p.low[i], before = last - p.window[i];  // of the windows' first pixels
    b.begin[i] = before < 0 ? 0 : before / p.stride[i] + 1, b.end[i] = last / p.stride[i] + 1;
    if (b.end[i] > p.out[i]) b.end[i] = p.out[i];
  }
  return b;
}

/// Calls f(number of the pixel in an image of `size`, position) for a box's pixels, in their order.
template <class F>
__device__ __forceinline__ void each_pixel(const Box& b, const i64 (&size)[3], F f) {
  for (i64 d = b.begin[0]; d < b.end[0]; ++d)
    for (i64 h = b.begin[1]; h < b.end[1]; ++h)
      for (i64 w = b.begin[2]; w < b.end[2]; ++w) f((d * size[1] + h) * size[2] + w, d, h, w);
}

/// The largest, of equals the first; a NaN wins. `index` may be null: where it is in its image, -1 for nowhere.
template <class T, int V>
__global__ void max_pool(Run run, const T* x, T* y, int* index, Dims sizes, Dims rest) {
  if (run.halted()) return;
  const Pool p(sizes, rest);
  const i64 n = p.batch * p.out_size() / V;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const Element o(e * V, p.channels, p.out);
    const T* image = x + o.image * p.in_size();
    Pack<T, V> best;
    Pack<int, V> where;
    for (int j = 0; j < V; ++j) best.v[j] = narrow<T>(Wide<T>(0)), where.v[j] = -1;
    each_pixel(window_of(p, o.at), p.in, [&](i64 pixel, i64, i64, i64) {
      const i64 at = pixel * p.channels + o.channel;
      const Pack<T, V> pack = load_pack<V>(image + at);
      for (int j = 0; j < V; ++j) {
        const Wide<T> v = widen(pack.v[j]);
        if (where.v[j] < 0 || v > widen(best.v[j]) || v != v) best.v[j] = pack.v[j], where.v[j] = int(at) + j;
      }
    });
    store_pack(y + e * V, best);
    if (index) store_pack(index + e * V, where);
  }
}

template <class T, int V>
__global__ void max_pool_grad(Run run, const int* index, const T* dy, T* dx, Dims sizes, Dims rest) {
  if (run.halted()) return;
  const Pool p(sizes, rest);
  const i64 n = p.batch * p.in_size() / V;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const Element i(e * V, p.channels, p.in);
    const int mine = int(e * V - i.image * p.in_size());
    const i64 base = i.image * p.out_size() + i.channel;
    Wide<T> sum[V] = {};
    each_pixel(readers_of(p, i.at), p.out, [&](i64 pixel, i64, i64, i64) {
      const i64 at = base + pixel * p.channels;
      const Pack<int, V> where = load_pack<V>(index + at);
      const Pack<T, V> pack = load_pack<V>(dy + at);
      for (int j = 0; j < V; ++j)
        if (where.v[j] == mine + j) sum[j] += widen(pack.v[j]);
    });
    write_pack(dx + e * V, sum);
  }
}

/// y = x where the index says, 0 where that is outside the image.
template <class T>
__global__ void max_pool_pick(Run run, const int* index, const T* x, T* y, i64 n, i64 in_size, i64 out_size) {
  if (run.halted()) return;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const i64 at = index[e];
    y[e] = at >= 0 && at < in_size ? x[e / out_size * in_size + at] : narrow<T>(Wide<T>(0));
  }
}

/// What a window's mean multiplies the sum of its pixels in the image by.
template <class W>
__device__ __forceinline__ W share(const Box& window) {
  const i64 count = window.size();
  return W(1) / W(count > 1 ? count : 1);
}

template <class T, int V>
__global__ void average_pool(Run run, const T* x, T* y, Dims sizes, Dims rest) {
  if (run.halted()) return;
  const Pool p(sizes, rest);
  const i64 n = p.batch * p.out_size() / V;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const Element o(e * V, p.channels, p.out);
    const T* image = x + o.image * p.in_size() + o.channel;
    const Box window = window_of(p, o.at);
    Wide<T> sum[V] = {};
    each_pixel(window, p.in, [&](i64 pixel, i64, i64, i64) {
      const Pack<T, V> pack = load_pack<V>(image + pixel * p.channels);
      for (int j = 0; j < V; ++j) sum[j] += widen(pack.v[j]);
    });
    for (int j = 0; j < V; ++j) sum[j] *= share<Wide<T>>(window);
    write_pack(y + e * V, sum);
  }
}

template <class T, int V>
__global__ void average_pool_grad(Run run, const T* dy, T* dx, Dims sizes, Dims rest) {
  if (run.halted()) return;
  const Pool p(sizes, rest);
  const i64 n = p.batch * p.in_size() / V;
  for (i64 e = first_index(); e < n; e += index_stride()) {
    const Element i(e * V, p.channels, p.in);
    const T* image = dy + i.image * p.out_size() + i.channel;
    Wide<T> sum[V] = {};
    each_pixel(readers_of(p, i.at), p.out, [&](i64 pixel, i64 d, i64 h, i64 w) {
      const i64 at[3] = {d, h, w};
      const Wide<T> part = share<Wide<T>>(window_of(p, at));
      const Pack<T, V> pack = load_pack<V>(image + pixel * p.channels);
      for (int j = 0; j < V; ++j) sum[j] += widen(pack.v[j]) * part;
    });
    write_pack(dx + e * V, sum);
  }
}
