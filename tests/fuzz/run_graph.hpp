// What the fuzzers do with a graph once it stands: plan it and run it, for a moment, with small inputs.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "hornbeam/hornbeam.hpp"

namespace hornbeam::fuzz {
constexpr size_t kMostBytes = size_t(32) << 20;  // of one array, and of a program's working memory

/// While it lives, what runs for longer than a moment is interrupted: a loop as long as its condition likes, say.
class Deadline {
 public:
  Deadline() {
    end() = Clock::now() + std::chrono::milliseconds(300);
    set_interrupt_check([] { return Clock::now() > end(); });
  }
  ~Deadline() { set_interrupt_check(nullptr); }

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point& end() {
    static Clock::time_point at;
    return at;
  }
};

/// Values of an array: small integers, so that they serve as indices, with a few that do not.
inline Tensor filled(DType dtype, const Shape& shape, unsigned seed) {
  Tensor t = Tensor::zeros(dtype, shape);
  for (int64_t i = 0; i < t.size(); ++i) {
    const int v = int((unsigned(i) * 7 + seed) % 5) - (seed % 4 == 3 ? 1 : 0);
    if (dtype == DType::f32) t.data<float>()[i] = float(v) / 2;
    if (dtype == DType::f64) t.data<double>()[i] = v / 2.0;
    if (dtype == DType::i32) t.data<int32_t>()[i] = v;
    if (dtype == DType::i64) t.data<int64_t>()[i] = v;
    if (dtype == DType::u8) t.data<uint8_t>()[i] = uint8_t(v);
    if (dtype == DType::boolean) t.data<uint8_t>()[i] = v > 1;
  }
  return t;
}

/// Plans `g` for dimensions of `size` and runs it; whatever is wrong with it is an Error.
inline void run_graph(const Graph& g, int64_t size, const CompileOptions& options = {"", 1, {}, {}}) {
  std::vector<Shape> shapes;
  std::vector<DType> types;
  for (int id : g.inputs) {
    const ValueType& t = g.node(id).outputs[0];
    Shape shape;
    for (const Dim& d : t.shape) shape.push_back(d.is_const() ? d.value() : size);
    if (tensor_bytes(t.dtype, shape) > kMostBytes) return;
    shapes.push_back(shape);
    types.push_back(t.dtype);
  }
  const auto e = std::make_shared<Executable>(g, options);
  if (e->stats(shapes).arena_bytes > kMostBytes) return;
  const Runner runner(e, shapes);
  for (size_t i = 0; i < runner.outputs(); ++i)
    if (tensor_bytes(runner.output_dtype(i), runner.output_shape(i)) > kMostBytes) return;
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) inputs.push_back(filled(types[i], shapes[i], unsigned(i) + 1));
  const Deadline deadline;
  e->run(inputs);
}
}  // namespace hornbeam::fuzz
