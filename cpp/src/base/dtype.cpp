#include "hornbeam/dtype.hpp"

#include "base/check.hpp"

namespace hornbeam {
namespace {
struct Row {
  size_t size;
  const char* name;
  const char* brief;
};
constexpr Row kRows[kDTypeCount] = {{4, "float32", "f32"},   {8, "float64", "f64"}, {2, "float16", "f16"},
                                    {2, "bfloat16", "bf16"}, {4, "int32", "i32"},   {8, "int64", "i64"},
                                    {1, "uint8", "u8"},      {1, "bool", "bool"}};

const Row& row(DType d) {
  if (int(d) < kDTypeCount) return kRows[int(d)];
  throw TypeError(concat_text("there are ", kDTypeCount, " dtypes. Received: DType(", int(d), ")"));
}
}  // namespace

size_t dtype_size(DType d) { return row(d).size; }
const char* dtype_name(DType d) { return row(d).name; }
const char* dtype_short(DType d) { return row(d).brief; }

DType dtype_from_name(const std::string& name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (name == kRows[i].name) return DType(i);
  throw TypeError(
      concat_text("unknown dtype; expected one of float32, float64, float16, bfloat16, int32, int64, uint8, "
                  "bool. Received: dtype=",
                  name));
}
}  // namespace hornbeam
