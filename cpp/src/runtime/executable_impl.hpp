// What an Executable holds; Runners share it.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hornbeam/executable.hpp"
#include "runtime/plan.hpp"

namespace hornbeam {

inline std::vector<char*> addresses(const std::vector<Tensor>& tensors) {
  std::vector<char*> at;
  for (const Tensor& t : tensors) at.push_back(static_cast<char*>(t.raw()));
  return at;
}

struct Executable::Impl {
  Graph graph;
  Rowwise rowwise;
  CompileOptions options;
  const IsaTable* isa = nullptr;
  int threads = 1;
  std::mutex lock;
  std::list<std::shared_ptr<Plan>> plans;  // most recently used first
  std::optional<Variables> variables;      // of the graph

  Impl(const Graph& given, CompileOptions with);

  const ValueType& input_type(size_t i) const { return graph.node(graph.inputs[i]).outputs[0]; }
  std::string input_name(size_t i) const { return "input " + std::to_string(i) + " \"" + graph.input_names[i] + "\""; }
  /// Shapes of inputs that are as many as the graph takes, defined and of its dtypes; throws when they are not.
  std::vector<Shape> shapes_of(const std::vector<Tensor>& in) const;
  /// The dimensions these shapes stand for; throws when they are not what the graph takes.
  DimEnv bind(const std::vector<Shape>& shapes) const;
  std::shared_ptr<Plan> plan(const std::vector<Shape>& shapes);
  /// The plan for these inputs, and outputs to write to.
  std::shared_ptr<Plan> prepare(const std::vector<Tensor>& in, std::vector<Tensor>& out);

  /// Memory that an earlier run has given back, if any, with what it keeps: to find new pages, or to pack weights
  /// again, takes longer than many a step.
  std::unique_ptr<Teams> take(Plan& p) const;
  void give_back(Plan& p, std::unique_ptr<Teams> w) const noexcept;

  /// Throws when the status word says so.
  void run(const PlanRun& r) const;
  [[noreturn]] void fail(const Status& s) const;
  std::vector<ProfileRow> profile(const std::vector<Tensor>& inputs, int repeats);

 private:
  bool on(const char* pass) const;
  std::shared_ptr<Plan> make_plan(DimEnv env, bool sliced) const;
};
}  // namespace hornbeam
