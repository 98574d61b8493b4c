// Convolution of groups so small that their filters would leave most of a register empty. Lines are copied so that each
// channel of a group lies under every filter of the group; a register of filters is then convolved as a depthwise
// convolution would be, whose taps are the pairs of tap and channel.
#include "kernels/cpu/convolution/conv_window.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kBlockFloats = 65536;  // of an image that all registers read before the next ones: 256 KiB

constexpr int64_t kOnes[3] = {1, 1, 1};
int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

// Pixels of the result that the same taps reach: all, or those of a stride's phase.
struct Phase {
  Gather gather;  // of a register's copied pixels: [channel of a group][lane]
  Window window;
  std::vector<int64_t> tap_index;  // of the kernel
  std::vector<int64_t> cells;      // where each pair of tap and channel lies in the copied lines,
  std::vector<int64_t> weights;    // and where its weights do
  int64_t base = 0;                // of its first pixel in the result, in floats
  PixelGrid grid{};                // then
  int64_t block;                   // units that go through all registers before the next ones
  int row_parts = 1, first_part = 0;
};

struct GroupedParams {
  ConvGeometry g;
  const IsaTable* isa;
  int64_t from, to;            // channels of a group that are read and computed
  int64_t depth, columns;      // the same of all groups
  std::vector<int32_t> index;  // [channel][lane]: which of the channels that a register takes is under a lane
  std::vector<Phase> phases;
  int parts = 0;
  int64_t packed = 0;   // floats of a kernel that is turned
  int64_t scratch = 0;  // of lines that each thread has
  int64_t lanes() const { return isa->lanes; }
  int64_t registers() const { return (columns + lanes() - 1) / lanes(); }
};

// Copies the lines of a chunk for a register of columns.
void copy_chunk(const GroupedParams& p, const Phase& f, const Chunk& c, const float* x, int64_t reg, float* lines) {
  const int64_t first = reg * p.lanes(), width = std::min(p.lanes(), p.columns - first);
  const int span = int(width / p.to * p.from);
  x += first / p.to * p.from;
  f.window.copy_lines(f.gather, c, lines, [&](float* dst, int64_t pixel, int64_t n) {
    p.isa->spread_pixels({dst, x + pixel * p.depth, p.depth, n, span, p.index.data(), int(p.from)});
  });
}

// f(chunk, register) for some units and registers: all registers of a block of units before the next.
template <class F>
void each_chunk(const Phase& f, Range units, Range registers, F visit) {
  for (int64_t begin = units.begin; begin < units.end; begin += f.block) {
    const int64_t end = std::min(units.end, begin + f.block);
    for (int64_t reg = registers.begin; reg < registers.end; ++reg)
      for (int64_t at = begin; at < end;) {
        const Chunk c = f.window.next(f.gather, at, end);
        visit(c, reg);
        at += c.planes * c.lines;
      }
  }
}

// The kernel of an input gradient: [tap][filter][channel], by phases.
void turn_kernel(const KernelCall& c) {
  const auto& p = params_of<GroupedParams>(c);
  const float* kernel = buffer<const float>(c, 1);
  for (const Phase& f : p.phases)
    for (size_t i = 0; i < f.weights.size(); ++i) {
      const int64_t tap = f.tap_index[i / size_t(p.from)], filter = int64_t(i) % p.from;
      float* dst = prepacked(c) + f.weights[i];
      for (int64_t ch = 0; ch < p.columns; ++ch)
        dst[ch] = kernel[(tap * p.to + ch % p.to) * p.depth + ch / p.to * p.from + filter];
    }
}

