// Kernels that only move bytes: copies under other strides, concatenation, padding, and counting. By element size.
#include "base/half.hpp"
#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct CopyParams {
  Walk walk;           // operand 0: the source
  Walk rows;           // the same without its last axis
  int64_t offset = 0;  // of the source's first element
  size_t size = 4;
};

// Rows of `bytes`, `row_step` apart in the source.
void copy_whole_rows(char* dst, const char* src, int64_t rows, int64_t row_step, int64_t bytes) {
  with_row_bytes(bytes, [&](auto n) {
    for (int64_t j = 0; j < rows; ++j) std::memcpy(dst + size_t(j) * n, src + j * row_step, n);
  });
}
// Rows of n elements, `step` apart in the source, its rows `row_step`.
template <class T>
void copy_rows(T* dst, const T* src, int64_t rows, int64_t row_step, int64_t n, int64_t step) {
  constexpr int64_t size = sizeof(T);
  if (step == 1)
    return copy_whole_rows(reinterpret_cast<char*>(dst), reinterpret_cast<const char*>(src), rows, row_step * size,
                           n * size);
  auto each = [&](auto count) {
    for (int64_t j = 0; j < rows; ++j)
      for (int64_t i = 0; i < count; ++i) dst[j * count + i] = src[j * row_step + i * step];
  };
  if constexpr (size == 4)
    with_few(n, each);
  else
    each(n);
}

void run_copy(const KernelCall& c) {
  const auto& p = params_of<CopyParams>(c);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  if (r.size() == 0) return;
  const int64_t n = p.walk.sizes.back(), step = p.walk.strides[0].back();
  const int64_t first = std::min(r.end, (r.begin + n - 1) / n * n),
                last = std::max(first, r.end / n * n);  // whole rows
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    const T* src = buffer<const T>(c, 0) + p.offset;
    T* dst = buffer<T>(c, 1);
    auto run = [&](int64_t offset, int64_t at, int64_t length, int64_t stride) {
      copy_run(dst + at, src + offset, length, stride);
    };
    if (r.begin < first) p.walk.runs(0, r.begin, first, run);
    if (first < last)
      p.rows.runs(0, first / n, last / n, [&](int64_t offset, int64_t at, int64_t rows, int64_t stride) {
        copy_rows(dst + at * n, src + offset, rows, stride, n, step);
      });
    if (last < r.end) p.walk.runs(0, last, r.end, run);
  });
}

// Two axes that change places: `rows` lie next to each other in the source, `columns` in the result.
struct TransposeParams {
  Walk others;                      // the source's and the result's strides of the other axes
  int64_t rows, columns, from, to;  // `from` and `to`: from a column to the next in the source, a row in the result
  int64_t offset;
  size_t size;
};
constexpr int64_t kTile = 32;  // rows and columns of the part that is turned in a buffer of its own

template <class T>
void turn(const T* src, int64_t from, T* dst, int64_t rows, int64_t columns) {
  if constexpr (sizeof(T) == 4)
    transpose_floats(reinterpret_cast<const float*>(src), from, reinterpret_cast<float*>(dst), kTile, columns, rows);
  else
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) dst[i * kTile + j] = src[j * from + i];
}

void run_transpose(const KernelCall& c) {
  const auto& p = params_of<TransposeParams>(c);
  const int64_t strips = (p.rows + kTile - 1) / kTile;
  const Range r = part_range(p.others.total * strips, c.parts, c.part);
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    T tile[kTile * kTile];
    for (int64_t unit = r.begin; unit < r.end; ++unit) {
      const T* src = buffer<const T>(c, 0) + p.offset;
      T* dst = buffer<T>(c, 1);
      int64_t rest = unit / strips;
      for (size_t a = p.others.sizes.size(); a-- > 0; rest /= p.others.sizes[a]) {
        const int64_t at = rest % p.others.sizes[a];
        src += at * p.others.strides[0][a], dst += at * p.others.strides[1][a];
      }
      const int64_t row = unit % strips * kTile, rows = std::min(kTile, p.rows - row);
      for (int64_t column = 0; column < p.columns; column += kTile) {
        const int64_t columns = std::min(kTile, p.columns - column);
        turn(src + column * p.from + row, p.from, tile, rows, columns);
        for (int64_t i = 0; i < rows; ++i)
          std::memcpy(dst + (row + i) * p.to + column, tile + i * kTile, size_t(columns) * sizeof(T));
      }
    }
  });
}

