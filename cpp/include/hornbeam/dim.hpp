// Dimensions as expressions: an integer, or a polynomial over named input dimensions and floor divisions of
// such polynomials, kept in one normal form. Equal expressions are the same object, so == is exact.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hornbeam/export.hpp"

namespace hornbeam {

struct DimExpr;
/// Values of the named dimensions.
using DimEnv = std::map<std::string, int64_t>;

class HB_API Dim {
 public:
  Dim(int64_t value = 0) : value_(value) {}  // NOLINT: an integer is a dimension
  /// The dimension called `name`; the same name is the same dimension.
  static Dim symbol(const std::string& name);
  /// Parses what str() printed. Throws FormatError.
  static Dim parse(const std::string& text);

  bool is_const() const { return expr_ == nullptr; }
  /// The integer; throws ValueError when the dimension is symbolic.
  int64_t value() const;
  /// The name when this is a bare symbol, else "".
  std::string symbol_name() const;
  /// Whether the value depends on the dimension called `name`.
  bool depends_on(const std::string& name) const;
  std::string str() const;
  /// Evaluates under `env`; throws ValueError for an unbound name, an overflow or a division by zero.
  int64_t eval(const DimEnv& env) const;

  bool operator==(const Dim& o) const { return expr_ == o.expr_ && value_ == o.value_; }
  bool operator!=(const Dim& o) const { return !(*this == o); }

  /// These throw ValueError where a coefficient overflows or the expression grows beyond all sizes that models have.
  friend HB_API Dim operator+(const Dim& a, const Dim& b);
  friend HB_API Dim operator-(const Dim& a, const Dim& b);
  friend HB_API Dim operator*(const Dim& a, const Dim& b);
  /// Floor division; exact when `b` divides `a` as a monomial.
  friend HB_API Dim floordiv(const Dim& a, const Dim& b);

 private:
  friend struct DimBuilder;
  int64_t value_ = 0;              // the value when expr_ is null, else 0
  const DimExpr* expr_ = nullptr;  // interned, never freed
};

HB_API Dim operator+(const Dim& a, const Dim& b);
HB_API Dim operator-(const Dim& a, const Dim& b);
HB_API Dim operator*(const Dim& a, const Dim& b);
HB_API Dim floordiv(const Dim& a, const Dim& b);
inline Dim ceildiv(const Dim& a, const Dim& b) { return floordiv(a + b - 1, b); }

/// A shape known up to its named dimensions, and a fully known one.
using SymShape = std::vector<Dim>;
using Shape = std::vector<int64_t>;

HB_API std::string shape_text(const SymShape& shape);
HB_API std::string shape_text(const Shape& shape);
HB_API Dim shape_product(const SymShape& shape);
/// Number of elements; throws ValueError when it overflows.
HB_API int64_t shape_product(const Shape& shape);
HB_API Shape eval_shape(const SymShape& shape, const DimEnv& env);

}  // namespace hornbeam
