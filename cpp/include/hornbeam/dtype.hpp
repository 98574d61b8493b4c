// Element types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "hornbeam/export.hpp"

namespace hornbeam {

enum class DType : uint8_t { f32, f64, f16, bf16, i32, i64, u8, boolean };
constexpr int kDTypeCount = 8;

/// Bytes of an element. This and the next two throw TypeError for what is no DType.
HB_API size_t dtype_size(DType dtype);
/// Keras' and NumPy's name: "float32", "bool", ...
HB_API const char* dtype_name(DType dtype);
/// The short name used in messages: "f32", "bool", ...
HB_API const char* dtype_short(DType dtype);
/// Inverse of dtype_name; throws TypeError for an unknown name.
HB_API DType dtype_from_name(const std::string& name);

/// Whether T is an element of `dtype`: float, double, an integer of its size (either sign; bool is one byte), and for
/// float16 and bfloat16 anything of two bytes.
template <class T>
constexpr bool is_element_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return std::is_same_v<T, float>;
    case DType::f64:
      return std::is_same_v<T, double>;
    case DType::f16:
    case DType::bf16:
      return sizeof(T) == 2;
    case DType::i32:
      return std::is_integral_v<T> && sizeof(T) == 4;
    case DType::i64:
      return std::is_integral_v<T> && sizeof(T) == 8;
    case DType::u8:
    case DType::boolean:
      return std::is_integral_v<T> && sizeof(T) == 1;
  }
  return false;
}

inline bool is_float(DType d) { return d <= DType::bf16; }
inline bool is_int(DType d) { return d == DType::i32 || d == DType::i64 || d == DType::u8; }

}  // namespace hornbeam
