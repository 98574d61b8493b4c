// Images at any places: a block of places at a time gets its neighbours along each axis, then their pixels are mixed.
// The gradient gives each result's to the pixels that it was mixed of; a part has whole images, so sums keep their
// order.
#include <cmath>

#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/kernel_util.hpp"
#include "schema/sampling.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kBlock = 256;          // places whose neighbours are found at a time
constexpr int32_t kNowhere = INT32_MIN;  // where the fill value is: with whatever is added it stays below 0

struct SampleParams {
  Sampling s;
  DType image, coordinates;
  std::vector<uint64_t> fill = {};  // a pixel of it, and room to read on
};

// What lies next to the places of a block on one axis: elements from the axis' start, and how near the second is.
template <class W>
struct Neighbours {
  int32_t low[kBlock], high[kBlock];
  W share[kBlock];
};

// NaN stays.
template <class W>
W at_least(W x, W least) {
  return x < least ? least : x;
}
template <class W>
W at_most(W x, W most) {
  return most < x ? most : x;
}

// The remainders of x by a whole number, in [0, period]: the quotients of near places are exact to a step.
template <class W>
void wrap(W* x, int64_t n, W period) {
  constexpr W kFar = W(1 << 22);
  int far = 0;
  for (int64_t i = 0; i < n; ++i) far += !(std::abs(x[i]) < kFar);
  if (far > 0)
    for (int64_t i = 0; i < n; ++i) x[i] = std::fmod(x[i], period);
  for (int64_t i = 0; i < n; ++i) {
    const W rest = x[i] - std::floor(x[i] / period) * period, more = rest < 0 ? rest + period : rest;
    x[i] = more > period ? more - period : more;
  }
}

// Places beyond the ends as places between them.
template <class W>
void fold(Beyond beyond, W* x, int64_t n, W size) {
  const W last = size - 1;
  if (beyond == Beyond::nearest) {
    for (int64_t i = 0; i < n; ++i) x[i] = at_most(at_least(x[i], W(0)), last);
  } else if (beyond == Beyond::wrap) {
    wrap(x, n, size);
  } else if (beyond == Beyond::mirror) {  // the ends are seen once
    const W period = std::max(2 * last, W(1));
    wrap(x, n, period);
    for (int64_t i = 0; i < n; ++i) x[i] = at_most(at_most(x[i], period - x[i]), last);
  } else {  // "reflect": twice
    for (int64_t i = 0; i < n; ++i) x[i] += W(0.5);
    wrap(x, n, 2 * size);
    for (int64_t i = 0; i < n; ++i) x[i] = at_most(at_least(at_most(x[i], 2 * size - x[i]) - W(0.5), W(0)), last);
  }
}

// Changes `x`, n coordinates on an axis whose elements lie `stride` apart.
template <class W>
void find(const Sampling& s, int axis, int32_t stride, W* __restrict x, int64_t n, Neighbours<W>& __restrict found) {
  const int32_t size = int32_t(s.sizes[size_t(axis)]), last = size - 1;
  if (!s.linear)  // of two that are as near, the one further from 0
    for (int64_t i = 0; i < n; ++i) x[i] = std::copysign(std::floor(std::abs(x[i]) + W(0.5)), x[i]);
  if (s.beyond == Beyond::constant) {
    const W before = -2;  // it and its neighbour lie outside; so does NaN
    for (int64_t i = 0; i < n; ++i) {
      const W place = at_most(at_least(x[i], before), W(size)), below = std::floor(place);
      const int32_t low = int32_t(below >= before ? below : before), high = low + 1;
      found.low[i] = low >= 0 && low < size ? low * stride : kNowhere;
      found.high[i] = high >= 0 && high < size ? high * stride : kNowhere;
      found.share[i] = place - below;
    }
    return;
  }
  fold(s.beyond, x, n, W(size));
  const int32_t after_last = s.beyond == Beyond::wrap ? 0 : last;
  for (int64_t i = 0; i < n; ++i) {
    const W below = std::floor(x[i]);
    const int32_t low = std::min(int32_t(below > 0 ? at_most(below, W(last)) : W(0)), last);  // NaN: the first
    found.low[i] = low * stride;
    found.high[i] = (low < last ? low + 1 : after_last) * stride;
    found.share[i] = x[i] - W(low);
  }
}

