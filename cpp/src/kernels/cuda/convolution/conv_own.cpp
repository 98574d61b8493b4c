// Launches of the convolution kernels that are written here: by elements, and by tiles of products.
#include <algorithm>

#include "base/check.hpp"
#include "kernels/cuda/convolution/conv.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
constexpr int64_t kSmallGroup = 16;       // channels times filters: fewer do not fill a tile
constexpr int64_t kTaps = 9;              // as in device/conv_direct.cuh
constexpr int64_t kDepth = 16;            // as in device/conv_product.cuh
constexpr int64_t kColumns = 64;          // as there
constexpr int64_t kLeastSum = 8;          // tiles of the sum that a part has
constexpr int64_t kMostParts = 64;        // of a product's sum
constexpr int64_t kLeastPixels = 64;      // of a chunk
constexpr int64_t kPartBytes = 64 << 20;  // that all parts of a result may take

int64_t tiles(int64_t n, int64_t size) { return (n + size - 1) / size; }

// What sums are computed in.
DType wide(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// A sum that is cut into parts gives a tensor for each, which are added up afterwards.
struct Parts {
  int64_t count;
  Address to;
  DType dtype;  // of the sums
};
Parts parts_of(Planner& p, int64_t count, int64_t elements, DType dtype, Address result) {
  const int64_t bytes = elements * int64_t(dtype_size(wide(dtype)));
  count = std::max<int64_t>(1, std::min(count, kPartBytes / std::max<int64_t>(1, bytes)));
  if (count == 1) return {1, result, dtype};
  return {count, p.work(count * bytes), wide(dtype)};
}
void add_up(Planner& p, const Parts& parts, int64_t elements, DType dtype, Address result) {
  if (parts.count == 1) return;
  const int together = parts.count < 8 ? 1 : 8;  // threads that share an element
  p.launch("conv_shape.cuh",
           concat_text("add_parts<", type_name(parts.dtype), ", ", type_name(dtype), ", ", together, ">"),
           {p.blocks(elements * together)}, kThreads, {parts.to, result, parts.count, elements});
}

void append(std::vector<Param>& to, const std::vector<Param>& more) { to.insert(to.end(), more.begin(), more.end()); }

int64_t result_size(const ConvGeometry& g) {
  if (g.role == ConvRole::kernel_grad) return g.taps() * g.group_channels() * g.filters;
  return g.role == ConvRole::forward ? g.batch * g.out_pixels() * g.filters : g.batch * g.in_pixels() * g.channels;
}

void launch_direct_kernel_grad(Planner& p, const ConvGeometry& g, DType dtype, Address x, Address dy, Address to) {
  const int64_t size = result_size(g), pixels = g.batch * g.out_pixels();
  const int64_t blocks = tiles(g.group_channels() * g.filters, 32) * tiles(g.taps(), kTaps);
  const int64_t wanted = std::min(2 * p.target().multiprocessors / blocks, pixels / kLeastPixels);
  const Parts parts = parts_of(p, wanted, size, dtype, to);
  std::vector<Param> params{x, dy, parts.to};
  append(params, conv_params(g));
  params.push_back(parts.count);
  p.launch("conv_direct.cuh",
           concat_text("conv_direct_kernel_grad<", type_name(dtype), ", ", type_name(parts.dtype), ">"),
           {blocks * parts.count}, kThreads, std::move(params));
  add_up(p, parts, size, dtype, to);
}
}  // namespace

bool conv_is_direct(const ConvGeometry& g) {
  return g.groups > 1 && g.group_channels() * g.group_filters() <= kSmallGroup;
}

void launch_direct(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Param bias, bool relu,
                   Address to) {
  if (g.role == ConvRole::kernel_grad) return launch_direct_kernel_grad(p, g, dtype, a, b, to);
  const bool forward = g.role == ConvRole::forward;
  const int together = g.depthwise() && g.channels % 4 == 0 ? 4 : 1;
  std::vector<Param> params{a, b};
  if (forward) params.push_back(bias);
  params.push_back(to);
  append(params, conv_params(g));
  if (forward) params.push_back(relu);
  p.launch("conv_direct.cuh",
           concat_text(forward ? "conv_direct<" : "conv_direct_input_grad<", type_name(dtype), ", ", together, ">"),
           {p.blocks(result_size(g) / together)}, kThreads, std::move(params));
}

void launch_tiles(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Address to) {
  const bool backward = g.role == ConvRole::input_grad, of_kernel = g.role == ConvRole::kernel_grad;
  int64_t rows = g.batch, phases = 1, sum = g.taps() * (backward ? g.group_filters() : g.group_channels());
  for (int i = 0; i < 3; ++i) {
    rows *= backward ? tiles(g.in[i], g.stride[i]) : g.out[i];
    if (backward) phases *= g.phases(i);
  }
  if (of_kernel) std::swap(rows, sum);
  const int64_t columns = backward ? g.group_channels() : g.group_filters();

  // what is read 4 at a time: of a, and of b
  const bool a4 = (backward ? g.group_filters() : g.group_channels()) % 4 == 0, b4 = g.group_filters() % 4 == 0;
  auto blocks_of = [&](int64_t tile) { return tiles(rows, tile) * tiles(columns, kColumns) * g.groups * phases; };
  const int64_t most_parts = std::min(kMostParts, std::max<int64_t>(1, tiles(sum, kDepth) / kLeastSum));
  const bool tall =
      a4 && b4 && dtype != DType::f64 && rows >= 128 && blocks_of(128) * most_parts >= p.target().multiprocessors;
  const int64_t tile = tall ? 128 : 64, blocks = blocks_of(tile), size = result_size(g);
  const int64_t wanted = std::min(2 * p.target().multiprocessors / blocks, most_parts);
  const Parts parts = parts_of(p, wanted, size, dtype, to);

  std::vector<Param> params{a, b, parts.to};
  append(params, conv_params(g));
  append(params, {tiles(rows, tile), parts.count});
  const std::string types =
      concat_text(type_name(dtype), ", ", type_name(parts.dtype), ", ", a4 ? 4 : 1, ", ", b4 ? 4 : 1, ", ");
  const std::string kernel = of_kernel ? concat_text("conv_kernel_product<", types)
                                       : concat_text("conv_product<", types, backward ? "true, " : "false, ");
  p.launch("conv_product.cuh", concat_text(kernel, tile / 16, ">"), {blocks * parts.count}, kThreads,
           std::move(params));
  add_up(p, parts, size, dtype, to);
}
}  // namespace hornbeam::cuda
