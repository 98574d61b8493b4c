// Compiling a graph, and running it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {

struct CompileOptions {
  std::string isa;                   ///< "avx512", "avx2", "scalar"; empty: HB_ISA, else the best this CPU has
  int threads = 0;                   ///< 0: HB_NUM_THREADS, else the CPUs this process may use
  std::vector<std::string> disable;  ///< passes to leave out, by name (see pass_names)
};

/// What a plan costs.
struct ProgramStats {
  int items = 0;           ///< kernels and copies
  size_t arena_bytes = 0;  ///< working memory
  size_t live_bytes = 0;   ///< the least any plan could use
  double plan_seconds = 0;
  int64_t slice_rows = 0;  ///< rows of the batch that go together, where it is run in slices; else 0
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

/// A graph after its passes, with a small cache of plans by input shape. `run` may be called from many threads.
class HB_API Executable {
 public:
  explicit Executable(const Graph& graph, CompileOptions options = {});
  ~Executable();
  Executable(Executable&&) noexcept;

  /// Runs once and returns the outputs. Writes the variables that the graph assigns, all of them or, when it throws,
  /// none.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);
  /// The same, into outputs whose memory is given (undefined tensors are allocated).
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs);

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
  std::unique_ptr<Impl> impl_;
};

/// An executable planned for given shapes, with working memory of its own, to be run many times in a row. One thread
/// at a time may use it.
class HB_API Runner {
 public:
  Runner(std::shared_ptr<Executable> executable, const std::vector<Shape>& input_shapes);
  ~Runner();

  /// Reads input `i` from `data` (contiguous, of the planned shape).
  void set_input(size_t i, const void* data);
  /// Gathers input `i`: its row r is row `rows[r]` of `data`. The program's own threads copy, before its first item.
  void set_input(size_t i, const void* data, const int64_t* rows);
  /// Writes output `i` to `data`.
  void set_output(size_t i, void* data);
  size_t outputs() const;
  DType output_dtype(size_t i) const;
  const Shape& output_shape(size_t i) const;
  /// Runs once.
  void run();

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

/// The passes in the order they run.
HB_API std::vector<std::string> pass_names();
/// Applies the passes but those named.
HB_API Graph optimize(const Graph& graph, const std::vector<std::string>& disable = {});

}  // namespace hornbeam
