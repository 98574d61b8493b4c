// The kernel gradient of a convolution: outer products of windows and the result's gradient, both read in place or from
// copied lines; where windows do not lie in lines, a product whose left side is gathered by columns. Its long sum may
// be cut into pieces, which are added in order.
#include "kernels/cpu/convolution/conv_window.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kPartialFloats = 1 << 20;  // that the pieces may take
constexpr int64_t kCollected = 4 * kTile;    // floats that are added up together
constexpr int64_t kBlockFloats = 65536;      // of an image that all groups read before the next ones: 256 KiB
constexpr int64_t kSetFloats = 1024;         // pixels so far apart, or a multiple, share a set of L1
constexpr int64_t kLeastPixels = 64;         // of a chunk, as each goes through the whole result once

// Taps that go through the image together: all, those of a plane, or those of a line.
struct Slab {
  Gather gather;
  Window window;
};

struct KernelGradParams {
  ConvGeometry g;
  std::vector<Gather> gathers;  // by group, where windows are gathered
  std::vector<Slab> slabs;      // else, the slabs of one group after those of another
  Gemm gemm;                    // of a group, where windows are gathered
  int64_t packed = 0;           // then: floats of a group's right side
  Epilogue epilogue;
  int parts = 1, splits = 1;  // of the result, and of the sum
  bool swapped = false;       // by windows, with filters as rows
  int64_t block = 1;          // units of windows that go through all groups before the next ones
  int64_t scratch = 0;        // floats of lines that each thread has at the head of the workspace
  int64_t pieces = 0;         // where they lie in the workspace

  int64_t size() const { return g.taps() * g.group_channels() * g.filters; }
  const Window& window() const { return slabs[0].window; }
  // Whether the pieces take a pass to the result's place.
  bool collects() const { return splits > 1 || swapped || epilogue.present; }
  float* piece(const KernelCall& c, int split) const {
    return collects() ? buffer<float>(c, c.work) + pieces + split * size() : buffer<float>(c, c.out);
  }
};

void pack_columns(const KernelCall& c) {
  const auto& p = params_of<KernelGradParams>(c);
  const Range r = part_range(p.gemm.panels(), c.parts, c.part);
  for (int64_t group = 0; group < p.g.groups; ++group)
    p.gemm.pack({buffer<const float>(c, 1) + group * p.g.group_filters(), p.g.filters, 1},
                prepacked(c) + group * p.packed, r.begin, r.end);
}

void multiply_columns(const KernelCall& c) {
  const auto& p = params_of<KernelGradParams>(c);
  const int split = c.part / p.parts, part = c.part % p.parts, group = part / p.gemm.parts();
  const Range depths = part_range(p.gemm.k, p.splits, split, kTileDepth);
  p.gemm.run_range(part % p.gemm.parts(), depths, &p.gathers[size_t(group)], fill_gather_columns,
                   buffer<const float>(c, 0), prepacked(c) + group * p.packed,
                   p.piece(c, split) + group * p.g.group_filters(), p.g.filters, {},
                   [](int64_t, int, int64_t, int64_t) {});
}

// A part takes some of the lines and some of the tiles of each slab.
void multiply_lines(const KernelCall& c) {
  const auto& p = params_of<KernelGradParams>(c);
  const int split = c.part / p.parts, part = c.part % p.parts;
  const int64_t stride = p.swapped ? p.window().run_length : p.g.filters, slabs = int64_t(p.slabs.size()) / p.g.groups;
  const OuterShape shape{p.g.group_filters(), p.swapped, stride};
  float* scratch = buffer<float>(c, c.work) + c.thread * p.scratch;
  for (int64_t i = 0; i < slabs; ++i) {
    const Range mine =
        part_range(p.slabs[size_t(i)].window.units(p.slabs[size_t(i)].gather, p.g.batch), p.splits, split);
    const int64_t step = p.g.groups == 1 ? mine.size() : p.block;
    for (int64_t begin = mine.begin; begin < mine.end; begin += step)
      for (int64_t group = 0; group < p.g.groups; ++group) {
        const Slab& s = p.slabs[size_t(group * slabs + i)];
        const int64_t first = group * p.g.group_filters(), at = i * (p.size() / slabs);
        multiply_outer(s.window, s.gather, p.gemm.isa, {begin, std::min(mine.end, begin + step)}, {part, p.parts},
                       buffer<const float>(c, 0), scratch, buffer<const float>(c, 1) + first, p.g.filters, shape,
                       begin > mine.begin, p.piece(c, split) + first + at);
      }
  }
}

// Adds the pieces, in order; turns swapped ones from [run][filter][i] to [run][i][filter]. What follows runs on blocks.
void collect(const KernelCall& c) {
  const auto& p = params_of<KernelGradParams>(c);
  const Range r = part_range(p.size(), c.parts, c.part);
  const float* pieces = p.piece(c, 0);
  if (p.splits == 1 && !p.swapped) return p.epilogue.apply_apart(c, pieces + r.begin, r.begin, r.size());
  const int64_t n = p.swapped ? p.window().run_length : 1, filters = p.g.filters;
  auto place = [&](int64_t at) {  // in a piece
    const int64_t row = at / filters;
    return p.swapped ? (row / n * filters + at % filters) * n + row % n : at;
  };
  alignas(64) float block[kCollected];
  for (int64_t begin = r.begin; begin < r.end; begin += kCollected) {
    const int64_t count = std::min(kCollected, r.end - begin);
    float* out = p.epilogue.present ? block : buffer<float>(c, c.out) + begin;
    for (int64_t i = 0; i < count; ++i) out[i] = pieces[place(begin + i)];
    for (int k = 1; k < p.splits; ++k)
      for (int64_t i = 0; i < count; ++i) out[i] += pieces[k * p.size() + place(begin + i)];
    if (p.epilogue.present) p.epilogue.apply_apart(c, block, begin, count);
  }
}

