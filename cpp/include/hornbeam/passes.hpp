// Rewriting a graph before it is planned.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {

/// Computes a node's outputs from inputs of known values, as a run would; returns false when it cannot.
using Evaluate = std::function<bool(const Node&, const std::vector<Tensor>& inputs, std::vector<Tensor>* outputs)>;

/// What may be switched off: the passes in the order they run, then parts of the planner.
HB_API std::vector<std::string> pass_names();
/// Applies the passes but those that `disable` names. Constants are folded where there is an `evaluate`
/// (see evaluator in executable.hpp), and stay as they are without. `gpu`: the program is for
/// one, whose kernels compute on float16 and bfloat16 as they are where OpDef::halves says so; else casts to float32 go
/// around an op. Throws ValueError when the graph is not valid or there is no such pass.
HB_API Graph optimize(const Graph& graph, const std::vector<std::string>& disable = {}, const Evaluate& evaluate = {},
                      bool gpu = false);

}  // namespace hornbeam
