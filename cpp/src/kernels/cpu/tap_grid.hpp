// Which pixels the taps of a convolution join.
#pragma once

#include "kernels/cpu/conv_geometry.hpp"

namespace hornbeam {

// A grid of pixels and the source pixels its taps reach: at * step + start + tap * spread along each axis. The forward
// convolution's is the output over the input; with stride 1 the input gradient's is the input over the output.
struct TapGrid {
  int64_t count[3], size[3], step[3], start[3], spread[3], window[3];

  static TapGrid forward(const ConvGeometry& g) {
    TapGrid t;
    for (int i = 0; i < 3; ++i) {
      t.count[i] = g.out[i], t.size[i] = g.in[i], t.window[i] = g.window[i];
      t.step[i] = g.stride[i], t.start[i] = -g.low[i], t.spread[i] = g.dilation[i];
    }
    return t;
  }
  static TapGrid backward(const ConvGeometry& g) {
    TapGrid t;
    for (int i = 0; i < 3; ++i) {
      t.count[i] = g.in[i], t.size[i] = g.out[i], t.window[i] = g.window[i];
      t.step[i] = 1, t.start[i] = g.low[i], t.spread[i] = -g.dilation[i];
    }
    return t;
  }
  // Pixels of a line that reach the source with every tap of the last axis.
  Range inner() const {
    const int64_t far = (window[2] - 1) * spread[2], low = start[2] + std::min<int64_t>(0, far),
                  high = start[2] + std::max<int64_t>(0, far);
    const int64_t from = std::min(count[2], low >= 0 ? 0 : (-low + step[2] - 1) / step[2]);
    const int64_t past = size[2] - 1 - high;
    return {from, past < 0 ? from : std::max(from, std::min(count[2], past / step[2] + 1))};
  }
  // Fetches what the line after `line` reads beyond it, and `out`, where it goes: channels are walked one register at a
  // time, in strides that the hardware does not foresee.
  void prefetch_next(int64_t line, const float* source, const float* out, int64_t channels) const {
    const int64_t lines = count[0] * count[1], next = line + 1;
    const int64_t h = next % count[1] * step[1] + start[1] + std::max<int64_t>(0, (window[1] - 1) * spread[1]);
    const int64_t width = size[2] * channels;
    const float* last = source + (next / lines * size[0] * size[1] + std::min(size[1] - 1, h)) * width;
    for (int64_t i = 0; i < std::min(step[1], size[1]) * width && size[0] == 1; i += 16)
      __builtin_prefetch(last + width - 16 - i);
    for (int64_t i = 0; i < count[2] * channels; i += 16) __builtin_prefetch(out + i, 1);
  }
  bool reaches(int axis, int64_t pixel, int64_t tap) const {
    const int64_t at = pixel * step[axis] + start[axis] + tap * spread[axis];
    return at >= 0 && at < size[axis];
  }
  // The taps of an axis that reach the source from a pixel, and the pixels from which a tap does.
  Range taps(int axis, int64_t pixel) const {
    return stretch(window[axis], [&](int64_t tap) { return reaches(axis, pixel, tap); });
  }
  Range pixels(int axis, int64_t tap) const {
    return stretch(count[axis], [&](int64_t pixel) { return reaches(axis, pixel, tap); });
  }
  // Calls f(first pixel, pixels) for stretches of a line's pixels: those within reach of every tap of the last axis
  // together, others one by one.
  template <class F>
  void stretches(const Range& pixels, F f) const {
    const Range whole = inner();
    for (int64_t w = pixels.begin; w < pixels.end;) {
      const int64_t n = w < whole.begin || w >= whole.end ? 1 : std::min(whole.end, pixels.end) - w;
      f(w, n);
      w += n;
    }
  }
  // Calls f(source pixel, tap) for each pair of pixel `w` of a line.
  template <class F>
  void pairs(int64_t line, int64_t w, F f) const {
    const int64_t lines = count[0] * count[1], image = line / lines,
                  at[3] = {line % lines / count[1], line % count[1], w};
    for (int64_t a = 0, tap = 0; a < window[0]; ++a)
      for (int64_t b = 0; b < window[1]; ++b)
        for (int64_t e = 0; e < window[2]; ++e, ++tap) {
          const int64_t d = at[0] * step[0] + start[0] + a * spread[0], h = at[1] * step[1] + start[1] + b * spread[1],
                        v = at[2] * step[2] + start[2] + e * spread[2];
          if (d >= 0 && d < size[0] && h >= 0 && h < size[1] && v >= 0 && v < size[2])
            f(((image * size[0] + d) * size[1] + h) * size[2] + v, tap);
        }
  }

 private:
  // The first numbers in a row below n that hold.
  template <class Holds>
  static Range stretch(int64_t n, Holds holds) {
    int64_t first = 0;
    while (first < n && !holds(first)) ++first;
    int64_t last = first;
    while (last < n && holds(last)) ++last;
    return {first, last};
  }
};

// The pairs of a pixel as offsets of cells and of taps, some at a time: flush(pairs, whether they are the first).
constexpr int kPairs = 27;
struct Pairs {
  int64_t cells[kPairs], taps[kPairs];
  int count = 0;
};
template <class F>
void each_batch_of_pairs(const TapGrid& grid, int64_t line, int64_t w, int64_t channels, F flush) {
  Pairs q;
  bool first = true;
  grid.pairs(line, w, [&](int64_t cell, int64_t tap) {
    q.cells[q.count] = cell * channels, q.taps[q.count] = tap * channels;
    if (++q.count < kPairs) return;
    flush(q, first);
    q.count = 0, first = false;
  });
  if (q.count > 0 || first) flush(q, first);
}

/// The share of all pairs of pixel and tap that lie inside the source.
double inside_share(const TapGrid& grid);
}  // namespace hornbeam
