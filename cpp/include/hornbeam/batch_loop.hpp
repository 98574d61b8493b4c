// The training loop over arrays in memory: shuffle, gather a batch, run the step, repeat. Python's fit and the native
// Model::fit both drive this one.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "hornbeam/executable.hpp"

namespace hornbeam {

/// One that was moved from throws ValueError from every function that would use its arrays.
class HB_API BatchLoop {
 public:
  /// `arrays` have one leading axis of the same length and are the executable's inputs, batch by batch. Throws
  /// ValueError or TypeError when there is no executable or it does not take such batches.
  BatchLoop(std::shared_ptr<Executable> step, std::vector<Tensor> arrays, int64_t batch_size);

  /// Batches in a whole pass; the last one may be smaller.
  int64_t steps() const { return samples_ / batch_size_ + (samples_ % batch_size_ != 0); }
  int64_t samples() const { return samples_; }
  /// Orders the samples by a permutation that is a function of (key, epoch).
  void shuffle(uint64_t key, uint64_t epoch);
  /// Runs batches [first, last), at least one where there are any, and no more once `seconds` have passed or `stop`
  /// says true; returns where it stopped. Throws what the step throws.
  int64_t run(int64_t first, int64_t last, double seconds, const std::atomic<bool>* stop = nullptr);
  /// The first batch that run() did not end: the one that failed, if it threw.
  int64_t at() const { return at_; }
  /// What the last step returned.
  const std::vector<Tensor>& outputs() const { return outputs_; }
  /// From now on output i is written into rows of destinations[i] ([samples, ...]); an undefined one is dropped. Throws
  /// ValueError or TypeError when they are not outputs of the executable for all samples.
  void collect(std::vector<Tensor> destinations);

 private:
  Runner& runner_for(int64_t rows);
  void start_on(Runner& runner, int64_t rows);
  void check_batch(int64_t rows) const;
  void check_usable() const;

  std::shared_ptr<Executable> step_;
  std::unique_ptr<Runner> whole_, rest_;  // for full batches, and for a smaller last one
  std::vector<Tensor> arrays_, outputs_, destinations_;
  std::vector<int64_t> order_;  // empty: as they come
  int64_t samples_ = 0, batch_size_, at_ = 0;
};

}  // namespace hornbeam
