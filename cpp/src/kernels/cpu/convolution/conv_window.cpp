#include "kernels/cpu/convolution/conv_window.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kChunkFloats = 32768;  // of copied lines: 128 KiB, so that they and the kernel's panels stay in L2
}

Window Window::plan(const Gather& g) {
  Window w;
  if (g.size[0] != 1 || g.count[0] != 1 || g.taps.empty()) return w;
  int64_t low[3], high[3];
  for (int i = 0; i < 3; ++i) {
    low[i] = high[i] = g.taps[0].at[i];
    for (const Tap& t : g.taps) low[i] = std::min(low[i], t.at[i]), high[i] = std::max(high[i], t.at[i]);
  }
  if (low[0] + g.start[0] != 0 || high[0] != low[0] || g.pixels() * g.channels == 0) return w;
  w.top = g.start[1] + low[1], w.left = g.start[2] + low[2];
  w.reach = high[1] - low[1] + 1;
  w.width = (g.count[2] - 1) * g.step[2] + high[2] - low[2] + 1;
  const bool inside = w.top >= 0 && w.left >= 0 && w.left + w.width <= g.size[2] &&
                      w.top + (g.count[1] - 1) * g.step[1] + w.reach <= g.size[1];
  w.copies = !inside || g.channels != g.pixel_stride;
  w.pixel = w.copies ? g.channels : g.pixel_stride;
  w.line = w.copies ? w.width * w.pixel : g.size[2] * w.pixel;
  // taps that are neighbours in a line make one run
  auto offset = [&](const Tap& t) { return (t.at[1] - low[1]) * w.line + (t.at[2] - low[2]) * w.pixel; };
  const int64_t n = int64_t(g.taps.size());
  auto follows = [&](int64_t i) { return offset(g.taps[size_t(i)]) == offset(g.taps[size_t(i - 1)]) + g.channels; };
  int64_t run = 1;
  while (run < n && follows(run)) ++run;
  if (n % run != 0) run = 1;
  for (int64_t i = 1; i < n; ++i)
    if (i % run != 0 && !follows(i)) run = 1;
  for (int64_t i = 0; i < n; i += run) w.runs.push_back(offset(g.taps[size_t(i)]));
  w.run_length = run * g.channels;
  auto lines_for = [&](int64_t lines) { return (lines - 1) * g.step[1] + w.reach; };
  w.chunk_lines = std::min(g.count[1], std::max<int64_t>(1, (kChunkFloats / w.line - w.reach) / g.step[1] + 1));
  w.chunk_images = kChunkFloats / (lines_for(g.count[1]) * w.line);
  w.scratch =
      w.copies ? std::max<int64_t>(lines_for(w.chunk_lines), lines_for(g.count[1]) * w.chunk_images) * w.line : 0;
  w.used = true;
  return w;
}

Chunk Window::next(const Gather& g, int64_t begin, int64_t end) const {
  const int64_t image = begin / g.count[1], first = begin % g.count[1], whole = (end - begin) / g.count[1];
  if (first == 0 && whole > 0 && chunk_images > 0) return {image, std::min(whole, chunk_images), 0, g.count[1]};
  return {image, 1, first, std::min({chunk_lines, g.count[1] - first, end - begin})};
}

