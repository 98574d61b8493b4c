#include "graph/rowwise.hpp"

#include <map>

#include "base/guard.hpp"

namespace hornbeam {
namespace {

// What an op needs for its rows to stay apart, when its results lead with the rows and have them on no other axis.
enum class Needs {
  nothing,      // whichever inputs have rows
  only_first,   // that just input 0 has rows
  only_second,  // that just input 1 has: ids that look rows up in a table
  other_axis,   // that its attribute "axis" is not the rows'
  kept_first,   // that the first axis stays first
  from_start,   // that the first axis is taken from its start, one by one
  matrices,     // that rows are neither summed over nor a matrix on the right
};
const std::map<std::string, Needs>& known_ops() {
  static const std::map<std::string, Needs> ops = {{"attention", Needs::nothing},
                                                   {"average_pool", Needs::only_first},
                                                   {"argmax", Needs::nothing},
                                                   {"argmin", Needs::nothing},
                                                   {"all", Needs::nothing},
                                                   {"any", Needs::nothing},
                                                   {"broadcast_to", Needs::nothing},
                                                   {"concat", Needs::other_axis},
                                                   {"conv", Needs::only_first},
                                                   {"conv_input_grad", Needs::only_first},
                                                   {"cumprod", Needs::other_axis},
                                                   {"cumsum", Needs::other_axis},
                                                   {"flip", Needs::other_axis},
                                                   {"gather", Needs::only_second},
                                                   {"iota", Needs::other_axis},
                                                   {"layer_norm", Needs::only_first},
                                                   {"log_softmax", Needs::other_axis},
                                                   {"matmul", Needs::matrices},
                                                   {"max", Needs::nothing},
                                                   {"max_pool", Needs::only_first},
                                                   {"mean", Needs::nothing},
                                                   {"min", Needs::nothing},
                                                   {"pad", Needs::nothing},
                                                   {"prod", Needs::nothing},
                                                   {"recurrent", Needs::nothing},
                                                   {"reshape", Needs::nothing},
                                                   {"separable_conv", Needs::only_first},
                                                   {"slice", Needs::from_start},
                                                   {"softmax", Needs::other_axis},
                                                   {"stop_gradient", Needs::nothing},
                                                   {"sum", Needs::nothing},
                                                   {"transpose", Needs::kept_first}};
  return ops;
}
const MadeBeforeForks made_before_forks([] { known_ops(); });

class Finder {
 public:
  explicit Finder(const Graph& g) : g_(g) { found_.nodes.assign(size_t(g.size()), false); }

  Rowwise run() {
    for (int id : g_.inputs) {
      const SymShape& s = g_.node(id).outputs[0].shape;
      if (rows_.empty() && !s.empty()) rows_ = s[0].symbol_name();
    }
    bool fits = !rows_.empty() && g_.updates.empty() && !g_.outputs.empty();
    for (const DimCheck& c : g_.checks) fits = fits && !c.a.depends_on(rows_) && !c.b.depends_on(rows_);
    for (int id = 0; fits && id < g_.size(); ++id) fits = keeps_apart(id);
    for (const auto& [name, v] : g_.outputs) fits = fits && found_.nodes[size_t(v.node)];
    if (fits) found_.symbol = rows_;
    return found_;
  }

 private:
  bool has_rows(Value v) const { return found_.nodes[size_t(v.node)]; }

  bool keeps_apart(int id) {
    const Node& n = g_.node(id);
    bool in = false, out = false, other = false;
    for (Value v : n.inputs) in = in || has_rows(v);
    for (const ValueType& t : n.outputs)
      for (size_t i = 0; i < t.shape.size(); ++i) {
        const bool rows = t.shape[i].depends_on(rows_);
        out = out || (rows && i == 0 && t.shape[i].symbol_name() == rows_);
        other = other || (rows && (i > 0 || t.shape[i].symbol_name() != rows_));
      }
    if (other) return false;
    for (const AttrSpec& a : n.op->attrs)
      if (a.type == AttrType::graph) return false;  // a loop: its body may count the rows
    if (!in && !out) return std::string(n.op->name) != "dim_value" || !n.attrs.dims("dim")[0].depends_on(rows_);
    for (const ValueType& t : n.outputs)
      if (t.shape.empty() || t.shape[0].symbol_name() != rows_) return false;  // rows were lost
    found_.nodes[size_t(id)] = true;
    if (std::string(n.op->name) == "input") return true;
    if (!in && std::string(n.op->name) != "broadcast_to" && std::string(n.op->name) != "iota") return false;
    if (n.op->elementwise >= 0) return true;
    if (std::string(n.op->name) == "fused") return n.attrs.ints("sparse").empty();
    const auto it = known_ops().find(n.op->name);
    return it != known_ops().end() && meets(it->second, n);
  }

  bool meets(Needs needs, const Node& n) const {
    switch (needs) {
      case Needs::nothing:
        return true;
      case Needs::only_first:
      case Needs::only_second:
        for (size_t i = 0; i < n.inputs.size(); ++i) {
          const bool follows = i >= 2 && n.attrs.has("program");  // read elementwise
          if (!follows && has_rows(n.inputs[i]) != (i == (needs == Needs::only_first ? 0 : 1))) return false;
        }
        return true;
      case Needs::other_axis: {
        const int64_t axis = n.attrs.integer("axis");
        return axis != 0 && axis != -int64_t(n.outputs[0].shape.size());
      }
      case Needs::kept_first:
        return n.attrs.ints("perm")[0] == 0;
      case Needs::from_start:
        return n.attrs.dims("begin")[0] == Dim(0) && n.attrs.ints("strides")[0] == 1;
      case Needs::matrices: {
        const Value a = n.inputs[0], b = n.inputs[1];
        return !(has_rows(a) && g_.rank(a) == 2 && n.attrs.flag("transpose_a")) && !(has_rows(b) && g_.rank(b) == 2);
      }
    }
    return false;
  }

  const Graph& g_;
  std::string rows_;
  Rowwise found_;
};
}  // namespace

Rowwise find_rowwise(const Graph& g) { return Finder(g).run(); }
}  // namespace hornbeam
