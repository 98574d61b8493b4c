// Copies of elements of any dtype and of rows, by their size alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace hornbeam {

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

/// Calls f with the bytes of a row, as a constant where they are few: copying it is some moves then, and no loop.
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

/// Copies a row. One that is not long goes by packs, the last overlapping: a call to memcpy would cost more.
template <class Bytes>
inline void copy_row(char* dst, const char* src, Bytes bytes) {
  const size_t n = bytes;
  if constexpr (!std::is_same_v<Bytes, size_t>) {
    std::memcpy(dst, src, bytes);
  } else if (n > 256) {
    std::memcpy(dst, src, n);
  } else if (n >= 16) {
    for (size_t i = 0; i + 16 <= n; i += 16) std::memcpy(dst + i, src + i, 16);
    std::memcpy(dst + n - 16, src + n - 16, 16);
  } else if (n >= 8) {
    std::memcpy(dst, src, 8);
    std::memcpy(dst + n - 8, src + n - 8, 8);
  } else {
    for (size_t i = 0; i < n; ++i) dst[i] = src[i];
  }
}

/// Registers of elements. Blocks change sides by interleaving halves, as often as there are bits in their number.
template <class T>
struct Lanes {
  typedef T Type __attribute__((vector_size(16)));
  static constexpr int kCount = 16 / sizeof(T);
  static Type load(const T* p) {
    Type v;
    std::memcpy(&v, p, 16);
    return v;
  }
  static void store(T* p, Type v) { std::memcpy(p, &v, 16); }
  static Type reversed(Type v) { return reversed(v, std::make_integer_sequence<int, kCount>{}); }
  /// dst[i * to + j] = src[j * from + i] for i, j < kCount.
  static void turn(const T* src, int64_t from, T* dst, int64_t to) {
    Type block[2][kCount];
    for (int j = 0; j < kCount; ++j) block[0][j] = load(src + j * from);
    int now = 0;
    for (int n = 1; n < kCount; n *= 2, now ^= 1)
      for (int j = 0; j < kCount / 2; ++j)
        interleave(block[now][j], block[now][j + kCount / 2], &block[now ^ 1][2 * j],
                   std::make_integer_sequence<int, kCount>{});
    for (int i = 0; i < kCount; ++i) store(dst + i * to, block[now][i]);
  }

 private:
  template <int... k>
  static Type reversed(Type v, std::integer_sequence<int, k...>) {
    return __builtin_shufflevector(v, v, (kCount - 1 - k)...);
  }
  template <int... k>
  static void interleave(Type a, Type b, Type* to, std::integer_sequence<int, k...>) {
    to[0] = __builtin_shufflevector(a, b, (k / 2 + k % 2 * kCount)...);
    to[1] = __builtin_shufflevector(a, b, (k / 2 + k % 2 * kCount + kCount / 2)...);
  }
};

/// dst[i] = src[-i]
template <class T>
void reverse_row(T* dst, const T* src, int64_t n) {
  constexpr int kCount = Lanes<T>::kCount;
  int64_t i = 0;
  for (; i + kCount <= n; i += kCount)
    Lanes<T>::store(dst + i, Lanes<T>::reversed(Lanes<T>::load(src - i - (kCount - 1))));
  for (; i < n; ++i) dst[i] = src[-i];
}
}  // namespace hornbeam
