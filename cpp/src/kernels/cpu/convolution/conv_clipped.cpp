// Convolution of images so small that much of their padding would be multiplied: each pixel takes the products of the
// taps that lie inside, over all images at once. Of 3 x 3 taps on 2 x 2 pixels that is four ninths.
#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kCopied = 65536;    // floats of images that are taken together: 256 KiB
constexpr int64_t kMostPixels = 64;   // of an image
constexpr int64_t kTogether = 8;      // images at least, so that a panel is used often enough
constexpr int64_t kFewestImages = 4;  // of a convolution that would else read its kernel where it lies
constexpr double kMostInside = 0.72;  // of all pairs of pixel and tap
constexpr int64_t kBlock = 64;        // filters of a panel that are turned together

// Taps that follow each other, at a pixel: product (+)= windows x kernel from `tap` on.
struct Call {
  int64_t tap;
  std::vector<int64_t> runs;  // where each tap's channels begin, from the image's first float on
};

struct ClippedParams {
  ConvGeometry g;
  TapGrid grid;
  Gemm gemm;                             // images x columns over all taps
  int64_t depth, columns;                // channels read and written
  int64_t image;                         // floats of a copied image
  int64_t images;                        // taken together
  std::vector<std::vector<Call>> calls;  // by pixel of an image
  void (*pack)(const ClippedParams& p, const float* kernel, int64_t panel, float* dst) = nullptr;
  bool packs = false;     // each panel just before it is used, rather than all of them before
  int64_t packed_at = 0;  // then: where each thread does so in the workspace
  Epilogue epilogue;
  int parts = 1;
  int64_t pixels() const { return grid.count[1] * grid.count[2]; }
  int64_t cells() const { return grid.size[1] * grid.size[2]; }
};

std::vector<Call> calls_of(const TapGrid& grid, int64_t h, int64_t w, int64_t depth) {
  const Range rows = grid.taps(1, h), row = grid.taps(2, w);
  std::vector<Call> calls;
  for (int64_t b = rows.begin; b < rows.end; ++b) {
    Call c{b * grid.window[2] + row.begin, {}};
    for (int64_t e = row.begin; e < row.end; ++e) {
      const int64_t y = h * grid.step[1] + grid.start[1] + b * grid.spread[1];
      const int64_t x = w * grid.step[2] + grid.start[2] + e * grid.spread[2];
      c.runs.push_back((y * grid.size[2] + x) * depth);
    }
    if (!calls.empty() && calls.back().tap + int64_t(calls.back().runs.size()) == c.tap)
      calls.back().runs.insert(calls.back().runs.end(), c.runs.begin(), c.runs.end());
    else
      calls.push_back(std::move(c));
  }
  if (calls.empty()) calls.push_back({0, {}});  // no tap reaches the image: zero
  return calls;
}

void pack_forward(const ClippedParams& p, const float* kernel, int64_t panel, float* dst) {
  const int64_t w = p.gemm.panel();
  p.gemm.pack_block({kernel, p.columns, 1}, dst, panel * w, w, 0, int(p.gemm.k));
}
void pack_input_grad(const ClippedParams& p, const float* kernel, int64_t panel, float* dst) {
  const int64_t w = p.gemm.panel(), width = std::min(w, p.columns - panel * w);  // B[(tap, filter)][channel]
  for (int64_t t = 0; t < p.g.taps(); ++t) {
    const float* src = kernel + (t * p.columns + panel * w) * p.depth;
    for (int64_t o = 0; o < p.depth; o += kBlock) {
      const int64_t n = std::min(kBlock, p.depth - o);
      transpose_floats(src + o, p.depth, dst, w, width, n);
      for (int64_t i = 0; i < n && width < w; ++i) std::fill(dst + i * w + width, dst + (i + 1) * w, 0.0f);
      dst += n * w;
    }
  }
}
void pack_panels(const KernelCall& c) {
  const auto& p = params_of<ClippedParams>(c);
  const Range r = part_range(p.gemm.panels(), c.parts, c.part);
  for (int64_t panel = r.begin; panel < r.end; ++panel)
    p.pack(p, buffer<const float>(c, 1), panel, prepacked(c) + panel * p.gemm.panel() * p.gemm.k);
}

