// Depthwise convolution by rows of channels, and the plain loops that serve float64. Where a channel has several
// filters, it is repeated: one for each.
#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kFewRegisters = 4;  // of a pixel: fewer than the multiply-adds that are in flight
constexpr int64_t kWideWindow = 5;    // taps along a line

struct DirectParams {
  ConvGeometry g;
  const IsaTable* isa = nullptr;
  Epilogue epilogue;
  TapImage image;               // the pixels that are computed
  TapLines lines;               // of the kernel's gradient: the output over the input
  int64_t repeats = 1;          // of each channel, in the workspace
  int64_t left = 0, width = 0;  // of a line copied there: pixels of padding before it, and its own
  int64_t line = 0;             // and floats of all
  int64_t repeated = 0;         // floats of all lines
  bool copies() const { return left > 0 || (repeats > 1 && g.role != ConvRole::input_grad); }
};

// Calls f(input pixel, output pixel, tap) for each pair that meets, for the output pixels [begin, end) of all images.
template <class F>
void each_pair_of_output(const ConvGeometry& g, int64_t begin, int64_t end, F f) {
  for (int64_t o = begin; o < end; ++o) {
    const int64_t image = o / g.out_pixels(), pixel = o % g.out_pixels();
    const int64_t at[3] = {pixel / (g.out[1] * g.out[2]), pixel / g.out[2] % g.out[1], pixel % g.out[2]};
    int64_t tap = 0;
    for (int64_t a = 0; a < g.window[0]; ++a)
      for (int64_t b = 0; b < g.window[1]; ++b)
        for (int64_t e = 0; e < g.window[2]; ++e, ++tap) {
          const int64_t d = at[0] * g.stride[0] - g.low[0] + a * g.dilation[0];
          const int64_t h = at[1] * g.stride[1] - g.low[1] + b * g.dilation[1];
          const int64_t w = at[2] * g.stride[2] - g.low[2] + e * g.dilation[2];
          if (d < 0 || d >= g.in[0] || h < 0 || h >= g.in[1] || w < 0 || w >= g.in[2]) continue;
          f(((image * g.in[0] + d) * g.in[1] + h) * g.in[2] + w, o, tap);
        }
  }
}
// The input with its channels repeated, its lines between padding; and the sum of what repeated channels got.
void copy_lines(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const int64_t n = p.g.channels, given = p.width * n / p.repeats;  // floats of a line
  const Range lines = part_range(p.repeated / std::max<int64_t>(1, p.line), c.parts, c.part);
  for (int64_t l = lines.begin; l < lines.end; ++l) {
    const float* x = buffer<const float>(c, 0) + l * given;
    float *begin = buffer<float>(c, c.work) + l * p.line, *out = std::fill_n(begin, p.left * n, 0.0f);
    if (p.repeats == 1) {
      out = std::copy(x, x + given, out);
    } else {
      for (int64_t i = 0; i < given; ++i) out = std::fill_n(out, p.repeats, x[i]);
    }
    std::fill(out, begin + p.line, 0.0f);
  }
}
void add_repeats(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const Range all = part_range(p.repeated / p.repeats, c.parts, c.part);
  const float* sums = buffer<const float>(c, c.work) + all.begin * p.repeats;
  float* dx = buffer<float>(c, c.out);
  for (int64_t i = all.begin; i < all.end; ++i, sums += p.repeats) {
    dx[i] = sums[0];
    for (int64_t k = 1; k < p.repeats; ++k) dx[i] += sums[k];
  }
}

// out[pixel] = sum over its pairs of x[cell] * kernel[tap], all channels at once.
void dot_lines(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const int64_t n = p.g.channels, line = p.image.width() * n;
  const float *x = buffer<const float>(c, p.copies() ? c.work : 0), *k = buffer<const float>(c, 1);
  float* y = buffer<float>(c, p.repeats > 1 && !p.copies() ? c.work : c.out);
  const Range lines = part_range(p.g.batch * p.image.lines(), c.parts, c.part);
  const TileEnd end = p.epilogue.end(c);
  for (int64_t l = lines.begin; l < lines.end; ++l) {
    float* out = y + l * line;
    const bool more = l + 1 < lines.end;
    p.image.each(l, [&](const Pairs& q, const TapLines& grid, int64_t w, int64_t apart) {
      p.isa->dot_cells({{out + w * n, apart * n, x + q.source, q.cells, q.count, grid.step(), q.pixels, n, q.first,
                         q.last, more ? grid.next_line() : 0, more ? line : 0},
                        k,
                        q.taps,
                        end.bias,
                        end.relu});
    });
    if (p.epilogue.present) p.epilogue.apply(c, y, l * line, (l + 1) * line);
  }
}

// Each part has its own sums; the next stage adds them in order.
void depthwise_kernel_grad(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const int64_t n = p.g.channels, size = p.g.taps() * n, width = p.g.out[2];
  const float *x = buffer<const float>(c, p.repeats > 1 ? c.work : 0), *dy = buffer<const float>(c, 1);
  float* dk = buffer<float>(c, c.work) + p.repeated + c.part * size;
  std::fill(dk, dk + size, 0.0f);
  const TapLines& grid = p.lines;
  const Range lines = part_range(p.g.batch * grid.lines(), c.parts, c.part);
  for (int64_t l = lines.begin; l < lines.end; ++l) {
    const bool more = l + 1 < lines.end;
    grid.each(l, {0, width}, [&](const Pairs& q) {
      p.isa->outer_cells({dk, q.taps, x + q.source, q.cells, q.count, grid.step(), dy + (l * width + q.w) * n, q.pixels,
                          n, more ? grid.next_line() : 0, more ? width * n : 0});
    });
  }
}
template <int kParts>
void add_parts(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const int64_t size = p.g.taps() * p.g.channels;
  const float* work = buffer<const float>(c, c.work) + p.repeated;
  float* dk = buffer<float>(c, c.out);
  std::copy(work, work + size, dk);
  for (int k = 1; k < kParts; ++k) p.isa->add_rows(dk, work + k * size, 1, size, size);
}

