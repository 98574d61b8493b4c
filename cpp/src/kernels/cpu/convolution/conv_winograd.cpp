// Convolution by Winograd's F(2x2, 3x3) or F(4x4, 3x3): tiles of pixels and the kernel are taken to 16 or 36 points
// each, where one matrix product a point does the work of 4 or 16 outputs that would take 36 or 144. The input gradient
// is the same with the kernel turned round, the kernel gradient its mirror: products over all tiles, taken back at the
// end.
#include <cmath>

#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {
constexpr int kBlock = 16;  // filters, and channels, that are turned together
constexpr int kMostPoints = 36, kTaps = 9;
constexpr int64_t kChunkFloats = 98304;      // of transformed tiles: 384 KiB, which leaves L2 room for the kernel
constexpr int64_t kLeastTiles = 24;          // that a chunk has, so that each kernel read from beyond L2 is used enough
constexpr int64_t kNearFloats = 131072;      // of the transformed kernel, that L2 keeps
constexpr int64_t kPartialFloats = 1 << 20;  // that pieces of a kernel gradient may take
constexpr int64_t kTogether = 512;           // floats of each tap that are finished together

// Floats from one row to the next, and from one point to the next so that 16 of them do not meet in one cache set.
int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }
int64_t spread(int64_t n) { return padded(n) / 16 % 2 ? padded(n) : padded(n) + 16; }

struct WinogradParams {
  const IsaTable* isa;
  int tile = 2;                          // outputs along each axis of one
  int64_t batch, in[2], out[2], low[2];  // of the convolution that is computed
  int64_t depth, columns;                // channels it reads and writes
  int64_t tiles[2];
  Gemm gemm;                 // tiles x columns over depth
  int64_t chunk;             // tiles taken together
  int64_t row, point;        // of transformed input, in floats
  int64_t to_row, to_point;  // of products, or of transformed gradients
  int64_t kernel_point;      // of the transformed kernel
  int64_t scratch;           // floats a thread has
  Epilogue epilogue;
  int row_parts = 1, col_parts = 1;
  // Of a kernel gradient: where its points are in the workspace and, when an epilogue follows, its taps.
  int64_t partial = 0, apart = 0;

  int points() const { return (tile + 2) * (tile + 2); }
  int64_t channels_together() const { return std::clamp<int64_t>(kTogether / std::max<int64_t>(1, columns), 1, depth); }
  const Winograd& transforms() const { return isa->winograd[tile / 4]; }
  int64_t all_tiles() const { return batch * tiles[0] * tiles[1]; }
  Range columns_of(int part) const { return part_range(columns, col_parts, part / row_parts, gemm.panel()); }
  Range tiles_of(int part) const { return part_range(all_tiles(), row_parts, part % row_parts, gemm.mr); }
  float* memory(const KernelCall& c) const { return buffer<float>(c, c.work) + c.thread * scratch; }
};

struct Tile {
  int64_t image, h, w;  // its first output pixel
};
Tile tile_at(const WinogradParams& p, int64_t t) {
  const int64_t line = t / p.tiles[1];
  return {line / p.tiles[0], line % p.tiles[0] * p.tile, t % p.tiles[1] * p.tile};
}
// The tiles of a range as pieces of lines: f(the first, how many).
template <class F>
void each_line(const WinogradParams& p, Range tiles, F f) {
  for (int64_t i = tiles.begin; i < tiles.end;) {
    const Tile t = tile_at(p, i);
    const int64_t n = std::min(tiles.end - i, p.tiles[1] - t.w / p.tile);
    f(t, n);
    i += n;
  }
}

// An image whose tiles of n x n pixels, p.tile apart, are taken to points.
struct Image {
  const float* pixels;
  const int64_t* size;
  int64_t stride, channels;  // floats from pixel to pixel, and how many of them are taken
  const float* zeros;        // as many, for the pixels around it
};

// Takes `tiles` tiles of a line, the first of which begins at (h, w), to points from v on, `row` floats apart.
void take_line(const WinogradParams& p, decltype(Winograd::input) transform, int n, const Image& image, int64_t h,
               int64_t w, int64_t tiles, float* v, int64_t point, int64_t row) {
  const float* at[kMostPoints];
  const int64_t line = image.size[1] * image.stride, step = p.tile;
  const bool lines_inside = h >= 0 && h + n <= image.size[0];
  for (int64_t done = 0; done < tiles;) {
    const int64_t left = w + done * step;
    const bool inside = lines_inside && left >= 0 && left + n <= image.size[1];
    const int64_t together = inside ? std::min(tiles - done, (image.size[1] - n - left) / step + 1) : 1;
    const float* x = image.pixels + h * line + left * image.stride;
    for (int i = 0; i < n && !inside; ++i)
      for (int j = 0; j < n; ++j) {
        const bool there = uint64_t(h + i) < uint64_t(image.size[0]) && uint64_t(left + j) < uint64_t(image.size[1]);
        at[n * i + j] = there ? x + i * line + j * image.stride : image.zeros;
      }
    transform({x, line, image.stride, inside ? nullptr : at, v + done * row, point, together, step * image.stride, row},
              image.channels);
    done += together;
  }
}