// The products of one pixel and one panel, for `images` copied images; y is the first image's pixel.
void multiply_pixel(const ClippedParams& p, const std::vector<Call>& calls, const float* x, const float* kernel,
                    int64_t images, int64_t column, const TileEnd& end, float* y) {
  const int64_t ldc = p.pixels() * p.columns;
  const int width = int(std::min<int64_t>(p.gemm.panel(), p.columns - column));
  for (int64_t i = 0; i < images;) {
    const int height = p.gemm.tile_height(images - i);
    for (size_t k = 0; k < calls.size(); ++k) {
      const Call& call = calls[k];
      TileTarget to{y + i * ldc, ldc, width, k > 0};
      if (k + 1 == calls.size()) {
        to.bias = end.bias, to.relu = end.relu;
        to.residual = end.residual ? end.residual + i * ldc : nullptr;
      }
      p.gemm.isa->window[p.gemm.nv][height]({x + i * p.image, p.image, call.runs.data(), int(call.runs.size()),
                                             int(p.depth), kernel + call.tap * p.depth * p.gemm.panel(), to});
    }
    i += height;
  }
}

void multiply(const KernelCall& c) {
  const auto& p = params_of<ClippedParams>(c);
  const Range columns = part_range(p.columns, p.parts, c.part, p.gemm.panel());
  const int64_t floats = p.cells() * p.depth;
  float *copy = buffer<float>(c, c.work) + c.thread * p.images * p.image, *y = buffer<float>(c, c.out);
  float* own = p.packs ? buffer<float>(c, c.work) + p.packed_at + c.thread * p.gemm.panel() * p.gemm.k : nullptr;
  for (int64_t first = 0; first < p.g.batch && columns.size() > 0; first += p.images) {
    const int64_t images = std::min(p.images, p.g.batch - first);
    for (int64_t i = 0; i < images; ++i)
      copy_floats(copy + i * p.image, buffer<const float>(c, 0) + (first + i) * floats, floats);
    for (int64_t j = columns.begin; j < columns.end; j += p.gemm.panel()) {
      if (own) p.pack(p, buffer<const float>(c, 1), j / p.gemm.panel(), own);
      const float* kernel = own ? own : prepacked(c) + j * p.gemm.k;
      for (int64_t pixel = 0; pixel < p.pixels(); ++pixel) {
        const int64_t at = (first * p.pixels() + pixel) * p.columns + j;
        TileEnd end = p.epilogue.end(c, j);
        if (end.residual) end.residual += at - j;
        multiply_pixel(p, p.calls[size_t(pixel)], copy, kernel, images, j, end, y + at);
      }
    }
    if (!p.epilogue.present) continue;
    for (int64_t m = first * p.pixels(); m < (first + images) * p.pixels(); ++m)
      p.epilogue.apply(c, y, m * p.columns + columns.begin, m * p.columns + columns.end);
  }
}

// dk[tap] = sum over images, and pixels from which the tap lies inside, of x[channel] dy[filter]; what follows runs on
// a tile's rows at once.
void multiply_gradients(const KernelCall& c) {
  const auto& p = params_of<ClippedParams>(c);
  const TapGrid& grid = p.grid;
  const int64_t tiles = (p.depth + p.gemm.mr - 1) / p.gemm.mr;
  const Range units = part_range(p.g.taps() * tiles, c.parts, c.part);
  const TileEnd end = p.epilogue.end(c);
  float* apart = p.epilogue.present ? buffer<float>(c, c.work) + c.thread * p.gemm.mr * p.columns : nullptr;
  for (int64_t u = units.begin; u < units.end; ++u) {
    const int64_t tap = u / tiles, b = tap / grid.window[2], e = tap % grid.window[2];
    const Range lines = grid.pixels(1, b), pixels = grid.pixels(2, e);
    const Range rows = part_range(p.depth, int(tiles), int(u % tiles));
    const int64_t row = tap * p.depth + rows.begin;  // of dk
    float* to = apart ? apart : buffer<float>(c, c.out) + row * p.columns;
    const int64_t y = lines.begin * grid.step[1] + grid.start[1] + b * grid.spread[1];
    const int64_t x = pixels.begin * grid.step[2] + grid.start[2] + e * grid.spread[2];
    OuterTile t{};
    t.images = int(p.g.batch), t.lines = int(lines.size()), t.pixels = int(pixels.size());
    t.a = buffer<const float>(c, 0) + (y * grid.size[2] + x) * p.depth + rows.begin;
    t.a_image = p.cells() * p.depth, t.a_line = grid.step[1] * grid.size[2] * p.depth,
    t.a_pixel = grid.step[2] * p.depth;
    t.b_image = p.pixels() * p.columns, t.b_line = grid.count[2] * p.columns, t.b_pixel = p.columns;
    for (int64_t j = 0; j < p.columns; j += p.gemm.panel()) {
      const int width = int(std::min<int64_t>(p.gemm.panel(), p.columns - j));
      t.b = buffer<const float>(c, 1) + (lines.begin * grid.count[2] + pixels.begin) * p.columns + j;
      t.to = {to + j, p.columns, width, false};
      end.fetch_rows(row, rows.size(), p.columns, j, width);
      p.gemm.isa->outer[(width + p.gemm.isa->lanes - 1) / p.gemm.isa->lanes][rows.size()](t);
    }
    if (apart) p.epilogue.apply_apart(c, apart, p.columns, row, rows.size(), 0, p.columns);
  }
}

