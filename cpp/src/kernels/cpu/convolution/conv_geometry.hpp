// The geometry that all convolution kernels share: three spatial axes, missing ones of size 1.
#pragma once

#include "kernels/cpu/product/epilogue.hpp"

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
  bool depthwise() const { return groups == channels && filters == channels && groups > 1; }

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

/// One tap of a gather: where it looks, relative to a pixel's base position.
struct Tap {
  int64_t at[3];
};

/// A gather: row m of the tile is a pixel (image, i, j, k) whose base position is i * step + start; column
/// (tap, channel) is the source's value there, or 0 outside the image.
struct Gather {
  int64_t size[3];   // of the source image
  int64_t count[3];  // pixels along each axis
  int64_t step[3], start[3];
  int64_t pixel_stride = 1;  // floats between pixels of the source
  int64_t channels = 1;      // taken per tap, from `offset`
  int64_t offset = 0;
  std::vector<Tap> taps;
  int64_t run = 1;  // taps that follow each other in memory along the last axis

  /// That of a convolution's group.
  static Gather forward(const ConvGeometry& g, int64_t group);
  void set_runs();
  int64_t pixels() const { return count[0] * count[1] * count[2]; }
  struct Pixel {
    int64_t image, d, h, w;
  };
  Pixel pixel(int64_t m) const;
  void advance(Pixel& p) const;  // to the next one
  /// Copies `depth` columns of a pixel to dst, from run `r` of taps on, leaving out its first `skip`.
  void row(const float* x, const Pixel& p, int64_t r, int64_t skip, int64_t depth, float* dst) const;
};
void fill_gather_rows(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth);
void fill_gather_columns(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth);

// The algorithms (conv.cpp lists which is taken when). Those without forward, input_grad or kernel_grad in their name
// serve all three, by the geometry's role.
KernelPlan plan_conv_reference(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_depthwise(const ConvGeometry& g, const KernelRequest& r);
bool is_pointwise(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_pointwise(const ConvGeometry& g, const KernelRequest& r);
bool winograd_pays(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_winograd_forward(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_winograd_input_grad(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_winograd_kernel_grad(const ConvGeometry& g, const KernelRequest& r);
bool clipping_pays(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_clipped_forward(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_clipped_input_grad(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_clipped_kernel_grad(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_product_forward(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_product_input_grad(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_product_kernel_grad(const ConvGeometry& g, const KernelRequest& r);
}  // namespace hornbeam
