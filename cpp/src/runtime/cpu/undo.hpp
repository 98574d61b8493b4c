// What variables were before a step wrote them.
#pragma once

#include <vector>

#include "base/interrupt.hpp"
#include "hornbeam/tensor.hpp"

namespace hornbeam {
struct Program;
struct Scratch;

/// Kept by steps that have run for long already when they begin to write: so that these, too, can be stopped, and leave
/// all variables as they were. Used in this order, by all threads of a run.
class Undo {
 public:
  void reset() { wanted_ = false; }
  /// The caller's thread, before all meet: whether this step shall keep them, if there is room.
  void decide(const Program& p, const Watch& watch);
  bool wanted() const { return wanted_; }
  /// Each thread its share, before any writes.
  void keep(const Program& p, const Scratch& s, int thread, int threads);
  /// Once all are done. Nothing was written where nothing was kept.
  void restore(const Program& p, const Scratch& s) const;

 private:
  bool wanted_ = false;
  std::vector<Tensor> kept_;  // room for each variable that the program writes
};
}  // namespace hornbeam
