#include "kernels/cpu/convolution/conv_window.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kChunkFloats = 32768;  // of copied lines: 128 KiB, so that they and the kernel's panels stay in L2
constexpr int64_t kLeastPiece = 64, kMostPiece = 1024;  // pixels of a line that are taken together
constexpr int64_t kMostScratch = 1 << 21;               // floats

bool within(int64_t at, int64_t size) { return uint64_t(at) < uint64_t(size); }
}  // namespace

Window Window::plan(const Gather& g) {
  Window w;
  if (g.taps.empty() || g.pixels() * g.channels == 0) return w;
  int64_t low[3], high[3];
  for (int i = 0; i < 3; ++i) {
    low[i] = high[i] = g.taps[0].at[i];
    for (const Tap& t : g.taps) low[i] = std::min(low[i], t.at[i]), high[i] = std::max(high[i], t.at[i]);
  }
  std::vector<int64_t> lines;  // of the first plane's taps
  for (const Tap& t : g.taps) {
    if (w.depths.empty() || w.depths.back() != g.start[0] + t.at[0]) w.depths.push_back(g.start[0] + t.at[0]);
    if (t.at[0] == g.taps[0].at[0] && (lines.empty() || lines.back() != t.at[1])) lines.push_back(t.at[1]);
  }
  w.rows = int64_t(lines.size());
  const int64_t planes = int64_t(w.depths.size()), n = int64_t(g.taps.size());
  if (n % (planes * w.rows) != 0) return w;
  const bool deep = g.size[0] != 1 || g.count[0] != 1 || planes != 1 || w.depths[0] != 0;
  w.top = g.start[1] + low[1], w.left = g.start[2] + low[2];
  w.reach = high[1] - low[1] + 1;
  const int64_t across = high[2] - low[2] + 1;  // pixels a window spans
  const bool inside = !deep && w.top >= 0 && w.left >= 0 &&
                      w.left + (g.count[2] - 1) * g.step[2] + across <= g.size[2] &&
                      w.top + (g.count[1] - 1) * g.step[1] + w.reach <= g.size[1];
  w.copies = !inside || g.channels != g.pixel_stride;
  w.pixel = w.copies ? g.channels : g.pixel_stride;
  w.piece = g.count[2];
  if (w.rows > 1) w.apart = (high[1] - low[1]) / (w.rows - 1);
  auto copied = [&](int64_t line_count) { return planes * ((line_count - 1) * g.step[1] + w.reach); };
  if (w.copies) {
    // a long line by pieces that stay in cache
    const int64_t most = std::max({kLeastPiece, 2 * across, kChunkFloats / (planes * w.rows * g.step[2] * w.pixel)});
    if (g.count[2] > 2 * most) w.pieces = (g.count[2] + most - 1) / most;
  } else if (g.count[2] > 2 * kMostPiece) {
    w.pieces = (g.count[2] + kMostPiece - 1) / kMostPiece;
  }
  w.piece = (g.count[2] + w.pieces - 1) / w.pieces;
  w.width = (w.piece - 1) * g.step[2] + across;
  w.line = w.copies ? w.width * w.pixel : g.size[2] * w.pixel;
  auto chunk = [&] {
    const int64_t most = (kChunkFloats / (planes * w.line) - w.reach) / g.step[1] + 1;
    return w.pieces > 1 ? 1 : std::min(g.count[1], std::max<int64_t>(1, most));
  };
  w.chunk_lines = chunk();
  // lines of taps far apart: those of one line of pixels alone
  if (w.copies && w.apart > 1 && planes * w.rows * w.chunk_lines < copied(w.chunk_lines))
    w.spread = w.apart, w.reach = w.rows, w.chunk_lines = 1;
  w.slot = copied(w.chunk_lines) / planes * w.line;
  const bool whole = w.chunk_lines == g.count[1] && w.pieces == 1;
  w.chunk_planes = whole ? kChunkFloats / (planes * w.slot) : 0;
  // taps that are neighbours in a line make one run
  auto offset = [&](int64_t i) {
    const Tap& t = g.taps[size_t(i)];
    return i / (n / planes) * w.slot + (t.at[1] - low[1]) / w.spread * w.line + (t.at[2] - low[2]) * w.pixel;
  };
  auto follows = [&](int64_t i) { return i % (n / planes) != 0 && offset(i) == offset(i - 1) + g.channels; };
  int64_t run = 1;
  while (run < n && follows(run)) ++run;
  if (n % run != 0) run = 1;
  for (int64_t i = 1; i < n; ++i)
    if (i % run != 0 && !follows(i)) run = 1;
  for (int64_t i = 0; i < n; i += run) w.runs.push_back(offset(i));
  w.run_length = run * g.channels;
  w.scratch = w.copies ? std::max<int64_t>(1, w.chunk_planes) * planes * w.slot : 0;
  w.used = w.scratch <= kMostScratch;
  return w;
}

