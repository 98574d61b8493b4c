#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {

TapLines::TapLines(const TapGrid& grid, int64_t channels) : grid_(grid), channels_(channels) {
  for (int axis = 0; axis < 2; ++axis)
    for (int64_t at = 0; at < grid.count[axis]; ++at) reach_[axis].push_back(grid.taps(axis, at));
  for (int64_t w = 0; w < grid.count[2]; ++w) {
    const Range taps = grid.taps(2, w);
    if (!stretches_.empty() && stretches_.back().taps.begin == taps.begin && stretches_.back().taps.end == taps.end)
      ++stretches_.back().pixels.end;
    else
      stretches_.push_back({{w, w + 1}, taps});
  }
}

TapImage TapImage::forward(const ConvGeometry& g) {
  TapImage t;
  std::copy(g.out, g.out + 3, t.pixels_);
  t.phases_.emplace_back(TapGrid::forward(g), g.channels);
  return t;
}
TapImage TapImage::backward(const ConvGeometry& g) {
  TapImage t;
  std::copy(g.in, g.in + 3, t.pixels_);
  for (int i = 0; i < 3; ++i) t.spacing_[i] = g.phases(i);
  for (int64_t a = 0; a < g.phases(0); ++a)
    for (int64_t b = 0; b < g.phases(1); ++b)
      for (int64_t e = 0; e < g.phases(2); ++e) t.phases_.emplace_back(TapGrid::backward(g, {a, b, e}), g.channels);
  return t;
}

double inside_share(const TapGrid& grid) {
  double share = 1;
  for (int i = 0; i < 3; ++i) {
    int64_t pairs = 0;
    for (int64_t p = 0; p < grid.count[i]; ++p) pairs += grid.taps(i, p).size();
    share *= double(pairs) / double(std::max<int64_t>(1, grid.count[i] * grid.window[i]));
  }
  return share;
}
}  // namespace hornbeam
