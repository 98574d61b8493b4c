// The training loop over arrays in memory: shuffle, gather a batch, run the step, repeat. Python's fit and the native
// Model::fit both drive this one.
#pragma once

#include <memory>
#include <vector>

#include "hornbeam/executable.hpp"

namespace hornbeam {

class HB_API BatchLoop {
 public:
  /// `arrays` have one leading axis of the same length and are the executable's inputs, batch by batch.
  BatchLoop(std::shared_ptr<Executable> step, std::vector<Tensor> arrays, int64_t batch_size);

  /// Batches in a whole pass; the last one may be smaller.
  int64_t steps() const { return (samples_ + batch_size_ - 1) / batch_size_; }
  int64_t samples() const { return samples_; }
  /// Orders the samples by a permutation that is a function of (key, epoch).
  void shuffle(uint64_t key, uint64_t epoch);
  /// Runs batches [first, last), at least one, and no more once `seconds` have passed; returns where it stopped.
  int64_t run(int64_t first, int64_t last, double seconds);
  /// The batch that run() began last: the one that failed, if it threw.
  int64_t at() const { return at_; }
  /// What the last step returned.
  const std::vector<Tensor>& outputs() const { return outputs_; }
  /// From now on output i is written into rows of destinations[i] ([samples, ...]); an undefined one is dropped.
  void collect(std::vector<Tensor> destinations) { destinations_ = std::move(destinations); }

 private:
  Runner& runner_for(int64_t rows);

  std::shared_ptr<Executable> step_;
  std::unique_ptr<Runner> whole_, rest_;  // for full batches, and for a smaller last one
  std::vector<Tensor> arrays_, outputs_, destinations_;
  std::vector<int64_t> order_;  // empty: as they come
  int64_t samples_ = 0, batch_size_, at_ = 0;
};

}  // namespace hornbeam
