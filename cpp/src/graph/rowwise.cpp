#include "graph/rowwise.hpp"

namespace hornbeam {

bool any_rows(const RowContext& c) {
  bool any = false;
  for (size_t i = 0; i < c.node.inputs.size(); ++i) any = any || c.has_rows(i);
  return any;
}

namespace {
bool rows_of(const RowContext& c, size_t input) {
  for (size_t i = 0; i < c.node.inputs.size(); ++i) {
    const bool follows = i >= 2 && c.node.attrs.has("program");  // read elementwise
    if (!follows && c.has_rows(i) != (i == input)) return false;
  }
  return true;
}
}  // namespace
bool rows_of_first(const RowContext& c) { return rows_of(c, 0); }
bool rows_of_second(const RowContext& c) { return rows_of(c, 1); }

bool rows_off_axis(const RowContext& c) {
  const int64_t axis = c.node.attrs.integer("axis");
  return axis != 0 && axis != -int64_t(c.node.outputs[0].shape.size());
}

namespace {
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
    if (n.op->has_bodies()) return false;  // they may count the rows
    if (!in && !out) return !counts_rows(n);
    for (const ValueType& t : n.outputs)
      if (t.shape.empty() || t.shape[0].symbol_name() != rows_) return false;  // rows were lost
    found_.nodes[size_t(id)] = true;
    return n.op->kind == OpKind::input || (n.op->rowwise && n.op->rowwise({g_, n, found_.nodes}));
  }

  // Whether the number of rows is a parameter of what has none.
  bool counts_rows(const Node& n) const {
    for (const auto& [name, value] : n.attrs.items())
      if (const auto* dims = std::get_if<SymShape>(&value))
        for (const Dim& d : *dims)
          if (d.depends_on(rows_)) return true;
    return false;
  }

  const Graph& g_;
  std::string rows_;
  Rowwise found_;
};
}  // namespace

Rowwise find_rowwise(const Graph& g) { return Finder(g).run(); }
}  // namespace hornbeam
