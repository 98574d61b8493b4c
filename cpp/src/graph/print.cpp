// Text and Graphviz dumps, and the verifier that runs after every pass.
#include <set>
#include <sstream>

#include "base/check.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {
namespace {
std::string value_text(Value v) { return concat_text("%", v.node, v.out ? concat_text(".", v.out) : ""); }
}  // namespace

std::string Graph::str() const {
  std::ostringstream s;
  for (int id = 0; id < size(); ++id) {
    const Node& n = node(id);
    s << "%" << id << " = " << n.op->name << "(";
    for (size_t i = 0; i < n.inputs.size(); ++i) s << (i ? ", " : "") << value_text(n.inputs[i]);
    s << ")";
    if (!n.attrs.items().empty()) s << " {" << n.attrs.str() << "}";
    s << " : ";
    for (size_t i = 0; i < n.outputs.size(); ++i) s << (i ? ", " : "") << n.outputs[i].str();
    if (!n.scope.empty()) s << "  # " << n.scope;
    s << "\n";
  }
  for (const auto& [name, v] : outputs) s << "return " << name << " = " << value_text(v) << "\n";
  for (const auto& [index, v] : updates) {
    const bool known = size_t(index) < variables.size() && variables[size_t(index)];
    s << "write " << (known ? variables[size_t(index)]->name() : concat_text("variable ", index, "?")) << " = "
      << value_text(v) << "\n";
  }
  return s.str();
}

std::string Graph::graphviz() const {
  std::ostringstream s;
  s << "digraph hornbeam {\n  node [shape=box, fontname=\"Helvetica\", fontsize=10];\n";
  for (int id = 0; id < size(); ++id) {
    const Node& n = node(id);
    s << "  n" << id << " [label=\"" << n.op->name;
    for (const auto& t : n.outputs) s << "\\n" << t.str();
    s << "\"];\n";
    for (Value v : n.inputs) s << "  n" << v.node << " -> n" << id << ";\n";
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    s << "  o" << i << " [label=\"" << outputs[i].first << "\", shape=ellipse];\n  n" << outputs[i].second.node
      << " -> o" << i << ";\n";
  s << "}\n";
  return s.str();
}

void Graph::verify() const {
  auto fail = [](const std::string& what) { throw ValueError("graph: " + what); };
  auto check = [&](Value v, int before, const char* what) {
    if (v.node < 0 || v.node >= before) fail(concat_text(what, " refers to node ", v.node));
    if (v.out < 0 || size_t(v.out) >= node(v.node).outputs.size()) fail(concat_text(what, " refers to output ", v.out));
  };
  for (int id = 0; id < size(); ++id) {
    const Node& n = node(id);
    if (!n.op) fail(concat_text("node ", id, " has no op"));
    for (Value v : n.inputs) check(v, id, n.op->name);
    if (n.op->kind == OpKind::variable && size_t(n.attrs.integer("index")) >= variables.size())
      fail(concat_text("node ", id, " reads variable ", n.attrs.integer("index")));
  }
  if (inputs.size() != input_names.size())
    fail(concat_text("it has ", inputs.size(), " inputs and ", input_names.size(), " names for them"));
  for (const DimCheck& c : checks)
    if (c.node < -1 || c.node >= size()) fail(concat_text("a check belongs to node ", c.node));
  for (const VariablePtr& v : variables)
    if (!v) fail("a variable is null");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] < 0 || inputs[i] >= size() || node(inputs[i]).op->kind != OpKind::input ||
        node(inputs[i]).attrs.integer("index") != int64_t(i))
      fail(concat_text("input ", i, " is not an input node"));
  for (const auto& [name, v] : outputs) check(v, size(), "an output");
  std::set<int> seen;
  for (const auto& [index, v] : updates) {
    check(v, size(), "an update");
    if (index < 0 || size_t(index) >= variables.size() || !seen.insert(index).second) fail("bad variable update");
    const Tensor& t = variables[size_t(index)]->value();
    if (type(v).dtype != t.dtype() || type(v).shape.size() != t.shape().size()) fail("update of another type");
  }
}
}  // namespace hornbeam
