// How a grid shares [outer, n, inner] where the axis in the middle is taken together (device/shares.cuh).
#pragma once

#include "kernels/cuda/rows/team.hpp"

namespace hornbeam::cuda {

struct Shares {
  int64_t outer, n, inner;
  int64_t length = 0, chunks = 1;  // n is cut into chunks, so that there are enough blocks
  int64_t tx = 1, ty = 1;
  int threads = 256;

  int64_t results() const { return outer * chunks * inner; }
  Grid grid() const {
    const int64_t rows = threads / (tx * ty);
    return {std::min<int64_t>(divide_up(inner, tx) * chunks * divide_up(outer, rows), INT32_MAX)};
  }
  Dims dims() const { return Dims({outer, n, inner, length, chunks, tx, ty}); }
};

/// A lane along n for every `each` elements, as far as a block has threads; with `may_cut` as many chunks as fill the
/// device, each of them worth a block.
inline Shares share(const Target& target, int64_t outer, int64_t n, int64_t inner, bool may_cut, int64_t each = 8,
                    int threads = 256) {
  Shares s{outer, n, inner};
  s.threads = threads;
  const int64_t side = std::min<int64_t>(power_of_two(inner), 32);
  s.ty = std::min(threads / side, power_of_two(divide_up(std::max<int64_t>(n, 1), each)));
  s.tx = std::min(power_of_two(inner), threads / s.ty);
  const int64_t blocks = s.grid().x, wanted = 8 * target.multiprocessors;
  if (may_cut && blocks < wanted) s.chunks = std::max<int64_t>(1, std::min(wanted / blocks, n / (s.ty * 2 * each)));
  s.length = divide_up(n, s.chunks);
  s.chunks = n > 0 ? divide_up(n, s.length) : 1;
  return s;
}

/// [outer, n, inner] of the axes of a shape that lie before `axis`, on it, and behind it.
struct Along {
  int64_t outer = 1, n = 1, inner = 1;
};
inline Along along(const Shape& x, int64_t axis) {
  if (axis < 0) axis += int64_t(x.size());
  Along a;
  for (int64_t i = 0; i < int64_t(x.size()); ++i) (i < axis ? a.outer : i > axis ? a.inner : a.n) *= x[size_t(i)];
  return a;
}

/// The type whose arithmetic wraps as that of ints does; that of bools for logic.
inline const char* wrapping_name(DType d) {
  return d == DType::i32 ? "u32" : d == DType::i64 ? "u64" : d == DType::boolean ? "u8" : type_name(d);
}
/// The type that orders as the elements do.
inline const char* ordered_name(DType d) { return d == DType::boolean ? "u8" : type_name(d); }
}  // namespace hornbeam::cuda
