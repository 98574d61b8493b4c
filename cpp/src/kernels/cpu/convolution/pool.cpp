// Pooling, channels last: for float32 a register of channels at a time.
#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {

struct PoolParams : PoolGeometry {
  DType dtype = DType::f32;
  const IsaTable* isa = nullptr;
  TapLines lines;    // the output over the input
  TapImage image;    // of average pooling: what is computed, the output or the input's gradient
  double whole = 0;  // of its gradient: the share of each cell of a window, where all windows lie inside; else 0
};

// Pooling's windows as a depthwise convolution's.
ConvGeometry windows_of(const PoolGeometry& p) {
  ConvGeometry g{};
  g.batch = p.batch, g.channels = g.filters = g.groups = p.channels;
  for (int i = 0; i < 3; ++i)
    g.in[i] = p.in[i], g.out[i] = p.out[i], g.window[i] = p.window[i], g.stride[i] = p.stride[i], g.low[i] = p.low[i];
  return g;
}
PoolParams geometry(const KernelRequest& r, const Shape& x, const Shape& y) {
  PoolParams p{PoolGeometry::make(r.op.name, x, y, r.attrs), r.inputs.back().dtype, r.target.isa, {}, {}};
  p.lines = TapLines(TapGrid::forward(windows_of(p)), p.channels);
  return p;
}

// For float64.
void max_of_cells(const Pairs& q, const double* x, int64_t base, int64_t step, int64_t n, double* y, int32_t* at) {
  for (int64_t p = 0; p < q.pixels; ++p, x += step, base += step, y += n, at += at ? n : 0)
    for (int k = 0; k < q.count; ++k)
      for (int64_t i = 0; i < n; ++i) {
        const double v = x[q.cells[k] + i];
        if (!(q.first && k == 0) && !(v > y[i] || v != v)) continue;
        y[i] = v;
        if (at) at[i] = int32_t(base + q.cells[k] + i);
      }
}
void give_to_cells(const Pairs& q, double* dx, int64_t base, int64_t step, int64_t n, const int32_t* at,
                   const double* dy) {
  for (int64_t p = 0; p < q.pixels; ++p, dx += step, base += step, dy += n, at += n)
    for (int k = 0; k < q.count; ++k)
      for (int64_t i = 0; i < n; ++i)
        if (at[i] == base + q.cells[k] + i) dx[q.cells[k] + i] += dy[i];
}
void sum_of_cells(const Pairs& q, const double* x, int64_t step, int64_t n, double* y, int64_t to, double scale) {
  for (int64_t p = 0; p < q.pixels; ++p, x += step, y += to)
    for (int64_t i = 0; i < n; ++i) {
      double s = q.first ? 0 : y[i];
      for (int k = 0; k < q.count; ++k) s += x[q.cells[k] + i];
      y[i] = q.last ? s * scale : s;
    }
}

template <class T>
void max_lines(const KernelCall& c, const PoolParams& p) {
  const T* x = buffer<const T>(c, 0);
  const int64_t n = p.channels, width = p.out[2], image = p.in_pixels() * n;
  const Range lines = part_range(p.batch * p.lines.lines(), c.parts, c.part);
  for (int64_t l = lines.begin; l < lines.end; ++l)
    p.lines.each(l, {0, width}, [&](const Pairs& q) {
      T* y = buffer<T>(c, 1) + (l * width + q.w) * n;
      int32_t* at = buffer<int32_t>(c, 2) ? buffer<int32_t>(c, 2) + (l * width + q.w) * n : nullptr;
      const int64_t base = q.source - l / p.lines.lines() * image, step = p.lines.step();
      if (q.count == 0) {  // windows wholly in the padding
        std::fill(y, y + q.pixels * n, T(0));
        if (at) std::fill(at, at + q.pixels * n, int32_t(-1));
      } else if constexpr (std::is_same_v<T, float>) {
        p.isa->max_cells({{y, n, x + q.source, q.cells, q.count, step, q.pixels, n, q.first, q.last}, at, base});
      } else {
        max_of_cells(q, x + q.source, base, step, n, y, at);
      }
    });
}

