// Parameters of an operation: a small map from name to value, described by the op's AttrSpec list. One
// representation serves printing, hashing, files, bindings and kernels.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "hornbeam/dim.hpp"
#include "hornbeam/tensor.hpp"

namespace hornbeam {

class Graph;
struct CustomGradient;

using Ints = std::vector<int64_t>;
using AttrValue = std::variant<bool, int64_t, double, std::string, DType, Ints, SymShape, Tensor,
                               std::shared_ptr<const Graph>, std::shared_ptr<const CustomGradient>>;
enum class AttrType { boolean, integer, real, text, dtype, ints, dims, tensor, graph, gradient };

/// One parameter an op takes. `required` ones have no default. What a value must be is checked when a node is made and,
/// for dimensions that are expressions, when it is planned.
struct AttrSpec {
  const char* name;
  AttrType type;
  AttrValue fallback;
  bool required = false;
  int64_t least = INT64_MIN, most = INT64_MAX;  // of an integer, of each of several, of known dimensions
  int count = -1;                               // of several: how many; -1: any number
  std::vector<std::string> choices = {};        // of a text; empty: any

  AttrSpec between(int64_t lo, int64_t hi = INT64_MAX) const {
    AttrSpec s = *this;
    s.least = lo, s.most = hi;
    return s;
  }
  AttrSpec exactly(int n) const {
    AttrSpec s = *this;
    s.count = n;
    return s;
  }
  AttrSpec one_of(std::vector<std::string> texts) const {
    AttrSpec s = *this;
    s.choices = std::move(texts);
    return s;
  }
};

class HB_API Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<const std::string, AttrValue>> items) : items_(items) {}

  bool has(const std::string& name) const { return items_.count(name) != 0; }
  void set(const std::string& name, AttrValue value) { items_[name] = std::move(value); }
  void erase(const std::string& name) { items_.erase(name); }
  const std::map<std::string, AttrValue>& items() const { return items_; }

  bool flag(const std::string& name) const { return get<bool>(name); }
  int64_t integer(const std::string& name) const { return get<int64_t>(name); }
  double real(const std::string& name) const { return get<double>(name); }
  const std::string& text(const std::string& name) const { return get<std::string>(name); }
  DType dtype(const std::string& name) const { return get<DType>(name); }
  const Ints& ints(const std::string& name) const { return get<Ints>(name); }
  const SymShape& dims(const std::string& name) const { return get<SymShape>(name); }
  const Tensor& tensor(const std::string& name) const { return get<Tensor>(name); }
  const Graph& graph(const std::string& name) const;
  /// Throws ValueError when there is no such attribute, TypeError when it is of another type.
  template <class T>
  const T& get(const std::string& name) const;

  /// Every `dims` value evaluated to `ints`: what kernels see.
  Attrs evaluated(const DimEnv& env) const;
  /// "axis=1, keepdims=true"; equal text means equal attributes (tensors and graphs by address).
  std::string str() const;

 private:
  [[noreturn]] static void not_found(const std::string& name, const AttrValue* value);

  std::map<std::string, AttrValue> items_;
};

HB_API std::string attr_text(const AttrValue& value);
/// What is wrong with a value that has the type asked for, "" when nothing is: "must be in [1, 5], not 0".
HB_API std::string attr_problem(const AttrSpec& spec, const AttrValue& value);

template <class T>
const T& Attrs::get(const std::string& name) const {
  auto it = items_.find(name);
  const T* v = it == items_.end() ? nullptr : std::get_if<T>(&it->second);
  if (!v) not_found(name, it == items_.end() ? nullptr : &it->second);
  return *v;
}

}  // namespace hornbeam