Walk walk_of(const Shape& space, const Ints& strides) {
  Walk w;
  w.total = shape_product(space);
  w.strides.resize(1);
  for (size_t i = 0; i < space.size(); ++i) w.push_axis(space[i], {strides}, i);
  if (w.sizes.empty()) w.sizes.push_back(1), w.strides[0].push_back(0);
  return w;
}

// Whether the copy has a pair of axes that change places, both of them long.
bool turns(const CopyParams& p, TransposeParams& t) {
  constexpr int64_t kWorthwhile = 8;
  const Shape& sizes = p.walk.sizes;
  const Ints& strides = p.walk.strides[0];
  const size_t last = sizes.size() - 1, row = size_t(std::find(strides.begin(), strides.end(), 1) - strides.begin());
  if (row >= last || sizes[row] < kWorthwhile || sizes[last] < kWorthwhile || strides[last] == 0) return false;
  const Ints to = row_major(sizes);
  t = {{}, sizes[row], sizes[last], strides[last], to[row], p.offset, p.size};
  t.others.strides.resize(2);
  for (size_t a = 0; a < last; ++a)
    if (a != row) {
      t.others.sizes.push_back(sizes[a]);
      t.others.strides[0].push_back(strides[a]), t.others.strides[1].push_back(to[a]);
    }
  t.others.total = shape_product(t.others.sizes);
  return true;
}

KernelPlan plan_view(const KernelRequest& r, const View& x) {
  check_rank(r.outputs[0].shape, r.op.name);
  CopyParams p;
  p.size = dtype_size(r.inputs[0].dtype);
  p.walk = walk_of(r.outputs[0].shape, x.strides);
  p.offset = x.offset;
  if (TransposeParams t; turns(p, t)) {
    const int64_t strips = (t.rows + kTile - 1) / kTile;
    const int parts = parts_for(t.others.total * strips, double(p.walk.total) / double(t.others.total * strips));
    return make_plan(std::move(t), {{run_transpose, parts}});
  }
  const Shape& sizes = p.walk.sizes;
  p.rows = walk_of({1}, {0});
  if (sizes.size() > 1) {
    p.rows.sizes.assign(sizes.begin(), sizes.end() - 1);
    p.rows.strides[0].assign(p.walk.strides[0].begin(), p.walk.strides[0].end() - 1);
    p.rows.total = shape_product(p.rows.sizes);
  }
  const int parts = parts_for(p.walk.total, 1);
  return make_plan(std::move(p), {{run_copy, parts}});
}
}  // namespace

KernelPlan plan_transpose(const KernelRequest& r) { return plan_view(r, transposed(r)); }
KernelPlan plan_slice(const KernelRequest& r) { return plan_view(r, sliced(r)); }
KernelPlan plan_flip(const KernelRequest& r) { return plan_view(r, flipped(r)); }
KernelPlan plan_broadcast_to(const KernelRequest& r) { return plan_view(r, broadcast(r)); }

namespace {
struct ConcatParams {
  int64_t outer = 1, row = 0;   // bytes of one output row
  std::vector<int64_t> bytes;   // of each input's row
  std::vector<int64_t> offset;  // in the output row
};
void run_concat(const KernelCall& c) {
  const auto& p = params_of<ConcatParams>(c);
  const Range r = part_range(p.outer, c.parts, c.part);
  for (size_t k = 0; k < p.bytes.size(); ++k) {
    const char* src = buffer<const char>(c, int(k));
    char* dst = buffer<char>(c, c.out) + p.offset[k];
    with_row_bytes(p.bytes[k], [&](auto bytes) {
      for (int64_t i = r.begin; i < r.end; ++i) std::memcpy(dst + i * p.row, src + size_t(i) * bytes, bytes);
    });
  }
}
}  // namespace

