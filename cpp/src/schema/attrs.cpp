#include "hornbeam/attrs.hpp"

#include <cstdio>

#include "base/check.hpp"

namespace hornbeam {

std::string attr_text(const AttrValue& value) {
  struct Print {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const {
      char text[40];
      std::snprintf(text, sizeof text, "%.17g", v);
      return text;
    }
    std::string operator()(const std::string& v) const { return "\"" + v + "\""; }
    std::string operator()(DType v) const { return dtype_name(v); }
    std::string operator()(const Ints& v) const { return shape_text(v); }
    std::string operator()(const SymShape& v) const { return shape_text(v); }
    std::string operator()(const Tensor& v) const {
      std::string s = std::string(dtype_short(v.dtype())) + shape_text(v.shape());
      if (v.size() == 1) return s + "{" + (*this)(v.at(0)) + "}";
      return s + concat_text("@", v.raw());
    }
    std::string operator()(const std::shared_ptr<const Graph>& v) const { return concat_text("graph@", v.get()); }
    std::string operator()(const std::shared_ptr<const CustomGradient>& v) const {
      return concat_text("gradient@", v.get());
    }
  };
  return std::visit(Print{}, value);
}

Attrs Attrs::evaluated(const DimEnv& env) const {
  Attrs out = *this;
  for (auto& [name, value] : out.items_)
    if (auto* dims = std::get_if<SymShape>(&value)) {
      Ints v;
      for (const Dim& d : *dims) v.push_back(d.eval(env));
      value = std::move(v);
    }
  return out;
}

std::string Attrs::str() const {
  std::string s;
  for (const auto& [name, value] : items_) s += (s.empty() ? "" : ", ") + name + "=" + attr_text(value);
  return s;
}
}  // namespace hornbeam
