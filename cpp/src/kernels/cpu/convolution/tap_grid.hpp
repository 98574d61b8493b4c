// Which pixels the taps of a convolution join.
#pragma once

#include <numeric>

#include "kernels/cpu/convolution/conv_geometry.hpp"

namespace hornbeam {

// A grid of pixels and the source pixels its taps reach: at * step + start + tap * spread along each axis; its taps are
// every `tap_step`th of the kernel's from `first_tap` on. The forward convolution's is the output over the input; the
// input gradient's the input over the output, one grid for each phase of a stride: pixels i * stride + phase.
struct TapGrid {
  int64_t count[3], size[3], step[3], start[3], spread[3], window[3];
  int64_t first_tap[3] = {}, tap_step[3] = {1, 1, 1}, kernel[3];

  static TapGrid forward(const ConvGeometry& g) {
    TapGrid t;
    for (int i = 0; i < 3; ++i) {
      t.count[i] = g.out[i], t.size[i] = g.in[i], t.window[i] = t.kernel[i] = g.window[i];
      t.step[i] = g.stride[i], t.start[i] = -g.low[i], t.spread[i] = g.dilation[i];
    }
    return t;
  }
  static TapGrid backward(const ConvGeometry& g, const int64_t (&phase)[3] = {0, 0, 0}) {
    TapGrid t;
    for (int i = 0; i < 3; ++i) {
      const int64_t stride = g.stride[i], reach = phase[i] + g.low[i];
      t.kernel[i] = g.window[i], t.size[i] = g.out[i];
      t.count[i] = phase[i] < g.in[i] ? (g.in[i] - phase[i] + stride - 1) / stride : 0;
      // those taps meet the phase that lie a multiple of the stride before it
      t.tap_step[i] = stride / std::gcd(stride, g.dilation[i]);
      int64_t& first = t.first_tap[i];
      if (g.dilation[i] == 1) first = std::min(g.window[i], reach % stride);
      while (first < g.window[i] && (reach - first * g.dilation[i]) % stride != 0) ++first;
      t.window[i] = (g.window[i] - first + t.tap_step[i] - 1) / t.tap_step[i];
      t.step[i] = 1, t.start[i] = (reach - first * g.dilation[i]) / stride;
      t.spread[i] = -t.tap_step[i] * g.dilation[i] / stride;
    }
    return t;
  }
  int64_t at(int axis, int64_t pixel, int64_t tap) const {
    return pixel * step[axis] + start[axis] + tap * spread[axis];
  }
  int64_t tap(int axis, int64_t i) const { return first_tap[axis] + i * tap_step[axis]; }  // of the kernel
  // The taps of an axis that reach the source from a pixel, and the pixels from which a tap does. Windows and paddings
  // may be far larger than what they meet, so nothing is counted.
  Range taps(int axis, int64_t pixel) const {
    return within(window[axis], at(axis, pixel, 0), spread[axis], size[axis]);
  }
  Range pixels(int axis, int64_t tap) const { return within(count[axis], at(axis, 0, tap), step[axis], size[axis]); }

 private:
  // The numbers i in [0, n) with 0 <= first + i * slope < end.
  static Range within(int64_t n, int64_t first, int64_t slope, int64_t end) {
    if (slope < 0) {  // the same from the other side
      const Range r = within(n, first + (n - 1) * slope, -slope, end);
      return {n - r.end, n - r.begin};
    }
    auto up = [&](int64_t v) { return v <= 0 ? 0 : std::min(n, (v + slope - 1) / slope); };
    const int64_t begin = up(-first);
    return {begin, std::max(begin, up(end - first))};
  }
};

constexpr int kPairs = 128;
/// Some taps of a stretch of pixels: x[source + p * step + cells[i] + channel] meets kernel[taps[i] + channel] at pixel
/// w + p of the line.
struct Pairs {
  int64_t w, pixels, source;
  int64_t all;  // taps of the stretch
  int64_t cells[kPairs], taps[kPairs];
  int count;
  bool first, last;  // of the stretch
};

/// A grid walked by lines, with all channels of a pixel next to each other: pixels that the same taps reach go
/// together.
class TapLines {
 public:
  TapLines() = default;
  TapLines(const TapGrid& grid, int64_t channels);
  const TapGrid& grid() const { return grid_; }
  int64_t lines() const { return grid_.count[0] * grid_.count[1]; }  // of an image
  int64_t step() const { return grid_.step[2] * channels_; }
  /// From a cell of the first line that a line's taps reach to the last that the next line's do.
  int64_t next_line() const {
    const int64_t reach = (grid_.window[1] - 1) * std::max<int64_t>(0, grid_.spread[1]) + grid_.step[1];
    return reach * grid_.size[2] * channels_;
  }