ClippedParams make_params(const ConvGeometry& g, bool backward) {
  ClippedParams p;
  p.g = g;
  p.grid = backward ? TapGrid::backward(g) : TapGrid::forward(g);
  p.depth = backward ? g.filters : g.channels, p.columns = backward ? g.channels : g.filters;
  return p;
}

KernelPlan plan(const KernelRequest& r, ClippedParams p, decltype(ClippedParams::pack) pack) {
  p.pack = pack;
  p.gemm = Gemm::plan_whole(r.target.isa, p.g.batch, p.columns, p.g.taps() * p.depth, false);
  p.image = (p.cells() * p.depth + 15) / 16 * 16 + 16;  // so that images do not share a cache set
  const int64_t unit = p.gemm.mr;
  p.images = std::min(p.g.batch, (std::max(kTogether, kCopied / p.image) + unit - 1) / unit * unit);
  double pairs = 0;
  for (int64_t h = 0; h < p.grid.count[1]; ++h)
    for (int64_t w = 0; w < p.grid.count[2]; ++w) {
      p.calls.push_back(calls_of(p.grid, h, w, p.depth));
      for (const Call& c : p.calls.back()) pairs += double(c.runs.size());
    }
  p.epilogue = Epilogue::plan(r, 2, r.outputs[0].shape.back());
  const double work = 2.0 * pairs * double(p.g.batch) * double(p.depth) * double(p.columns);
  p.parts = int(std::max<int64_t>(1, std::min<int64_t>({8, p.gemm.panels(), int64_t(work / 2e6)})));
  p.packed_at = at_once(r, p.parts) * p.images * p.image;
  p.packs = !r.persists(1) && p.images == p.g.batch;  // nobody reads a panel again
  const int64_t panel = p.gemm.panel() * p.gemm.k, own = p.packs ? at_once(r, p.parts) * panel : 0;
  const size_t workspace = size_t(p.packed_at + own) * 4, ready = p.packs ? 0 : size_t(p.gemm.packed_size()) * 4;
  const int pack_parts = parts_for(p.gemm.panels(), double(panel), 65536);
  std::vector<Stage> stages{{multiply, p.parts}};
  if (!p.packs) stages.insert(stages.begin(), {pack_panels, pack_parts, 1});
  return make_plan(std::move(p), std::move(stages), workspace, ready);
}
}  // namespace

bool clipping_pays(const ConvGeometry& g, const KernelRequest&) {
  const bool backward = g.role == ConvRole::input_grad;
  const TapGrid grid = backward ? TapGrid::backward(g) : TapGrid::forward(g);
  const int64_t fewest = g.role == ConvRole::forward ? kFewestImages : 1, pixels = grid.count[1] * grid.count[2];
  const bool fits = g.groups == 1 && g.in[0] == 1 && g.out[0] == 1 && g.window[0] == 1 && g.low[0] == 0 &&
                    g.channels * g.filters > 0 && (!backward || g.stride[1] * g.stride[2] == 1);
  return fits && pixels > 0 && pixels <= kMostPixels && g.batch >= fewest && inside_share(grid) < kMostInside;
}

KernelPlan plan_clipped_forward(const ConvGeometry& g, const KernelRequest& r) {
  return plan(r, make_params(g, false), pack_forward);
}
KernelPlan plan_clipped_input_grad(const ConvGeometry& g, const KernelRequest& r) {
  return plan(r, make_params(g, true), pack_input_grad);
}
KernelPlan plan_clipped_kernel_grad(const ConvGeometry& g, const KernelRequest& r) {
  ClippedParams p = make_params(g, false);
  p.gemm = Gemm::plan_whole(r.target.isa, p.depth, p.columns, 1, true);
  const int64_t tiles = (p.depth + p.gemm.mr - 1) / p.gemm.mr;
  const double work = 2.0 * double(g.taps() * g.batch * g.out_pixels()) * double(p.depth) * double(p.columns);
  const int parts = int(std::max<int64_t>(1, std::min<int64_t>({kMaxParts, g.taps() * tiles, int64_t(work / 2e6)})));
  p.epilogue = Epilogue::plan_kernel_grad(r);
  const int64_t apart = p.epilogue.present ? at_once(r, parts) * p.gemm.mr * p.columns : 0;
  return make_plan_with_epilogue(std::move(p), {{multiply_gradients, parts}}, size_t(apart) * 4);
}
}  // namespace hornbeam