KernelPlan plan_concat(const KernelRequest& r) {
  const Shape& y = r.outputs[0].shape;
  const int64_t axis = counted_axis(r, y);
  ConcatParams p;
  for (int64_t i = 0; i < axis; ++i) p.outer *= y[size_t(i)];
  for (const auto& t : r.inputs) {
    const int64_t bytes = p.outer > 0 ? t.size() / p.outer * int64_t(dtype_size(t.dtype)) : 0;
    p.offset.push_back(p.row);
    p.bytes.push_back(bytes);
    p.row += bytes;
  }
  const int parts = parts_for(p.outer, double(p.row) / 4);
  return make_plan(std::move(p), {{run_concat, parts}});
}

namespace {
/// Where the input lies in a larger output: axes that it fills are merged into the ones before.
struct PadParams {
  Ints sizes, first, counts;  // of the output; of the input, and its place
  int64_t total = 0;
  size_t size = 4;
  uint64_t fill = 0;  // the padding's bits

  void push_axis(int64_t n, int64_t at, int64_t count) {
    if (!sizes.empty() && count == n)
      sizes.back() *= n, first.back() *= n, counts.back() *= n;
    else
      sizes.push_back(n), first.push_back(at), counts.push_back(count);
  }
  /// The input's row that an output's row has in it, or -1.
  int64_t row_of(int64_t row) const {
    int64_t at = 0, step = 1;
    for (size_t a = sizes.size() - 1; a-- > 0; row /= sizes[a]) {
      const int64_t i = row % sizes[a] - first[a];
      if (i < 0 || i >= counts[a]) return -1;
      at += i * step;
      step *= counts[a];
    }
    return at;
  }
};
void run_pad(const KernelCall& c) {
  const auto& p = params_of<PadParams>(c);
  const Range r = part_range(p.total, c.parts, c.part);
  const int64_t n = p.sizes.back(), first = p.first.back(), count = p.counts.back();
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    T* y = buffer<T>(c, 1);
    for (int64_t at = r.begin; at < r.end;) {
      const int64_t row = at / n, begin = at % n, end = std::min(n, begin + r.end - at), source = p.row_of(row);
      const int64_t low = source < 0 ? end : std::clamp(first, begin, end);
      const int64_t high = source < 0 ? end : std::clamp(first + count, low, end);
      T* to = y + row * n;
      std::fill(to + begin, to + low, T(p.fill));
      if (low < high)
        std::memcpy(to + low, buffer<const T>(c, 0) + source * count + low - first, size_t(high - low) * sizeof(T));
      std::fill(to + high, to + end, T(p.fill));
      at += end - begin;
    }
  });
}
// x goes into y, from `first` on each axis; the rest is `fill`.
KernelPlan place_in(const KernelRequest& r, const Ints& first, const Tensor& fill) {
  const Shape &x = r.inputs[0].shape, &y = r.outputs[0].shape;
  PadParams p;
  p.size = dtype_size(r.inputs[0].dtype);
  p.total = r.outputs[0].size();
  std::memcpy(&p.fill, fill.raw(), p.size);
  for (size_t i = 0; i < x.size(); ++i) p.push_axis(y[i], first[i], x[i]);
  if (x.empty()) p.push_axis(1, 0, 1);
  return make_plan(std::move(p), {{run_pad, parts_for(r.outputs[0].size(), 1)}});
}