  /// Calls f(pairs) for stretches of some pixels of a line; at least once for each, with no taps when none reach it.
  template <class F>
  void each(int64_t line, const Range& pixels, F f) const {
    const TapGrid& g = grid_;
    const int64_t image = line / lines(), d = line % lines() / g.count[1], h = line % g.count[1];
    const Range ta = reach_[0][size_t(d)], tb = reach_[1][size_t(h)];
    const int64_t first_line = (image * g.size[0] + g.at(0, d, ta.begin)) * g.size[1] + g.at(1, h, tb.begin);
    for (const Stretch& s : stretches_) {
      const int64_t begin = std::max(s.pixels.begin, pixels.begin), end = std::min(s.pixels.end, pixels.end);
      if (begin >= end) continue;
      Pairs q;
      q.w = begin, q.pixels = end - begin, q.count = 0, q.first = true, q.last = false;
      q.all = ta.size() * tb.size() * s.taps.size();
      q.source = (first_line * g.size[2] + g.at(2, begin, s.taps.begin)) * channels_;
      for (int64_t a = ta.begin; a < ta.end; ++a)
        for (int64_t b = tb.begin; b < tb.end; ++b) {
          int64_t cell =
              ((a - ta.begin) * g.spread[0] * g.size[1] + (b - tb.begin) * g.spread[1]) * g.size[2] * channels_;
          int64_t tap = ((g.tap(0, a) * g.kernel[1] + g.tap(1, b)) * g.kernel[2] + g.tap(2, s.taps.begin)) * channels_;
          for (int64_t e = s.taps.begin; e < s.taps.end; ++e) {
            if (q.count == kPairs) f(q), q.count = 0, q.first = false;
            q.cells[q.count] = cell, q.taps[q.count++] = tap;
            cell += g.spread[2] * channels_, tap += g.tap_step[2] * channels_;
          }
        }
      if (q.count == 0) q.source = 0;
      q.last = true;
      f(q);
    }
  }

 private:
  struct Stretch {
    Range pixels, taps;
  };
  TapGrid grid_{};
  int64_t channels_ = 1;
  std::vector<Range> reach_[2];  // the taps of an axis that reach the source, by pixel
  std::vector<Stretch> stretches_;
};

/// All pixels that taps reach: of the forward convolution its output, of the input gradient the input, which has a grid
/// for each phase of a stride: pixels `spacing` apart.
class TapImage {
 public:
  TapImage() = default;
  static TapImage forward(const ConvGeometry& g);
  static TapImage backward(const ConvGeometry& g);
  int64_t lines() const { return pixels_[0] * pixels_[1]; }  // of an image
  int64_t width() const { return pixels_[2]; }

  /// Calls f(pairs, their TapLines, where in the line the first of the pairs' pixels is, how far apart they are).
  template <class F>
  void each(int64_t line, F f) const {
    const int64_t h = line % pixels_[1], d = line / pixels_[1] % pixels_[0], image = line / lines();
    const int64_t apart = spacing_[2];
    const TapLines* phases = phases_.data() + (d % spacing_[0] * spacing_[1] + h % spacing_[1]) * apart;
    for (int64_t phase = 0; phase < apart; ++phase) {
      const TapLines& grid = phases[phase];
      const int64_t* count = grid.grid().count;
      grid.each((image * count[0] + d / spacing_[0]) * count[1] + h / spacing_[1], {0, count[2]},
                [&](const Pairs& q) { f(q, grid, phase + q.w * apart, apart); });
    }
  }

 private:
  std::vector<TapLines> phases_;
  int64_t pixels_[3] = {1, 1, 1}, spacing_[3] = {1, 1, 1};
};

/// The share of all pairs of pixel and tap that lie inside the source.
double inside_share(const TapGrid& grid);
}  // namespace hornbeam
