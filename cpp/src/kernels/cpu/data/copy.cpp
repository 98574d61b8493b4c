// Kernels that only move bytes: copies under other strides, concatenation, padding, and counting. By element size.
#include "base/half.hpp"
#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct CopyParams {
  Walk walk;           // operand 0: the source
  int64_t offset = 0;  // of the source's first element
  size_t size = 4;
};

void run_copy(const KernelCall& c) {
  const auto& p = params_of<CopyParams>(c);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  if (r.size() == 0) return;
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    const T* src = buffer<const T>(c, 0) + p.offset;
    T* dst = buffer<T>(c, 1);
    p.walk.runs(0, r.begin, r.end, [&](int64_t offset, int64_t at, int64_t n, int64_t stride) {
      copy_run(dst + at, src + offset, n, stride);
    });
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
KernelPlan plan_view(const KernelRequest& r, const View& x) {
  check_rank(r.outputs[0].shape, r.op.name);
  CopyParams p;
  p.size = dtype_size(r.inputs[0].dtype);
  p.walk = walk_of(r.outputs[0].shape, x.strides);
  p.offset = x.offset;
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
struct PadParams {
  Walk walk;  // the input's elements as places in the output
  int64_t offset = 0, total = 0;
  size_t size = 4;
  uint64_t fill = 0;  // the padding's bits
};
void run_pad_fill(const KernelCall& c) {
  const auto& p = params_of<PadParams>(c);
  const Range r = part_range(p.total, c.parts, c.part);
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    std::fill(buffer<T>(c, 1) + r.begin, buffer<T>(c, 1) + r.end, T(p.fill));
  });
}
void run_pad_copy(const KernelCall& c) {
  const auto& p = params_of<PadParams>(c);
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

// x goes into y, from `first` on each axis by `steps`; the rest is `fill`.
KernelPlan place_in(const KernelRequest& r, const Ints& first, const Ints& steps, const Tensor& fill) {
  const Shape &x = r.inputs[0].shape, &y = r.outputs[0].shape;
  check_rank(y, r.op.name);
  Ints st = row_major(y);
  PadParams p;
  p.size = dtype_size(r.inputs[0].dtype);
  p.total = r.outputs[0].size();
  check_placement(r, first, steps);
  for (size_t i = 0; i < x.size(); ++i) {
    p.offset += x[i] == 0 ? 0 : first[i] * st[i];
    st[i] *= x[i] > 1 ? steps[i] : 1;
  }
  p.walk = walk_of(x, st);
  std::memcpy(&p.fill, fill.raw(), p.size);
  const int fills = parts_for(p.total, 1), copies = parts_for(p.walk.total, 1);
  return make_plan(std::move(p), {{run_pad_fill, fills}, {run_pad_copy, copies}});
}
}  // namespace

KernelPlan plan_pad(const KernelRequest& r) {
  const Ints ones(r.inputs[0].shape.size(), 1);
  return place_in(r, r.attrs.ints("low"), ones, Tensor::scalar(r.inputs[0].dtype, r.attrs.real("value")));
}

KernelPlan plan_slice_grad(const KernelRequest& r) {
  return place_in(r, r.attrs.ints("begin"), r.attrs.ints("strides"), Tensor::scalar(r.inputs[0].dtype, 0));
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