// ---- float64 ----

template <class Visit>
void reference_loops(const KernelCall& c, const ConvGeometry& g, Visit visit) {
  if (c.part != 0) return;
  const int64_t gc = g.group_channels(), gf = g.group_filters();
  each_pair_of_output(g, 0, g.batch * g.out_pixels(), [&](int64_t i, int64_t o, int64_t t) {
    for (int64_t f = 0; f < g.filters; ++f)
      for (int64_t ch = 0; ch < gc; ++ch)
        visit(i * g.channels + f / gf * gc + ch, o * g.filters + f, (t * gc + ch) * g.filters + f);
  });
}
template <int kWhich>  // 0: y from x, kernel; 1: dx from dy, kernel; 2: dkernel from x, dy
void reference_conv(const KernelCall& c) {
  const auto& g = params_of<DirectParams>(c).g;
  const double *a = buffer<const double>(c, 0), *b = buffer<const double>(c, 1);
  double* out = buffer<double>(c, c.out);
  const int64_t sizes[] = {g.batch * g.out_pixels() * g.filters, g.batch * g.in_pixels() * g.channels,
                           g.taps() * g.group_channels() * g.filters};
  std::fill(out, out + sizes[kWhich], 0.0);
  reference_loops(c, g, [&](int64_t x, int64_t y, int64_t k) {
    if (kWhich == 0) out[y] += a[x] * b[k];
    if (kWhich == 1) out[x] += a[y] * b[k];
    if (kWhich == 2) out[k] += a[x] * b[y];
  });
}

// Plans a copy of the lines with their padding where many pixels lie so near to an end that each would have taps of its
// own, and a pixel's few registers would wait for each other.
void pad_lines(DirectParams& p) {
  ConvGeometry& g = p.g;
  const bool backward = g.role == ConvRole::input_grad;
  const int64_t reach = (g.window[2] - 1) * g.dilation[2];
  int64_t& width = backward ? g.out[2] : g.in[2];  // of the lines that are read
  const int64_t left = backward ? reach - g.low[2] : g.low[2];
  const int64_t last = backward ? g.in[2] - 1 + g.low[2] : (g.out[2] - 1) * g.stride[2] + reach - g.low[2];
  const int64_t right = std::max<int64_t>(0, last + 1 - width);
  const bool apart = backward && (g.stride[0] > 1 || g.stride[1] > 1 || g.stride[2] > 1);
  const bool many = 4 * (left + right) >= width && left + right <= width;
  if (apart || left <= 0 || !many || g.window[2] < kWideWindow || g.channels > kFewRegisters * p.isa->lanes) return;
  p.left = left, p.width = width;
  width += left + right;
  g.low[2] = backward ? reach : 0;
  p.line = width * g.channels;
  p.repeated = g.batch * (backward ? g.out_pixels() : g.in_pixels()) * g.channels;
}
}  // namespace

KernelPlan plan_depthwise(const ConvGeometry& geometry, const KernelRequest& r) {
  DirectParams p;
  ConvGeometry& g = p.g;
  g = geometry, p.isa = r.target.isa;
  p.repeats = g.filters / g.channels;
  g.channels = g.groups = g.filters;
  p.width = g.in[2];
  if (p.repeats > 1)
    p.line = g.in[2] * g.channels, p.repeated = g.batch * g.in_pixels() * g.channels;
  else if (g.role != ConvRole::kernel_grad)
    pad_lines(p);
  const Stage add{add_repeats, parts_for(p.repeated, 1)};
  std::vector<Stage> stages;
  if (p.copies()) stages.push_back({copy_lines, parts_for(p.repeated, 1)});
  const double cost = 2.0 * double(g.taps() * g.channels);
  size_t bytes = size_t(p.repeated) * 4;
  if (g.role != ConvRole::kernel_grad) {
    p.image = g.role == ConvRole::forward ? TapImage::forward(g) : TapImage::backward(g);
    p.epilogue = Epilogue::plan(r, 2, r.outputs[0].shape.back());
    if (p.epilogue.residual >= 0) p.epilogue = Epilogue::plan(r, 2, Epilogue::kNotInRegisters);
    stages.push_back({dot_lines, parts_for(g.batch * p.image.lines(), cost * double(p.image.width()))});
    if (p.repeats > 1 && g.role == ConvRole::input_grad) stages.push_back(add);
    return make_plan(std::move(p), std::move(stages), bytes);
  }
  p.lines = TapLines(TapGrid::forward(g), g.channels);
  const bool cut = double(g.batch * g.out_pixels()) * cost > 1e6;  // into eight parts
  bytes += size_t(g.taps() * g.channels) * 4 * (cut ? 8 : 1);
  stages.push_back({depthwise_kernel_grad, cut ? 8 : 1});
  stages.push_back({cut ? add_parts<8> : add_parts<1>, 1});
  return make_plan(std::move(p), std::move(stages), bytes);
}

KernelPlan plan_conv_reference(const ConvGeometry& g, const KernelRequest&) {
  DirectParams p;
  p.g = g;
  if (g.role == ConvRole::forward) return make_plan(p, {{reference_conv<0>, 1}});
  if (g.role == ConvRole::input_grad) return make_plan(p, {{reference_conv<1>, 1}});
  return make_plan(p, {{reference_conv<2>, 1}});
}
}  // namespace hornbeam
