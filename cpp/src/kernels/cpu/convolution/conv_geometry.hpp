// What the convolution kernels share: gathers of pixels, and the algorithms.
#pragma once

#include "kernels/cpu/product/epilogue.hpp"
#include "schema/windows.hpp"

namespace hornbeam {

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
  /// That of its input gradient, for the pixels i * stride + phase of the input; *tap_index: which of the kernel's its
  /// taps are.
  static Gather backward(const ConvGeometry& g, int64_t group, const int64_t (&phase)[3],
                         std::vector<int64_t>* tap_index);
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
bool groups_are_small(const ConvGeometry& g, const KernelRequest& r);
KernelPlan plan_small_groups(const ConvGeometry& g, const KernelRequest& r);
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
