// A depthwise convolution and the 1x1 convolution behind it: the pixels of each tile of the product are computed as it
// is filled, and never leave L1.
#include "kernels/cpu/tap_grid.hpp"

namespace hornbeam {
namespace {

struct SeparableParams {
  ConvGeometry g;  // of the depthwise convolution
  TapLines lines;
  Gemm gemm;
  Epilogue epilogue;
  bool bias = false, relu = false;
};
// What a tile is filled from.
struct Pixels {
  const SeparableParams* p;
  const float *kernel, *bias;
};

void fill_depthwise(const void* source, const float* x, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const auto& s = *static_cast<const Pixels*>(source);
  const SeparableParams& p = *s.p;
  const int64_t width = p.g.out[2];
  for (int64_t at = row; at < row + rows;) {
    const int64_t line = at / width, w = at % width, last = std::min(width, w + row + rows - at);
    float* to = dst + (at - row - w) * kTileStride;
    p.lines.each(line, {w, last}, [&](const Pairs& q) {
      p.gemm.isa->dot_cells({to + q.w * kTileStride, kTileStride, x + q.source + k, q.cells, s.kernel + k, q.taps,
                             q.count, p.lines.step(), q.pixels, depth, q.first, s.bias && q.last ? s.bias + k : nullptr,
                             q.last && p.relu});
    });
    at += last - w;
  }
}

void pack_pointwise(const KernelCall& c) {
  const Gemm& g = params_of<SeparableParams>(c).gemm;
  const Range r = part_range(g.panels(), c.parts, c.part);
  g.pack(buffer<const float>(c, 2), g.n, 1, prepared(c), r.begin, r.end);
}
void multiply(const KernelCall& c) {
  const auto& p = params_of<SeparableParams>(c);
  const Pixels source{&p, buffer<const float>(c, 1), p.bias ? buffer<const float>(c, 3) : nullptr};
  float* y = buffer<float>(c, c.out);
  p.gemm.run(c.part, &source, fill_depthwise, buffer<const float>(c, 0), prepared(c), y, p.gemm.n, p.epilogue.end(c),
             [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
               p.epilogue.apply_rows(c, y, 0, p.gemm.n, row, rows, column, columns);
             });
}
}  // namespace

KernelPlan plan_separable_conv(const KernelRequest& r) {
  Shape middle = r.outputs[0].shape;
  middle.back() = r.inputs[0].shape.back();
  SeparableParams p;
  p.g = ConvGeometry::make(r.inputs[0].shape, r.inputs[1].shape, middle, r.attrs);
  p.lines = TapLines(TapGrid::forward(p.g), p.g.channels);
  p.bias = r.attrs.flag("bias"), p.relu = r.attrs.flag("relu");
  const int64_t filters = r.outputs[0].shape.back();
  p.gemm = Gemm::plan(r.isa, p.g.batch * p.g.out_pixels(), filters, p.g.channels, false, r.threads);
  p.epilogue = Epilogue::plan(r, p.bias ? 4 : 3);
  const size_t bytes = size_t(p.gemm.packed_size()) * 4;
  const int parts = p.gemm.parts(), packers = parts_for(p.gemm.panels(), double(p.gemm.panel() * p.gemm.k), 65536);
  return make_plan(std::move(p), {{pack_pointwise, packers, 2}, {multiply, parts}}, 0, bytes);
}
}  // namespace hornbeam
