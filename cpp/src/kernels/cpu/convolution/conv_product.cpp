// Convolution on the blocked product, by windows or with tiles of A gathered under them: there is no im2col buffer. The
// input gradient is one such product a stride phase.
#include "kernels/cpu/convolution/conv_window.hpp"

namespace hornbeam {
namespace {
// A list of products that run as one pair of stages: pack, then multiply.
struct Product {
  Gemm gemm;
  Gather gather;
  Window window;        // used where it is the better way
  bool dot = false;     // so few columns that registers are filled along k
  int64_t weights = 0;  // then: where they start in what was prepacked
  // of the output, for the window: floats to the first pixel, and from one image, plane, line, pixel to the next
  int64_t base = 0, image = 0, plane = 0, line = 0, pixel = 0;
  int64_t group = 0;
  int64_t packed = 0;   // where its panels start in what was prepacked, in floats
  int64_t result = -1;  // where its rows are put in the workspace before they are spread, or -1: straight to the output
  int64_t phase[3] = {0, 0, 0};
  std::vector<int64_t> tap_index;  // of the kernel, for each of the gather's taps
  int first_part = 0;              // by windows, the same for all groups
};

struct ConvParams {
  ConvGeometry g;
  std::vector<Product> products;
  Epilogue epilogue;
  bool together = false;  // the epilogue runs once the products have made the whole result
  int parts = 0;
  int64_t block = 0;                     // units of windows that go through all groups before the next ones
  int64_t scratch = 0;                   // floats of lines that each thread has at the head of the workspace
  int64_t workspace = 0, prepacked = 0;  // floats
};

const Product& product_of(const ConvParams& p, int part) {
  size_t i = p.products.size() - 1;
  while (p.products[i].first_part > part) --i;
  return p.products[i];
}

constexpr int64_t kBlock = 64;           // filters of a panel that are turned together
constexpr int64_t kBlockFloats = 65536;  // of an image that all groups read before the next ones: 256 KiB
constexpr int64_t kFewColumns = 4, kDotRun = 8;
constexpr int64_t kSetFloats = 1024;             // pixels so far apart, or a multiple, share a set of L1
constexpr double kLowTile = 6, kLowShare = 0.6;  // rows of a tile, at least, or as a share of the tallest tile's

// Chooses between the window and the gather: tiles of the window end with the line, so lines must not be too short.
void choose(const KernelRequest& r, Product& q, int64_t groups, int64_t rows, int64_t columns, int64_t depth) {
  q.window = Window::plan(q.gather);
  const int64_t width = q.window.used ? q.window.piece : 1;
  const Gemm by_line = Gemm::plan_whole(r.target.isa, width, columns, depth, false);
  const int64_t tiles = (width + by_line.mr - 1) / by_line.mr;
  const double low = std::min(kLowTile, kLowShare * r.target.isa->max_rows[by_line.nv]);
  const bool spread = q.gather.step[2] * q.window.pixel % kSetFloats != 0;
  q.window.used = q.window.used && spread && double(width) >= low * double(tiles);
  q.gemm = q.window.used ? by_line : Gemm::plan(r.target.isa, rows, columns, depth, false);
  q.dot = q.window.used && columns <= kFewColumns && q.window.run_length >= kDotRun;
  if (!q.window.used) return;
  const double work = 2.0 * double(groups * rows) * double(columns) * double(depth);
  const int64_t units = q.window.units(q.gather, rows / q.gather.pixels());
  q.gemm.row_parts = int(std::max<int64_t>(1, std::min<int64_t>({units, int64_t(kMaxParts), int64_t(work / 2e6)})));
}

int64_t take(int64_t& floats, int64_t n) {
  const int64_t at = floats;
  floats += (n + 15) / 16 * 16;
  return at;
}

// Gives the products their shares: of parts, of what is prepacked, and of the workspace.
void lay_out(const KernelRequest& r, ConvParams& p) {
  int64_t scratch = 0;
  for (Product& q : p.products) {
    q.packed = take(p.prepacked, q.gemm.packed_size());
    if (q.dot) q.weights = take(p.prepacked, q.gemm.k * q.gemm.n);
    scratch = std::max(scratch, q.window.used ? q.window.scratch : 0);
    q.first_part = p.parts;
    const bool last = q.group + 1 == p.g.groups;
    if (!q.window.used || last) p.parts += q.gemm.parts();
  }
  p.block = std::max(kBlockFloats, p.g.taps() * p.g.group_channels() * p.g.filters);  // or the kernel comes from afar
  p.scratch = (scratch + 15) / 16 * 16;
  p.workspace = at_once(r, p.parts) * p.scratch;
}

// The weights of a few columns as rows.
void pack_dot(const Product& q, float* work) {
  if (!q.dot) return;
  for (int64_t k = 0; k < q.gemm.k; ++k)
    for (int64_t f = 0; f < q.gemm.n; ++f) work[q.weights + f * q.gemm.k + k] = work[q.packed + k * q.gemm.panel() + f];
}

// The products of all groups by windows, into `out`; `last` is the last group's.
void multiply_window(const KernelCall& c, const ConvParams& p, const Product& last, const float* x, float* out,
                     int64_t columns) {
  const float* ready = prepacked(c);
  float* scratch = buffer<float>(c, c.work) + c.thread * p.scratch;
  const Range mine =
      part_range(last.window.units(last.gather, p.g.batch), last.gemm.row_parts, c.part - last.first_part);
  const int64_t floats = last.gather.step[1] * last.gather.size[2] * last.gather.pixel_stride;
  const int64_t step = p.g.groups == 1 ? mine.size() : std::max<int64_t>(1, p.block / std::max<int64_t>(1, floats));
  for (int64_t begin = mine.begin; begin < mine.end; begin += step)
    for (const Product* q = &last - (p.g.groups - 1); q <= &last; ++q) {
      const Range units{begin, std::min(mine.end, begin + step)};
      const PixelGrid grid{out + q->base, q->image, q->plane, q->line, q->pixel};
      TileEnd end = p.epilogue.end(c, q->group * columns);
      if (end.residual) end.residual += q->base - q->group * columns;  // the grid's first pixel
      auto finish = [&](const Chunk& k) {
        if (!p.epilogue.present || p.together) return;
        const int64_t first = k.plane * q->plane + k.line * q->line + k.pixel * q->pixel;
        p.epilogue.apply(c, out, first,
                         first + (k.planes - 1) * q->plane + (k.lines - 1) * q->line + k.pixels * q->pixel);
      };
      if (q->dot)
        dot_windows(q->window, q->gather, q->gemm, units, x, ready + q->weights, scratch, grid, end, finish);
      else
        multiply_windows(q->window, q->gather, q->gemm, units, x, ready + q->packed, scratch, grid, end, finish);
    }
}

// The epilogue of a result that products made together.
void finish_all(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const Range r = part_range(p.epilogue.fused.walk.total, c.parts, c.part, kTile);
  p.epilogue.apply(c, buffer<float>(c, c.out), r.begin, r.end);
}
void add_finish(const ConvParams& p, const KernelRequest& r, std::vector<Stage>& stages) {
  if (p.epilogue.present && p.together) stages.push_back({finish_all, parts_for(r.outputs[0].size(), 8, 65536)});
}

void pack_forward(const KernelCall& c) {  // B[(tap, channel)][filter] of one group is a block of columns of the kernel
  const auto& p = params_of<ConvParams>(c);
  for (const Product& q : p.products) {
    const Range r = part_range(q.gemm.panels(), c.parts, c.part);
    q.gemm.pack({buffer<const float>(c, 1) + q.group * p.g.group_filters(), p.g.filters, 1}, prepacked(c) + q.packed,
                r.begin, r.end);
    if (r.size() > 0) pack_dot(q, prepacked(c));
  }
}

void multiply_forward(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const Product& q = product_of(p, c.part);
  float* y = buffer<float>(c, c.out);
  const int64_t ldc = p.g.filters, first = q.group * p.g.group_filters();
  if (q.window.used) return multiply_window(c, p, q, buffer<const float>(c, 0), y, p.g.group_filters());
  const float* kernel = q.gemm.b_stride ? buffer<const float>(c, 1) + first : prepacked(c) + q.packed;
  q.gemm.run(c.part - q.first_part, &q.gather, fill_gather_rows, buffer<const float>(c, 0), kernel, y + first, ldc,
             p.epilogue.end(c, first), [&](int64_t row, int rows, int64_t column, int64_t columns) {
               if (!p.together) p.epilogue.apply_rows(c, y, first, ldc, row, rows, column, columns);
             });
}

void pack_input_grad(const KernelCall& c) {  // B[(tap, filter)][channel] = kernel[tap][channel][filter]
  const auto& p = params_of<ConvParams>(c);
  const float* kernel = buffer<const float>(c, 1);
  const int64_t gc = p.g.group_channels(), gf = p.g.group_filters();
  for (const Product& q : p.products) {
    const Range r = part_range(q.gemm.panels(), c.parts, c.part);
    const int w = q.gemm.panel();
    for (int64_t panel = r.begin; panel < r.end; ++panel) {
      float* dst = prepacked(c) + q.packed + panel * w * q.gemm.k;
      for (int64_t t : q.tap_index)
        for (int64_t o0 = 0; o0 < gf; o0 += kBlock) {
          const int64_t n = std::min(kBlock, gf - o0), width = std::min<int64_t>(w, gc - panel * w);
          const float* src = kernel + (t * gc + panel * w) * p.g.filters + q.group * gf + o0;
          transpose_floats(src, p.g.filters, dst, w, width, n);
          for (int64_t o = 0; o < n && width < w; ++o) std::fill(dst + o * w + width, dst + (o + 1) * w, 0.0f);
          dst += n * w;
        }
    }
    if (r.size() > 0) pack_dot(q, prepacked(c));
  }
}

void multiply_input_grad(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const Product& q = product_of(p, c.part);
  const ConvGeometry& g = p.g;
  float* dx = buffer<float>(c, c.out);
  float* work = buffer<float>(c, c.work);
  const int64_t first = q.group * g.group_channels();
  if (q.window.used) return multiply_window(c, p, q, buffer<const float>(c, 0), dx, g.group_channels());
  const bool direct = q.result < 0;
  float* target = direct ? dx + first : work + q.result;
  const int64_t ldc = direct ? g.channels : g.group_channels();
  q.gemm.run(c.part - q.first_part, &q.gather, fill_gather_rows, buffer<const float>(c, 0), prepacked(c) + q.packed,
             target, ldc, p.epilogue.end(c, first), [&](int64_t row, int rows, int64_t column, int64_t columns) {
               if (direct) {
                 if (!p.together) p.epilogue.apply_rows(c, dx, 0, ldc, row, rows, column, columns);
                 return;
               }
               for (int64_t m = row; m < row + rows; ++m) {  // spread the phase's pixels
                 const int64_t per_image = q.gather.pixels(), pixel = m % per_image;
                 const int64_t d = pixel / (q.gather.count[1] * q.gather.count[2]) * g.stride[0] + q.phase[0];
                 const int64_t h = pixel / q.gather.count[2] % q.gather.count[1] * g.stride[1] + q.phase[1];
                 const int64_t w = pixel % q.gather.count[2] * g.stride[2] + q.phase[2];
                 const int64_t at = (((m / per_image * g.in[0] + d) * g.in[1] + h) * g.in[2] + w) * g.channels;
                 copy_floats(dx + at + first + column, target + m * ldc + column, columns);
               }
             });
}

KernelPlan finish_plan(ConvParams p, std::vector<Stage> stages) {
  const size_t workspace = size_t(p.workspace) * 4, ready = size_t(p.prepacked) * 4;
  return make_plan(std::move(p), std::move(stages), workspace, ready);
}

int pack_parts(const ConvParams& p) {
  double floats = 0;
  for (const Product& q : p.products) floats += double(q.gemm.packed_size());
  return p.parts == 1 ? 1 : parts_for(p.products[0].gemm.panels(), floats / double(p.products[0].gemm.panels()), 65536);
}
}  // namespace

KernelPlan plan_product_forward(const ConvGeometry& g, const KernelRequest& r) {
  ConvParams p;
  p.g = g;
  for (int64_t group = 0; group < p.g.groups; ++group) {
    Product q;
    q.group = group;
    q.gather = Gather::forward(p.g, group);
    choose(r, q, p.g.groups, p.g.batch * p.g.out_pixels(), p.g.group_filters(), p.g.taps() * p.g.group_channels());
    if (!q.window.used) q.gemm.read_in_place({nullptr, p.g.filters, 1}, r.persists(1));
    q.base = group * p.g.group_filters();
    q.pixel = p.g.filters, q.line = p.g.out[2] * q.pixel, q.plane = p.g.out[1] * q.line;
    q.image = p.g.out_pixels() * q.pixel;
    p.products.push_back(std::move(q));
  }
  p.epilogue = Epilogue::plan(r, 2, r.outputs[0].shape.back());
  p.together = p.products.size() > 1;
  lay_out(r, p);
  std::vector<Stage> stages{{multiply_forward, p.parts}};
  if (p.prepacked > 0) stages.insert(stages.begin(), {pack_forward, pack_parts(p), 1});
  add_finish(p, r, stages);
  return finish_plan(std::move(p), std::move(stages));
}

KernelPlan plan_product_input_grad(const ConvGeometry& g, const KernelRequest& r) {
  ConvParams p;
  p.g = g;
  const bool phased = g.stride[0] > 1 || g.stride[1] > 1 || g.stride[2] > 1;
  int64_t spread = 0;
  for (int64_t a = 0; a < g.phases(0); ++a)
    for (int64_t b = 0; b < g.phases(1); ++b)
      for (int64_t e = 0; e < g.phases(2); ++e)
        for (int64_t group = 0; group < g.groups; ++group) {
          Product q;
          q.group = group;
          q.phase[0] = a, q.phase[1] = b, q.phase[2] = e;
          q.gather = Gather::backward(g, group, q.phase, &q.tap_index);
          const int64_t rows = g.batch * q.gather.pixels();
          if (rows == 0) continue;
          choose(r, q, g.groups, rows, g.group_channels(), int64_t(q.tap_index.size()) * g.group_filters());
          q.base = ((a * g.in[1] + b) * g.in[2] + e) * g.channels + group * g.group_channels();
          q.pixel = g.stride[2] * g.channels, q.line = g.stride[1] * g.in[2] * g.channels;
          q.plane = g.stride[0] * g.in[1] * g.in[2] * g.channels, q.image = g.in_pixels() * g.channels;
          if (phased && !q.window.used) {
            q.result = spread;
            spread += rows * g.group_channels();
          }
          p.products.push_back(std::move(q));
        }
  p.epilogue = Epilogue::plan(r, 2, spread > 0 ? Epilogue::kNotInRegisters : g.channels);
  p.together = phased || p.products.size() > 1;
  if (p.products.empty()) return make_plan(std::move(p), {});
  lay_out(r, p);
  for (Product& q : p.products)
    if (q.result >= 0) q.result += p.workspace;
  p.workspace += spread;
  std::vector<Stage> stages{{pack_input_grad, pack_parts(p), 1}, {multiply_input_grad, p.parts}};
  add_finish(p, r, stages);
  return finish_plan(std::move(p), std::move(stages));
}
}  // namespace hornbeam
