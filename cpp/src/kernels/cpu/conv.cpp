// Convolution on the blocked product: the tile of A is gathered under the window, so there is no im2col buffer. The
// input gradient is one gather a stride phase; the kernel gradient gathers columns and may cut its long sum.
#include "kernels/cpu/conv_geometry.hpp"

namespace hornbeam {
namespace {

// Short copies by four floats, the last four overlapping: a call to memcpy would cost more than the copy.
inline void copy_floats(float* dst, const float* src, int64_t n) {
  if (n >= 64) {
    std::memcpy(dst, src, size_t(n) * 4);
  } else if (n >= 4) {
    for (int64_t i = 0; i + 4 <= n; i += 4) std::memcpy(dst + i, src + i, 16);
    std::memcpy(dst + n - 4, src + n - 4, 16);
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i];
  }
}
}  // namespace

void Gather::set_runs() {
  run = 1;
  if (channels != pixel_stride) return;
  // the longest window row whose taps are neighbours
  auto follows = [&](size_t t) {
    return taps[t].at[0] == taps[t - 1].at[0] && taps[t].at[1] == taps[t - 1].at[1] &&
           taps[t].at[2] == taps[t - 1].at[2] + 1;
  };
  size_t n = 1;
  while (n < taps.size() && follows(n)) ++n;
  if (taps.empty() || taps.size() % n != 0) return;
  for (size_t t = 1; t < taps.size(); ++t)
    if (follows(t) != (t % n != 0)) return;
  run = int64_t(n);
}

Gather::Pixel Gather::pixel(int64_t m) const {
  const int64_t p = m % pixels();
  return {m / pixels(), p / (count[1] * count[2]), p / count[2] % count[1], p % count[2]};
}

void Gather::advance(Pixel& p) const {
  if (++p.w < count[2]) return;
  p.w = 0;
  if (++p.h < count[1]) return;
  p.h = 0;
  if (++p.d < count[0]) return;
  p.d = 0;
  ++p.image;
}

void Gather::row(const float* x, const Pixel& p, int64_t r, int64_t skip, int64_t depth, float* dst) const {
  const int64_t base[3] = {p.d * step[0] + start[0], p.h * step[1] + start[1], p.w * step[2] + start[2]};
  const float* src = x + p.image * size[0] * size[1] * size[2] * pixel_stride + offset;
  const int64_t span = run * channels;  // floats of one run of taps
  int64_t left = depth;
  while (left > 0) {
    const Tap& t = taps[size_t(r * run)];
    const int64_t d = base[0] + t.at[0], h = base[1] + t.at[1], w = base[2] + t.at[2];
    const int64_t n = std::min(span - skip, left);
    if (uint64_t(d) >= uint64_t(size[0]) || uint64_t(h) >= uint64_t(size[1]) || w >= size[2] || w + run <= 0) {
      std::fill(dst, dst + n, 0.0f);
    } else {
      const float* line = src + ((d * size[1] + h) * size[2] + w) * pixel_stride + skip;
      if (w >= 0 && w + run <= size[2]) {
        copy_floats(dst, line, n);
      } else {  // the run crosses an edge: the columns inside [w, w + run) that exist
        const int64_t lo = std::max<int64_t>(0, -w) * channels, hi = std::min(run, size[2] - w) * channels;
        for (int64_t i = 0; i < n; ++i) dst[i] = (skip + i >= lo && skip + i < hi) ? line[i] : 0.0f;
      }
    }
    dst += n;
    left -= n;
    skip = 0;
    ++r;
  }
}

void fill_gather_rows(const void* source, const float* a, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const Gather& g = *static_cast<const Gather*>(source);
  const int64_t span = g.run * g.channels, r = k / span, skip = k % span;
  Gather::Pixel p = g.pixel(row);
  for (int i = 0; i < rows; ++i, g.advance(p)) g.row(a, p, r, skip, depth, dst + i * kTileStride);
}
void fill_gather_columns(const void* source, const float* a, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const Gather& g = *static_cast<const Gather*>(source);
  const int64_t span = g.run * g.channels, r = row / span, skip = row % span;
  Gather::Pixel p = g.pixel(k);
  for (int i = 0; i < depth; ++i, g.advance(p)) g.row(a, p, r, skip, rows, dst + i * kTileRows);
}