KernelPlan finish_plan(KernelGradParams p, std::vector<Stage> stages) {
  int64_t floats = p.pieces;
  if (p.collects()) {
    floats += p.splits * p.size();
    stages.push_back({collect, parts_for(p.size(), p.splits)});
  }
  const size_t workspace = size_t(floats) * 4, ready = size_t(p.g.groups * p.packed) * 4;
  return make_plan_with_epilogue(std::move(p), std::move(stages), workspace, ready);
}

KernelPlan plan_windows(const KernelRequest& r, KernelGradParams p, double work) {
  const Window& w = p.window();
  // how much of the registers each way round would fill
  auto fill = [&](int64_t rows, int64_t columns) {
    const int64_t lanes = r.target.isa->lanes, registers = (columns + lanes - 1) / lanes;
    const double used = double(columns) / double(registers * lanes);
    return used * std::min(1.0, double(std::min<int64_t>(rows, 14) * std::min<int64_t>(registers, 4)) / 8);
  };
  // Swapped slabs are turned back together: as far as all their runs are as long.
  const bool alike =
      std::all_of(p.slabs.begin(), p.slabs.end(), [&](const Slab& s) { return s.window.run_length == w.run_length; });
  p.swapped = p.g.groups == 1 && alike && fill(p.g.filters, w.run_length) > 1.5 * fill(w.run_length, p.g.filters);
  const int64_t worth = int64_t(work / 4e6);
  int64_t units = w.units(p.slabs[0].gather, p.g.batch);
  for (const Slab& s : p.slabs) {
    units = std::min(units, s.window.units(s.gather, p.g.batch));
    p.scratch = std::max(p.scratch, (s.window.scratch + 15) / 16 * 16);
  }
  p.splits =
      int(std::max<int64_t>(1, std::min<int64_t>({8, units, worth, kPartialFloats / std::max<int64_t>(1, p.size())})));
  const int64_t tiles = outer_tiles(w, r.target.isa, p.g.group_filters(), p.swapped);
  p.parts = int(std::max<int64_t>(1, std::min<int64_t>({tiles, 8 / p.splits, worth})));
  p.block = std::max(kBlockFloats, p.size()) / std::max<int64_t>(1, p.g.stride[1] * p.g.in[2] * p.g.channels);
  p.block = std::max<int64_t>(1, p.block);
  const int parts = p.parts * p.splits;
  p.pieces = at_once(r, parts) * p.scratch;
  return finish_plan(std::move(p), {{multiply_lines, parts}});
}

KernelPlan plan_columns(KernelGradParams p, double work) {
  p.parts = int(p.g.groups) * p.gemm.parts();
  p.packed = (p.gemm.packed_size() + 15) / 16 * 16;
  p.splits = int(std::max<int64_t>(
      1, std::min<int64_t>({int64_t(8) / p.parts, p.gemm.k / (4 * kTileDepth), int64_t(work / 4e6)})));
  const double floats = double(p.g.groups * p.packed) / double(p.gemm.panels());
  const int pack_parts = p.parts == 1 ? 1 : parts_for(p.gemm.panels(), floats, 65536), parts = p.parts * p.splits;
  return finish_plan(std::move(p), {{pack_columns, pack_parts}, {multiply_columns, parts}});
}
}  // namespace

KernelPlan plan_product_kernel_grad(const ConvGeometry& g, const KernelRequest& r) {
  KernelGradParams p;
  p.g = g;
  for (int64_t group = 0; group < g.groups; ++group) p.gathers.push_back(Gather::forward(g, group));
  const int64_t pixels = g.batch * g.out_pixels(), rows = g.taps() * g.group_channels();
  p.gemm = Gemm::plan(r.target.isa, rows, g.group_filters(), pixels, true);
  p.epilogue = Epilogue::plan_kernel_grad(r);
  const double work = 2.0 * double(rows) * double(g.filters) * double(pixels);
  if (pixels == 0 || rows == 0) return plan_columns(std::move(p), work);
  // A slab's planes are copied for itself, so that a chunk has more of them; lines that are far apart likewise.
  const bool apart = Window::plan(p.gathers[0]).spread > 1;
  const int64_t slabs = g.window[0] * (apart ? g.window[1] : 1), taps = g.taps() / slabs;
  for (const Gather& whole : p.gathers)
    for (int64_t s = 0; s < slabs; ++s) {
      Gather part = whole;
      part.taps.assign(whole.taps.begin() + s * taps, whole.taps.begin() + (s + 1) * taps);
      part.set_runs();
      p.slabs.push_back({part, Window::plan(part)});
    }
  bool by_windows = true;
  for (const Slab& s : p.slabs) {
    const Window& w = s.window;
    const int64_t together = w.chunk_planes ? w.chunk_planes * g.out[1] * g.out[2] : w.chunk_lines * w.piece;
    const bool spread = w.copies || g.stride[2] * w.pixel % kSetFloats != 0;
    by_windows = by_windows && w.used && spread && std::min(together, pixels) >= std::min(kLeastPixels, pixels);
  }
  return by_windows ? plan_windows(r, std::move(p), work) : plan_columns(std::move(p), work);
}
}  // namespace hornbeam
