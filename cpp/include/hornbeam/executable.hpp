// Compiling a graph, and running it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hornbeam/graph.hpp"
#include "hornbeam/passes.hpp"

namespace hornbeam {

struct CompileOptions {
  std::string isa;                   ///< "avx512", "avx2", "scalar"; empty: HB_ISA, else the best this CPU has
  int threads = 0;                   ///< 0: HB_NUM_THREADS, else the CPUs this process may use
  std::vector<std::string> disable;  ///< passes to leave out, by name (see pass_names)
  /// Outputs by name that must be finite: where one is not, a run throws NonFiniteError and writes no variable.
  std::vector<std::string> finite = {};
  std::string device = {};  ///< "cpu", "gpu", "gpu:1"; empty: the default (see default_device)
};

/// Computes single nodes as an Executable with these options does, for `optimize`.
HB_API Evaluate evaluator(const CompileOptions& options = {});

/// What a plan costs.
struct ProgramStats {
  int items = 0;           ///< kernels and copies
  size_t arena_bytes = 0;  ///< working memory
  size_t live_bytes = 0;   ///< the least any plan could use
  double plan_seconds = 0;
  int64_t slice_rows = 0;  ///< rows of the batch that go together, where it is run in slices; else 0
  double moved_bytes = 0;  ///< what kernels and copies read and write in a run (of a slice; a loop counts as one turn)
  double least_bytes = 0;  ///< the same if each value were written once and read once
  int64_t launches = 0;    ///< kernels and library calls on a GPU in a run (of a loop and both branches: one turn)
  int64_t waits = 0;       ///< how often, in the middle of a run, the host waits for a GPU (a loop: once a turn)
};

/// A node's share of a profiled run.
struct ProfileRow {
  std::string op, layer;
  std::string shape;
  double seconds = 0;
  double flops = 0;
  double bytes = 0;
  int parts = 0;
};

/// A graph after its passes, with a small cache of plans by input shape. `run` may be called from many threads. One
/// that was moved from throws ValueError from every function.
class HB_API Executable {
 public:
  /// Throws ValueError when the graph or an option is not valid.
  explicit Executable(const Graph& graph, CompileOptions options = {});
  ~Executable();
  Executable(Executable&&) noexcept;
  Executable& operator=(Executable&&) noexcept;

  /// Runs once and returns the outputs. Writes the variables that the graph assigns, all of them or, when it throws,
  /// none. Throws ValueError or TypeError when the inputs do not fit (see check_inputs) or a value in them is one that
  /// an op refuses, MemoryError when there is not enough of it.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);
  /// The same, into outputs whose memory is given (undefined tensors are allocated). Outputs must overlap neither each
  /// other nor the inputs.
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs);

  /// Throws ValueError or TypeError unless these are defined and as many and of the dtypes and shapes that the graph
  /// takes.
  void check_inputs(const std::vector<Tensor>& inputs) const;

  const Graph& graph() const;
  const CompileOptions& options() const;
  /// Plans for these input shapes, if need be, and says what the plan costs.
  ProgramStats stats(const std::vector<Shape>& input_shapes);
  /// Bytes that are kept from run to run: constants, and the working memory of each plan that was run.
  size_t bytes_kept() const;
  /// Runs `repeats` times on one thread and returns each node's mean time.
  std::vector<ProfileRow> profile(const std::vector<Tensor>& inputs, int repeats);

 private:
  friend class Runner;
  struct Impl;
  Impl& impl() const;
  std::shared_ptr<Impl> impl_;
};

/// An executable planned for given shapes, with working memory of its own, to be run many times in a row. One thread
/// at a time may use it. Its functions throw ValueError for an input or output that there is not.
class HB_API Runner {
 public:
  /// Throws ValueError when the executable is null or moved from, or does not take these shapes.
  Runner(std::shared_ptr<Executable> executable, const std::vector<Shape>& input_shapes);
  ~Runner();

  /// Reads input `i` from `value`, which it keeps; throws unless that has the input's dtype and shape.
  void set_input(size_t i, const Tensor& value);
  /// Gathers input `i`: its row r is row `rows[r]` of `table`. The program's own threads copy, before its first item.
  /// Throws unless the table's rows are the input's and all of `rows`, as many as the input has, are among them.
  void set_input(size_t i, const Tensor& table, std::vector<int64_t> rows);
  /// Writes output `i` into `to`, which it keeps; throws unless that has the output's dtype and shape.
  void set_output(size_t i, const Tensor& to);

  /// The same from and to memory that the caller keeps valid through run(). They check that it is not null, where there
  /// are bytes, and trust the caller for the rest: `data` is contiguous, of the dtype and (gathered: but for the number
  /// of rows) the shape, and holds all the rows that are named.
  void set_input(size_t i, const void* data);
  void set_input(size_t i, const void* data, const int64_t* rows);
  void set_output(size_t i, void* data);

  size_t outputs() const;
  DType output_dtype(size_t i) const;
  const Shape& output_shape(size_t i) const;
  /// Runs once. Throws ValueError before all inputs and outputs are set.
  void run();
  /// The same in two halves, between which a GPU works while the host prepares the next run. Once `start` has returned,
  /// inputs and rows may change and others be set; outputs are there, and what the run throws is thrown, when `finish`
  /// returns, which ends the earliest run that was begun. At most `depth` runs may be begun and not ended, else `start`
  /// throws ValueError; when one throws, those begun after it wrote nothing and are ended, too.
  void start();
  void finish();
  int depth() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The instruction sets this build and CPU have kernels for, best first; the one used by default; the threads used by
/// default (HB_NUM_THREADS, else the CPUs this process may use); what runs them ("openmp" or "threads").
HB_API std::vector<std::string> isa_names();
HB_API std::string default_isa_name();
HB_API int thread_count();
HB_API std::string thread_kind();

/// One core's fused multiply-add rate (FLOP/s) and memory triad (bytes/s), measured in some 0.1 s.
struct MachinePeaks {
  double flops = 0;
  double bytes_per_second = 0;
};
HB_API MachinePeaks measure_peaks();

}  // namespace hornbeam
