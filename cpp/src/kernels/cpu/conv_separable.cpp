// A depthwise convolution and the 1x1 convolution behind it: the pixels of each tile of the product are computed as it
// is filled, and never leave L1.
#include "kernels/cpu/tap_grid.hpp"

namespace hornbeam {
namespace {

struct SeparableParams {
  ConvGeometry g;  // of the depthwise convolution
  TapGrid grid;
  Gemm gemm;
  Epilogue epilogue;
  bool bias = false, relu = false;
};
// What a tile is filled from.
struct Pixels {
  const SeparableParams* p;
  const float *kernel, *bias;
};

// Fetches what the tile after the one of `rows` pixels from `line`, `w` on reads anew: the last lines of its windows.
void fetch_next(const SeparableParams& p, const float* x, int64_t line, int64_t w, int rows) {
  const TapGrid& t = p.grid;
  if (t.size[0] != 1) return;
  const int64_t lines = t.count[1], n = p.g.channels;
  for (int64_t a = std::max<int64_t>(0, t.window[1] - t.step[1]); a < t.window[1]; ++a) {
    const int64_t h = line % lines * t.step[1] + t.start[1] + a * t.spread[1];
    if (h < 0 || h >= t.size[1]) continue;
    const float* from = x + ((line / lines * t.size[1] + h) * t.size[2] + (w + rows) * t.step[2]) * n;
    for (int64_t i = 0; i < rows * t.step[2] * n; i += 16) __builtin_prefetch(from + i);
  }
}

void fill_depthwise(const void* source, const float* x, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const auto& s = *static_cast<const Pixels*>(source);
  const SeparableParams& p = *s.p;
  const int64_t n = p.g.channels, width = p.grid.count[2];
  fetch_next(p, x, row / width, row % width, rows);
  for (int64_t at = row; at < row + rows;) {
    const int64_t line = at / width, w = at % width, last = std::min(width, w + row + rows - at);
    float* to = dst + (at - row) * kTileStride;
    p.grid.stretches({w, last}, [&](int64_t begin, int64_t count) {
      each_batch_of_pairs(p.grid, line, begin, n, [&](const Pairs& q, bool first) {
        p.gemm.isa->dot_cells({to + (begin - w) * kTileStride, kTileStride, x + k, q.cells, s.kernel + k, q.taps,
                               q.count, p.grid.step[2] * n, count, depth, first, s.bias ? s.bias + k : nullptr,
                               p.relu});
      });
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
  p.grid = TapGrid::forward(p.g);
  p.bias = r.attrs.flag("bias"), p.relu = r.attrs.flag("relu");
  const int64_t filters = r.outputs[0].shape.back();
  p.gemm = Gemm::plan(r.isa, p.g.batch * p.g.out_pixels(), filters, p.g.channels, false, r.threads);
  p.epilogue = Epilogue::plan(r, p.bias ? 4 : 3);
  const size_t bytes = size_t(p.gemm.packed_size()) * 4;
  const int parts = p.gemm.parts(), packers = parts_for(p.gemm.panels(), double(p.gemm.panel() * p.gemm.k), 65536);
  return make_plan(std::move(p), {{pack_pointwise, packers, 2}, {multiply, parts}}, 0, bytes);
}
}  // namespace hornbeam