struct SpreadParams {
  Walk walk;  // the input's elements as places in the output
  int64_t offset = 0, total = 0;
  size_t size = 4;
};
void run_clear(const KernelCall& c) {
  const auto& p = params_of<SpreadParams>(c);
  const Range r = part_range(p.total, c.parts, c.part);
  std::memset(buffer<char>(c, 1) + r.begin * int64_t(p.size), 0, size_t(r.size()) * p.size);
}
void run_spread(const KernelCall& c) {
  const auto& p = params_of<SpreadParams>(c);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  if (r.size() == 0) return;
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    const T* src = buffer<const T>(c, 0);
    T* dst = buffer<T>(c, 1) + p.offset;
    p.walk.runs(0, r.begin, r.end, [&](int64_t offset, int64_t at, int64_t n, int64_t stride) {
      if (stride == 1)
        std::memcpy(dst + offset, src + at, size_t(n) * sizeof(T));
      else
        for (int64_t i = 0; i < n; ++i) dst[offset + i * stride] = src[at + i];
    });
  });
}
// x goes into zeros, from `first` on each axis by `steps`.
KernelPlan spread_in(const KernelRequest& r, const Ints& first, const Ints& steps) {
  const Shape &x = r.inputs[0].shape, &y = r.outputs[0].shape;
  Ints st = row_major(y);
  SpreadParams p;
  p.size = dtype_size(r.inputs[0].dtype);
  p.total = r.outputs[0].size();
  for (size_t i = 0; i < x.size(); ++i) {
    p.offset += x[i] == 0 ? 0 : first[i] * st[i];
    st[i] *= x[i] > 1 ? steps[i] : 1;
  }
  p.walk = walk_of(x, st);
  const int clears = parts_for(p.total, 1), copies = parts_for(p.walk.total, 1);
  return make_plan(std::move(p), {{run_clear, clears}, {run_spread, copies}});
}
}  // namespace

KernelPlan plan_pad(const KernelRequest& r) {
  const Ints &first = r.attrs.ints("low"), ones(first.size(), 1);
  check_rank(r.outputs[0].shape, r.op.name);
  check_placement(r, first, ones);
  return place_in(r, first, Tensor::scalar(r.inputs[0].dtype, r.attrs.real("value")));
}

KernelPlan plan_slice_grad(const KernelRequest& r) {
  const Ints &first = r.attrs.ints("begin"), &steps = r.attrs.ints("strides");
  const Shape& x = r.inputs[0].shape;
  check_rank(r.outputs[0].shape, r.op.name);
  check_placement(r, first, steps);
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i] > 1 && steps[i] > 1) return spread_in(r, first, steps);
  return place_in(r, first, Tensor::scalar(r.inputs[0].dtype, 0));
}

namespace {
struct IotaParams {
  int64_t total, n, inner, first;
  DType dtype;
};
void run_iota(const KernelCall& c) {
  const auto& p = params_of<IotaParams>(c);
  void* y = c.buffers[0];
  for (int64_t i = 0; i < p.total; ++i) {
    const int64_t v = p.first + i / p.inner % p.n;
    if (p.dtype == DType::f16)
      static_cast<Half*>(y)[i] = to_half(float(v));
    else if (p.dtype == DType::bf16)
      static_cast<BFloat16*>(y)[i] = to_bfloat16(float(v));
    else
      with_type(p.dtype, [&](auto zero) { static_cast<decltype(zero)*>(y)[i] = decltype(zero)(v); });
  }
}
}  // namespace

KernelPlan plan_iota(const KernelRequest& r) {
  const Shape& y = r.outputs[0].shape;
  IotaParams p{r.outputs[0].size(), 1, 1, 0, r.outputs[0].dtype};
  const int64_t axis = counted_axis(r, y);
  HB_CHECK(y.empty() || (axis >= 0 && axis < int64_t(y.size())), "[iota] axis must be in [0, ", y.size(),
           "); axis=", axis);
  if (!y.empty()) p.n = std::max<int64_t>(1, y[size_t(axis)]);
  for (size_t i = size_t(axis) + 1; i < y.size(); ++i) p.inner *= y[i];
  p.inner = std::max<int64_t>(1, p.inner);
  return make_plan(p, {{run_iota, 1}});
}

KernelPlan plan_dim_value(const KernelRequest& r) {
  return make_plan(IotaParams{1, 1, 1, r.attrs.ints("dim")[0], r.outputs[0].dtype}, {{run_iota, 1}});
}
}  // namespace hornbeam
