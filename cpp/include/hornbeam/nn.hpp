// Small builders for networks in C++: layers that make their variables, and a training step with Adam or SGD. Sizes are
// at least 1; what an op says of its inputs holds here too. ValueError or TypeError says what does not fit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hornbeam/executable.hpp"
#include "hornbeam/ops.hpp"

namespace hornbeam::nn {

/// Makes variables from one seed and remembers them.
class HB_API Parameters {
 public:
  explicit Parameters(uint64_t seed = 0) : seed_(seed) {}
  /// A weight drawn evenly from +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
  VariablePtr glorot_uniform(const std::string& name, Shape shape);
  VariablePtr zeros(const std::string& name, Shape shape);
  const std::vector<VariablePtr>& all() const { return all_; }

 private:
  uint64_t seed_;
  uint64_t made_ = 0;
  std::vector<VariablePtr> all_;
};

/// x W + b for x [.., in].
struct HB_API Dense {
  VariablePtr kernel, bias;
  Dense(Parameters& p, const std::string& name, int64_t in, int64_t out);
  Value operator()(Ops& o, Value x) const;
};

/// 3 x 3 and other convolutions over images [N, H, W, C], stride 1, "same" padding.
struct HB_API Conv2D {
  VariablePtr kernel, bias;
  int64_t size;
  Conv2D(Parameters& p, const std::string& name, int64_t in, int64_t out, int64_t size);
  Value operator()(Ops& o, Value x) const;
};

/// mean(-log softmax(logits)[label]) for logits [N, C] and labels i32 or i64 [N].
HB_API Value sparse_cross_entropy(Ops& o, Value logits, Value labels);

/// Appends one step of gradient descent, or of Adam (Kingma and Ba 2014), to the graph: gradients, slots and
/// assignments. The loss is a float32 scalar that depends on some of the variables, which are float32. The learning
/// rate is finite and >= 0.
struct HB_API Sgd {
  double learning_rate = 0.01;
  void minimize(Graph& g, Value loss, const std::vector<VariablePtr>& variables) const;
};
struct HB_API Adam {
  double learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  void minimize(Graph& g, Value loss, const std::vector<VariablePtr>& variables) const;
};

}  // namespace hornbeam::nn