const float* Window::read(const Gather& g, const Chunk& c, const float* x, float* lines_at,
                          int64_t* image_stride) const {
  const int64_t image_floats = g.size[1] * g.size[2] * g.pixel_stride, first = c.line * g.step[1] + top;
  x += c.image * image_floats + g.offset;
  if (!copies) {
    *image_stride = image_floats;
    return x + first * line + left * pixel;
  }
  const int64_t lines = (c.lines - 1) * g.step[1] + reach;
  *image_stride = lines * line;
  const int64_t skip = std::clamp<int64_t>(-left, 0, width), from = std::max<int64_t>(0, left);
  const int64_t n = std::max<int64_t>(0, std::min(width - skip, g.size[2] - from));  // pixels that exist
  float* dst = lines_at;
  for (int64_t m = 0; m < c.images; ++m)
    for (int64_t l = 0; l < lines; ++l, dst += line) {
      const int64_t h = first + l;
      if (h < 0 || h >= g.size[1]) {
        std::fill(dst, dst + line, 0.0f);
        continue;
      }
      std::fill(dst, dst + skip * pixel, 0.0f);
      const float* src = x + m * image_floats + (h * g.size[2] + from) * g.pixel_stride;
      if (pixel == g.pixel_stride)
        std::memcpy(dst + skip * pixel, src, size_t(n * pixel) * 4);
      else
        for (int64_t i = 0; i < n; ++i)
          std::copy(src + i * g.pixel_stride, src + i * g.pixel_stride + pixel, dst + (skip + i) * pixel);
      std::fill(dst + (skip + n) * pixel, dst + line, 0.0f);
    }
  return lines_at;
}

namespace {
// The rows of a run as tiles, and the panel that wastes least.
struct OuterPlan {
  int64_t m, n, tiles;
  Gemm gemm;
  OuterPlan(const Window& w, const IsaTable* isa, int64_t filters, bool swapped)
      : m(swapped ? filters : w.run_length), n(swapped ? w.run_length : filters) {
    gemm = Gemm::plan_whole(isa, m, n, 1, true);
    tiles = (m + gemm.mr - 1) / gemm.mr;
  }
};
}  // namespace

int64_t outer_tiles(const Window& w, const IsaTable* isa, int64_t filters, bool swapped) {
  return OuterPlan(w, isa, filters, swapped).tiles * int64_t(w.runs.size());
}

void multiply_outer(const Window& w, const Gather& g, const IsaTable* isa, Range lines, Share share, const float* x,
                    float* scratch, const float* dy, int64_t ldy, const OuterShape& shape, float* dk) {
  const OuterPlan plan(w, isa, shape.filters, shape.swapped);
  const Range mine = part_range(plan.tiles * int64_t(w.runs.size()), share.of, share.index);
  for (int64_t at = lines.begin; at < lines.end;) {
    const Chunk c = w.next(g, at, lines.end);
    OuterTile t{};
    int64_t image_stride;
    const float* window = w.read(g, c, x, scratch, &image_stride);
    const float* grad = dy + (c.image * g.count[1] + c.line) * g.count[2] * ldy;
    t.images = int(c.images), t.lines = int(c.lines), t.pixels = int(g.count[2]);
    const int64_t window_steps[] = {image_stride, g.step[1] * w.line, g.step[2] * w.pixel};
    const int64_t grad_steps[] = {g.count[1] * g.count[2] * ldy, g.count[2] * ldy, ldy};
    const int64_t *a = shape.swapped ? grad_steps : window_steps, *b = shape.swapped ? window_steps : grad_steps;
    t.a_image = a[0], t.a_line = a[1], t.a_pixel = a[2];
    t.b_image = b[0], t.b_line = b[1], t.b_pixel = b[2];
    for (int64_t tile = mine.begin; tile < mine.end; ++tile) {
      const int64_t r = tile / plan.tiles;
      const Range rows = part_range(plan.m, int(plan.tiles), int(tile % plan.tiles));
      const float* run = window + w.runs[size_t(r)];
      const float *left = shape.swapped ? grad : run, *right = shape.swapped ? run : grad;
      for (int64_t j = 0; j < plan.n; j += plan.gemm.panel()) {
        const int width = int(std::min<int64_t>(plan.gemm.panel(), plan.n - j));
        t.a = left + rows.begin, t.b = right + j;
        t.to = {dk + (r * plan.m + rows.begin) * shape.stride + j, shape.stride, width, at > lines.begin};
        isa->outer[(width + isa->lanes - 1) / isa->lanes][rows.size()](t);
      }
    }
    at += c.images * c.lines;
  }
}
}  // namespace hornbeam
