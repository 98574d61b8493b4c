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

namespace {
// What is wrong with a value, by its type.
struct Problem {
  const AttrSpec& spec;
  bool outside(int64_t v) const { return v < spec.least || v > spec.most; }
  std::string bounds() const {
    if (spec.most == INT64_MAX) return concat_text("must be >= ", spec.least);
    return concat_text("must be in [", spec.least, ", ", spec.most, "]");
  }
  template <class List, class Outside>
  std::string several(const List& v, Outside bad) const {
    if (spec.count >= 0 && v.size() != size_t(spec.count))
      return concat_text("must have ", spec.count, spec.count == 1 ? " element" : " elements", ", not ", v.size());
    for (const auto& i : v)
      if (bad(i)) return concat_text(bounds(), ", not ", shape_text(v));
    return "";
  }
  std::string operator()(int64_t v) const { return outside(v) ? concat_text(bounds(), ", not ", v) : ""; }
  std::string operator()(const Ints& v) const {
    return several(v, [&](int64_t i) { return outside(i); });
  }
  std::string operator()(const SymShape& v) const {
    return several(v, [&](const Dim& d) { return d.is_const() && outside(d.value()); });
  }
  std::string operator()(const std::string& v) const {
    std::string all;
    for (const std::string& c : spec.choices) {
      if (c == v) return "";
      all += (all.empty() ? "" : ", ") + c;
    }
    return spec.choices.empty() ? "" : concat_text("must be one of ", all, ", not \"", v, "\"");
  }
  std::string operator()(const Tensor& v) const { return v.defined() ? "" : "must be a tensor with memory"; }
  std::string operator()(const std::shared_ptr<const Graph>& v) const { return v ? "" : "must not be null"; }
  std::string operator()(const std::shared_ptr<const CustomGradient>& v) const { return v ? "" : "must not be null"; }
  std::string operator()(bool) const { return ""; }
  std::string operator()(double) const { return ""; }
  std::string operator()(DType) const { return ""; }
};
}  // namespace

std::string attr_problem(const AttrSpec& spec, const AttrValue& value) { return std::visit(Problem{spec}, value); }

const Graph& Attrs::graph(const std::string& name) const {
  const auto& g = get<std::shared_ptr<const Graph>>(name);
  HB_CHECK(g, "attribute `", name, "` is a null graph");
  return *g;
}

void Attrs::not_found(const std::string& name, const AttrValue* value) {
  HB_CHECK(value, "there is no attribute `", name, "`");
  throw TypeError(concat_text("attribute `", name, "` is of another type than asked for: ", attr_text(*value)));
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
