// What running a Program on the CPU takes beside it.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "kernels/cpu/isa/isa_table.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu/undo.hpp"
#include "runtime/program.hpp"

namespace hornbeam {

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
