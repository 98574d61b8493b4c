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

/// A graph's variables: all of them, those that it writes and those that it does not.
struct Variables {
  const std::vector<VariablePtr>& all;
  std::vector<Variable*> written, kept;
  explicit Variables(const Graph& g);
  uint64_t version() const;  // of those that are kept; never 0
};

/// What a run reads and writes.
struct PlanRun {
  const Plan* plan;
  Teams* teams;
  const std::vector<char*>*inputs, *outputs;
  const std::vector<RowGather>& gathers;
  uint64_t version = 0;  // of the variables; found by the functions below
};
/// Runs on as many threads as the teams were made for; returns the status word that stopped it, or null. What was made
/// of unwritten variables alone is kept until one of them changes.
const Status* run_plan(PlanRun run, const Variables& variables);
/// The same on one thread, keeping nothing and adding each item's seconds to `seconds`.
const Status* profile_plan(const PlanRun& run, const Variables& variables, std::vector<double>& seconds);
}  // namespace hornbeam