namespace {
// A list of products that run as one pair of stages: pack, then multiply.
struct Product {
  Gemm gemm;
  Gather gather;
  int64_t group = 0;
  int64_t packed = 0;   // where its panels start in the workspace, in floats
  int64_t result = -1;  // where its rows are put in the workspace before they are spread, or -1: straight to the output
  int64_t phase[3] = {0, 0, 0};
  std::vector<int64_t> tap_index;  // of the kernel, for each of the gather's taps
  int first_part = 0;
};

struct ConvParams {
  ConvGeometry g;
  std::vector<Product> products;
  Epilogue epilogue;
  int parts = 0;
  int splits = 1;       // pieces of the kernel gradient's long sum
  int64_t partial = 0;  // where their results are in the workspace
};

const Product& product_of(const ConvParams& p, int part) {
  size_t i = p.products.size() - 1;
  while (p.products[i].first_part > part) --i;
  return p.products[i];
}

Gather forward_gather(const ConvGeometry& g, int64_t group) {
  Gather a;
  for (int i = 0; i < 3; ++i) {
    a.size[i] = g.in[i];
    a.count[i] = g.out[i];
    a.step[i] = g.stride[i];
    a.start[i] = -g.low[i];
  }
  a.pixel_stride = g.channels;
  a.channels = g.group_channels();
  a.offset = group * g.group_channels();
  for (int64_t d = 0; d < g.window[0]; ++d)
    for (int64_t h = 0; h < g.window[1]; ++h)
      for (int64_t w = 0; w < g.window[2]; ++w)
        a.taps.push_back({{d * g.dilation[0], h * g.dilation[1], w * g.dilation[2]}});
  a.set_runs();
  return a;
}

// Gives the products their share of parts and of the packing workspace; returns the floats needed.
int64_t lay_out(ConvParams& p) {
  int64_t floats = 0;
  for (Product& q : p.products) {
    q.packed = floats;
    floats += (q.gemm.packed_size() + 15) / 16 * 16;
    q.first_part = p.parts;
    p.parts += q.gemm.parts();
  }
  return floats;
}

void pack_forward(const KernelCall& c) {  // B[(tap, channel)][filter] of one group is a block of columns of the kernel
  const auto& p = params_of<ConvParams>(c);
  for (const Product& q : p.products) {
    const Range r = part_range(q.gemm.panels(), c.parts, c.part);
    q.gemm.pack(buffer<const float>(c, 1) + q.group * p.g.group_filters(), p.g.filters, 1,
                buffer<float>(c, c.work) + q.packed, r.begin, r.end);
  }
}

void multiply_forward(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const Product& q = product_of(p, c.part);
  float* y = buffer<float>(c, c.out);
  const int64_t ldc = p.g.filters, first = q.group * p.g.group_filters();
  q.gemm.run(c.part - q.first_part, &q.gather, fill_gather_rows, buffer<const float>(c, 0),
             buffer<const float>(c, c.work) + q.packed, y + first, ldc,
             [&](int64_t row, int rows, int64_t column, int64_t columns) {
               if (!p.epilogue.present) return;
               if (columns == ldc)
                 p.epilogue.apply(c, y, row * ldc, (row + rows) * ldc);
               else
                 for (int i = 0; i < rows; ++i)
                   p.epilogue.apply(c, y, (row + i) * ldc + first + column, (row + i) * ldc + first + column + columns);
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
      float* dst = buffer<float>(c, c.work) + q.packed + panel * w * q.gemm.k;
      for (int64_t t : q.tap_index)
        for (int64_t o0 = 0; o0 < gf; o0 += 16) {
          const int64_t o1 = std::min(gf, o0 + 16);
          for (int j = 0; j < w; ++j) {
            const int64_t ch = panel * w + j;
            const float* src = kernel + (t * gc + ch) * p.g.filters + q.group * gf;
            for (int64_t o = o0; o < o1; ++o) dst[(o - o0) * w + j] = ch < gc ? src[o] : 0.0f;
          }
          dst += (o1 - o0) * w;
        }
    }
  }
}

void multiply_input_grad(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const Product& q = product_of(p, c.part);
  const ConvGeometry& g = p.g;
  float* dx = buffer<float>(c, c.out);
  float* work = buffer<float>(c, c.work);
  const int64_t first = q.group * g.group_channels();
  const bool direct = q.result < 0;
  float* target = direct ? dx + first : work + q.result;
  const int64_t ldc = direct ? g.channels : g.group_channels();
  q.gemm.run(c.part - q.first_part, &q.gather, fill_gather_rows, buffer<const float>(c, 0), work + q.packed, target,
             ldc, [&](int64_t row, int rows, int64_t column, int64_t columns) {
               for (int i = 0; i < rows; ++i) {
                 int64_t at = (row + i) * g.channels;
                 if (!direct) {  // spread the phase's pixels
                   const int64_t m = row + i, per_image = q.gather.pixels(), pixel = m % per_image;
                   const int64_t d = pixel / (q.gather.count[1] * q.gather.count[2]) * g.stride[0] + q.phase[0];
                   const int64_t h = pixel / q.gather.count[2] % q.gather.count[1] * g.stride[1] + q.phase[1];
                   const int64_t w = pixel % q.gather.count[2] * g.stride[2] + q.phase[2];
                   at = (((m / per_image * g.in[0] + d) * g.in[1] + h) * g.in[2] + w) * g.channels;
                   copy_floats(dx + at + first + column, target + m * ldc + column, columns);
                 }
                 if (p.epilogue.present) p.epilogue.apply(c, dx, at + first + column, at + first + column + columns);
               }
             });
}

void pack_kernel_grad(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  for (const Product& q : p.products) {
    const Range r = part_range(q.gemm.panels(), c.parts, c.part);
    q.gemm.pack(buffer<const float>(c, 1) + q.group * p.g.group_filters(), p.g.filters, 1,
                buffer<float>(c, c.work) + q.packed, r.begin, r.end);
  }
}

void multiply_kernel_grad(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const int split = c.part / p.parts, part = c.part % p.parts;
  const Product& q = product_of(p, part);
  const int64_t size = p.g.taps() * p.g.group_channels() * p.g.filters;
  float* out = p.splits == 1 ? buffer<float>(c, c.out) : buffer<float>(c, c.work) + p.partial + split * size;
  const Range depths = part_range(q.gemm.k, p.splits, split, kTileDepth);
  q.gemm.run_range(part - q.first_part, depths, &q.gather, fill_gather_columns, buffer<const float>(c, 0),
                   buffer<const float>(c, c.work) + q.packed, out + q.group * p.g.group_filters(), p.g.filters,
                   [](int64_t, int, int64_t, int64_t) {});
}

void add_splits(const KernelCall& c) {
  const auto& p = params_of<ConvParams>(c);
  const int64_t size = p.g.taps() * p.g.group_channels() * p.g.filters;
  const Range r = part_range(size, c.parts, c.part);
  const float* partial = buffer<const float>(c, c.work) + p.partial;
  float* out = buffer<float>(c, c.out);
  for (int64_t i = r.begin; i < r.end; ++i) {
    float s = partial[i];
    for (int k = 1; k < p.splits; ++k) s += partial[k * size + i];
    out[i] = s;
  }
}

int pack_parts(const ConvParams& p) {
  double floats = 0;
  for (const Product& q : p.products) floats += double(q.gemm.packed_size());
  return p.parts == 1 ? 1 : parts_for(p.products[0].gemm.panels(), floats / double(p.products[0].gemm.panels()), 65536);
}
}  // namespace

