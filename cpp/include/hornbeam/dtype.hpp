// Element types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "hornbeam/export.hpp"

namespace hornbeam {

enum class DType : uint8_t { f32, f64, f16, bf16, i32, i64, u8, boolean };
constexpr int kDTypeCount = 8;

HB_API size_t dtype_size(DType dtype);
/// Keras' and NumPy's name: "float32", "bool", ...
HB_API const char* dtype_name(DType dtype);
/// The short name used in messages: "f32", "bool", ...
HB_API const char* dtype_short(DType dtype);
/// Inverse of dtype_name; throws TypeError for an unknown name.
HB_API DType dtype_from_name(const std::string& name);

inline bool is_float(DType d) { return d <= DType::bf16; }
inline bool is_int(DType d) { return d == DType::i32 || d == DType::i64 || d == DType::u8; }

}  // namespace hornbeam