void convolve(const KernelCall& c) {
  const auto& p = params_of<GroupedParams>(c);
  size_t i = p.phases.size() - 1;
  while (p.phases[i].first_part > c.part) --i;
  const Phase& f = p.phases[i];
  const Window& w = f.window;
  const float* kernel = p.g.role == ConvRole::forward ? buffer<const float>(c, 1) : prepacked(c);
  float* lines = buffer<float>(c, c.work) + c.thread * p.scratch;
  PixelGrid grid = f.grid;
  grid.at = buffer<float>(c, c.out) + f.base;
  const Range units = part_range(w.units(f.gather, p.g.batch), f.row_parts, c.part - f.first_part);
  each_chunk(f, units, {0, p.registers()}, [&](const Chunk& k, int64_t reg) {
    const int64_t first = reg * p.lanes(), pairs = w.run_length / p.lanes();
    copy_chunk(p, f, k, buffer<const float>(c, 0), reg, lines);
    each_line(
        w, f.gather, k, lines, int64_t(w.depths.size()) * w.slot, grid,
        [&](const float* x, float* y, const Range& runs) {
          const int64_t at = runs.begin * pairs;
          p.isa->dot_cells({{y + first, f.grid.pixel, x, f.cells.data() + at, int(runs.size() * pairs),
                             f.gather.step[2] * w.pixel, k.pixels, std::min(p.lanes(), p.columns - first), true, true},
                            kernel + first,
                            f.weights.data() + at,
                            nullptr,
                            false});
        });
  });
}

// dk[tap][channel] = sum over pixels of what lies under each filter times its gradient.
void multiply_gradients(const KernelCall& c) {
  const auto& p = params_of<GroupedParams>(c);
  const Phase& f = p.phases[0];
  const Window& w = f.window;
  const Range registers = part_range(p.registers(), c.parts, c.part);
  const int64_t begin = registers.begin * p.lanes(), end = std::min(p.columns, registers.end * p.lanes());
  float *dk = buffer<float>(c, c.out), *lines = buffer<float>(c, c.work) + c.thread * p.scratch;
  float* grad = lines + w.scratch;
  for (size_t t = 0; t < f.weights.size() && begin < end; ++t)
    std::fill(dk + f.weights[t] + begin, dk + f.weights[t] + end, 0.0f);
  const int64_t* count = f.gather.count;
  each_chunk(f, {0, w.units(f.gather, p.g.batch)}, registers, [&](const Chunk& k, int64_t reg) {
    const int64_t first = reg * p.lanes(), width = std::min(p.lanes(), p.columns - first);
    copy_chunk(p, f, k, buffer<const float>(c, 0), reg, lines);
    const int64_t pixel = (k.plane * count[1] + k.line) * count[2] + k.pixel;
    const float* dy = buffer<const float>(c, 1) + pixel * p.columns + first;
    for (int64_t i = 0; i < k.planes * k.lines * k.pixels; ++i)
      copy_floats(grad + i * width, dy + i * p.columns, width);
    const PixelGrid grid{grad - pixel * width, f.gather.pixels() * width, count[1] * count[2] * width, count[2] * width,
                         width};
    each_line(w, f.gather, k, lines, int64_t(w.depths.size()) * w.slot, grid,
              [&](const float* x, const float* dy_line, const Range& runs) {
                const int64_t pairs = w.run_length / p.lanes(), at = runs.begin * pairs;
                p.isa->outer_cells({dk + first, f.weights.data() + at, x, f.cells.data() + at, int(runs.size() * pairs),
                                    f.gather.step[2] * w.pixel, dy_line, k.pixels, width});
              });
  });
}

