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

inline std::vector<char*> addresses(const std::vector<Tensor>& tensors) {
  std::vector<char*> at;
  for (const Tensor& t : tensors) at.push_back(static_cast<char*>(t.raw()));
  return at;
}

struct Executable::Impl {
  struct Planned {
    std::vector<int64_t> key;  // the input shapes
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
  /// Shapes of inputs that are as many as the graph takes, defined and of its dtypes; throws when they are not.
  std::vector<Shape> shapes_of(const std::vector<Tensor>& in) const;
  /// The dimensions these shapes stand for; throws when they are not what the graph takes.
  DimEnv bind(const std::vector<Shape>& shapes) const;
  /// `seconds`: if given, those that planning took.
  std::shared_ptr<Plan> plan(const std::vector<Shape>& shapes, double* seconds = nullptr);
  /// The plan for these inputs, and outputs to write to.
  std::shared_ptr<Plan> prepare(const std::vector<Tensor>& in, std::vector<Tensor>& out);
};
}  // namespace hornbeam
