// Products by our own kernel: for whatever cuBLASLt has no algorithm for, and where the library is not there.
#include <algorithm>

#include "base/check.hpp"
#include "kernels/cuda/product/product.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
constexpr int64_t kLeastTerms = 256;      // that a part of a sum is worth
constexpr int64_t kMostBlocks = 1 << 20;  // they loop over more tiles

int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

// The step from row to row, and from column to column.
struct Steps {
  int64_t row, column;
};
Steps steps(bool transposed, int64_t rows, int64_t columns) { return transposed ? Steps{1, rows} : Steps{columns, 1}; }
}  // namespace

void plan_tiled_product(Planner& p, const Product& x) {
  const int64_t entries = x.entries(), busy = 2 * p.target().multiprocessors;
  auto tiles = [&](int64_t side) { return entries * pieces(x.m, side) * pieces(x.n, side); };
  const int64_t width = int64_t(dtype_size(x.dtype));
  const int micro = width <= 4 && tiles(128) >= busy ? 8 : 4;
  const int64_t count = tiles(16 * micro);
  // Few tiles of long sums are cut along the sums, whose parts are added by a second kernel.
  const int64_t wanted = std::max<int64_t>(1, std::min(busy / count, x.k / kLeastTerms));
  const int64_t depth = pieces(x.k, wanted), parts = pieces(x.k, depth);

  std::vector<int64_t> sizes, a_steps, b_steps;
  for (const Product::Axis& axis : x.batch) {
    sizes.push_back(axis.size);
    a_steps.push_back(axis.a_step);
    b_steps.push_back(axis.b_step);
  }
  const Steps a = steps(x.a.transposed, x.m, x.k), b = steps(x.b.transposed, x.k, x.n);
  const std::string type = type_name(x.dtype), sum = "Sum<" + type + ">";
  const Address to = parts > 1 ? p.work(parts * x.c_size() * std::max<int64_t>(width, 4)) : x.c;
  p.launch("matmul.cuh", concat_text("matmul_tiles<", type, ", ", parts > 1 ? sum : type, ", ", micro, ">"),
           {std::min(count * parts, kMostBlocks)}, kThreads,
           {x.a.at, x.b.at, to, x.m, x.n, x.k, a.row, a.column, b.row, b.column, parts, depth, entries, x.batch.size(),
            Dims(sizes), Dims(a_steps), Dims(b_steps)});
  if (parts > 1)
    p.launch("matmul.cuh", concat_text("matmul_sum<", type, ">"), {p.blocks(x.c_size(), kThreads)}, kThreads,
             {to, x.c, x.c_size(), parts});
}
}  // namespace hornbeam::cuda
