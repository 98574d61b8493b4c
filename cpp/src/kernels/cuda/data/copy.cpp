// Kernels that only move words: copies under other strides, concatenation, padding, and counting.
#include <cstdlib>
#include <cstring>

#include "base/check.hpp"
#include "kernels/cuda/data/walk.hpp"

namespace hornbeam::cuda {
namespace {
/// Where the elements of a contiguous output come from, in words, with adjacent axes merged.
struct Source {
  Ints sizes, strides;
  int64_t offset;
  size_t word;

  /// `whole`: elements of what it is read from.
  Source(const Shape& space, const View& view, size_t size, int64_t whole) : offset(view.offset), word(size) {
    for (size_t i = 0; i < space.size(); ++i) {
      if (space[i] == 1) continue;
      if (!sizes.empty() && strides.back() == view.strides[i] * space[i])
        sizes.back() *= space[i], strides.back() = view.strides[i];
      else
        sizes.push_back(space[i]), strides.push_back(view.strides[i]);
    }
    if (sizes.empty()) sizes = strides = {1};
    if (strides.back() == 1) widen(whole);
  }
  bool contiguous() const { return sizes.size() == 1 && strides[0] == 1; }

 private:
  // Takes words of several elements, if all that is contiguous is made of them, and x as a whole: so they are aligned
  // also where x follows others of its size in memory, as the steps of a scan do.
  void widen(int64_t whole) {
    const int64_t size = int64_t(word), last = strides.back();
    int64_t places = offset | sizes.back() | whole;
    for (size_t i = 0; i + 1 < strides.size(); ++i) places |= strides[i];
    word = word_bytes({places * size});
    const int64_t k = int64_t(word) / size;
    for (int64_t& s : strides) s /= k;
    strides.back() = last;
    offset /= k;
    sizes.back() /= k;
    if (sizes.back() == 1 && sizes.size() > 1) sizes.pop_back(), strides.pop_back();
  }
};

// Two axes that change places, by tiles in shared memory: where both are long enough, else false.
bool launch_transpose(Planner& p, const Source& s, Address x) {
  constexpr int64_t kWorthwhile = 16;
  const size_t last = s.sizes.size() - 1;
  const size_t row = size_t(std::find(s.strides.begin(), s.strides.end(), 1) - s.strides.begin());
  if (row >= last || s.sizes[row] < kWorthwhile || s.sizes[last] < kWorthwhile || std::abs(s.strides[last]) <= 1)
    return false;
  const int64_t tile = s.word < 4 ? 64 : 32;  // as the kernel has it
  const Ints y_strides = row_major(s.sizes);
  Ints sizes, from, to;
  for (size_t i = 0; i < last; ++i)
    if (i != row) sizes.push_back(s.sizes[i]), from.push_back(s.strides[i]), to.push_back(y_strides[i]);
  for (size_t i : {row, last}) {
    sizes.push_back((s.sizes[i] + tile - 1) / tile);
    from.push_back(tile * s.strides[i]);
    to.push_back(tile * y_strides[i]);
  }
  const int64_t tiles = shape_product(sizes);
  if (tiles > INT32_MAX) return false;
  p.launch("copy.cuh", concat_text("transpose_tiles<", word_name(s.word), ", ", sizes.size(), ">"), {tiles},
           kWordThreads,
           {x, p.out(), s.sizes[row], s.sizes[last], s.strides[last], y_strides[row], tiles, Dims(sizes),
            divisors(sizes), Dims(from), Dims(to)});
  return true;
}

KernelPlan plan_view(const KernelRequest& r, const View& view) {
  const Shape& y = r.outputs[0].shape;
  check_rank(y, r.op.name);
  Planner p(r);
  const Source s(y, view, dtype_size(r.inputs[0].dtype), r.inputs[0].size());
  const int64_t n = shape_product(s.sizes);
  const Address x = p.in(0) + s.offset * int64_t(s.word);
  if (s.contiguous())
    p.copy(p.out(), x, n * int64_t(s.word));
  else if (!launch_transpose(p, s, x))
    p.launch("copy.cuh",
             concat_text("copy_strided<", word_name(s.word), ", ", index_name(n), ", ", s.sizes.size(), ">"),
             word_grid(p, n), kWordThreads, {x, p.out(), n, Dims(s.sizes), divisors(s.sizes), Dims(s.strides)});
  return p.done();
}
}  // namespace

KernelPlan plan_transpose(const KernelRequest& r) { return plan_view(r, transposed(r)); }
KernelPlan plan_slice(const KernelRequest& r) { return plan_view(r, sliced(r)); }
KernelPlan plan_flip(const KernelRequest& r) { return plan_view(r, flipped(r)); }
KernelPlan plan_broadcast_to(const KernelRequest& r) { return plan_view(r, broadcast(r)); }

KernelPlan plan_concat(const KernelRequest& r) {
  constexpr size_t kAtOnce = 4;  // inputs of a launch
  struct Part {
    Address from;
    int64_t bytes, pitch;  // of a row that is taken, and from one to the next
  };
  const Shape& y = r.outputs[0].shape;
  const size_t axis = size_t(counted_axis(r, y));
  int64_t outer = 1;
  for (size_t i = 0; i < axis; ++i) outer *= y[i];
  Planner p(r);
  std::vector<Part> parts;  // of the inputs of which something is taken
  int64_t pitch = 0, all = 0;
  for (size_t i = 0; i < r.inputs.size(); ++i) {
    const TensorSpec& x = r.inputs[i];
    const int64_t n = x.shape[axis], whole = x.size() / outer * int64_t(dtype_size(x.dtype)),
                  inner = whole / std::max<int64_t>(1, n);
    const Ints taken = concat_range(r, i, n);
    const int64_t first = taken[0] * inner, bytes = (taken[1] - taken[0]) * inner;
    if (bytes > 0) parts.push_back({p.in(i) + first, bytes, whole}), all |= first | whole | bytes;
    pitch += bytes;
  }
  if (parts.size() == 1 && parts[0].bytes == parts[0].pitch) {
    p.copy(p.out(), parts[0].from, outer * pitch);
    return p.done();
  }
  const int64_t word = int64_t(word_bytes({all}));
  int64_t offset = 0;
  for (size_t first = 0; first < parts.size(); first += kAtOnce) {
    std::vector<Param> params;
    Ints ends, pitches;
    int64_t width = 0;
    for (size_t i = first; i < first + kAtOnce; ++i) {  // those beyond the last have no columns
      const Part& part = parts[std::min(i, parts.size() - 1)];
      params.push_back(part.from);
      if (i < parts.size()) width += part.bytes / word;
      ends.push_back(width), pitches.push_back(part.pitch / word);
    }
    const int64_t n = outer * width;
    for (Param q : {Param(p.out() + offset), Param(n), Param(width), Param(divisor(width)), Param(pitch / word),
                    Param(Dims(ends)), Param(Dims(pitches))})
      params.push_back(q);
    p.launch("copy.cuh", concat_text("concat_rows<", word_name(size_t(word)), ", ", index_name(n), ">"),
             word_grid(p, n), kWordThreads, std::move(params));
    offset += width * word;
  }
  return p.done();
}

namespace {
/// Where the input lies in a larger output, with adjacent axes merged.
struct Placement {
  Ints sizes, first, counts, steps;  // of the output; of the input: its place, elements, and the steps between them

