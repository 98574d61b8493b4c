// A Program: a graph planned for concrete shapes, as a flat list of items over a table of base addresses. Immutable
// once built; everything a run needs beside it is the device's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hornbeam/executable.hpp"
#include "hornbeam/kernel.hpp"

namespace hornbeam {

/// An address: base number (0 is null) and offset.
struct Arg {
  int base = 0;
  int64_t offset = 0;
};

struct Program;

struct Item {
  enum Kind { kernel, copy, scan, cond, loop, check } kind = kernel;
  bool sync = false;        // a barrier comes first
  bool persistent = false;  // its result stays the same from run to run
  KernelFn fn = nullptr;
  const void* params = nullptr;
  int parts = 1;
  int args = 0;  // first of its args
  int arg_count = 0;
  int out = 0, work = 0;  // positions of the first output and of the workspace among them
  int node = -1;
  const Node* source = nullptr;  // the same; in a control op's body, a node of that
  int64_t bytes = 0;             // copy
  int control = -1;              // scan, cond, loop: index into Program::controls
};

/// A scan, cond or while_loop: its sub-programs and where their arguments are among the item's.
struct Control {
  std::vector<std::unique_ptr<Program>> subs;
  int carries = 0, xs = 0, captures = 0, ys = 0;
  int64_t length = 0;
  bool reverse = false;
  std::vector<int64_t> bytes;  // of each carry, then x slice, then y slice
};

struct Program {
  std::vector<Item> items;
  std::vector<Arg> args;
  std::vector<Control> controls;
  std::vector<std::shared_ptr<const void>> params;
  std::vector<Tensor> constants;
  // Bases: 0 null, 1 arena, then inputs, outputs, variables, constants.
  int inputs = 0, outputs = 0, variables = 0;
  size_t arena_bytes = 0;
  size_t persistent_bytes = 0;  // of it that holds what persists from run to run
  size_t live = 0;
  // What kernels and copies of a run read and write; and the least: each value written once and read once. A loop
  // counts as one turn.
  double moved_bytes = 0, least_bytes = 0;
  bool parallel = false;  // some item has several parts
  std::vector<TensorSpec> output_specs;
  struct Written {
    int variable;
    size_t bytes;
  };
  std::vector<Written> written;  // variables, from the item `check` on

  int input_base(int i) const { return 2 + i; }
  int output_base(int i) const { return 2 + inputs + i; }
  int variable_base(int i) const { return 2 + inputs + outputs + i; }
  int constant_base(int i) const { return 2 + inputs + outputs + variables + i; }
  int base_count() const { return 2 + inputs + outputs + variables + int(constants.size()); }
};

/// Where a program's values are in one run, and those of its sub-programs.
struct Scratch {
  std::vector<char*> bases;
  std::vector<void*> pointers;             // of the args
  std::vector<std::vector<Scratch>> subs;  // [control][sub-program]
  /// Constants are where the program has them; other bases are null.
  explicit Scratch(const Program& p);
  /// Finds the pointers from the bases.
  void resolve(const Program& p);
};

/// What building asks of the device that the program is for.
class KernelSource {
 public:
  virtual ~KernelSource() = default;
  /// Plans a node's kernel. A device whose stages are no functions of the host finds what it runs in the plan's params.
  virtual KernelPlan plan(const KernelRequest& request) const = 0;
  virtual const Target& target() const = 0;
  /// Throws MemoryError when the device has not so much memory.
  virtual void check_memory(size_t bytes, const std::string& what) const = 0;
  /// Values made of nothing but unwritten variables may last from run to run.
  virtual bool keeps() const = 0;
  /// Variables are written as soon as they may be; else at the end, next to each other.
  virtual bool writes_early() const = 0;
  /// Both branches of a cond may run: what is of the one that is not taken writes no result (see KernelPlan::stops).
  virtual bool runs_both_branches() const = 0;
};

struct BuildOptions {
  const KernelSource& kernels;
  bool in_place = true;  // a value may take over the memory of an input that dies
};
/// What a graph is: a step, or in a control op a body, or a branch that may run without being taken. The memory of the
/// last two is their caller's, and nothing lasts in it.
enum class Part { step, body, branch };
/// Plans `graph` for the dimensions `env`.
std::unique_ptr<Program> build_program(const Graph& graph, const DimEnv& env, const BuildOptions& options,
                                       Part part = Part::step);
}  // namespace hornbeam
