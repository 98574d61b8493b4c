// Copies of elements of any dtype and of rows, by their size alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hornbeam {

/// dst[i] = src[i * stride].
template <class T>
void copy_run(T* dst, const T* src, int64_t n, int64_t stride) {
  if (stride == 1)
    std::memcpy(dst, src, size_t(n) * sizeof(T));
  else if (stride == 0)
    std::fill(dst, dst + n, *src);
  else
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i * stride];
}

/// Calls f with a number of an element's size, which is 1, 2, 4 or 8 bytes.
template <class F>
void with_size(size_t size, F f) {
  switch (size) {
    case 1:
      f(uint8_t{});
      return;
    case 2:
      f(uint16_t{});
      return;
    case 4:
      f(uint32_t{});
      return;
    default:
      f(uint64_t{});
      return;
  }
}

/// Calls f with a count, as a constant where it is small: its loop is unrolled then.
template <class F>
void with_few(int64_t n, F f) {
  switch (n) {
    case 2:
      return f(std::integral_constant<int64_t, 2>{});
    case 3:
      return f(std::integral_constant<int64_t, 3>{});
    case 4:
      return f(std::integral_constant<int64_t, 4>{});
    default:
      return f(n);
  }
}

/// Calls f with the bytes of a row, as a constant where they are few: memcpy is some moves then, and no call.
template <class F>
void with_row_bytes(int64_t bytes, F f) {
  switch (bytes) {
    case 1:
      return f(std::integral_constant<size_t, 1>{});
    case 2:
      return f(std::integral_constant<size_t, 2>{});
    case 3:
      return f(std::integral_constant<size_t, 3>{});
    case 4:
      return f(std::integral_constant<size_t, 4>{});
    case 6:
      return f(std::integral_constant<size_t, 6>{});
    case 8:
      return f(std::integral_constant<size_t, 8>{});
    case 12:
      return f(std::integral_constant<size_t, 12>{});
    case 16:
      return f(std::integral_constant<size_t, 16>{});
    default:
      return f(size_t(bytes));
  }
}

}  // namespace hornbeam