  void push_axis(int64_t size, int64_t at, int64_t count, int64_t step) {
    if (size == 1 && count == 1) return;
    if (!sizes.empty() && steps.back() == 1 && at == 0 && count == size && step == 1) {
      sizes.back() *= size, first.back() *= size, counts.back() *= size;
      return;
    }
    sizes.push_back(size), first.push_back(at), counts.push_back(count), steps.push_back(step);
  }
  bool has_steps() const {
    return std::any_of(steps.begin(), steps.end(), [](int64_t s) { return s != 1; });
  }
  bool whole() const { return sizes == counts; }
};

// `fill`: of one element.
KernelPlan plan_placed(const KernelRequest& r, const Ints& first, const Ints& steps, const Tensor& fill) {
  const Shape &x = r.inputs[0].shape, &y = r.outputs[0].shape;
  check_rank(y, r.op.name);
  check_placement(r, first, steps);
  Planner p(r);
  Placement a;
  for (size_t i = 0; i < x.size(); ++i) a.push_axis(y[i], first[i], x[i], x[i] > 1 ? steps[i] : 1);
  const size_t size = dtype_size(r.inputs[0].dtype);
  if (a.whole()) {
    p.copy(p.out(), p.in(0), r.outputs[0].size() * int64_t(size));
    return p.done();
  }
  size_t word = size;
  if (a.steps.back() == 1) {
    word = word_bytes({(a.sizes.back() | a.first.back() | a.counts.back()) * int64_t(size)});
    for (Ints* v : {&a.sizes, &a.first, &a.counts}) v->back() /= int64_t(word / size);
  }
  int64_t pattern = 0;  // the bits of as many elements as fit
  for (size_t at = 0; at < sizeof(pattern); at += size)
    std::memcpy(reinterpret_cast<char*>(&pattern) + at, fill.raw(), size);
  const int64_t n = shape_product(a.sizes);
  p.launch("copy.cuh",
           concat_text("place_words<", word_name(word), ", ", index_name(n), ", ", a.sizes.size(), ", ",
                       a.has_steps() ? "true" : "false", ">"),
           word_grid(p, n), kWordThreads,
           {p.in(0), p.out(), n, Dims(a.sizes), divisors(a.sizes), Dims(a.first), Dims(a.counts),
            Dims(row_major(a.counts)), Dims(a.steps), divisors(a.steps), pattern});
  return p.done();
}
}  // namespace

KernelPlan plan_pad(const KernelRequest& r) {
  const Ints ones(r.inputs[0].shape.size(), 1);
  return plan_placed(r, r.attrs.ints("low"), ones, Tensor::scalar(r.inputs[0].dtype, r.attrs.real("value")));
}
KernelPlan plan_slice_grad(const KernelRequest& r) {
  return plan_placed(r, r.attrs.ints("begin"), r.attrs.ints("strides"), Tensor::scalar(r.inputs[0].dtype, 0));
}

namespace {
KernelPlan plan_count(const KernelRequest& r, int64_t n, int64_t inner, int64_t first) {
  Planner p(r);
  const TensorSpec& y = r.outputs[0];
  const DType dtype = y.dtype == DType::boolean ? DType::u8 : y.dtype;  // the low byte, as it is
  p.launch("copy.cuh", concat_text("count_up<", type_name(dtype), ", ", index_name(y.size()), ">"),
           word_grid(p, y.size()), kWordThreads, {p.out(), y.size(), n, divisor(n), inner, divisor(inner), first});
  return p.done();
}
}  // namespace

KernelPlan plan_iota(const KernelRequest& r) {
  const Shape& y = r.outputs[0].shape;
  if (y.empty()) return plan_count(r, 1, 1, 0);
  const int64_t axis = counted_axis(r, y);
  HB_CHECK(axis >= 0 && axis < int64_t(y.size()), "[iota] axis must be in [0, ", y.size(), "); axis=", axis);
  int64_t inner = 1;
  for (size_t i = size_t(axis) + 1; i < y.size(); ++i) inner *= y[i];
  return plan_count(r, y[size_t(axis)], inner, 0);
}
KernelPlan plan_dim_value(const KernelRequest& r) { return plan_count(r, 1, 1, r.attrs.ints("dim")[0]); }
}  // namespace hornbeam::cuda