KernelPlan plan_conv(const KernelRequest& r) {
  ConvParams p;
  p.g = ConvGeometry::make(r.inputs[0].shape, r.inputs[1].shape, r.outputs[0].shape, r.attrs);
  if (r.inputs[0].dtype == DType::f64) return plan_conv_reference(p.g, r.op);
  if (r.inputs[0].dtype != DType::f32) no_kernel(r);
  if (p.g.depthwise() && !r.attrs.has("program")) return plan_depthwise(p.g, r.op, r.isa);
  for (int64_t group = 0; group < p.g.groups; ++group) {
    Product q;
    q.group = group;
    q.gather = forward_gather(p.g, group);
    q.gemm =
        Gemm::plan(r.isa, p.g.batch * p.g.out_pixels(), p.g.group_filters(), p.g.taps() * p.g.group_channels(), false);
    p.products.push_back(std::move(q));
  }
  p.epilogue = Epilogue::plan(r, 2);
  const int64_t floats = lay_out(p);
  const int packs = pack_parts(p), parts = p.parts;
  return make_plan(std::move(p), {{pack_forward, packs}, {multiply_forward, parts}}, size_t(floats) * 4);
}

KernelPlan plan_conv_input_grad(const KernelRequest& r) {
  ConvParams p;
  p.g = ConvGeometry::make(r.outputs[0].shape, r.inputs[1].shape, r.inputs[0].shape, r.attrs);
  const ConvGeometry& g = p.g;
  if (r.inputs[0].dtype == DType::f64) return plan_conv_reference(g, r.op);
  if (r.inputs[0].dtype != DType::f32) no_kernel(r);
  if (g.depthwise() && !r.attrs.has("program")) return plan_depthwise(g, r.op, r.isa);
  const bool phased = g.stride[0] * g.stride[1] * g.stride[2] > 1;
  int64_t spread = 0;
  for (int64_t group = 0; group < g.groups; ++group)
    for (int64_t a = 0; a < g.stride[0]; ++a)
      for (int64_t b = 0; b < g.stride[1]; ++b)
        for (int64_t e = 0; e < g.stride[2]; ++e) {
          // Input pixels i * stride + phase see the taps t with (phase + low - t * dilation) divisible by the stride.
          Product q;
          q.group = group;
          const int64_t phase[3] = {a, b, e};
          std::vector<int64_t> valid[3];
          for (int i = 0; i < 3; ++i) {
            q.phase[i] = phase[i];
            q.gather.size[i] = g.out[i];
            q.gather.count[i] = phase[i] < g.in[i] ? (g.in[i] - phase[i] + g.stride[i] - 1) / g.stride[i] : 0;
            q.gather.step[i] = 1;
            q.gather.start[i] = 0;
            for (int64_t t = 0; t < g.window[i]; ++t)
              if ((phase[i] + g.low[i] - t * g.dilation[i]) % g.stride[i] == 0) valid[i].push_back(t);
          }
          auto source = [&](int i, int64_t t) { return (phase[i] + g.low[i] - t * g.dilation[i]) / g.stride[i]; };
          // taps from the last, so that neighbours in the gradient follow each other
          for (auto d = valid[0].rbegin(); d != valid[0].rend(); ++d)
            for (auto h = valid[1].rbegin(); h != valid[1].rend(); ++h)
              for (auto w = valid[2].rbegin(); w != valid[2].rend(); ++w) {
                q.gather.taps.push_back({{source(0, *d), source(1, *h), source(2, *w)}});
                q.tap_index.push_back((*d * g.window[1] + *h) * g.window[2] + *w);
              }
          q.gather.pixel_stride = g.filters;
          q.gather.channels = g.group_filters();
          q.gather.offset = group * g.group_filters();
          q.gather.set_runs();
          const int64_t rows = g.batch * q.gather.pixels();
          if (rows == 0) continue;
          q.gemm = Gemm::plan(r.isa, rows, g.group_channels(), int64_t(q.tap_index.size()) * g.group_filters(), false);
          if (phased) {
            q.result = spread;
            spread += rows * g.group_channels();
          }
          p.products.push_back(std::move(q));
        }
  p.epilogue = Epilogue::plan(r, 2);
  if (p.products.empty()) return make_plan(std::move(p), {});
  const int64_t floats = lay_out(p);
  for (Product& q : p.products)
    if (q.result >= 0) q.result += floats;
  const int packs = pack_parts(p), parts = p.parts;
  return make_plan(std::move(p), {{pack_input_grad, packs}, {multiply_input_grad, parts}}, size_t(floats + spread) * 4);
}

