// Building a graph: nodes are appended in topological order, inference runs as they are.
#include "hornbeam/op.hpp"

#include <map>

#include "base/check.hpp"

namespace hornbeam {
namespace {
const char* attr_type_name(AttrType t) {
  const char* names[] = {"bool",   "int",   "float",   "str", "dtype", "list of int", "list of dimensions",
                         "tensor", "graph", "gradient"};
  return names[int(t)];
}

}  // namespace

Dim Graph::unify(const Dim& a, const Dim& b, const std::string& what) {
  if (a == b) return a;
  HB_CHECK(!a.is_const() || !b.is_const(), what, ": ", a.str(), " and ", b.str());
  checks.push_back({a, b, what});
  return b.is_const() ? b : a;
}

void Graph::no_value(Value v) const {
  HB_CHECK(v.defined(), "a value is undefined");
  throw ValueError(concat_text("there is no value %", v.node, ".", v.out, " in a graph of ", size(),
                               " nodes: it is another graph's, or was made by hand"));
}

Value Graph::input(const std::string& name, DType dtype, SymShape shape) {
  dtype_size(dtype);  // throws for what is no dtype
  for (const Dim& d : shape)
    HB_CHECK(!d.is_const() || d.value() >= 0, "input \"", name,
             "\": dimensions must be >= 0. Received: shape=", shape_text(shape));
  int id =
      append(Node{&find_op("input"), {{"index", int64_t(inputs.size())}}, {}, {{dtype, std::move(shape)}}, scope_});
  inputs.push_back(id);
  input_names.push_back(name);
  return {id, 0};
}

Value Graph::constant(Tensor value) {
  HB_CHECK(value.defined(), "a constant needs a value; got an undefined tensor");
  SymShape shape(value.shape().begin(), value.shape().end());
  DType dtype = value.dtype();
  return {append(Node{&find_op("constant"), {{"value", std::move(value)}}, {}, {{dtype, shape}}, scope_}), 0};
}

Value Graph::scalar(DType dtype, double value) { return constant(Tensor::scalar(dtype, value)); }

Value Graph::read(const VariablePtr& variable) {
  HB_CHECK(variable, "a variable is null");
  auto it = variable_index_.find(variable.get());
  if (it != variable_index_.end()) {
    auto cur = current_.find(it->second);
    if (cur != current_.end()) return cur->second;
  }
  int index = int(variables.size());
  const Tensor& t = variable->value();
  SymShape shape(t.shape().begin(), t.shape().end());
  int id = append(Node{&find_op("variable"), {{"index", int64_t(index)}}, {}, {{t.dtype(), shape}}, scope_});
  variables.push_back(variable);
  variable_index_[variable.get()] = index;
  current_[index] = {id, 0};
  return {id, 0};
}

void Graph::assign(const VariablePtr& variable, Value value) {
  const ValueType& got = type(value);
  read(variable);
  int index = variable_index_[variable.get()];
  const Tensor& t = variable->value();
  HB_CHECK_TYPE(got.dtype == t.dtype(), "[assign] variable \"", variable->name(), "\" is ", dtype_name(t.dtype()),
                "; got ", dtype_name(got.dtype), in_layer(scope_));
  SymShape shape(t.shape().begin(), t.shape().end());
  HB_CHECK(got.shape.size() == shape.size(), "[assign] variable \"", variable->name(), "\" has shape ",
           shape_text(shape), "; got ", shape_text(got.shape), in_layer(scope_));
  for (size_t i = 0; i < shape.size(); ++i)
    unify(shape[i], got.shape[i],
          "[assign] variable \"" + variable->name() + "\" has shape " + shape_text(shape) + "; got " +
              shape_text(got.shape));
  current_[index] = value;
  for (auto& [i, v] : updates)
    if (i == index) {
      v = value;
      return;
    }
  updates.push_back({index, value});
}

std::vector<Value> Graph::add(const std::string& op, std::vector<Value> in, Attrs attrs) {
  const OpDef& def = find_op(op);
  HB_CHECK(!def.passes_only, "[", op, "] only passes make such nodes");
  return add(def, std::move(in), std::move(attrs));
}

Value Graph::add1(const std::string& op, std::vector<Value> in, Attrs attrs) {
  auto out = add(op, std::move(in), std::move(attrs));
  HB_CHECK(out.size() == 1, "[", op, "] has ", out.size(), " outputs, not one: call add");
  return out[0];
}

std::vector<Value> Graph::add(const OpDef& op, std::vector<Value> in, Attrs attrs) {
  InferContext c{*this, op, in, attrs};
  for (Value v : in)
    if (v.node < 0 || v.node >= size() || size_t(v.out) >= node(v.node).outputs.size())
      throw ValueError(std::string("[") + op.name + "] was given an undefined value, or one of another graph");
  const int n = int(in.size());
  if (n < op.min_inputs || (op.max_inputs >= 0 && n > op.max_inputs))
    c.fail(concat_text("takes ", op.min_inputs, op.max_inputs == op.min_inputs ? "" : " or more", " inputs, not ", n));
  for (const AttrSpec& spec : op.attrs) {
    if (!attrs.has(spec.name)) {
      if (spec.required) c.fail(concat_text("parameter `", spec.name, "` is missing"));
      attrs.set(spec.name, spec.fallback);
      continue;
    }
    const AttrValue& v = attrs.items().at(spec.name);
    // Literal ints serve where floats or dimensions are asked for.
    if (spec.type == AttrType::real && std::holds_alternative<int64_t>(v))
      attrs.set(spec.name, double(std::get<int64_t>(v)));
    else if (spec.type == AttrType::dims && std::holds_alternative<Ints>(v)) {
      const Ints ints = std::get<Ints>(v);
      attrs.set(spec.name, SymShape(ints.begin(), ints.end()));
    } else if (size_t(spec.type) != v.index())
      c.fail_type(
          concat_text("parameter `", spec.name, "` must be a ", attr_type_name(spec.type), ", not ", attr_text(v)));
    const std::string problem = attr_problem(spec, attrs.items().at(spec.name));
    if (!problem.empty()) c.fail(concat_text("parameter `", spec.name, "` ", problem));
  }
  if (attrs.items().size() > op.attrs.size())
    for (const auto& [name, value] : attrs.items()) {
      bool known = false;
      for (const AttrSpec& spec : op.attrs) known = known || name == spec.name;
      if (!known) c.fail_type(concat_text("has no parameter `", name, "`"));
    }
  if (!op.infer) c.fail("is no op to add: graphs make such nodes by themselves");
  const size_t checked = checks.size();
  std::vector<ValueType> types;
  try {
    types = op.infer(c);
  } catch (const ValueError& e) {  // of dimensions, which know no op
    if (e.what()[0] == '[') throw;
    c.fail(e.what());
  }
  if (types.empty()) c.fail("has no results");
  for (size_t i = checked; i < checks.size(); ++i) checks[i].node = size();
  int id = append(Node{&op, std::move(attrs), std::move(in), std::move(types), scope_});
  std::vector<Value> out;
  for (size_t i = 0; i < node(id).outputs.size(); ++i) out.push_back({id, int(i)});
  return out;
}

int Graph::append(Node n) {
  HB_CHECK(n.op, "append: a node needs an op");
  HB_CHECK(!n.outputs.empty(), "[", n.op->name, "] has no results");
  for (Value v : n.inputs) type(v);
  for (const ValueType& t : n.outputs) dtype_size(t.dtype);  // throws for what is no dtype
  nodes_.push_back(std::move(n));
  return size() - 1;
}

void Graph::check_type(Value v, const ValueType& wanted, const std::string& what) {
  const ValueType& t = type(v);
  const std::string text = concat_text(what, " must be ", wanted.str(), "; got ", t.str());
  HB_CHECK_TYPE(t.dtype == wanted.dtype, text);
  HB_CHECK(t.shape.size() == wanted.shape.size(), text);
  for (size_t i = 0; i < t.shape.size(); ++i) unify(wanted.shape[i], t.shape[i], text);
}

std::vector<Value> Graph::inline_graph(const Graph& source, const std::vector<Value>& in) {
  HB_CHECK(&source != this, "inline_graph: a graph cannot take in itself");
  source.verify();
  HB_CHECK(in.size() == source.inputs.size(), "a sub-graph takes ", source.inputs.size(), " inputs, not ", in.size());
  HB_CHECK(source.variables.empty(), "inline_graph: the sub-graph must read no variables; it reads \"",
           source.variables.empty() ? "" : source.variables[0]->name(), "\"");
  for (size_t i = 0; i < in.size(); ++i)
    check_type(in[i], source.type({source.inputs[i], 0}), "inline_graph: a sub-graph's input");
  std::vector<int> map(size_t(source.size()), -1);
  for (int id = 0; id < source.size(); ++id) {
    const Node& n = source.node(id);
    if (n.op->kind == OpKind::input) {
      map[size_t(id)] = -2 - int(n.attrs.integer("index"));
      continue;
    }
    Node copy = n;
    for (Value& v : copy.inputs) {
      int m = map[size_t(v.node)];
      v = m <= -2 ? in[size_t(-2 - m)] : Value{m, v.out};
    }
    map[size_t(id)] = append(std::move(copy));
  }
  for (DimCheck check : source.checks) {
    check.node = check.node >= 0 ? std::max(-1, map[size_t(check.node)]) : -1;
    checks.push_back(std::move(check));
  }
  std::vector<Value> out;
  for (const auto& [name, v] : source.outputs) {
    int m = map[size_t(v.node)];
    out.push_back(m <= -2 ? in[size_t(-2 - m)] : Value{m, v.out});
  }
  return out;
}

std::vector<Value> Graph::replay(const Graph& source, const std::vector<std::pair<Value, Value>>& known,
                                 const std::vector<Value>& wanted) {
  for (const auto& [from, to] : known) check_type(to, source.type(from), "replay: a known value");
  for (Value v : wanted) source.type(v);
  std::unordered_map<Value, Value, ValueHash> map(known.begin(), known.end());
  const int nodes = source.size();  // the source may be this graph, and grows
  std::vector<bool> need(size_t(nodes), false);
  auto want = [&](Value v) {
    if (!map.count(v)) need[size_t(v.node)] = true;
  };
  for (Value v : wanted) want(v);
  for (int id = nodes - 1; id >= 0; --id)
    if (need[size_t(id)])
      for (Value v : source.node(id).inputs) want(v);
  std::vector<int> went(size_t(nodes), -1);
  for (int id = 0; id < nodes; ++id) {
    if (!need[size_t(id)]) continue;
    Node n = source.node(id);
    HB_CHECK(n.op->kind != OpKind::input && n.op->kind != OpKind::variable, "replay: it needs %", id, " = ", n.op->name,
             "(), which is not known");
    for (Value& v : n.inputs) v = map.at(v);
    const int to = append(std::move(n));
    went[size_t(id)] = to;
    for (size_t i = 0; i < node(to).outputs.size(); ++i) map.emplace(Value{id, int(i)}, Value{to, int(i)});
  }
  for (size_t i = 0, n = source.checks.size(); i < n; ++i) {
    DimCheck check = source.checks[i];
    if (check.node < 0 || went[size_t(check.node)] < 0) continue;
    check.node = went[size_t(check.node)];
    checks.push_back(std::move(check));
  }
  std::vector<Value> out;
  for (Value v : wanted) out.push_back(map.at(v));
  return out;
}
}  // namespace hornbeam