// Finds the neighbours of places [begin, begin + n) of an image.
template <class W>
void find_all(const Sampling& s, const W* coordinates, int64_t image, int64_t begin, int64_t n, Neighbours<W>* found) {
  W x[kBlock];
  int64_t stride = s.channels;  // an image has less than 2^31 elements
  for (int axis = s.axes(); axis-- > 0; stride *= s.sizes[size_t(axis)]) {
    std::memcpy(x, coordinates + (axis * (s.shared ? 1 : s.batch) + (s.shared ? 0 : image)) * s.places + begin,
                size_t(n) * sizeof(W));
    find(s, axis, int32_t(stride), x, n, found[axis]);
  }
}

// Where the neighbours around place i lie, below 0 where they do not: the last axis changes first.
template <class W>
void corners(const Neighbours<W>* found, int axes, int64_t i, int64_t* at) {
  at[0] = 0;
  for (int axis = 0, count = 1; axis < axes; ++axis, count *= 2)
    for (int k = count; k-- > 0;) {
      const int64_t from = at[k];
      at[2 * k] = from + found[axis].low[i], at[2 * k + 1] = from + found[axis].high[i];
    }
}

// The same of n places at once, for as few axes: at[corner][place].
template <int kAxes, class W>
void corners(const Neighbours<W>* found, int64_t n, int32_t (*at)[kBlock]) {
  for (int k = 0; k < 1 << kAxes; ++k)
    for (int axis = 0; axis < kAxes; ++axis) {
      const int32_t* next = k >> (kAxes - 1 - axis) & 1 ? found[axis].high : found[axis].low;
      for (int64_t i = 0; i < n; ++i)
        at[k][i] = axis == 0 ? next[i] : (at[k][i] | next[i]) < 0 ? kNowhere : at[k][i] + next[i];
    }
}

typedef float Four __attribute__((vector_size(16)));
Four load_four(const float* p) {
  Four v;
  std::memcpy(&v, p, 16);
  return v;
}
Four load_four(const uint8_t* p) {
  typedef uint8_t Bytes __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  const Bytes zero{};
  Bytes v{};
  std::memcpy(&v, p, 4);
  v = __builtin_shufflevector(v, zero, 0, 16, 16, 16, 1, 16, 16, 16, 2, 16, 16, 16, 3, 16, 16, 16);
  Ints wide;
  std::memcpy(&wide, &v, 16);
  return __builtin_convertvector(wide, Four);
}

// Mixes the corners' values v in pairs, along the last axis first.
template <int kAxes, class V, class W>
V mix(V* v, const W* share) {
  for (int axis = kAxes, count = 1 << kAxes; axis-- > 0; count /= 2)
    for (int k = 0; k < count / 2; ++k) v[k] = v[2 * k] + (v[2 * k + 1] - v[2 * k]) * share[axis];
  return v[0];
}

// y = the mixed pixels of n places of the image x; `on`: what lies behind it may be read.
template <int kAxes, class T, class W>
void mix_block(const Sampling& s, const Neighbours<W>* found, const T* x, bool on, const T* fill, W* y, int64_t n) {
  constexpr int kCorners = 1 << kAxes;
  const int64_t channels = s.channels, last = on ? INT32_MAX : s.pixels() * channels - 4;
  int32_t at[kCorners][kBlock];
  corners<kAxes>(found, n, at);
  for (int64_t i = 0; i < n; ++i, y += channels) {
    const T* p[kCorners];
    W share[kAxes];
    int64_t c = 0;
    bool inside = true;
    for (int k = 0; k < kCorners; ++k) p[k] = at[k][i] < 0 ? fill : x + at[k][i], inside &= at[k][i] <= last;
    for (int axis = 0; axis < kAxes; ++axis) share[axis] = found[axis].share[i];
    if constexpr (sizeof(W) == 4) {
      const auto mix_four = [&] {
        Four v[kCorners];
        for (int k = 0; k < kCorners; ++k) v[k] = load_four(p[k] + c);
        const Four mixed = mix<kAxes>(v, share);
        std::memcpy(y + c, &mixed, 16);
      };
      if (channels == 3 && i + 1 < n && inside) {  // the fourth value does not matter: the next pixel takes its place
        mix_four();
        continue;
      }
      for (; c + 4 <= channels; c += 4) mix_four();
    }
    for (; c < channels; ++c) {
      W v[kCorners];
      for (int k = 0; k < kCorners; ++k) v[k] = W(p[k][c]);
      y[c] = mix<kAxes>(v, share);
    }
  }
}