void transform_input(const WinogradParams& p, const float* x, Range tiles, const float* zeros, float* v) {
  each_line(p, tiles, [&](const Tile& t, int64_t n) {
    const Image image{x + t.image * p.in[0] * p.in[1] * p.depth, p.in, p.depth, p.depth, zeros};
    take_line(p, p.transforms().input, p.tile + 2, image, t.h - p.low[0], t.w - p.low[1], n, v, p.point, p.row);
    v += n * p.row;
  });
}

void pack_forward(const KernelCall& c) {
  const auto& p = params_of<WinogradParams>(c);
  const Range channels = part_range(p.depth, c.parts, c.part);
  const int w = p.gemm.panel();
  for (int64_t panel = 0; panel < p.gemm.panels(); ++panel) {
    const int64_t n = std::min<int64_t>(w, p.columns - panel * w);
    for (int64_t ch = channels.begin; ch < channels.end; ++ch) {
      float* u = prepacked(c) + (panel * p.depth + ch) * w;
      const float* k = buffer<const float>(c, 1) + ch * p.columns + panel * w;
      p.transforms().kernel(u, p.kernel_point, k, p.depth * p.columns, n);
      for (int i = 0; i < p.points() && n < w; ++i)
        std::fill(u + i * p.kernel_point + n, u + i * p.kernel_point + w, 0.0f);
    }
  }
}

// B[filter][channel] of the kernel turned round: its taps from the last.
void pack_input_grad(const KernelCall& c) {
  const auto& p = params_of<WinogradParams>(c);
  const Range blocks = part_range((p.depth + kBlock - 1) / kBlock, c.parts, c.part);
  const int w = p.gemm.panel();
  const int64_t tap = p.depth * p.columns;
  alignas(64) float block[kMostPoints][kBlock][kBlock];
  for (int64_t b = blocks.begin; b < blocks.end; ++b)
    for (int64_t panel = 0; panel < p.gemm.panels(); ++panel)
      for (int64_t at = 0; at < w; at += kBlock) {  // a panel need not be a multiple of a block wide
        const int64_t j = panel * w + at, width = std::min<int64_t>(kBlock, w - at);
        const int64_t filters = std::min<int64_t>(kBlock, p.depth - b * kBlock);
        for (int64_t i = 0; i < width; ++i) {
          const float* k = buffer<const float>(c, 1) + (j + i) * p.depth + b * kBlock;
          if (j + i < p.columns)
            p.transforms().kernel(block[0][i], kBlock * kBlock, k + 8 * tap, -tap, filters);
          else
            for (auto& point : block) std::fill(point[i], point[i] + kBlock, 0.0f);
        }
        float* u = prepacked(c) + (panel * p.depth + b * kBlock) * w + at;
        for (int i = 0; i < p.points(); ++i)
          transpose_floats(block[i][0], kBlock, u + i * p.kernel_point, w, width, filters);
      }
}

// The products of a chunk, for the panels that hold `columns`.
void multiply_points(const WinogradParams& p, const float* v, const float* kernel, int64_t rows, Range columns,
                     float* m) {
  const int64_t start = 0;
  for (int point = 0; point < p.points(); ++point)
    for (int64_t j = columns.begin; j < columns.end; j += p.gemm.panel())
      for (int64_t i = 0; i < rows;) {
        const int height = p.gemm.tile_height(rows - i);
        const int width = int(std::min<int64_t>(p.gemm.panel(), columns.end - j));
        p.isa->window[p.gemm.nv][height](
            {v + point * p.point + i * p.row,
             p.row,
             &start,
             1,
             int(p.depth),
             kernel + point * p.kernel_point + j * p.depth,
             {m + point * p.to_point + i * p.to_row + j - columns.begin, p.to_row, width, false}});
        i += height;
      }
}

