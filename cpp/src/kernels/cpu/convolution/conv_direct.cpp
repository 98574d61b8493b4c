// Depthwise convolution (one filter a channel) by rows of channels, and the plain loops that serve float64.
#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {

struct DirectParams {
  ConvGeometry g;
  const IsaTable* isa = nullptr;
  Epilogue epilogue;
  // The pixels that are computed, a grid for each phase: pixels `spacing` apart.
  std::vector<TapLines> phases;
  int64_t pixels[3] = {1, 1, 1}, spacing[3] = {1, 1, 1};
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
// out[pixel] = sum over its pairs of x[cell] * kernel[tap], all channels at once.
void dot_lines(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const int64_t n = p.g.channels, width = p.pixels[2], apart = p.spacing[2];
  const float *x = buffer<const float>(c, 0), *k = buffer<const float>(c, 1);
  const Range lines = part_range(p.g.batch * p.pixels[0] * p.pixels[1], c.parts, c.part);
  const TileEnd end = p.epilogue.end(c);
  for (int64_t l = lines.begin; l < lines.end; ++l) {
    float* out = buffer<float>(c, c.out) + l * width * n;
    const int64_t h = l % p.pixels[1], d = l / p.pixels[1] % p.pixels[0], image = l / p.pixels[1] / p.pixels[0];
    const TapLines* of_line = &p.phases[size_t((d % p.spacing[0] * p.spacing[1] + h % p.spacing[1]) * apart)];
    const bool more = l + 1 < lines.end;
    for (int64_t phase = 0; phase < apart; ++phase) {
      const TapLines& grid = of_line[phase];
      const int64_t* count = grid.grid().count;
      const int64_t line = (image * count[0] + d / p.spacing[0]) * count[1] + h / p.spacing[1];
      grid.each(line, {0, count[2]}, [&](const Pairs& q) {
        p.isa->dot_cells({out + (phase + q.w * apart) * n, apart * n, x + q.source, q.cells, k, q.taps, q.count,
                          grid.step(), q.pixels, n, q.first, q.last ? end.bias : nullptr, q.last && end.relu,
                          more ? grid.next_line() : 0, more ? width * n : 0});
      });
    }
    if (p.epilogue.present) p.epilogue.apply(c, buffer<float>(c, c.out), l * width * n, (l + 1) * width * n);
  }
}

// Each part has its own sums; the next stage adds them in order.
void depthwise_kernel_grad(const KernelCall& c) {
  const auto& p = params_of<DirectParams>(c);
  const int64_t n = p.g.channels, size = p.g.taps() * n, width = p.g.out[2];
  const float *x = buffer<const float>(c, 0), *dy = buffer<const float>(c, 1);
  float* dk = buffer<float>(c, c.work) + c.part * size;
  std::fill(dk, dk + size, 0.0f);
  const TapLines& grid = p.phases[0];
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
  const float* work = buffer<const float>(c, c.work);
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
}  // namespace

KernelPlan plan_depthwise(const ConvGeometry& g, const KernelRequest& r) {
  const bool backward = g.role == ConvRole::input_grad;
  DirectParams p;
  p.g = g, p.isa = r.target.isa;
  std::copy(backward ? g.in : g.out, (backward ? g.in : g.out) + 3, p.pixels);
  if (backward) {
    for (int i = 0; i < 3; ++i) p.spacing[i] = g.phases(i);
    for (int64_t a = 0; a < g.phases(0); ++a)
      for (int64_t b = 0; b < g.phases(1); ++b)
        for (int64_t e = 0; e < g.phases(2); ++e) p.phases.emplace_back(TapGrid::backward(g, {a, b, e}), g.channels);
  } else {
    p.phases.emplace_back(TapGrid::forward(g), g.channels);
  }
  const double cost = 2.0 * double(g.taps() * g.channels);
  if (g.role != ConvRole::kernel_grad) {
    p.epilogue = Epilogue::plan(r, 2, r.outputs[0].shape.back());
    if (p.epilogue.residual >= 0) p.epilogue = Epilogue::plan(r, 2, Epilogue::kNotInRegisters);
    const int parts = parts_for(g.batch * p.pixels[0] * p.pixels[1], cost * double(p.pixels[2]));
    return make_plan(std::move(p), {{dot_lines, parts}});
  }
  const bool cut = double(g.batch * g.out_pixels()) * cost > 1e6;  // into eight parts
  const size_t bytes = size_t(g.taps() * g.channels) * 4 * (cut ? 8 : 1);
  if (cut) return make_plan(std::move(p), {{depthwise_kernel_grad, 8}, {add_parts<8>, 1}}, bytes);
  return make_plan(std::move(p), {{depthwise_kernel_grad, 1}, {add_parts<1>, 1}}, bytes);
}

KernelPlan plan_conv_reference(const ConvGeometry& g, const KernelRequest&) {
  DirectParams p;
  p.g = g;
  if (g.role == ConvRole::forward) return make_plan(p, {{reference_conv<0>, 1}});
  if (g.role == ConvRole::input_grad) return make_plan(p, {{reference_conv<1>, 1}});
  return make_plan(p, {{reference_conv<2>, 1}});
}
}  // namespace hornbeam
