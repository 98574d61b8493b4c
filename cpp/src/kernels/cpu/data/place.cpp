// Kernels that put inputs into larger outputs: concatenation, padding, and its like with steps; and counting.
#include "base/half.hpp"
#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/data/walks.hpp"

namespace hornbeam {
namespace {
struct ConcatParams {
  struct Piece {
    int64_t bytes, pitch, first, place;  // of its rows: what is taken, from one to the next, from where, and whereto
  };
  int64_t outer = 1, row = 0;  // bytes of one output row
  std::vector<Piece> pieces;
};
// Some rows from each input in turn, so that the output is written nearly as it lies.
void run_concat(const KernelCall& c) {
  constexpr int64_t kBlock = 1024;
  const auto& p = params_of<ConcatParams>(c);
  const Range r = part_range(p.outer, c.parts, c.part);
  const int64_t block = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, p.row));
  for (int64_t begin = r.begin; begin < r.end; begin += block) {
    const int64_t end = std::min(r.end, begin + block);
    for (size_t k = 0; k < p.pieces.size(); ++k) {
      const ConcatParams::Piece& piece = p.pieces[k];
      const char* src = buffer<const char>(c, int(k)) + piece.first;
      char* dst = buffer<char>(c, c.out) + piece.place;
      with_row_bytes(piece.bytes, [&](auto bytes) {
        for (int64_t i = begin; i < end; ++i) copy_row(dst + i * p.row, src + i * piece.pitch, bytes);
      });
    }
  }
}
}  // namespace

KernelPlan plan_concat(const KernelRequest& r) {
  const Shape& y = r.outputs[0].shape;
  const int64_t axis = counted_axis(r, y);
  ConcatParams p;
  for (int64_t i = 0; i < axis; ++i) p.outer *= y[size_t(i)];
  for (size_t k = 0; k < r.inputs.size(); ++k) {
    const TensorSpec& t = r.inputs[k];
    const Ints taken = concat_range(r, k, t.shape[size_t(axis)]);
    const int64_t n = std::max<int64_t>(1, p.outer * t.shape[size_t(axis)]),  // elements along the axis
        inner = t.size() / n * int64_t(dtype_size(t.dtype));
    p.pieces.push_back({(taken[1] - taken[0]) * inner, t.shape[size_t(axis)] * inner, taken[0] * inner, p.row});
    p.row += p.pieces.back().bytes;
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