void transform_output(const KernelCall& c, const WinogradParams& p, const float* m, Range tiles, Range columns,
                      float* y) {
  const TileEnd end = p.epilogue.end(c, columns.begin);
  each_line(p, tiles, [&](const Tile& t, int64_t n) {
    const int64_t first = ((t.image * p.out[0] + t.h) * p.out[1] + t.w) * p.columns;
    WinogradOutput o{};
    o.m = m, o.step = p.to_point, o.next_m = p.to_row;
    o.y = y + first + columns.begin, o.line = p.out[1] * p.columns, o.pixel = p.columns, o.next_y = p.tile * p.columns;
    o.bias = end.bias, o.residual = end.residual ? end.residual + first : nullptr, o.relu = end.relu;
    o.tiles = n, o.pixels = p.tile;
    o.lines = int(std::min<int64_t>(p.tile, p.out[0] - t.h));
    const int64_t rest = p.out[1] - (t.w + (n - 1) * p.tile);  // pixels of the last tile
    if (rest < p.tile) --o.tiles;
    p.transforms().output(o, columns.size());
    m += n * p.to_row;
    if (rest >= p.tile) return;
    o.m += o.tiles * o.next_m, o.y += o.tiles * o.next_y, o.residual += o.residual ? o.tiles * o.next_y : 0;
    o.tiles = 1, o.pixels = int(rest);
    p.transforms().output(o, columns.size());
  });
}

// What follows the convolution, on the pixels of these tiles: pieces of lines for each line of tiles.
void finish(const KernelCall& c, const WinogradParams& p, Range tiles, Range columns, float* y) {
  if (!p.epilogue.present) return;
  each_line(p, tiles, [&](const Tile& t, int64_t n) {
    const int64_t pixels = std::min(p.tile * n, p.out[1] - t.w);
    for (int64_t h = t.h; h < std::min(t.h + p.tile, p.out[0]); ++h) {
      const int64_t at = ((t.image * p.out[0] + h) * p.out[1] + t.w) * p.columns;
      if (columns.size() == p.columns)
        p.epilogue.apply(c, y, at, at + pixels * p.columns);
      else
        for (int64_t x = 0; x < pixels; ++x)
          p.epilogue.apply(c, y, at + x * p.columns + columns.begin, at + x * p.columns + columns.end);
    }
  });
}

void convolve(const KernelCall& c) {
  const auto& p = params_of<WinogradParams>(c);
  const Range all = p.tiles_of(c.part), columns = p.columns_of(c.part);
  float *v = p.memory(c), *m = v + p.points() * p.point, *zeros = m + p.points() * p.to_point;
  std::fill(zeros, zeros + p.depth, 0.0f);
  for (int64_t t = all.begin; t < all.end; t += p.chunk) {
    const Range tiles{t, std::min(t + p.chunk, all.end)};
    transform_input(p, buffer<const float>(c, 0), tiles, zeros, v);
    multiply_points(p, v, prepacked(c), tiles.size(), columns, m);
    transform_output(c, p, m, tiles, columns, buffer<float>(c, c.out));
    finish(c, p, tiles, columns, buffer<float>(c, c.out));
  }
}

// The sums over a part's tiles, at each point [channel][filter].
void multiply_gradients(const KernelCall& c) {
  const auto& p = params_of<WinogradParams>(c);
  const Range all = p.tiles_of(c.part), columns = p.columns_of(c.part);
  float *v = p.memory(c), *z = v + p.points() * p.point, *zeros = z + p.points() * p.to_point;
  std::fill(zeros, zeros + std::max(p.depth, columns.size()), 0.0f);
  const int64_t size = p.depth * p.columns;
  float* sums = buffer<float>(c, c.work) + p.partial + c.part % p.row_parts * p.points() * size + columns.begin;
  for (int64_t t = all.begin; t < all.end; t += p.chunk) {
    const Range tiles{t, std::min(t + p.chunk, all.end)};
    transform_input(p, buffer<const float>(c, 0), tiles, zeros, v);
    float* to = z;
    each_line(p, tiles, [&](const Tile& at, int64_t n) {
      const float* dy = buffer<const float>(c, 1) + at.image * p.out[0] * p.out[1] * p.columns + columns.begin;
      take_line(p, p.transforms().output_grad, p.tile, {dy, p.out, p.columns, columns.size(), zeros}, at.h, at.w, n, to,
                p.to_point, p.to_row);
      to += n * p.to_row;
    });
    for (int point = 0; point < p.points(); ++point)
      multiply_outer(p.isa, {p.depth, columns.size(), v + point * p.point, p.row, z + point * p.to_point, p.to_row,
                             tiles.size(), sums + point * size, p.columns, t > all.begin});
  }
}

