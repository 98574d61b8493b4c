// Pooling, channels last: for float32 a row of channels at a time.
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct PoolParams {
  int64_t batch = 1, channels = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, window[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, low[3] = {0, 0, 0};
  DType dtype = DType::f32;
  const IsaTable* isa = nullptr;
  bool want_index = true;
  int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
};

PoolParams geometry(const KernelRequest& r, const Shape& x, const Shape& y) {
  HB_CHECK(x.size() >= 3 && x.size() <= 5 && y.size() == x.size(), "[", r.op, "] needs 1 to 3 spatial axes");
  PoolParams p;
  p.batch = x[0];
  p.channels = x.back();
  p.dtype = r.inputs.back().dtype;
  p.isa = r.isa;
  const size_t n = x.size() - 2, skip = 3 - n;
  for (size_t i = 0; i < n; ++i) {
    p.in[skip + i] = x[i + 1];
    p.out[skip + i] = y[i + 1];
    if (!r.attrs.has("window")) continue;
    p.window[skip + i] = r.attrs.ints("window")[i];
    p.stride[skip + i] = r.attrs.ints("strides")[i];
    p.low[skip + i] = r.attrs.ints("low")[i];
    HB_CHECK(x[i + 1] + p.low[skip + i] + r.attrs.ints("high")[i] >= p.window[skip + i], "[", r.op, "] the window (",
             p.window[skip + i], ") is larger than the padded input on spatial axis ", i);
    HB_CHECK((x[i + 1] + p.low[skip + i] + r.attrs.ints("high")[i] - p.window[skip + i]) / p.stride[skip + i] + 1 ==
                 y[i + 1],
             "[", r.op, "] the shapes do not belong together: input ", shape_text(x), ", output ", shape_text(y));
  }
  HB_CHECK(x[0] == y[0] && x.back() == y.back(), "[", r.op, "] the shapes do not belong together: input ",
           shape_text(x), ", output ", shape_text(y));
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

constexpr int kCells = 64;  // of a window, handed on together

// The cells of each window of output pixels [begin, end), some at a time: f(pixel, its image, base, cells, count,
// whether they are the pixel's first); a cell is at base + cells[k] floats into the image. A window that lies inside
// the image has the same cells as all such. `none(pixel)` is called for one wholly in the padding.
template <class F, class None>
void each_window(const PoolParams& p, int64_t begin, int64_t end, F f, None none) {
  int64_t inner[kCells], cells[kCells];
  const bool small = p.window[0] * p.window[1] * p.window[2] <= kCells;
  int inner_count = 0;
  for (int64_t d = 0; small && d < p.window[0]; ++d)
    for (int64_t h = 0; h < p.window[1]; ++h)
      for (int64_t w = 0; w < p.window[2]; ++w) inner[inner_count++] = ((d * p.in[1] + h) * p.in[2] + w) * p.channels;
  int64_t at[3] = {begin % p.out_pixels() / (p.out[1] * p.out[2]), begin / p.out[2] % p.out[1], begin % p.out[2]};
  for (int64_t o = begin; o < end; ++o) {
    int64_t first[3];
    bool inside = small;
    for (int i = 0; i < 3; ++i) {
      first[i] = at[i] * p.stride[i] - p.low[i];
      inside = inside && first[i] >= 0 && first[i] + p.window[i] <= p.in[i];
    }
    const int64_t image = o / p.out_pixels();
    if (inside) {
      f(o, image, ((first[0] * p.in[1] + first[1]) * p.in[2] + first[2]) * p.channels, inner, inner_count, true);
    } else {
      int count = 0;
      bool fresh = true;
      each_cell(p, o % p.out_pixels(), [&](int64_t cell) {
        cells[count++] = cell * p.channels;
        if (count < kCells) return;
        f(o, image, 0, cells, count, fresh);
        count = 0, fresh = false;
      });
      if (count > 0)
        f(o, image, 0, cells, count, fresh);
      else if (fresh)
        none(o);
    }
    for (int i = 2; i >= 0 && ++at[i] == p.out[i]; --i) at[i] = 0;
  }
}

// Cells one after the other, for float64.
void max_of_cells(double* y, int32_t* at, const double* x, int64_t base, const int64_t* cells, int count, int64_t n,
                  bool first) {
  for (int k = 0; k < count; ++k)
    for (int64_t i = 0; i < n; ++i) {
      const int64_t place = base + cells[k] + i;
      if (!(first && k == 0) && !(x[place] > y[i] || x[place] != x[place])) continue;
      y[i] = x[place];
      if (at) at[i] = int32_t(place);
    }
}

template <class T>
void max_rows(const KernelCall& c, const PoolParams& p) {
  const T* x = buffer<const T>(c, 0);
  T* y = buffer<T>(c, 1);
  int32_t* index = buffer<int32_t>(c, 2);
  const int64_t n = p.channels;
  const Range r = part_range(p.batch * p.out_pixels(), c.parts, c.part);
  each_window(
      p, r.begin, r.end,
      [&](int64_t o, int64_t image, int64_t base, const int64_t* cells, int count, bool first) {
        const T* from = x + image * p.in_pixels() * n;
        int32_t* at = index ? index + o * n : nullptr;
        if constexpr (std::is_same_v<T, float>)
          p.isa->max_cells(y + o * n, at, from, base, cells, count, n, first);
        else
          max_of_cells(y + o * n, at, from, base, cells, count, n, first);
      },
      [&](int64_t o) {
        std::fill(y + o * n, y + o * n + n, T(0));
        if (index) std::fill(index + o * n, index + o * n + n, int32_t(-1));
      });
}

template <class T>
void scatter_index(const KernelCall& c, const PoolParams& p) {  // by image: windows may overlap
  const Range r = part_range(p.batch, c.parts, c.part);
  const int64_t in = p.in_pixels() * p.channels, out = p.out_pixels() * p.channels;
  const int32_t* index = buffer<const int32_t>(c, 0);
  const T* dy = buffer<const T>(c, 1);
  T* dx = buffer<T>(c, 2);
  for (int64_t b = r.begin; b < r.end; ++b) {
    std::fill(dx + b * in, dx + (b + 1) * in, T(0));
    for (int64_t i = b * out; i < (b + 1) * out; ++i)
      if (index[i] >= 0 && index[i] < in) dx[b * in + index[i]] += dy[i];
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
HB_POOL_RUN(run_max, max_rows)
HB_POOL_RUN(run_scatter, scatter_index)
HB_POOL_RUN(run_pick, pick_index)
HB_POOL_RUN(run_average, average_rows)
HB_POOL_RUN(run_spread, spread_rows)

double cell_cost(const PoolParams& p) { return double(p.window[0] * p.window[1] * p.window[2] * p.channels); }
int image_parts(const PoolParams& p) {
  return parts_for(p.batch, double((p.in_pixels() + p.out_pixels()) * p.channels));
}
}  // namespace

KernelPlan plan_max_pool(const KernelRequest& r) {
  PoolParams p = geometry(r, r.inputs[0].shape, r.outputs[0].shape);
  HB_CHECK(p.in_pixels() * p.channels < (int64_t(1) << 31), "[max_pool] an image may have at most 2^31 elements");
  return make_plan(p, {{run_max, parts_for(p.batch * p.out_pixels(), cell_cost(p))}});
}
KernelPlan plan_max_pool_grad(const KernelRequest& r) {
  PoolParams p = geometry(r, r.outputs[0].shape, r.inputs[1].shape);
  return make_plan(p, {{run_scatter, image_parts(p)}});
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