// The pixels of a phase; false where windows do not serve them.
bool plan_phase(GroupedParams& p, const int64_t (&phase)[3]) {
  const ConvGeometry& g = p.g;
  const bool backward = g.role == ConvRole::input_grad;
  Phase f;
  if (backward) {
    f.gather = Gather::backward(g, 0, phase, &f.tap_index);
  } else {
    f.gather = Gather::forward(g, 0);
    for (int64_t t = 0; t < g.taps(); ++t) f.tap_index.push_back(t);
  }
  f.gather.channels = p.from * p.lanes(), f.gather.pixel_stride = 0;  // pixels are copied as a register needs them
  f.window = Window::plan(f.gather);
  if (!f.window.used) return false;
  for (int64_t run : f.window.runs)
    for (int64_t at = 0; at < f.window.run_length; at += p.lanes()) {
      const int64_t i = int64_t(f.cells.size()), tap = backward ? 0 : f.tap_index[size_t(i / p.from)];
      f.cells.push_back(run + at);
      f.weights.push_back((backward ? p.packed / p.columns + i : tap * p.from + i % p.from) * p.columns);
    }
  if (backward) p.packed += int64_t(f.cells.size()) * p.columns;
  const int64_t *pixels = backward ? g.in : g.out, *apart = backward ? g.stride : kOnes;
  f.base = ((phase[0] * pixels[1] + phase[1]) * pixels[2] + phase[2]) * p.columns;
  f.grid.pixel = apart[2] * p.columns, f.grid.line = apart[1] * pixels[2] * p.columns;
  f.grid.plane = apart[0] * pixels[1] * pixels[2] * p.columns;
  f.grid.image = pixels[0] * pixels[1] * pixels[2] * p.columns;
  const int64_t floats = f.gather.step[1] * f.gather.size[2] * p.depth / f.window.pieces;
  f.block = std::max<int64_t>(4, kBlockFloats / std::max<int64_t>(1, floats));
  const int64_t units = f.window.units(f.gather, g.batch);
  const double work = 2.0 * double(g.batch * f.gather.pixels()) * double(f.cells.size()) * double(p.columns);
  f.row_parts = int(std::max<int64_t>(1, std::min<int64_t>({units, int64_t(kMaxParts), int64_t(work / 2e6)})));
  f.first_part = p.parts;
  p.parts += f.row_parts;
  p.scratch = std::max(p.scratch, padded(f.window.scratch));
  p.phases.push_back(std::move(f));
  return true;
}

bool plan_phases(GroupedParams& p, const ConvGeometry& g, const KernelRequest& r) {
  const bool backward = g.role == ConvRole::input_grad;
  p.g = g, p.isa = r.target.isa;
  p.from = backward ? g.group_filters() : g.group_channels(), p.to = backward ? g.group_channels() : g.group_filters();
  p.depth = p.from * g.groups, p.columns = p.to * g.groups;
  const bool small = g.groups > 1 && p.from > 0 && p.from <= p.to && p.to < p.lanes() && p.lanes() % p.to == 0;
  if (!small || g.batch == 0 || r.attrs.has("program")) return false;
  for (int64_t k = 0; k < p.from; ++k)
    for (int64_t lane = 0; lane < p.lanes(); ++lane) p.index.push_back(int32_t(lane / p.to * p.from + k));
  for (int64_t a = 0; a < (backward ? g.phases(0) : 1); ++a)
    for (int64_t b = 0; b < (backward ? g.phases(1) : 1); ++b)
      for (int64_t e = 0; e < (backward ? g.phases(2) : 1); ++e)
        if (!plan_phase(p, {a, b, e})) return false;
  return true;
}
}  // namespace

bool groups_are_small(const ConvGeometry& g, const KernelRequest& r) {
  GroupedParams p;
  return plan_phases(p, g, r);
}

KernelPlan plan_small_groups(const ConvGeometry& g, const KernelRequest& r) {
  GroupedParams p;
  plan_phases(p, g, r);
  std::vector<Stage> stages{{convolve, p.parts}};
  if (g.role == ConvRole::kernel_grad) {
    const Window& w = p.phases[0].window;
    const int64_t pixels = std::max(w.chunk_planes * g.out[1] * g.out[2], w.chunk_lines * w.piece);
    p.scratch = padded(w.scratch + pixels * p.lanes());
    p.parts = int(std::min<int64_t>(p.registers(), p.parts));
    stages = {{multiply_gradients, p.parts}};
  }
  if (p.packed > 0) stages.insert(stages.begin(), {turn_kernel, 1, 1});
  const size_t workspace = size_t(at_once(r, p.parts) * p.scratch) * 4, ready = size_t(p.packed) * 4;
  return make_plan(std::move(p), std::move(stages), workspace, ready);
}
}  // namespace hornbeam
