// The CPU's plan: the program for given dimensions, and how it is run. A graph that works row by row may be planned for
// a few rows, and then walks a large batch slice by slice, each of which stays in the cache, several teams of threads
// at once.
#pragma once

#include <algorithm>

#include "graph/rowwise.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu/program.hpp"

namespace hornbeam {

/// How many of `rows` rows go together: all of them, unless slices pay. `sample` is the program of one thread for some
/// rows, those of `env`. Depends on the graph and shapes alone, not on threads.
int64_t rows_of_slice(const Graph& g, const Rowwise& rowwise, const DimEnv& env, const Program& sample, int64_t rows);

/// Memory for one run: a workspace for each team of threads.
struct Teams : RunMemory {
  struct Team {
    Workspace workspace;
    bool ran = false;         // something, in the run that goes on
    uint64_t persistent = 0;  // the variables' version when what persists was made; 0: it was not
    Team(const Program& p, int threads) : workspace(p, threads) {}
  };
  std::vector<std::unique_ptr<Team>> list;
  int threads = 1;  // in all
  Barrier barrier;  // of all threads
  Watch watch;
  Undo undo;
  // The variables' storage that addresses are of, kept: another thread may give a variable a new one.
  std::vector<Tensor> storage;
  uint64_t moves = 0;  // Variable::moves() when it was found
};

/// A graph's variables: all of them, those that it writes and those that it does not.
struct Variables {
  const std::vector<VariablePtr>& all;
  std::vector<Variable*> written, kept;
  explicit Variables(const Graph& g);
  uint64_t version() const;  // of those that are kept; never 0
};

class CpuBackend;

class CpuPlan final : public Plan {
 public:
  /// `sliced`: the batch may be cut.
  CpuPlan(const CpuBackend& backend, const DimEnv& env, bool sliced);

  std::unique_ptr<RunMemory> make_memory() override { return make_teams(threads_); }
  void run(RunMemory& memory, const RunIo& io) override;
  std::vector<StepTime> profile(const RunIo& io, int repeats) override;
  ProgramStats stats() const override;
  size_t bytes() const override;
  size_t memory_bytes() const override { return size_t(teams(threads_)) * program_->arena_bytes; }

 private:
  friend struct TeamRun;
  bool sliced() const { return slice_ < rows_; }
  int64_t slices() const { return sliced() ? (rows_ + slice_ - 1) / slice_ : 1; }
  int64_t first_row(int64_t slice) const { return std::min(slice * slice_, rows_ - slice_); }
  /// Teams that may run at once. The last slice begins early where the rows do not divide, and so runs after, not
  /// beside, the one it shares rows with.
  int teams(int threads) const { return int(std::max<int64_t>(1, std::min<int64_t>(threads, rows_ / slice_))); }
  std::unique_ptr<Teams> make_teams(int threads) const;
  void bind(Scratch& s, const RunIo& io, int64_t row) const;
  void bind_variables(Teams& teams) const;
  /// On as many threads as the teams were made for; returns the status word that stopped it, or null. What was made of
  /// unwritten variables alone is kept until one of them changes.
  const Status* run_teams(Teams& teams, const RunIo& io) const;

  const CpuBackend& backend_;
  const int threads_;
  const DimEnv whole_;                           // the dimensions of the whole batch
  std::unique_ptr<Program> program_;             // of a slice
  int64_t rows_ = 1, slice_ = 1;                 // of the batch and of a slice; equal: all at once
  std::vector<int64_t> input_row_, output_row_;  // bytes of a row that is sliced, else 0
};

/// The CPU's kernels for a team of threads.
class CpuKernels final : public KernelSource {
 public:
  explicit CpuKernels(const Target& target) : target_(target) {}
  KernelPlan plan(const KernelRequest& request) const override;
  const Target& target() const override { return target_; }
  void check_memory(size_t bytes, const std::string& what) const override { hornbeam::check_memory(bytes, what); }
  bool keeps() const override { return true; }
  bool writes_early() const override { return true; }
  bool runs_both_branches() const override { return false; }

 private:
  const Target target_;  // of which the team is the largest that will run it
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(const Graph& graph, const CompileOptions& options);
  std::shared_ptr<Plan> plan(const DimEnv& env) override { return std::make_shared<CpuPlan>(*this, env, true); }

  const Graph& graph() const { return graph_; }
  const Rowwise& rowwise() const { return rowwise_; }
  const Variables& variables() const { return variables_; }
  int threads() const { return threads_; }
  /// The program for a team of so many threads.
  std::unique_ptr<Program> build(const DimEnv& env, int team) const;

 private:
  const Graph& graph_;
  const Rowwise rowwise_;  // of no rows where slices are off
  const Variables variables_;
  const int threads_;
  const Target target_;
  const bool in_place_;
};
}  // namespace hornbeam
