// Images at any places: a thread an element of the result. The gradient adds to pixels that many places may share, so a
// thread walks all places of an image for one channel, in their order.
#pragma once
#include "walk.cuh"

enum class Beyond { constant, nearest, wrap, mirror, reflect };

/// x's remainder by a whole number, in [0, period].
template <class W>
__device__ __forceinline__ W wrapped(W x, W period) {
  const W rest = fmod(x, period);
  return rest < 0 ? rest + period : rest;
}
/// NaN stays.
template <class W>
__device__ __forceinline__ W between(W x, W least, W most) {
  return x < least ? least : x > most ? most : x;
}

/// The elements next to a place on an axis, -1 where there are none, and how near the second is.
template <class W>
struct Neighbours {
  i64 at[2];
  W share;
};
template <Beyond kBeyond, bool kLinear, class W>
__device__ __forceinline__ Neighbours<W> neighbours(W x, i64 size) {
  const W n = W(size), last = n - 1;
  if (!kLinear) x = copysign(floor(fabs(x) + W(0.5)), x);
  Neighbours<W> found;
  if (kBeyond == Beyond::constant) {
    const W before = -2, place = between(x, before, n), below = floor(place);
    const i64 low = below >= before ? i64(below) : -2;  // NaN is outside
    found.at[0] = low >= 0 && low < size ? low : -1;
    found.at[1] = low + 1 >= 0 && low + 1 < size ? low + 1 : -1;
    found.share = place - below;
    return found;
  }
  if (kBeyond == Beyond::nearest) x = between(x, W(0), last);
  if (kBeyond == Beyond::wrap) x = wrapped(x, n);
  if (kBeyond == Beyond::mirror) {
    const W period = 2 * last > 1 ? 2 * last : W(1);
    x = wrapped(x, period);
    x = between(period - x < x ? period - x : x, W(0), last);
  }
  if (kBeyond == Beyond::reflect) {
    x = wrapped(x + W(0.5), 2 * n);
    x = between((2 * n - x < x ? 2 * n - x : x) - W(0.5), W(0), last);
  }
  const W below = floor(x);
  i64 low = below > 0 ? i64(below) : 0;  // NaN: the first
  low = low < size ? low : size - 1;
  found.at[0] = low;
  found.at[1] = low + 1 < size ? low + 1 : kBeyond == Beyond::wrap ? 0 : low;
  found.share = x - W(low);
  return found;
}

/// All axes' neighbours of a place; `at`: its first coordinate, those of the other axes lie `step` apart.
template <int kAxes, Beyond kBeyond, bool kLinear, class W>
__device__ __forceinline__ void find_all(Neighbours<W>* found, const W* at, i64 step, const Dims& sizes) {
#pragma unroll
  for (int a = 0; a < kAxes; ++a) found[a] = neighbours<kBeyond, kLinear>(at[a * step], sizes.n[a]);
}
/// The pixel that is the first or second neighbour on each axis, by the bits of `corner`, the last axis' the lowest;
/// -1: there is none.
template <int kAxes, class W>
__device__ __forceinline__ i64 pixel_of(const Neighbours<W>* found, int corner, const Dims& sizes) {
  i64 pixel = 0;
#pragma unroll
  for (int a = 0; a < kAxes; ++a) {
    const i64 at = found[a].at[corner >> (kAxes - 1 - a) & 1];
    if (at < 0) return -1;
    pixel = pixel * sizes.n[a] + at;
  }
  return pixel;
}

/// The fill value is `value`, its bits are `fill`. y [batch, places, channels] of x [batch, pixels, channels] at [axes,
/// batch or 1, places].
template <int kAxes, Beyond kBeyond, bool kLinear, class T, class Y, class W, class I>
__global__ void sample(Run run, const T* x, const W* at, Y* y, i64 n, i64 places, i64 pixels, i64 channels, i64 magic,
                       i64 images, i64 fill, double value, Dims sizes) {
  if (run.halted()) return;
  T outside;
  if constexpr (kLinear)
    outside = T(value);
  else
    outside = word_of<T>(fill);
  make_words<I>(y, n, [&](I i) {
    const I row = quotient(i, channels, magic);
    const i64 channel = i - row * I(channels), image = i64(row) / places, place = i64(row) - image * places;
    Neighbours<W> found[kAxes];
    find_all<kAxes, kBeyond, kLinear>(found, at + (images == 1 ? 0 : image) * places + place, images * places, sizes);
    const T* from = x + image * pixels * channels + channel;
    const auto seen = [&](int corner) {
      const i64 pixel = pixel_of<kAxes>(found, corner, sizes);
      return pixel < 0 ? outside : from[pixel * channels];
    };
    if constexpr (!kLinear) {
      return seen(0);
    } else {
      Y v[1 << kAxes];
#pragma unroll
      for (int k = 0; k < 1 << kAxes; ++k) v[k] = Y(seen(k));
#pragma unroll
      for (int a = kAxes - 1; a >= 0; --a)
#pragma unroll
        for (int k = 0; k < 1 << a; ++k) v[k] = v[2 * k] + (v[2 * k + 1] - v[2 * k]) * Y(found[a].share);
      return v[0];
    }
  });
}

/// dx, which is zero, from dy: a thread a channel of an image.
template <int kAxes, Beyond kBeyond, bool kLinear, class T, class W>
__global__ void sample_grad(Run run, const T* dy, const W* at, T* dx, i64 batch, i64 places, i64 pixels, i64 channels,
                            i64 images, Dims sizes) {
  if (run.halted()) return;
  for (i64 t = first_index(); t < batch * channels; t += index_stride()) {
    const i64 image = t / channels, channel = t - image * channels;
    const T* from = dy + image * places * channels + channel;
    T* to = dx + image * pixels * channels + channel;
    for (i64 place = 0; place < places; ++place) {
      Neighbours<W> found[kAxes];
      find_all<kAxes, kBeyond, kLinear>(found, at + (images == 1 ? 0 : image) * places + place, images * places, sizes);
      const T d = from[place * channels];
#pragma unroll
      for (int k = 0; k < (kLinear ? 1 << kAxes : 1); ++k) {
        const i64 pixel = pixel_of<kAxes>(found, k, sizes);
        T weight = 1;
        if (kLinear)
#pragma unroll
          for (int a = 0; a < kAxes; ++a)
            weight *= k >> (kAxes - 1 - a) & 1 ? T(found[a].share) : 1 - T(found[a].share);
        if (pixel >= 0) to[pixel * channels] += weight * d;
      }
    }
  }
}
