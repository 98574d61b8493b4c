// Pooling, channels last: for float32 a register of channels at a time.
#include "kernels/cpu/convolution/tap_grid.hpp"

namespace hornbeam {
namespace {

struct PoolParams : PoolGeometry {
  DType dtype = DType::f32;
  const IsaTable* isa = nullptr;
  TapLines lines;  // of max pooling: the output over the input
};

PoolParams geometry(const KernelRequest& r, const Shape& x, const Shape& y) {
  PoolParams p{PoolGeometry::make(r.op.name, x, y, r.attrs), r.inputs.back().dtype, r.target.isa, {}};
  return p;
}

// Calls f(spatial input position) for each cell of output pixel `pixel`'s window that lies inside the image.
template <class F>
void each_cell(const PoolParams& p, int64_t pixel, F f) {
  const int64_t at[3] = {pixel / (p.out[1] * p.out[2]), pixel / p.out[2] % p.out[1], pixel % p.out[2]};
  int64_t lo[3], hi[3];
  for (int i = 0; i < 3; ++i) {
    const int64_t first = at[i] * p.stride[i] - p.low[i];
    lo[i] = std::max<int64_t>(0, first);
    hi[i] = std::min(p.in[i], first + p.window[i]);
  }
  for (int64_t d = lo[0]; d < hi[0]; ++d)
    for (int64_t h = lo[1]; h < hi[1]; ++h)
      for (int64_t w = lo[2]; w < hi[2]; ++w) f((d * p.in[1] + h) * p.in[2] + w);
}

TapLines lines_of(const PoolParams& p) {
  TapGrid t;
  for (int i = 0; i < 3; ++i) {
    t.count[i] = p.out[i], t.size[i] = p.in[i], t.window[i] = t.kernel[i] = p.window[i];
    t.step[i] = p.stride[i], t.start[i] = -p.low[i], t.spread[i] = 1;
  }
  return TapLines(t, p.channels);
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
        p.isa->max_cells({y, at, x + q.source, base, q.cells, q.count, step, q.pixels, n, q.first});
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

template <class T>
void average_rows(const KernelCall& c, const PoolParams& p) {
  const T* x = buffer<const T>(c, 0);
  T* y = buffer<T>(c, 1);
  const int64_t n = p.channels;
  const Range r = part_range(p.batch * p.out_pixels(), c.parts, c.part);
  for (int64_t o = r.begin; o < r.end; ++o) {
    const T* image = x + o / p.out_pixels() * p.in_pixels() * n;
    T* row = y + o * n;
    std::fill(row, row + n, T(0));
    int64_t count = 0;
    each_cell(p, o % p.out_pixels(), [&](int64_t cell) {
      for (int64_t i = 0; i < n; ++i) row[i] += image[cell * n + i];
      ++count;
    });
    const T scale = T(1) / T(std::max<int64_t>(count, 1));
    for (int64_t i = 0; i < n; ++i) row[i] *= scale;
  }
}

template <class T>
void spread_rows(const KernelCall& c, const PoolParams& p) {  // by image: windows may overlap
  const T* dy = buffer<const T>(c, 0);
  T* dx = buffer<T>(c, 1);
  const int64_t n = p.channels;
  const Range r = part_range(p.batch, c.parts, c.part);
  for (int64_t b = r.begin; b < r.end; ++b) {
    T* image = dx + b * p.in_pixels() * n;
    std::fill(image, image + p.in_pixels() * n, T(0));
    for (int64_t o = 0; o < p.out_pixels(); ++o) {
      int64_t count = 0;
      each_cell(p, o, [&](int64_t) { ++count; });
      const T scale = T(1) / T(std::max<int64_t>(count, 1));
      const T* row = dy + (b * p.out_pixels() + o) * n;
      each_cell(p, o, [&](int64_t cell) {
        for (int64_t i = 0; i < n; ++i) image[cell * n + i] += row[i] * scale;
      });
    }
  }
}

#define HB_POOL_RUN(name, impl)                                     \
  void name(const KernelCall& c) {                                  \
    const auto& p = params_of<PoolParams>(c);                       \
    p.dtype == DType::f32 ? impl<float>(c, p) : impl<double>(c, p); \
  }
HB_POOL_RUN(run_max, max_lines)
HB_POOL_RUN(run_max_grad, max_grad_lines)
HB_POOL_RUN(run_pick, pick_index)
HB_POOL_RUN(run_average, average_rows)
HB_POOL_RUN(run_spread, spread_rows)

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
  p.lines = lines_of(p);
  const int parts = parts_for(p.batch * p.lines.lines(), cell_cost(p) * double(p.out[2]));
  return make_plan(std::move(p), {{run_max, parts}});
}
KernelPlan plan_max_pool_grad(const KernelRequest& r) {
  PoolParams p = geometry(r, r.outputs[0].shape, r.inputs[1].shape);
  HB_CHECK(p.in_pixels() * p.channels < (int64_t(1) << 31), "[max_pool_grad] an image may have at most 2^31 elements");
  p.lines = lines_of(p);
  const int parts = image_parts(p);
  return make_plan(std::move(p), {{run_max_grad, parts}});
}
KernelPlan plan_max_pool_pick(const KernelRequest& r) {
  PoolParams p = geometry(r, r.inputs[1].shape, r.outputs[0].shape);
  return make_plan(p, {{run_pick, parts_for(r.outputs[0].size(), 4)}});
}
KernelPlan plan_average_pool(const KernelRequest& r) {
  PoolParams p = geometry(r, r.inputs[0].shape, r.outputs[0].shape);
  return make_plan(p, {{run_average, parts_for(p.batch * p.out_pixels(), cell_cost(p))}});
}
KernelPlan plan_average_pool_grad(const KernelRequest& r) {
  PoolParams p = geometry(r, r.outputs[0].shape, r.inputs[0].shape);
  return make_plan(p, {{run_spread, image_parts(p)}});
}
}  // namespace hornbeam
