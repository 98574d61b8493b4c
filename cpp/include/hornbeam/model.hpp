// A model from a file: predict, go on training, save. No Python needed.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hornbeam/batch_loop.hpp"
#include "hornbeam/model_file.hpp"

namespace hornbeam {

/// What fit() reports after each epoch: the mean loss and the metrics, by Keras' log names.
using Logs = std::map<std::string, double>;

struct FitOptions {
  int epochs = 1;
  int64_t batch_size = 32;
  bool shuffle = true;
  uint64_t seed = 0;
  /// Called after each step with (epoch, step, logs so far); return false to stop. With it every step is its own run.
  std::function<bool(int, int64_t, const Logs&)> on_step;
  /// Called after each epoch; return false to stop.
  std::function<bool(int, const Logs&)> on_epoch;
};

/// Calls of one Model must not overlap, except cancel() and predict() with predict().
class HB_API Model {
 public:
  /// Loads a file that `model.save` or `model.export` wrote. Throws FileError or FormatError.
  static Model load(const std::string& path, CompileOptions options = {});
  ~Model();
  Model(Model&&) noexcept;

  /// Outputs for a batch of inputs, in the model's order.
  std::vector<Tensor> predict(const std::vector<Tensor>& inputs);
  /// Trains on arrays with a leading axis of samples. Throws ValueError when the file holds no training step.
  std::vector<Logs> fit(const std::vector<Tensor>& x, const std::vector<Tensor>& y, const FitOptions& options = {});
  /// Makes a fit() on another thread return after its current step.
  void cancel();
  bool can_train() const;

  /// All state by name: weights, optimizer slots, metrics, seeds.
  std::vector<std::string> variable_names() const;
  /// Throws ValueError for an unknown name.
  VariablePtr variable(const std::string& name) const;
  /// Throws ValueError when the learning rate is a schedule.
  void set_learning_rate(double rate);
  /// Writes everything back, so that Python or C++ can load it again.
  void save(const std::string& path) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hornbeam
