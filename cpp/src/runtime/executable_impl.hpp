// What an Executable holds; Runners share it.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hornbeam/executable.hpp"
#include "runtime/backend.hpp"

namespace hornbeam {

inline std::vector<Shape> shapes_of(const std::vector<Tensor>& tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& t : tensors) shapes.push_back(t.shape());
  return shapes;
}

inline std::vector<char*> addresses(const std::vector<Tensor>& tensors) {
  std::vector<char*> at;
  at.reserve(tensors.size());
  for (const Tensor& t : tensors) at.push_back(static_cast<char*>(t.raw()));
  return at;
}

struct Executable::Impl {
  struct Planned {
    std::vector<Shape> shapes;  // of the inputs
    std::shared_ptr<Plan> plan;
    double seconds;  // that planning took
  };
  const CompileOptions options;
  const Graph graph;
  const std::unique_ptr<Backend> backend;
  std::mutex lock;
  std::list<Planned> plans;  // most recently used first

  Impl(const Graph& given, CompileOptions with);

  const ValueType& input_type(size_t i) const { return graph.node(graph.inputs[i]).outputs[0]; }
  std::string input_name(size_t i) const { return "input " + std::to_string(i) + " \"" + graph.input_names[i] + "\""; }
  /// Throws unless the inputs are as many as the graph takes, defined and of its dtypes.
  void check_types(const std::vector<Tensor>& in) const;
  /// The dimensions these shapes stand for; throws when they are not what the graph takes.
  DimEnv bind(const std::vector<Shape>& shapes) const;
  /// `seconds`: if given, those that planning took.
  std::shared_ptr<Plan> plan(const std::vector<Shape>& shapes, double* seconds = nullptr);
  /// The same for the inputs, whose shapes nobody has listed: they are compared where they are.
  std::shared_ptr<Plan> plan(const std::vector<Tensor>& in);
  template <class Input, class ShapeOf>
  std::shared_ptr<Plan> plan_for(const std::vector<Input>& in, ShapeOf shape_of, double* seconds);
  /// The plan for these inputs, and outputs to write to.
  std::shared_ptr<Plan> prepare(const std::vector<Tensor>& in, std::vector<Tensor>& out);
};
}  // namespace hornbeam
