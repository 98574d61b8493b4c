// A Plan: the program for given input shapes, and how it is run. A graph that works row by row may be planned for a few
// rows, and then walks a large batch slice by slice, each of which stays in the cache, several teams of threads at
// once.
#pragma once

#include "graph/rowwise.hpp"
#include "runtime/program.hpp"

namespace hornbeam {

/// How many of `rows` rows go together: all of them, unless slices pay. `sample` is the program of one thread for some
/// rows, those of `env`. Depends on the graph and shapes alone, not on threads.
int64_t rows_of_slice(const Graph& g, const Rowwise& rowwise, const DimEnv& env, const Program& sample, int64_t rows);

/// Memory for one run: a workspace for each team of threads.
struct Teams {
  struct Team {
    Workspace workspace;
    bool ran = false, prepared = false;  // what lasts from run to run is there
    Team(const Program& p, int threads) : workspace(p, threads) {}
  };
  std::vector<std::unique_ptr<Team>> list;
  int threads = 1;  // in all
  Barrier barrier;  // of all threads
};

struct Plan {
  std::vector<int64_t> key;
  std::unique_ptr<Program> program;            // of a slice
  std::vector<TensorSpec> outputs;             // of a run
  int64_t rows = 1, slice = 1;                 // of the batch and of a slice; equal: all at once
  std::vector<int64_t> input_row, output_row;  // bytes of a row that is sliced, else 0
  DimEnv whole;                                // the dimensions of the whole batch
  double seconds = 0;
  std::mutex lock;
  std::vector<std::unique_ptr<Teams>> idle;

  int64_t slices() const { return slice < rows ? (rows + slice - 1) / slice : 1; }
  /// Teams that may run at once. The last slice begins early where the rows do not divide, and so runs after, not
  /// beside, the one it shares rows with.
  int teams(int threads) const { return int(std::max<int64_t>(1, std::min<int64_t>(threads, rows / slice))); }
  std::unique_ptr<Teams> make_teams(int threads) const;
};

/// What a run reads and writes.
struct PlanRun {
  const Plan* plan;
  Teams* teams;
  const std::vector<char*>*inputs, *outputs;
  const std::vector<RowGather>& gathers;
  bool prepare;
};
/// Runs on as many threads as the teams were made for; returns the status word that stopped it, or null.
const Status* run_plan(const PlanRun& run, const std::vector<VariablePtr>& variables);
/// The same on one thread, adding each item's seconds to `seconds`.
const Status* profile_plan(const PlanRun& run, const std::vector<VariablePtr>& variables, std::vector<double>& seconds);
}  // namespace hornbeam