Chunk Window::next(const Gather& g, int64_t begin, int64_t end) const {
  if (pieces > 1) {
    const int64_t at = begin / pieces, first = begin % pieces * piece;
    return {at / g.count[1], 1, at % g.count[1], 1, first, std::min(piece, g.count[2] - first)};
  }
  const int64_t plane = begin / g.count[1], first = begin % g.count[1], whole = (end - begin) / g.count[1];
  if (first == 0 && whole > 0 && chunk_planes > 0)
    return {plane, std::min(whole, chunk_planes), 0, g.count[1], 0, g.count[2]};
  return {plane, 1, first, std::min({chunk_lines, g.count[1] - first, end - begin}), 0, g.count[2]};
}

Range Window::inside(const Gather& g, int64_t plane, int64_t at) const {
  Range r{0, int64_t(runs.size())};
  if (!copies) return r;
  auto narrow = [&](int64_t n, auto there) {  // to those of n equal shares that are there
    const int64_t share = r.size() / n;
    int64_t begin = 0, end = n;
    while (begin < end && !there(begin)) ++begin;
    while (begin < end && !there(end - 1)) --end;
    r = {begin * share, end * share};
  };
  const int64_t d = plane % g.count[0] * g.step[0], h = at * g.step[1] + top;
  narrow(int64_t(depths.size()), [&](int64_t i) { return within(d + depths[size_t(i)], g.size[0]); });
  if (depths.size() == 1 && rows > 1 && r.size() > 0 && r.size() % rows == 0)
    narrow(rows, [&](int64_t i) { return within(h + i * apart, g.size[1]); });
  return r;
}

const float* Window::read(const Gather& g, const Chunk& c, const float* x, float* lines_at,
                          int64_t* plane_stride) const {
  x += g.offset;
  if (!copies) {
    const int64_t plane_floats = g.size[1] * g.size[2] * g.pixel_stride;
    *plane_stride = plane_floats;
    return x + c.plane * plane_floats + (c.line * g.step[1] + top) * line + (left + c.pixel * g.step[2]) * pixel;
  }
  *plane_stride = int64_t(depths.size()) * slot;
  copy_lines(g, c, lines_at, [&](float* dst, int64_t from, int64_t n) {
    const float* src = x + from * g.pixel_stride;
    if (pixel == g.pixel_stride)
      std::memcpy(dst, src, size_t(n * pixel) * 4);
    else
      for (int64_t i = 0; i < n; ++i) copy_floats(dst + i * pixel, src + i * g.pixel_stride, pixel);
  });
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

void multiply_outer(const Window& w, const Gather& g, const IsaTable* isa, Range units, Share share, const float* x,
                    float* scratch, const float* dy, int64_t ldy, const OuterShape& shape, bool add, float* dk) {
  const OuterPlan plan(w, isa, shape.filters, shape.swapped);
  const Range mine = part_range(plan.tiles * int64_t(w.runs.size()), share.of, share.index);
  for (int64_t at = units.begin; at < units.end;) {
    const Chunk c = w.next(g, at, units.end);
    const bool more = add || at > units.begin;
    at += c.planes * c.lines;
    if (more && w.outside(g, c)) continue;
    OuterTile t{};
    int64_t plane_stride;
    const float* window = w.read(g, c, x, scratch, &plane_stride);
    const float* grad = dy + ((c.plane * g.count[1] + c.line) * g.count[2] + c.pixel) * ldy;
    t.images = int(c.planes), t.lines = int(c.lines), t.pixels = int(c.pixels);
    const int64_t window_steps[] = {plane_stride, g.step[1] * w.line, g.step[2] * w.pixel};
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
        t.to = {dk + (r * plan.m + rows.begin) * shape.stride + j, shape.stride, width, more};
        isa->outer[(width + isa->lanes - 1) / isa->lanes][rows.size()](t);
      }
    }
  }
}
}  // namespace hornbeam
