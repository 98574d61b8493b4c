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

void plan_tiled_product(Planner& p, const Product& x, const End& end) {
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
  const std::string type = type_name(x.dtype), header = "#include \"matmul.cuh\"\n";
  // The sums of a part are written as they are.
  const Address work = parts > 1 ? p.work(parts * x.c_size() * std::max<int64_t>(width, 4)) : Address();
  const End part{concat_text("Write<Sum<", type, ">>"), "", {work}, {}};
  const End& to = parts > 1 ? part : end;
  std::vector<Param> params{x.a.at, x.b.at};
  params.insert(params.end(), to.params.begin(), to.params.end());
  params.insert(params.end(), {x.m, x.n, x.k, a.row, a.column, b.row, b.column, parts, depth, entries, x.batch.size(),
                               Dims(sizes), Dims(a_steps), Dims(b_steps)});
  p.launch_source(header + to.source, concat_text("matmul_tiles<", type, ", ", micro, ", ", to.type, ">"),
                  {std::min(count * parts, kMostBlocks)}, kThreads, std::move(params));
  if (parts == 1) return;
  std::vector<Param> sums{work};
  sums.insert(sums.end(), end.params.begin(), end.params.end());
  sums.insert(sums.end(), {x.c_size(), parts});
  p.launch_source(header + end.source, concat_text("matmul_sum<", type, ", ", end.type, ">"),
                  {p.blocks(x.c_size(), kThreads)}, kThreads, std::move(sums));
}
}  // namespace hornbeam::cuda
