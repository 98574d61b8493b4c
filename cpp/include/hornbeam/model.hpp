// A model from a file: predict, go on training, save. No Python needed.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hornbeam/batch_loop.hpp"
#include "hornbeam/model_file.hpp"

namespace hornbeam {

/// What fit() reports after each epoch: the mean loss and the metrics, by Keras' log names.
using Logs = std::map<std::string, double>;

/// What fit() does when the loss (the log "loss", if the training step reports one) is NaN or infinite. A step that was
/// compiled in Python to check it does so in any case.
enum class OnNonfinite {
  raise,   ///< throws NonFiniteError; weights and all other state are as before that step
  ignore,  ///< trains on
};

struct FitOptions {
  int epochs = 1;         ///< the last epoch's number, as Keras counts
  int initial_epoch = 0;  ///< the first one's, counted from 0; none is run where it is not less than `epochs`
  int64_t batch_size = 32;
  /// Whether each epoch takes the samples in an order of its own. Orders are numbered; an epoch takes that of its own
  /// number or, where this Model has taken that, the next: the same seed and the same calls give the same bits, and
  /// training for some epochs and then some more (initial_epoch, or fit again) those of training for all at once.
  bool shuffle = true;
  uint64_t seed = 0;
  OnNonfinite on_nonfinite = OnNonfinite::raise;
  /// Called after each step with (epoch, step, logs so far); return false to stop. With it every step is its own run.
  std::function<bool(int, int64_t, const Logs&)> on_step;
  /// Called after each epoch; return false to stop.
  std::function<bool(int, const Logs&)> on_epoch;
};

/// Calls of one Model must not overlap, except cancel() and predict() with predict(). One that was moved from throws
/// ValueError from every function.
class HB_API Model {
 public:
  /// Loads a file that `model.save` or `model.export` wrote. Throws FileError or FormatError.
  static Model load(const std::string& path, CompileOptions options = {});
  /// The same, for a device: "cpu", "gpu", "gpu:1".
  template <class Text, class = std::enable_if_t<std::is_convertible_v<const Text&, std::string>>>
  static Model load(const std::string& path, const Text& device) {
    CompileOptions options;
    options.device = device;
    return load(path, std::move(options));
  }
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  /// Outputs for a batch of inputs, in the model's order. Throws ValueError or TypeError when the inputs do not fit.
  std::vector<Tensor> predict(const std::vector<Tensor>& inputs);
  /// Inputs for predict() and fit(), where some of the model's are strings.
  /// @param texts the inputs of strings, in the model's order: all samples' one after another.
  /// @param others the other inputs, likewise.
  /// Throws ValueError when there are more or fewer, or the model takes no strings.
  std::vector<Tensor> encode(const std::vector<std::vector<std::string>>& texts,
                             const std::vector<Tensor>& others = {}) const;
  /// Trains on arrays with a leading axis of samples; returns each epoch's logs. Throws ValueError when the file holds
  /// no training step or an option is out of range, ValueError or TypeError when the arrays are not what the step
  /// takes.
  std::vector<Logs> fit(const std::vector<Tensor>& x, const std::vector<Tensor>& y, const FitOptions& options = {});
  /// Makes the fit() that is running, on another thread or around a callback, return after its current step, or else
  /// the next fit() before its first. Done with when that fit() returns or throws.
  void cancel();
  bool can_train() const;

  /// All state by name: weights, optimizer slots, metrics, seeds.
  std::vector<std::string> variable_names() const;
  /// Throws ValueError for an unknown name.
  VariablePtr variable(const std::string& name) const;
  /// Throws ValueError when the rate is negative or not finite, or the file's is a schedule.
  void set_learning_rate(double rate);
  /// Writes everything back, so that Python or C++ can load it again.
  void save(const std::string& path) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hornbeam
