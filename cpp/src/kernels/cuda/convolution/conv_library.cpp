// Convolutions by cuDNN, which has kernels with their filters first and pads both sides of an axis alike: kernels are
// transposed for it, and images get their borders here where those are not alike.
#include <algorithm>
#include <limits>

#include "base/check.hpp"
#include "cuda/dnn.hpp"
#include "kernels/cuda/convolution/conv.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
constexpr size_t kMostWorkspace = size_t(256) << 20;

int64_t reach(const ConvGeometry& g, int axis) { return (g.window[axis] - 1) * g.dilation[axis] + 1; }

// What an axis of the input measures that needs no padding for the output.
int64_t padded(const ConvGeometry& g, int axis) { return (g.out[axis] - 1) * g.stride[axis] + reach(g, axis); }

// Whether cuDNN can count it: in ints, the elements of a tensor too.
bool countable(const ConvGeometry& g) {
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  int64_t pixels = 1;
  for (int i = 1; i < 3; ++i) {
    const int64_t extent = std::max(g.in[i], padded(g, i));
    if (std::max({extent, g.stride[i], g.low[i], g.dilation[i]}) > kMost) return false;
    pixels *= extent;
  }
  auto fits = [&](int64_t a, int64_t b) { return a == 0 || b <= kMost / a; };
  return fits(pixels, 1) && fits(g.out_pixels(), 1) && fits(g.batch * g.channels, pixels) &&
         fits(g.batch * g.filters, g.out_pixels()) && g.taps() * g.group_channels() * g.filters <= kMost;
}

// Whether all tensors begin at multiples of 16 bytes, as cuDNN wants: slices of larger tensors do when that divides
// them.
bool aligned(const ConvGeometry& g, DType dtype) {
  const int64_t x = g.batch * g.in_pixels() * g.channels, y = g.batch * g.out_pixels() * g.filters;
  const int64_t bytes = int64_t(dtype_size(dtype));
  return x * bytes % 16 == 0 && y * bytes % 16 == 0;
}

// With more than one pixel along two axes alone.
bool is_flat(const ConvGeometry& g) { return g.in[0] == 1 && g.out[0] == 1 && g.window[0] == 1 && g.low[0] == 0; }

// How cuDNN computes with a dtype. float64 is left to kernels of our own.
struct Arithmetic {
  Dnn::Type type;
  Dnn::Math math;
};
bool arithmetic(DType dtype, bool tf32, Arithmetic* out) {
  switch (dtype) {
    case DType::f32:
      *out = {Dnn::f32, tf32 ? Dnn::any_math : Dnn::fma};
      return true;
    case DType::f16:
      *out = {Dnn::f16, Dnn::tensor_cores};
      return true;
    case DType::bf16:
      *out = {Dnn::bf16, Dnn::tensor_cores};
      return true;
    default:
      return false;
  }
}

Dnn::Role role_of(ConvRole role) {
  switch (role) {
    case ConvRole::forward:
      return Dnn::forward;
    case ConvRole::input_grad:
      return Dnn::input_grad;
    case ConvRole::kernel_grad:
      return Dnn::kernel_grad;
  }
  throw InternalError("no such role");
}

// An image that needs no padding; `low` is then where it begins in the other.
bool bordered(const ConvGeometry& g, DnnShape& s) {
  bool alike = true;
  for (int i = 1; i < 3; ++i) alike = alike && (g.in[i] + 2 * g.low[i] - reach(g, i)) / g.stride[i] + 1 == g.out[i];
  for (int i = 1; i < 3 && !alike; ++i) {
    s.in[i - 1] = int(padded(g, i));
    s.padding[i - 1] = 0;
  }
  return !alike;
}

struct Libraried {
  Planner& p;
  const ConvGeometry& g;
  const DnnShape& s;
  DType dtype;
  int64_t bytes(int64_t elements) const { return elements * int64_t(dtype_size(dtype)); }
  const char* word() const { return word_name(dtype_size(dtype)); }

  // [rows, columns] of a kernel: taps and channels, filters; or the other way round.
  void transpose(Address from, Address to, int64_t rows, int64_t columns) const {
    p.launch("conv_layout.cuh", concat_text("transpose_matrix<", word(), ">"),
             {(rows + 31) / 32 * ((columns + 31) / 32)}, kThreads, {from, to, rows, columns});
  }
  int64_t kernel_rows() const { return g.taps() * g.group_channels(); }
  int64_t bordered_size() const { return g.batch * s.in[0] * s.in[1] * g.channels; }
  void add_border(Address from, Address to) const {
    p.launch("conv_layout.cuh", concat_text("move_image<", word(), ">"), {p.blocks(bordered_size())}, kThreads,
             {from, to, bordered_size(), s.in[0], s.in[1], g.channels, g.in[1], g.in[2], -g.low[1], -g.low[2]});
  }
  void cut_border(Address from, Address to) const {
    const int64_t n = g.batch * g.in_pixels() * g.channels;
    p.launch("conv_layout.cuh", concat_text("move_image<", word(), ">"), {p.blocks(n)}, kThreads,
             {from, to, n, g.in[1], g.in[2], g.channels, s.in[0], s.in[1], g.low[1], g.low[2]});
  }
};
}  // namespace

bool launch_library(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Address to) {
  const Dnn* dnn = p.target().dnn;
  const bool empty = g.batch * g.in_pixels() * g.channels * g.filters == 0;
  Arithmetic how;
  if (!dnn || !arithmetic(dtype, p.target().tf32, &how) || empty || !is_flat(g) || !countable(g) || !aligned(g, dtype))
    return false;
  DnnShape s{role_of(g.role),
             how.type,
             how.math,
             int(g.batch),
             int(g.channels),
             int(g.filters),
             int(g.groups),
             {},
             {},
             {},
             {},
             {},
             {}};
  for (int i = 0; i < 2; ++i) {
    s.in[i] = int(g.in[i + 1]), s.out[i] = int(g.out[i + 1]), s.window[i] = int(g.window[i + 1]);
    s.stride[i] = int(g.stride[i + 1]), s.padding[i] = int(g.low[i + 1]), s.dilation[i] = int(g.dilation[i + 1]);
  }
  const bool border = bordered(g, s);
  const auto convolution = DnnConvolution::find(*dnn, s, kMostWorkspace);
  if (!convolution) return false;

  const Libraried l{p, g, s, dtype};
  const Address kernel = p.work(l.bytes(l.kernel_rows() * g.filters));
  const Address image = border ? p.work(l.bytes(l.bordered_size())) : Address{};
  const Address work = p.work(int64_t(convolution->workspace()));
  Address first = a, second = b, result = to;
  if (g.role == ConvRole::input_grad) {
    first = kernel, second = a;
    if (border) result = image;
  } else {
    if (border) first = image;
    (g.role == ConvRole::forward ? second : result) = kernel;
  }
  if (g.role != ConvRole::kernel_grad) l.transpose(b, kernel, l.kernel_rows(), g.filters);
  if (border && g.role != ConvRole::input_grad) l.add_border(a, image);
  p.call([=](const Call& c) { convolution->run(c.stream, c.at(first), c.at(second), c.at(result), c.at(work)); });
  if (border && g.role == ConvRole::input_grad) l.cut_border(image, to);
  if (g.role == ConvRole::kernel_grad) l.transpose(kernel, to, g.filters, l.kernel_rows());
  return true;
}
}  // namespace hornbeam::cuda
