// What a device gives for graphs to run on it: plans, their memory, runs and profiles. An Executable knows no more.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hornbeam/executable.hpp"
#include "hornbeam/kernel.hpp"

namespace hornbeam {

/// Rows of a table to copy before the first kernel.
struct RowGather {
  const char* from;
  const int64_t* rows;
  char* to;
  int64_t count;
  size_t bytes;  // of a row
};

/// Where a run finds its inputs and puts its outputs, in the host's memory.
struct RunIo {
  const std::vector<char*>&inputs, &outputs;
  const std::vector<RowGather>& gathers;
};

/// What one run at a time works in, and what persists there from run to run.
class RunMemory {
 public:
  virtual ~RunMemory() = default;
};

/// The time that a profile found for a step of a plan: a stage of a node's kernel, or (node -1) what is named.
struct StepTime {
  int node;
  std::string name;
  double seconds, bytes;
  int parts;
};

/// A graph planned for given dimensions. Many threads may run it, each with memory of its own.
class Plan {
 public:
  virtual ~Plan() = default;

  /// Of a run.
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  virtual std::unique_ptr<RunMemory> make_memory() = 0;
  /// Writes the variables that the graph assigns, all of them or, when it throws (see raise), none.
  virtual void run(RunMemory& memory, const RunIo& io) = 0;
  /// Begins a run, and ends the earliest that was begun: a device works on one while the host prepares the next. When
  /// `start` returns, inputs and row numbers may change; outputs are there, and what a run throws is thrown, when
  /// `finish` returns. At most `depth` runs may be begun and not ended; when one throws, those begun after it did
  /// nothing and are ended, too.
  virtual void start(RunMemory& memory, const RunIo& io) { run(memory, io); }
  virtual void finish(RunMemory&) {}
  virtual int depth() const { return 1; }
  /// Runs `repeats` times and gives the mean of each step, in order.
  virtual std::vector<StepTime> profile(const RunIo& io, int repeats) = 0;
  /// All but the seconds that planning took.
  virtual ProgramStats stats() const = 0;
  /// Bytes of the plan itself, and of each memory made.
  virtual size_t bytes() const = 0;
  virtual size_t memory_bytes() const = 0;

  /// Memory that an earlier run has given back, if any, with what persists in it: to find new pages, or to pack weights
  /// again, takes longer than many a step.
  std::unique_ptr<RunMemory> take();
  void give_back(std::unique_ptr<RunMemory> memory) noexcept;
  size_t bytes_kept();

 protected:
  std::vector<TensorSpec> outputs_;

 private:
  std::mutex lock_;
  std::vector<std::unique_ptr<RunMemory>> idle_;
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// Plans the graph for dimensions that its checks agree with.
  virtual std::shared_ptr<Plan> plan(const DimEnv& env) = 0;
};

/// Throws what a status word says.
[[noreturn]] void raise(const Status& status);
/// Throws ValueError unless the dimensions that must agree do so under `env`.
void check_dims(const Graph& graph, const DimEnv& env);
}  // namespace hornbeam
