// A Program: a graph planned for concrete shapes, as a flat list of items over a table of base addresses. Immutable
// once built; everything a run needs beside it is in a Workspace.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "hornbeam/executable.hpp"
#include "hornbeam/kernel.hpp"
#include "kernels/cpu/isa/isa_table.hpp"
#include "memory/planner.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu/undo.hpp"

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
  Tensor counter;              // 0, 1, 2, ..: the index a scan's body reads
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

struct BuildOptions {
  Target target;         // of which the team is the largest that will run it
  bool in_place = true;  // a value may take over the memory of an input that dies
};
/// Plans `graph` for the dimensions `env`. `keeps`: values made of nothing but unwritten variables may last from run to
/// run (not in a loop's body, whose memory is its caller's).
std::unique_ptr<Program> build_program(const Graph& graph, const DimEnv& env, const BuildOptions& options,
                                       bool keeps = true);

/// One thread's resolved addresses, for a program and its sub-programs.
struct Scratch {
  std::vector<char*> bases;
  std::vector<void*> pointers;
  std::vector<std::vector<Scratch>> subs;  // [control][sub-program]
  explicit Scratch(const Program& p);
};

struct Workspace {
  Tensor arena;
  std::vector<Scratch> scratch;  // one a thread
  Barrier barrier;
  Status status;
  Workspace(const Program& p, int threads);
};

struct RunContext {
  Barrier* barrier;
  Status* status;
  int thread, threads;
  bool make_persistent = true;
  Watch* watch = nullptr;  // null: nobody may end the run
  bool caller = false;     // this is the thread that asks
  Undo* undo = nullptr;    // with a watch
  /// Whether the run shall end. It does where all threads know: where they meet. What is made until then is not read.
  bool stop_asked() const { return watch && watch->asked(caller); }
  /// Meets the team; whether the run ends here.
  bool meet() const {
    const bool stop = stop_asked();
    return threads > 1 ? barrier->wait(threads, watch) : stop;
  }
};
/// This thread's share of the copies, then a barrier.
void gather_rows(const std::vector<RowGather>& gathers, const RunContext& c);
/// Runs the items; the scratch's bases are already set. Returns false when the status word or the watch stopped it.
bool run_items(const Program& p, Scratch& s, RunContext c);
/// The same on one thread, adding each item's seconds to `seconds`.
void profile_items(const Program& p, Scratch& s, RunContext c, std::vector<double>& seconds);
}  // namespace hornbeam
