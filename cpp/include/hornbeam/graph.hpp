// The static graph: values, nodes, and the state a step reads and writes.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hornbeam/attrs.hpp"
#include "hornbeam/tensor.hpp"

namespace hornbeam {

struct OpDef;

/// Output `out` of node `node` of some graph: it does not say of which, so that one of another graph is refused only
/// where this one has no such node.
struct Value {
  int node = -1;
  int out = 0;
  bool defined() const { return node >= 0; }
  bool operator==(const Value& o) const { return node == o.node && out == o.out; }
  bool operator!=(const Value& o) const { return !(*this == o); }
  bool operator<(const Value& o) const { return node != o.node ? node < o.node : out < o.out; }
};
struct ValueHash {
  size_t operator()(const Value& v) const { return size_t(v.node) * 31 + size_t(v.out); }
};

/// Dtype and shape of a value; the shape may hold named dimensions.
struct ValueType {
  DType dtype = DType::f32;
  SymShape shape;
  std::string str() const { return std::string(dtype_short(dtype)) + shape_text(shape); }
};

struct Node {
  const OpDef* op;
  Attrs attrs;
  std::vector<Value> inputs;
  std::vector<ValueType> outputs;
  std::string scope;  // the layer that made it, for messages and profiles
};

/// Two dimensions that must agree, found while tracing; checked when planning.
struct DimCheck {
  Dim a, b;
  std::string what;
  int node = -1;  // whose inputs they belong to, in the graph where it was made
};

/// A graph is built by appending nodes, which keeps it in topological order. A variable is read as an input; an
/// assignment makes its new value, which later reads see and the end of a run writes. Functions that take a Value throw
/// ValueError when it is undefined or no value of this graph, those that take a variable when it is null.
class HB_API Graph {
 public:
  /// Adds a graph input.
  Value input(const std::string& name, DType dtype, SymShape shape);
  Value constant(Tensor value);
  /// A scalar constant of `dtype`.
  Value scalar(DType dtype, double value);
  /// The current value of a variable: its state at the start, or what was last assigned.
  Value read(const VariablePtr& variable);
  /// Makes `value` the variable's new value; dtype and shape must agree.
  void assign(const VariablePtr& variable, Value value);

  /// Adds a node of the op called `op`; throws ValueError / TypeError when its inputs do not fit.
  std::vector<Value> add(const std::string& op, std::vector<Value> inputs, Attrs attrs = {});
  /// The same for an op with one output.
  Value add1(const std::string& op, std::vector<Value> inputs, Attrs attrs = {});
  std::vector<Value> add(const OpDef& op, std::vector<Value> inputs, Attrs attrs);
  /// Appends a node as it is, without inference (for passes, whose word is taken for its attributes and outputs);
  /// throws ValueError when it has no op or reads what is not there.
  int append(Node node);

  const ValueType& type(Value v) const {
    const Node& n = node(v.node);
    if (size_t(v.out) >= n.outputs.size()) no_value(v);
    return n.outputs[size_t(v.out)];
  }
  const SymShape& shape(Value v) const { return type(v).shape; }
  DType dtype(Value v) const { return type(v).dtype; }
  int rank(Value v) const { return int(type(v).shape.size()); }
  const Node& node(int id) const {
    if (size_t(id) >= nodes_.size()) no_value({id, 0});
    return nodes_[size_t(id)];
  }
  Node& node(int id) { return const_cast<Node&>(std::as_const(*this).node(id)); }
  int size() const { return int(nodes_.size()); }

  /// Records that two dimensions are equal; throws when both are known and differ. Returns the better known one.
  Dim unify(const Dim& a, const Dim& b, const std::string& what);

  /// Throws TypeError or ValueError unless `v` is of this type; its dimensions are taken to agree as `unify` does.
  void check_type(Value v, const ValueType& wanted, const std::string& what);

  /// Marks new nodes as made by `name`, until the next call.
  void set_scope(std::string name) { scope_ = std::move(name); }
  const std::string& scope() const { return scope_; }

  /// Re-emits `source`'s nodes here with its inputs replaced by values of the same types; returns where each output
  /// went. `source` is another graph and reads no variables.
  std::vector<Value> inline_graph(const Graph& source, const std::vector<Value>& inputs);

  /// Copies what `wanted` needs of `source` (it may be this graph) into this one; `known` values are already here as
  /// the given ones of the same types. It must need no inputs and variables but known ones.
  std::vector<Value> replay(const Graph& source, const std::vector<std::pair<Value, Value>>& known,
                            const std::vector<Value>& wanted);

  std::vector<int> inputs;  // node ids of op "input", in order
  std::vector<std::string> input_names;
  std::vector<VariablePtr> variables;                  // node attr "index" of op "variable" points here
  std::vector<std::pair<std::string, Value>> outputs;  // what a run returns
  std::vector<std::pair<int, Value>> updates;          // variable index -> its final value
  std::vector<DimCheck> checks;

  std::string str() const;       // one node a line
  std::string graphviz() const;  // dot source
  /// Throws ValueError when what the members above say is no graph: a Value that is not there, say.
  void verify() const;

 private:
  [[noreturn]] void no_value(Value v) const;

  std::deque<Node> nodes_;  // references to nodes stay valid while the graph grows
  std::unordered_map<const Variable*, int> variable_index_;
  std::unordered_map<int, Value> current_;  // variable index -> current value
  std::string scope_;
};

}  // namespace hornbeam
