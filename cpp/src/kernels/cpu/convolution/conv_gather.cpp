// Gathering the pixels under a window into tiles of a product.
#include "kernels/cpu/convolution/conv_geometry.hpp"

namespace hornbeam {
Gather Gather::forward(const ConvGeometry& g, int64_t group) {
  Gather a;
  for (int i = 0; i < 3; ++i) {
    a.size[i] = g.in[i];
    a.count[i] = g.out[i];
    a.step[i] = g.stride[i];
    a.start[i] = -g.low[i];
  }
  a.pixel_stride = g.channels;
  a.channels = g.group_channels();
  a.offset = group * g.group_channels();
  for (int64_t d = 0; d < g.window[0]; ++d)
    for (int64_t h = 0; h < g.window[1]; ++h)
      for (int64_t w = 0; w < g.window[2]; ++w)
        a.taps.push_back({{d * g.dilation[0], h * g.dilation[1], w * g.dilation[2]}});
  a.set_runs();
  return a;
}

Gather Gather::backward(const ConvGeometry& g, int64_t group, const int64_t (&phase)[3],
                        std::vector<int64_t>* tap_index) {
  Gather a;
  std::vector<int64_t> valid[3];  // (phase + low - t * dilation) is divisible by the stride
  for (int i = 0; i < 3; ++i) {
    a.size[i] = g.out[i];
    a.count[i] = phase[i] < g.in[i] ? (g.in[i] - phase[i] + g.stride[i] - 1) / g.stride[i] : 0;
    a.step[i] = 1;
    a.start[i] = 0;
    for (int64_t t = 0; t < g.window[i]; ++t)
      if ((phase[i] + g.low[i] - t * g.dilation[i]) % g.stride[i] == 0) valid[i].push_back(t);
  }
  auto source = [&](int i, int64_t t) { return (phase[i] + g.low[i] - t * g.dilation[i]) / g.stride[i]; };
  // taps from the last, so that neighbours in the gradient follow each other
  for (auto d = valid[0].rbegin(); d != valid[0].rend(); ++d)
    for (auto h = valid[1].rbegin(); h != valid[1].rend(); ++h)
      for (auto w = valid[2].rbegin(); w != valid[2].rend(); ++w) {
        a.taps.push_back({{source(0, *d), source(1, *h), source(2, *w)}});
        tap_index->push_back((*d * g.window[1] + *h) * g.window[2] + *w);
      }
  a.pixel_stride = g.filters;
  a.channels = g.group_filters();
  a.offset = group * g.group_filters();
  a.set_runs();
  return a;
}

void Gather::set_runs() {
  run = 1;
  if (channels != pixel_stride) return;
  // the longest window row whose taps are neighbours
  auto follows = [&](size_t t) {
    return taps[t].at[0] == taps[t - 1].at[0] && taps[t].at[1] == taps[t - 1].at[1] &&
           taps[t].at[2] == taps[t - 1].at[2] + 1;
  };
  size_t n = 1;
  while (n < taps.size() && follows(n)) ++n;
  if (taps.empty() || taps.size() % n != 0) return;
  for (size_t t = 1; t < taps.size(); ++t)
    if (follows(t) != (t % n != 0)) return;
  run = int64_t(n);
}

Gather::Pixel Gather::pixel(int64_t m) const {
  const int64_t p = m % pixels();
  return {m / pixels(), p / (count[1] * count[2]), p / count[2] % count[1], p % count[2]};
}

void Gather::advance(Pixel& p) const {
  if (++p.w < count[2]) return;
  p.w = 0;
  if (++p.h < count[1]) return;
  p.h = 0;
  if (++p.d < count[0]) return;
  p.d = 0;
  ++p.image;
}

void Gather::row(const float* x, const Pixel& p, int64_t r, int64_t skip, int64_t depth, float* dst) const {
  const int64_t base[3] = {p.d * step[0] + start[0], p.h * step[1] + start[1], p.w * step[2] + start[2]};
  const float* src = x + p.image * size[0] * size[1] * size[2] * pixel_stride + offset;
  const int64_t span = run * channels;  // floats of one run of taps
  int64_t left = depth;
  while (left > 0) {
    const Tap& t = taps[size_t(r * run)];
    const int64_t d = base[0] + t.at[0], h = base[1] + t.at[1], w = base[2] + t.at[2];
    const int64_t n = std::min(span - skip, left);
    if (uint64_t(d) >= uint64_t(size[0]) || uint64_t(h) >= uint64_t(size[1]) || w >= size[2] || w + run <= 0) {
      std::fill(dst, dst + n, 0.0f);
    } else {
      const float* line = src + ((d * size[1] + h) * size[2] + w) * pixel_stride + skip;
      if (w >= 0 && w + run <= size[2]) {
        copy_floats(dst, line, n);
      } else {  // the run crosses an edge: the columns inside [w, w + run) that exist
        const int64_t lo = std::max<int64_t>(0, -w) * channels, hi = std::min(run, size[2] - w) * channels;
        for (int64_t i = 0; i < n; ++i) dst[i] = (skip + i >= lo && skip + i < hi) ? line[i] : 0.0f;
      }
    }
    dst += n;
    left -= n;
    skip = 0;
    ++r;
  }
}

void fill_gather_rows(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth) {
  if (depth == 0) return;  // no channels
  const Gather& g = *static_cast<const Gather*>(source);
  const int64_t span = g.run * g.channels, r = k / span, skip = k % span;
  Gather::Pixel p = g.pixel(row);
  for (int i = 0; i < rows; ++i, g.advance(p))
    g.row(static_cast<const float*>(a), p, r, skip, depth, dst + i * kTileStride);
}
void fill_gather_columns(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const Gather& g = *static_cast<const Gather*>(source);
  const int64_t span = g.run * g.channels, r = row / span, skip = row % span;
  Gather::Pixel p = g.pixel(k);
  for (int i = 0; i < depth; ++i, g.advance(p)) g.row(static_cast<const float*>(a), p, r, skip, rows, dst + i * rows);
}
}  // namespace hornbeam