KernelPlan plan_conv_kernel_grad(const KernelRequest& r) {
  ConvParams p;
  p.g = ConvGeometry::make(r.inputs[0].shape, r.outputs[0].shape, r.inputs[1].shape, r.attrs);
  if (r.inputs[0].dtype == DType::f64) return plan_conv_reference(p.g, r.op);
  if (r.inputs[0].dtype != DType::f32) no_kernel(r);
  if (p.g.depthwise()) return plan_depthwise(p.g, r.op, r.isa);
  const int64_t pixels = p.g.batch * p.g.out_pixels(), rows = p.g.taps() * p.g.group_channels();
  for (int64_t group = 0; group < p.g.groups; ++group) {
    Product q;
    q.group = group;
    q.gather = forward_gather(p.g, group);
    q.gemm = Gemm::plan(r.isa, rows, p.g.group_filters(), pixels, true);
    p.products.push_back(std::move(q));
  }
  int64_t floats = lay_out(p);
  const double work = 2.0 * double(rows) * double(p.g.filters) * double(pixels);
  p.splits = int(
      std::max<int64_t>(1, std::min<int64_t>({int64_t(8) / p.parts, pixels / (4 * kTileDepth), int64_t(work / 4e6)})));
  const int64_t size = rows * p.g.filters;
  p.partial = floats;
  if (p.splits > 1) floats += p.splits * size;
  const int packs = pack_parts(p), parts = p.parts * p.splits;
  std::vector<Stage> stages{{pack_kernel_grad, packs}, {multiply_kernel_grad, parts}};
  if (p.splits > 1) stages.push_back({add_splits, parts_for(size, p.splits)});
  return make_plan(std::move(p), std::move(stages), size_t(floats) * 4);
}
}  // namespace hornbeam
