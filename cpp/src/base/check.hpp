// HB_CHECK(condition, pieces...): throws ValueError with the pieces streamed into one message. within_memory: memory
// that cannot be had is a MemoryError.
#pragma once

#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

#include "hornbeam/error.hpp"

namespace hornbeam {

template <class... Pieces>
std::string concat_text(const Pieces&... pieces) {
  std::ostringstream out;
  (out << ... << pieces);
  return out.str();
}

/// Where a message's node was made: " (layer "name")", or nothing.
inline std::string in_layer(const std::string& scope) { return scope.empty() ? "" : " (layer \"" + scope + "\")"; }

#define HB_CHECK(condition, ...)                                                          \
  do {                                                                                    \
    if (!(condition)) throw ::hornbeam::ValueError(::hornbeam::concat_text(__VA_ARGS__)); \
  } while (0)

#define HB_CHECK_TYPE(condition, ...)                                                    \
  do {                                                                                   \
    if (!(condition)) throw ::hornbeam::TypeError(::hornbeam::concat_text(__VA_ARGS__)); \
  } while (0)

/// Throws MemoryError, allocating nothing.
[[noreturn]] void out_of_memory();

/// Runs `work`, for public functions whose input says how much memory they take: they throw nothing but Errors.
template <class Work>
decltype(auto) within_memory(Work&& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    out_of_memory();
  } catch (const std::length_error&) {  // more elements than a vector can count
    out_of_memory();
  }
}

/// a * b for sizes; throws instead of wrapping.
inline long long checked_mul(long long a, long long b, const char* what) {
  long long r = 0;
  if (__builtin_mul_overflow(a, b, &r)) throw ValueError(concat_text(what, ": ", a, " * ", b, " overflows 64 bits"));
  return r;
}

}  // namespace hornbeam
