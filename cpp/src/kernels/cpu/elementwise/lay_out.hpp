// How operands that are broadcast are laid out as the space has them, in another dtype if need be.
#pragma once

#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {

template <class D, class S>
void convert_elements(D* __restrict dst, const S* __restrict src, int64_t n) {
  if constexpr (std::is_same_v<D, S>)
    std::memcpy(dst, src, size_t(n) * sizeof(D));
  else
    for (int64_t i = 0; i < n; ++i) dst[i] = D(src[i]);
}

/// dst[i] = dst[i % have] for i < n.
template <class D>
void repeat(D* dst, int64_t have, int64_t n) {
  for (; have < n; have *= 2) std::memcpy(dst + have, dst, size_t(std::min(have, n - have)) * sizeof(D));
}

/// dst[i * n + j] = src[i] for j < n, by packs: where rows follow they reach into those.
template <class D, class S>
void spread(D* dst, const S* src, int64_t rows, int64_t n) {
  typedef D Pack __attribute__((vector_size(16)));
  constexpr int64_t kPack = 16 / sizeof(D);
  const int64_t reach = (n + kPack - 1) / kPack * kPack;
  int64_t i = 0;
  for (; i * n + reach <= rows * n; ++i) {
    const Pack p = D(src[i]) - Pack{};
    for (int64_t j = 0; j < n; j += kPack) std::memcpy(dst + i * n + j, &p, 16);
  }
  for (; i < rows; ++i) std::fill(dst + i * n, dst + (i + 1) * n, D(src[i]));
}

/// Operand k of the walk at [at, end). Each of its axes is broadcast or lies as memory does; the last two, rows and
/// what is in them, are taken together.
template <class D, class S>
void lay_out(D* dst, const S* src, const Walk& w, size_t k, int64_t at, int64_t end) {
  const size_t rank = w.sizes.size(), last = rank - 1;
  const Ints& strides = w.strides[k];
  const int64_t n = w.sizes[last], block = rank > 1 ? n * w.sizes[last - 1] : n;
  const bool along = strides[last] != 0, rows_differ = rank > 1 && strides[last - 1] != 0;
  while (at < end) {
    const S* x = src;
    int64_t rest = at / block;
    const int64_t in_block = at - rest * block, count = std::min(end - at, block - in_block);
    for (size_t d = last; d-- > 1; rest /= w.sizes[d - 1]) x += rest % w.sizes[d - 1] * strides[d - 1];
    int64_t row = in_block / n;
    const int64_t head = std::min(count, n - (in_block - row * n)), after = count - head;  // what is left of a row
    if (along && rows_differ) {
      convert_elements(dst, x + in_block, count);
    } else if (along) {
      convert_elements(dst, x + (in_block - row * n), head);
      convert_elements(dst + head, x, std::min(n, after));
      repeat(dst + head, n, after);
    } else if (rows_differ) {
      std::fill(dst, dst + head, D(x[row]));
      const int64_t whole = after / n;
      spread(dst + head, x + ++row, whole, n);
      if (after > whole * n) std::fill(dst + head + whole * n, dst + count, D(x[row + whole]));
    } else {
      std::fill(dst, dst + count, D(*x));
    }
    dst += count, at += count;
  }
}
}  // namespace hornbeam