// The same of one channel: all places' values, then all mixed.
template <int kAxes, class T, class W>
void mix_gray(const Sampling&, const Neighbours<W>* found, const T* x, bool, const T* fill, W* y, int64_t n) {
  constexpr int kCorners = 1 << kAxes;
  int32_t at[kCorners][kBlock];
  W v[kCorners][kBlock];
  corners<kAxes>(found, n, at);
  for (int k = 0; k < kCorners; ++k)
    for (int64_t i = 0; i < n; ++i) v[k][i] = W(*(at[k][i] < 0 ? fill : x + at[k][i]));
  for (int axis = kAxes, count = kCorners; axis-- > 0; count /= 2)
    for (int k = 0; k < count / 2; ++k)
      for (int64_t i = 0; i < n; ++i) v[k][i] = v[2 * k][i] + (v[2 * k + 1][i] - v[2 * k][i]) * found[axis].share[i];
  std::copy(v[0], v[0] + n, y);
}

// The same for any number of axes.
template <class T, class W>
void mix_axes(const Sampling& s, const Neighbours<W>* found, const T* x, bool, const T* fill, W* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t c = 0; c < s.channels; ++c) {
      int64_t at[1 << Sampling::kMostAxes];
      W v[1 << Sampling::kMostAxes];
      corners(found, s.axes(), i, at);
      for (int k = 0; k < 1 << s.axes(); ++k) v[k] = W((at[k] < 0 ? fill : x + at[k])[c]);
      for (int axis = s.axes(), count = 1 << axis; axis-- > 0; count /= 2)
        for (int k = 0; k < count / 2; ++k) v[k] = v[2 * k] + (v[2 * k + 1] - v[2 * k]) * found[axis].share[i];
      *y++ = v[0];
    }
}

// Calls f(image, begin, n, first) for the places of a part in blocks; `first`: the place among those of all images.
template <class F>
void each_block(const Sampling& s, const KernelCall& c, F f) {
  const Range r = part_range(s.batch * s.places, c.parts, c.part);
  for (int64_t first = r.begin; first < r.end;) {
    const int64_t image = first / s.places, begin = first % s.places;
    const int64_t n = std::min({kBlock, s.places - begin, r.end - first});
    f(image, begin, n, first);
    first += n;
  }
}

template <int kAxes, class T, class W>
auto mixer(bool gray) {
  return gray ? mix_gray<kAxes, T, W> : mix_block<kAxes, T, W>;
}
template <class T, class W>
void mix_image(const KernelCall& c) {
  const auto& p = params_of<SampleParams>(c);
  const Sampling& s = p.s;
  const int64_t image_size = s.pixels() * s.channels;
  const bool gray = s.channels == 1;
  const T* fill = reinterpret_cast<const T*>(p.fill.data());
  const auto mixed = s.axes() == 1   ? mixer<1, T, W>(gray)
                     : s.axes() == 2 ? mixer<2, T, W>(gray)
                     : s.axes() == 3 ? mixer<3, T, W>(gray)
                                     : mix_axes<T, W>;
  Neighbours<W> found[Sampling::kMostAxes];
  each_block(s, c, [&](int64_t image, int64_t begin, int64_t n, int64_t first) {
    find_all(s, buffer<const W>(c, 1), image, begin, n, found);
    mixed(s, found, buffer<const T>(c, 0) + image * image_size, image + 1 < s.batch, fill,
          buffer<W>(c, c.out) + first * s.channels, n);
  });
}

template <class W>
void pick(const KernelCall& c) {
  const auto& p = params_of<SampleParams>(c);
  const Sampling& s = p.s;
  const int64_t size = int64_t(dtype_size(p.image)), image_bytes = s.pixels() * s.channels * size;
  Neighbours<W> found[Sampling::kMostAxes];
  with_row_bytes(s.channels * size, [&](auto bytes) {
    each_block(s, c, [&](int64_t image, int64_t begin, int64_t n, int64_t first) {
      find_all(s, buffer<const W>(c, 1), image, begin, n, found);
      const char* x = buffer<const char>(c, 0) + image * image_bytes;
      char* y = buffer<char>(c, c.out) + size_t(first) * bytes;
      for (int64_t i = 0; i < n; ++i, y += bytes) {
        int64_t at = 0;
        for (int axis = 0; axis < s.axes(); ++axis) at += found[axis].low[i];
        std::memcpy(y, at < 0 ? reinterpret_cast<const char*>(p.fill.data()) : x + at * size, bytes);
      }
    });
  });
}