// Adds the parts' sums, in order, and takes them back to the kernel's taps, a few channels at a time; what follows runs
// on those.
void collect_gradients(const KernelCall& c) {
  const auto& p = params_of<WinogradParams>(c);
  const int64_t size = p.depth * p.columns, together = p.channels_together();
  const Range channels = part_range(p.depth, c.parts, c.part);
  float* sums = buffer<float>(c, c.work) + p.partial;
  float* apart = buffer<float>(c, c.work) + p.apart + c.thread * kTaps * together * p.columns;
  const TileEnd end = p.epilogue.end(c);
  for (int64_t ch = channels.begin; ch < channels.end; ch += together) {
    const int64_t rows = std::min(together, channels.end - ch), floats = rows * p.columns;
    float* row = sums + ch * p.columns;
    for (int tap = 0; tap < kTaps; ++tap) end.fetch_rows(tap * p.depth + ch, rows, p.columns, 0, p.columns);
    for (int s = 1; s < p.row_parts; ++s)
      for (int i = 0; i < p.points(); ++i) {
        const float* more = row + (int64_t(s) * p.points() + i) * size;
        for (int64_t j = 0; j < floats; ++j) row[i * size + j] += more[j];
      }
    if (!p.epilogue.present) {
      p.transforms().kernel_grad(buffer<float>(c, c.out) + ch * p.columns, size, row, size, floats);
      continue;
    }
    p.transforms().kernel_grad(apart, floats, row, size, floats);
    for (int tap = 0; tap < kTaps; ++tap)
      p.epilogue.apply_apart(c, apart + tap * floats, p.columns, tap * p.depth + ch, rows, 0, p.columns);
  }
}

double work_of(const WinogradParams& p) {
  return 2.0 * p.points() * double(p.all_tiles()) * double(p.depth) * double(p.columns);
}

// The convolution that an op computes, and what it costs, in multiply-adds of a register.
struct Plan {
  bool backward, kernel;  // which gradient, if any
  const int64_t *in, *out;
  double depth, columns, in_registers, out_registers;
  Plan(const ConvGeometry& g, const KernelRequest& r) {
    backward = g.role == ConvRole::input_grad, kernel = g.role == ConvRole::kernel_grad;
    in = backward ? g.out : g.in, out = backward ? g.in : g.out;
    depth = double(backward ? g.filters : g.channels), columns = double(backward ? g.channels : g.filters);
    in_registers = std::ceil(depth / r.target.isa->lanes), out_registers = std::ceil(columns / r.target.isa->lanes);
  }
  double tiles(const ConvGeometry& g, int tile) const {
    return double(g.batch * ((out[1] + tile - 1) / tile) * ((out[2] + tile - 1) / tile));
  }
  // By the windows: they fill registers with columns or, where there are few, with their depth.
  double windows(const ConvGeometry& g, const KernelRequest& r) const {
    const double inside = clipping_pays(g, r) ? inside_share(backward ? TapGrid::backward(g) : TapGrid::forward(g)) : 1;
    const double products = std::min(depth * out_registers, 1.2 * columns * in_registers);
    return 9 * double(g.batch * out[1] * out[2]) * inside * products;
  }
  // By tiles: products at the points, transforms of the tiles and of the kernel.
  double winograd(const ConvGeometry& g, const KernelRequest& r, int tile) const {
    const double n = tiles(g, tile), points = (tile + 2) * (tile + 2);
    const double into = tile == 2 ? 50 : 200, back = tile == 2 ? 40 : 170;
    // a register of the kernel to memory and back; turned round, more
    const double memory = points * depth * columns <= kNearFloats ? 4 : !backward ? 16 : tile == 2 ? 30 : 60;
    const double transformed = r.persists(1) && !kernel ? 0 : points * memory * depth * out_registers;
    return points * std::max(n, 8.0) * (depth + 8) * out_registers + n * (into * in_registers + back * out_registers) +
           transformed;
  }
  // F(4x4) rounds more: sums must be so long that it stays within twice the error of the windows' sums. The kernel
  // gradient's would not where gradients are all alike, whose sums over tiles cancel between the points.
  bool exact_enough() const { return !kernel && depth >= 64; }
  int best_tile(const ConvGeometry& g, const KernelRequest& r) const {
    return exact_enough() && winograd(g, r, 4) < winograd(g, r, 2) ? 4 : 2;
  }
};