template <class T>
void max_grad_lines(const KernelCall& c, const PoolParams& p) {  // by image: windows may overlap
  const int64_t n = p.channels, width = p.out[2], image = p.in_pixels() * n, step = p.lines.step();
  bool apart = true, everywhere = true;  // the windows: no cell is in two, each is in one
  for (int i = 0; i < 3; ++i) {
    apart = apart && p.stride[i] >= p.window[i];
    everywhere = everywhere && p.stride[i] <= p.window[i] && p.out[i] * p.stride[i] - p.low[i] >= p.in[i];
  }
  const bool add = !apart || std::is_same_v<T, double>;
  const Range images = part_range(p.batch, c.parts, c.part);
  for (int64_t b = images.begin; b < images.end; ++b) {
    T* dx = buffer<T>(c, 2) + b * image;
    if (add || !everywhere) std::fill(dx, dx + image, T(0));
    for (int64_t l = b * p.lines.lines(); l < (b + 1) * p.lines.lines(); ++l)
      p.lines.each(l, {0, width}, [&](const Pairs& q) {
        const int32_t* at = buffer<const int32_t>(c, 0) + (l * width + q.w) * n;
        const T* dy = buffer<const T>(c, 1) + (l * width + q.w) * n;
        const int64_t base = q.source - b * image;
        if constexpr (std::is_same_v<T, float>)
          p.isa->max_cells_grad({dx + base, base, q.cells, q.count, step, q.pixels, n, at, dy, add});
        else
          give_to_cells(q, dx + base, base, step, n, at, dy);
      });
  }
}

template <class T>
void pick_index(const KernelCall& c, const PoolParams& p) {
  const int64_t in = p.in_pixels() * p.channels, out = p.out_pixels() * p.channels;
  const Range r = part_range(p.batch * out, c.parts, c.part);
  const int32_t* index = buffer<const int32_t>(c, 0);
  const T* x = buffer<const T>(c, 1);
  T* y = buffer<T>(c, 2);
  for (int64_t i = r.begin; i < r.end; ++i) y[i] = (index[i] >= 0 && index[i] < in) ? x[i / out * in + index[i]] : T(0);
}

// out[pixel] = the scaled sum of the cells its taps reach: the mean, or the gradient from shares of the results'.
template <class T>
void sum_lines(const KernelCall& c, const PoolParams& p, const T* x, T* out, double scale) {
  const int64_t n = p.channels, line = p.image.width() * n;
  const Range lines = part_range(p.batch * p.image.lines(), c.parts, c.part);
  for (int64_t l = lines.begin; l < lines.end; ++l) {
    const bool more = l + 1 < lines.end;
    p.image.each(l, [&](const Pairs& q, const TapLines& grid, int64_t w, int64_t apart) {
      T* y = out + l * line + w * n;
      const T all = T(scale > 0 ? scale : 1.0 / double(std::max<int64_t>(q.all, 1)));
      if constexpr (std::is_same_v<T, float>)
        p.isa->sum_cells({y, apart * n, x + q.source, q.cells, q.count, grid.step(), q.pixels, n, q.first, q.last,
                          more ? grid.next_line() : 0, more ? line : 0},
                         all);
      else
        sum_of_cells(q, x + q.source, grid.step(), n, y, apart * n, all);
    });
  }
}
template <class T>
void average_lines(const KernelCall& c, const PoolParams& p) {
  sum_lines(c, p, buffer<const T>(c, 0), buffer<T>(c, 1), 0);
}
// The share of each cell of a window in the gradient of its mean.
template <class T>
void share_lines(const KernelCall& c, const PoolParams& p) {
  const int64_t n = p.channels, width = p.out[2];
  const Range lines = part_range(p.batch * p.lines.lines(), c.parts, c.part);
  for (int64_t l = lines.begin; l < lines.end; ++l)
    p.lines.each(l, {0, width}, [&](const Pairs& q) {
      if (!q.last) return;
      const T* dy = buffer<const T>(c, 0) + (l * width + q.w) * n;
      T *share = buffer<T>(c, c.work) + (l * width + q.w) * n, scale = T(1) / T(std::max<int64_t>(q.all, 1));
      if constexpr (std::is_same_v<T, float>)
        p.isa->scale_shift(share, dy, q.pixels * n, scale, 0);
      else
        for (int64_t i = 0; i < q.pixels * n; ++i) share[i] = dy[i] * scale;
    });
}
template <class T>
void average_grad_lines(const KernelCall& c, const PoolParams& p) {
  if (p.whole > 0)
    sum_lines(c, p, buffer<const T>(c, 0), buffer<T>(c, 1), p.whole);
  else
    sum_lines<T>(c, p, buffer<const T>(c, c.work), buffer<T>(c, 1), 1);
}

