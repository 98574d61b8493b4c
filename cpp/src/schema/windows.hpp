// The geometry that kernels of convolutions and of pooling share: three spatial axes, missing ones of size 1.
#pragma once

#include <algorithm>
#include <string>

#include "base/check.hpp"
#include "hornbeam/attrs.hpp"

namespace hornbeam {

/// What is computed: the convolution, or its gradient with respect to an input.
enum class ConvRole { forward, input_grad, kernel_grad };

struct ConvGeometry {
  ConvRole role;
  int64_t batch = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, window[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, low[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  int64_t channels = 1, filters = 1, groups = 1;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_filters() const { return filters / groups; }
  int64_t taps() const { return window[0] * window[1] * window[2]; }
  int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  // Phases of an axis' stride that pixels of the input have.
  int64_t phases(int axis) const { return std::min(stride[axis], in[axis]); }
  // Each channel by itself, with one filter or, with a depth multiplier, several.
  bool by_channel() const { return groups == channels && groups > 1 && filters > 0; }
  bool depthwise() const { return by_channel() && filters == channels; }

  /// x, kernel and y are the shapes of the forward convolution, whichever of the three is computed.
  static ConvGeometry make(ConvRole role, const Shape& x, const Shape& kernel, const Shape& y, const Attrs& attrs) {
    ConvGeometry g;
    g.role = role;
    HB_CHECK(x.size() >= 3 && x.size() <= 5 && kernel.size() == x.size() && y.size() == x.size(),
             "[conv] needs 1 to 3 spatial axes on all of its tensors");
    const size_t n = x.size() - 2, skip = 3 - n;
    g.batch = x[0];
    for (size_t i = 0; i < n; ++i) {
      g.in[skip + i] = x[i + 1];
      g.out[skip + i] = y[i + 1];
      g.window[skip + i] = kernel[i];
      g.stride[skip + i] = attrs.ints("strides")[i];
      g.low[skip + i] = attrs.ints("low")[i];
      g.dilation[skip + i] = attrs.ints("dilations")[i];
      const int64_t reach = checked_mul(kernel[i] - 1, g.dilation[skip + i], "[conv] dilated kernel") + 1;
      const int64_t padded = x[i + 1] + g.low[skip + i] + attrs.ints("high")[i];
      HB_CHECK(reach <= padded, "[conv] the dilated kernel (", reach, ") is larger than the padded input (", padded,
               ") on spatial axis ", i);
      HB_CHECK((padded - reach) / g.stride[skip + i] + 1 == y[i + 1],
               "[conv] the shapes do not belong together: input ", shape_text(x), ", kernel ", shape_text(kernel),
               ", output ", shape_text(y));
    }
    g.channels = x.back();
    g.filters = y.back();
    g.groups = attrs.integer("groups");
    HB_CHECK(g.batch == y[0] && kernel.back() == g.filters && kernel[n] * g.groups == g.channels &&
                 g.filters % g.groups == 0,
             "[conv] the shapes do not belong together: input ", shape_text(x), ", kernel ", shape_text(kernel),
             ", output ", shape_text(y), ", groups ", g.groups);
    return g;
  }
};

struct PoolGeometry {
  int64_t batch = 1, channels = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, window[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, low[3] = {0, 0, 0};

  int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  int64_t out_pixels() const { return out[0] * out[1] * out[2]; }

  /// x and y are the shapes of what is pooled and of the result, for the op and for its gradients.
  static PoolGeometry make(const std::string& op, const Shape& x, const Shape& y, const Attrs& attrs) {
    HB_CHECK(x.size() >= 3 && x.size() <= 5 && y.size() == x.size(), "[", op, "] needs 1 to 3 spatial axes");
    PoolGeometry p;
    p.batch = x[0];
    p.channels = x.back();
    const size_t n = x.size() - 2, skip = 3 - n;
    for (size_t i = 0; i < n; ++i) {
      p.in[skip + i] = x[i + 1];
      p.out[skip + i] = y[i + 1];
      p.window[skip + i] = attrs.ints("window")[i];
      p.stride[skip + i] = attrs.ints("strides")[i];
      p.low[skip + i] = attrs.ints("low")[i];
      const int64_t padded = x[i + 1] + p.low[skip + i] + attrs.ints("high")[i];
      HB_CHECK(padded >= p.window[skip + i], "[", op, "] the window (", p.window[skip + i],
               ") is larger than the padded input on spatial axis ", i);
      HB_CHECK((padded - p.window[skip + i]) / p.stride[skip + i] + 1 == y[i + 1], "[", op,
               "] the shapes do not belong together: input ", shape_text(x), ", output ", shape_text(y));
    }
    HB_CHECK(x[0] == y[0] && x.back() == y.back(), "[", op, "] the shapes do not belong together: input ",
             shape_text(x), ", output ", shape_text(y));
    return p;
  }
};
}  // namespace hornbeam