// What the three share.
WinogradParams make_params(const ConvGeometry& g, const KernelRequest& r) {
  const Plan plan(g, r);
  WinogradParams p;
  p.isa = r.target.isa;
  p.tile = plan.best_tile(g, r);
  p.batch = g.batch;
  for (int i = 0; i < 2; ++i) {
    p.low[i] = plan.backward ? 2 - g.low[i + 1] : g.low[i + 1];
    p.in[i] = plan.in[i + 1], p.out[i] = plan.out[i + 1], p.tiles[i] = (p.out[i] + p.tile - 1) / p.tile;
  }
  p.depth = int64_t(plan.depth), p.columns = int64_t(plan.columns);
  p.gemm = Gemm::plan_whole(r.target.isa, std::max<int64_t>(1, p.all_tiles()), p.columns, p.depth, false);
  return p;
}

// Cuts the work: by tiles as far as `most` allows, then by columns.
void cut(WinogradParams& p, int64_t least, int64_t most) {
  const int64_t unit = p.gemm.mr;
  p.chunk = std::max(least, kChunkFloats / (p.points() * (p.depth + p.columns)));
  p.chunk = std::min((p.chunk + unit - 1) / unit * unit, (p.all_tiles() + unit - 1) / unit * unit);
  const int64_t want = std::max<int64_t>(1, std::min<int64_t>(kMaxParts, int64_t(work_of(p) / 2e6)));
  p.row_parts = int(std::max<int64_t>(1, std::min({want, p.all_tiles() / p.chunk, most})));
  p.col_parts = int(std::max<int64_t>(1, std::min({want, 8 / int64_t(p.row_parts), p.gemm.panels()})));
  const int64_t width = (p.gemm.panels() + p.col_parts - 1) / p.col_parts * p.gemm.panel();
  p.row = spread(p.depth), p.to_row = spread(std::min(width, p.columns));
  p.point = spread(p.chunk * p.row), p.to_point = spread(p.chunk * p.to_row);
  p.scratch = p.points() * (p.point + p.to_point) + std::max(padded(p.depth), p.to_row);
}

KernelPlan plan_convolution(const KernelRequest& r, WinogradParams p, KernelFn pack) {
  p.epilogue = Epilogue::plan(r, 2, r.outputs[0].shape.back());
  cut(p, kLeastTiles, kMaxParts);
  p.kernel_point = spread(p.gemm.packed_size());
  const int parts = p.row_parts * p.col_parts;
  const size_t workspace = size_t(at_once(r, parts) * p.scratch) * 4, ready = size_t(p.points() * p.kernel_point) * 4;
  const int64_t units = pack == pack_forward ? p.depth : (p.depth + kBlock - 1) / kBlock;
  const int pack_parts = parts_for(units, double(p.points() * p.gemm.packed_size()) / double(units), 65536);
  return make_plan(std::move(p), {{pack, pack_parts, 1}, {convolve, parts}}, workspace, ready);
}
}  // namespace

KernelPlan plan_winograd_forward(const ConvGeometry& g, const KernelRequest& r) {
  return plan_convolution(r, make_params(g, r), pack_forward);
}

KernelPlan plan_winograd_input_grad(const ConvGeometry& g, const KernelRequest& r) {
  return plan_convolution(r, make_params(g, r), pack_input_grad);
}

KernelPlan plan_winograd_kernel_grad(const ConvGeometry& g, const KernelRequest& r) {
  WinogradParams p = make_params(g, r);
  const int64_t size = p.points() * p.depth * p.columns;
  // a chunk goes through all sums once, so it must not be small beside them
  cut(p, std::max<int64_t>(64, p.depth * p.columns / (p.depth + p.columns)),
      std::min<int64_t>(8, kPartialFloats / size));
  const int parts = p.row_parts * p.col_parts;
  p.partial = at_once(r, parts) * p.scratch;
  p.apart = p.partial + p.row_parts * size;
  const int collect = parts_for(p.depth, double(p.points() * p.columns * p.row_parts));
  p.epilogue = Epilogue::plan_kernel_grad(r);
  const int64_t taps = p.epilogue.present ? at_once(r, collect) * kTaps * p.channels_together() * p.columns : 0;
  const size_t workspace = size_t(p.apart + taps) * 4;
  return make_plan_with_epilogue(std::move(p), {{multiply_gradients, parts}, {collect_gradients, collect}}, workspace);
}

bool winograd_pays(const ConvGeometry& g, const KernelRequest& r) {
  const bool fits = g.window[0] == 1 && g.window[1] == 3 && g.window[2] == 3 && g.groups == 1 && g.in[0] == 1 &&
                    g.out[0] == 1 && g.low[0] == 0 && g.stride[1] * g.stride[2] == 1 &&
                    g.dilation[1] * g.dilation[2] == 1;
  if (!fits || !r.target.winograd) return false;
  const Plan plan(g, r);
  return plan.winograd(g, r, plan.best_tile(g, r)) < plan.windows(g, r);
}
}  // namespace hornbeam