#define HB_POOL_RUN(name, impl)                                     \
  void name(const KernelCall& c) {                                  \
    const auto& p = params_of<PoolParams>(c);                       \
    p.dtype == DType::f32 ? impl<float>(c, p) : impl<double>(c, p); \
  }
HB_POOL_RUN(run_max, max_lines)
HB_POOL_RUN(run_max_grad, max_grad_lines)
HB_POOL_RUN(run_pick, pick_index)
HB_POOL_RUN(run_average, average_lines)
HB_POOL_RUN(run_share, share_lines)
HB_POOL_RUN(run_average_grad, average_grad_lines)

double cell_cost(const PoolParams& p) {
  return double(p.window[0]) * double(p.window[1]) * double(p.window[2]) * double(p.channels);
}
int image_parts(const PoolParams& p) {
  return parts_for(p.batch, double((p.in_pixels() + p.out_pixels()) * p.channels));
}
}  // namespace

KernelPlan plan_max_pool(const KernelRequest& r) {
  PoolParams p = geometry(r, r.inputs[0].shape, r.outputs[0].shape);
  HB_CHECK(p.in_pixels() * p.channels < (int64_t(1) << 31), "[max_pool] an image may have at most 2^31 elements");
  const int parts = parts_for(p.batch * p.lines.lines(), cell_cost(p) * double(p.out[2]));
  return make_plan(std::move(p), {{run_max, parts}});
}
KernelPlan plan_max_pool_grad(const KernelRequest& r) {
  PoolParams p = geometry(r, r.outputs[0].shape, r.inputs[1].shape);
  HB_CHECK(p.in_pixels() * p.channels < (int64_t(1) << 31), "[max_pool_grad] an image may have at most 2^31 elements");
  const int parts = image_parts(p);
  return make_plan(std::move(p), {{run_max_grad, parts}});
}
KernelPlan plan_max_pool_pick(const KernelRequest& r) {
  PoolParams p = geometry(r, r.inputs[1].shape, r.outputs[0].shape);
  return make_plan(p, {{run_pick, parts_for(r.outputs[0].size(), 4)}});
}
KernelPlan plan_average_pool(const KernelRequest& r) {
  PoolParams p = geometry(r, r.inputs[0].shape, r.outputs[0].shape);
  p.image = TapImage::forward(windows_of(p));
  const int parts = parts_for(p.batch * p.image.lines(), cell_cost(p) * double(p.out[2]));
  return make_plan(std::move(p), {{run_average, parts}});
}
KernelPlan plan_average_pool_grad(const KernelRequest& r) {
  PoolParams p = geometry(r, r.outputs[0].shape, r.inputs[0].shape);
  p.image = TapImage::backward(windows_of(p));
  bool inside = true;
  for (int i = 0; i < 3; ++i) inside = inside && p.low[i] == 0 && (p.out[i] - 1) * p.stride[i] + p.window[i] <= p.in[i];
  if (inside) p.whole = 1.0 / double(p.window[0] * p.window[1] * p.window[2]);
  const double strides = double(p.stride[0]) * double(p.stride[1]) * double(p.stride[2]);
  const double cost = double(p.channels) * (1 + cell_cost(p) / double(p.channels) / strides);
  const int parts = parts_for(p.batch * p.image.lines(), cost * double(p.image.width()));
  if (inside) return make_plan(std::move(p), {{run_average_grad, parts}});
  const int share_parts = parts_for(p.batch * p.lines.lines(), double(p.out[2] * p.channels));
  const size_t bytes = size_t(r.inputs[0].size()) * dtype_size(p.dtype);
  return make_plan(std::move(p), {{run_share, share_parts}, {run_average_grad, parts}}, bytes);
}
}  // namespace hornbeam
