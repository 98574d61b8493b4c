// The static graph: values, nodes, and the state a step reads and writes.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hornbeam/attrs.hpp"
#include "hornbeam/kernel.hpp"
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

/// What shape inference sees.
struct InferContext {
  Graph& graph;
  const OpDef& op;
  const std::vector<Value>& inputs;
  const Attrs& attrs;
  const ValueType& type(size_t i) const { return graph.type(inputs[i]); }
  const SymShape& shape(size_t i) const { return type(i).shape; }
  DType dtype(size_t i) const { return type(i).dtype; }
  int rank(size_t i) const { return int(shape(i).size()); }
  /// Throws ValueError "[op] text; got a=f32[2,3], ... (layer "name")".
  [[noreturn]] HB_API void fail(const std::string& text) const;
  [[noreturn]] HB_API void fail_type(const std::string& text) const;
  /// `axis` in [-rank, rank) made non-negative.
  HB_API int axis(int64_t axis, int rank) const;
  Dim same(const Dim& a, const Dim& b, const std::string& what) const;
};

/// What a gradient rule sees: the node and the gradients of its outputs (undefined when zero).
struct GradContext {
  Graph& graph;
  int node;
  const std::vector<Value>& out_grads;
  const std::vector<bool>& wanted;  // which inputs need a gradient
  Value in(size_t i) const { return graph.node(node).inputs[i]; }
  Value out(size_t i) const { return Value{node, int(i)}; }
  Value dy(size_t i = 0) const { return out_grads[i]; }
  const Attrs& attrs() const { return graph.node(node).attrs; }
};

/// The gradient of op "custom_gradient": (inputs, outputs, output gradients) -> input gradients.
struct CustomGradient {
  std::string name;
  std::function<std::vector<Value>(Graph&, const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                   const std::vector<Value>& out_grads)>
      rule;
};

/// Everything there is to know about one operation. Built-ins are listed in op_list.def; others come from register_op.
struct OpDef {
  const char* name;
  int version = 1;
  int min_inputs = 1;
  int max_inputs = 1;  // -1: any number
  std::vector<AttrSpec> attrs;
  /// Checks the inputs and gives the outputs' types.
  std::vector<ValueType> (*infer)(const InferContext&) = nullptr;
  /// Gradients of the inputs (undefined where zero or not wanted). Null: see `decompose`, else not differentiable.
  std::vector<Value> (*gradient)(const GradContext&) = nullptr;
  /// The same outputs from other ops; used to differentiate when `gradient` is null.
  std::vector<Value> (*decompose)(Graph&, const std::vector<Value>& inputs, const Attrs&) = nullptr;
  /// Plans the CPU kernel for concrete shapes. Null: the runtime treats the op itself (input, variable, loops).
  PlanKernel cpu = nullptr;
  /// Multiply-adds counted as two, for profiles. Null: the op is bound by memory.
  double (*flops)(const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const Attrs&) = nullptr;
  bool pure = true;               // may be merged, moved and dropped
  bool may_fail = false;          // the kernel may raise the status word
  bool differentiable = true;     // false: the gradient is zero by definition (comparisons, integer results)
  int elementwise = -1;           // opcode when the op is elementwise, else -1
  bool view = false;              // output i is input i's memory
  bool optional_outputs = false;  // the kernel takes a null buffer for an output, but the first, that nobody reads
  bool float32_only = false;      // the kernel is; other dtypes run the decomposition
  int unread_input = -1;          // an input that only the decomposition reads: its memory may be gone
};

/// Finds an op; throws ValueError when there is none.
HB_API const OpDef& find_op(const std::string& name);
/// Adds an op from outside; its name must be new.
HB_API void register_op(OpDef op);
/// Names of all ops, sorted.
HB_API std::vector<std::string> list_ops();

/// What a gradient tape saw of a graph.
struct Recorded {
  std::vector<std::pair<int, int>> spans;      // nodes [first, last) that it recorded; all others are constants to it
  std::vector<std::pair<Value, int>> watched;  // values it watches, and the first node that reads them as watched
};

/// d sum(targets * seeds) / d sources, appended to `graph`. `seeds` default to ones. An unconnected source gets an
/// undefined Value, and so does one that a `tape`, if given, does not know: neither watched nor computed from what is.
HB_API std::vector<Value> gradients(Graph& graph, const std::vector<Value>& targets, const std::vector<Value>& sources,
                                    std::vector<Value> seeds = {}, const Recorded* tape = nullptr);

}  // namespace hornbeam
