// What an operation is, and the registry of all of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hornbeam/graph.hpp"
#include "hornbeam/kernel.hpp"

namespace hornbeam {

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

/// The shape two operands broadcast to, by NumPy's rules; unknown dimensions never broadcast as 1.
HB_API SymShape broadcast_shapes(const InferContext& c, const SymShape& a, const SymShape& b);

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

/// What becomes of a node in a program.
enum class OpKind {
  kernel,  // it runs its kernel
  view,    // nothing: output i is input i's memory
  input,
  variable,
  constant,  // nothing: its memory is there before a run
  scan,
  cond,
  while_loop  // it runs the graphs among its attributes
};

/// What a rule about the rows of a batch sees: a node with some inputs that hold the rows on their first axis.
struct RowContext {
  const Graph& graph;
  const Node& node;
  const std::vector<bool>& rows;  // by node: its outputs have the rows first, and on no other axis
  bool has_rows(size_t input) const { return rows[size_t(node.inputs[input].node)]; }
};

/// How many results of an elementwise group a kernel can compute behind its own.
enum class EpilogueRoom { none, one, several };

/// What an op multiplies: nothing by matrices; all rows of its output by one; those of one time step after another.
enum class ProductKind { none, rows, steps };

/// Ids that a kernel checks, and the number of rows that they must be among.
struct CheckedIds {
  Value ids;
  Dim rows;
};

/// Everything there is to know about one operation; nothing outside its own files asks for its name. Built-ins are
/// listed in op_list.def; others come from register_op.
struct OpDef {
  const char* name;
  int version = 1;
  OpKind kind = OpKind::kernel;
  int min_inputs = 1;
  int max_inputs = 1;  // -1: any number
  std::vector<AttrSpec> attrs;
  /// Checks the inputs and gives the outputs' types. Null: graphs make such nodes by themselves.
  std::vector<ValueType> (*infer)(const InferContext&) = nullptr;
  /// Gradients of the inputs (undefined where zero or not wanted). Null: see `decompose`, else not differentiable.
  std::vector<Value> (*gradient)(const GradContext&) = nullptr;
  /// The same outputs from other ops; used to differentiate when `gradient` is null.
  std::vector<Value> (*decompose)(Graph&, const std::vector<Value>& inputs, const Attrs&) = nullptr;
  /// Plan the kernel of each device for concrete shapes: of kind `kernel` alone.
  PlanKernel cpu = nullptr;
  PlanCudaKernel cuda = nullptr;
  /// Multiply-adds counted as two, for profiles. Null: the op is bound by memory.
  double (*flops)(const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const Attrs&) = nullptr;

  // What it is, to those that rewrite and order graphs
  bool pure = true;              // may be merged, moved and dropped
  bool may_fail = false;         // the kernel may raise the status word
  bool differentiable = true;    // false: the gradient is zero by definition (comparisons, integer results)
  const char* no_gradient = "";  // advice for whom it fails that it has none
  bool passes_only = false;      // passes alone make such nodes: the kernel trusts them
  int elementwise = -1;          // opcode when the op is elementwise, else -1
  bool any_dtype = false;        // moves or makes elements, whatever they are: float16 and bfloat16 need no casts
  bool positions = false;        // its integers are places among elements, whatever those are
  bool float32_only = false;     // the kernel is; other dtypes run the decomposition
  bool halves = false;           // the GPU's kernel takes float16 and bfloat16, and adds up in float32
  /// Whether its outputs' rows come from the same rows of its inputs alone. Null: never.
  bool (*rowwise)(const RowContext&) = nullptr;
  /// The ids that its kernel checks, where that is all in which it may fail. Null: it may fail in other ways.
  CheckedIds (*checked_ids)(const Graph&, const Node&) = nullptr;

  // What its kernel can do
  ProductKind product = ProductKind::none;
  EpilogueRoom (*epilogue)(const Graph&, const Node&) = nullptr;  // float32; null: none
  EpilogueRoom cuda_epilogue = EpilogueRoom::none;                // the GPU's, of floats but float64
  /// The axis of input 1 along which a scale of the output's columns is one of the weights', or -1. Null: -1.
  int (*scaled_axis)(const Graph&, const Node&) = nullptr;
  bool optional_outputs = false;  // it takes a null buffer for an output, but the first, that nobody reads
  int unread_input = -1;          // an input that only the decomposition reads: its memory may be gone

  bool view() const { return kind == OpKind::view; }
  /// Whether a run does something for it.
  bool runs() const { return kind == OpKind::kernel || has_bodies(); }
  bool has_bodies() const { return kind == OpKind::scan || kind == OpKind::cond || kind == OpKind::while_loop; }
};

/// Finds an op; throws ValueError when there is none.
HB_API const OpDef& find_op(const std::string& name);
/// Adds an op from outside; its name must be new.
HB_API void register_op(OpDef op);
/// Names of all ops, sorted.
HB_API std::vector<std::string> list_ops();

}  // namespace hornbeam
