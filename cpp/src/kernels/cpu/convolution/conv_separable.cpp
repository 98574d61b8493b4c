// A depthwise convolution and the 1x1 convolution behind it: the pixels of some tiles of the product are computed right
// before they are multiplied, and never leave the core's caches.
#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kTiles = 4;  // at least, whose pixels are computed together

struct SeparableParams {
  ConvGeometry g;  // of the depthwise convolution
  TapLines lines;
  Gemm gemm;
  Epilogue epilogue;
  bool bias = false, relu = false;
  int64_t pixels = 0, stride = 0;  // computed together, and floats from one to the next
};

// The depthwise convolution's pixels [row, row + rows).
void compute_pixels(const SeparableParams& p, const KernelCall& c, int64_t row, int64_t rows, float* out) {
  const float *x = buffer<const float>(c, 0), *kernel = buffer<const float>(c, 1);
  const float* bias = p.bias ? buffer<const float>(c, 3) : nullptr;
  const int64_t width = p.g.out[2], stride = p.stride;
  for (int64_t at = row; at < row + rows;) {
    const int64_t line = at / width, w = at % width, last = std::min(width, w + row + rows - at);
    float* to = out + (at - row - w) * stride;
    p.lines.each(line, {w, last}, [&](const Pairs& q) {
      p.gemm.isa->dot_cells({{to + q.w * stride, stride, x + q.source, q.cells, q.count, p.lines.step(), q.pixels,
                              p.g.channels, q.first, q.last},
                             kernel,
                             q.taps,
                             bias,
                             p.relu});
    });
    at += last - w;
  }
}

void pack_pointwise(const KernelCall& c) {
  const Gemm& g = params_of<SeparableParams>(c).gemm;
  const Range r = part_range(g.panels(), c.parts, c.part);
  g.pack({buffer<const float>(c, 2), g.n, 1}, prepacked(c), r.begin, r.end);
}
void multiply(const KernelCall& c) {
  const auto& p = params_of<SeparableParams>(c);
  const Gemm& g = p.gemm;
  const Range all = part_range(g.m, g.row_parts, c.part % g.row_parts, g.mr);
  const Range columns = part_range(g.n, g.col_parts, c.part / g.row_parts, g.panel());
  float *pixels = buffer<float>(c, c.work) + c.thread * p.pixels * p.stride, *y = buffer<float>(c, c.out);
  for (int64_t row = all.begin; row < all.end; row += p.pixels) {
    const int64_t rows = std::min(p.pixels, all.end - row);
    compute_pixels(p, c, row, rows, pixels);
    TileEnd end = p.epilogue.end(c);
    if (end.residual) end.residual += row * g.n;
    g.multiply_rows(g.k, pixels, p.stride, prepacked(c), y + row * g.n, g.n, rows, columns, end);
    p.epilogue.apply_rows(c, y, 0, g.n, row, rows, columns.begin, columns.size());
  }
}
}  // namespace

KernelPlan plan_separable_conv(const KernelRequest& r) {
  Shape middle = r.outputs[0].shape;
  middle.back() = r.inputs[0].shape.back();
  SeparableParams p;
  p.g = ConvGeometry::make(ConvRole::forward, r.inputs[0].shape, r.inputs[1].shape, middle, r.attrs);
  p.lines = TapLines(TapGrid::forward(p.g), p.g.channels);
  p.bias = r.attrs.flag("bias"), p.relu = r.attrs.flag("relu");
  const int64_t filters = r.outputs[0].shape.back();
  p.gemm = Gemm::plan(r.target.isa, p.g.batch * p.g.out_pixels(), filters, p.g.channels, false, r.target.threads);
  p.epilogue = Epilogue::plan(r, p.bias ? 4 : 3, filters);
  const int64_t least = kTiles * p.gemm.mr, width = std::max<int64_t>(1, p.g.out[2]);
  p.pixels = width < least ? (least + width - 1) / width * width : least;
  p.stride = (p.g.channels + 15) / 16 * 16 + 16;
  const size_t bytes = size_t(p.gemm.packed_size()) * 4;
  const int parts = p.gemm.parts(), packers = parts_for(p.gemm.panels(), double(p.gemm.panel() * p.gemm.k), 65536);
  const size_t workspace = size_t(at_once(r, parts) * p.pixels * p.stride) * 4;
  return make_plan(std::move(p), {{pack_pointwise, packers, 2}, {multiply, parts}}, workspace, bytes);
}
}  // namespace hornbeam