void run_sample(const KernelCall& c) {
  const auto& p = params_of<SampleParams>(c);
  if (!p.s.linear)
    p.coordinates == DType::f64 ? pick<double>(c) : pick<float>(c);
  else if (p.image == DType::f64)
    mix_image<double, double>(c);
  else if (p.image == DType::u8)
    mix_image<uint8_t, float>(c);
  else
    mix_image<float, float>(c);
}

// Adds each place's dy to the pixels that were mixed, by their shares of it.
template <class T, class W>
void give_back(const Sampling& s, const Neighbours<W>* found, const T* dy, T* dx, int64_t n) {
  const int axes = s.axes(), count = s.linear ? 1 << axes : 1;
  for (int64_t i = 0; i < n; ++i, dy += s.channels) {
    int64_t at[1 << Sampling::kMostAxes];
    T weight[1 << Sampling::kMostAxes];
    at[0] = 0, weight[0] = 1;
    for (int axis = 0, k = 1; axis < axes; ++axis, k *= s.linear ? 2 : 1) {
      const T share = T(found[axis].share[i]);
      for (int j = k; j-- > 0;) {
        const int64_t from = at[j];
        const T whole = weight[j];
        if (!s.linear) {
          at[j] = from + found[axis].low[i];
          continue;
        }
        at[2 * j] = from + found[axis].low[i], at[2 * j + 1] = from + found[axis].high[i];
        weight[2 * j] = whole * (1 - share), weight[2 * j + 1] = whole * share;
      }
    }
    for (int k = 0; k < count; ++k) {
      if (at[k] < 0) continue;
      T* to = dx + at[k];
      for (int64_t c = 0; c < s.channels; ++c) to[c] += weight[k] * dy[c];
    }
  }
}

template <class T, class W>
void run_sample_grad(const KernelCall& c) {
  const auto& p = params_of<SampleParams>(c);
  const Sampling& s = p.s;
  const int64_t image_size = s.pixels() * s.channels;
  const Range images = part_range(s.batch, c.parts, c.part);
  T* dx = buffer<T>(c, c.out);
  std::fill(dx + images.begin * image_size, dx + images.end * image_size, T(0));
  Neighbours<W> found[Sampling::kMostAxes];
  for (int64_t image = images.begin; image < images.end; ++image)
    for (int64_t begin = 0; begin < s.places; begin += kBlock) {
      const int64_t n = std::min(kBlock, s.places - begin);
      find_all(s, buffer<const W>(c, 1), image, begin, n, found);
      give_back(s, found, buffer<const T>(c, 0) + (image * s.places + begin) * s.channels, dx + image * image_size, n);
    }
}
}  // namespace

KernelPlan plan_sample(const KernelRequest& r) {
  const TensorSpec &x = r.inputs[0], &at = r.inputs[1];
  SampleParams p{Sampling::of(r, x.shape, at.shape), x.dtype, at.dtype};
  const size_t size = dtype_size(x.dtype);
  const Tensor fill = Tensor::scalar(x.dtype, r.attrs.real("value"));
  p.fill.resize((size_t(p.s.channels) + 4) * size / 8 + 1);
  for (int64_t c = 0; c < p.s.channels; ++c)
    std::memcpy(reinterpret_cast<char*>(p.fill.data()) + size_t(c) * size, fill.raw(), size);
  const int parts = parts_for(p.s.batch * p.s.places, 16.0 * double(p.s.axes()) + 4.0 * double(p.s.channels));
  return make_plan(std::move(p), {{run_sample, parts}});
}

KernelPlan plan_sample_grad(const KernelRequest& r) {
  const DType type = r.inputs[0].dtype, at = r.inputs[1].dtype;
  const Sampling s = Sampling::of(r, r.outputs[0].shape, r.inputs[1].shape);
  KernelFn run = nullptr;
  with_float(r, type,
             [&](auto t) { with_float(r, at, [&](auto w) { run = run_sample_grad<decltype(t), decltype(w)>; }); });
  const double cost = double(s.places) * (16.0 * s.axes() + 8.0 * double(s.channels)) + double(s.pixels() * s.channels);
  return make_plan(SampleParams{s, type, at}, {{run, parts_for(s.batch, cost)}});
}
}  // namespace hornbeam
