// Graphs as JSON. Reading runs every op's inference again, so a file cannot smuggle in a shape that does not fit.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "hornbeam/graph.hpp"
#include "io/json.hpp"

namespace hornbeam {

/// Names the constant tensors as they are met.
using StoreTensor = std::function<std::string(const Tensor&)>;
using FindTensor = std::function<Tensor(const std::string&)>;
using VariableIndex = std::function<int(const Variable*)>;

/// A graph that a file names as a function. Throws ValueError when decode_function would refuse what this makes.
Json encode_function(const Graph& g, const VariableIndex& index, const StoreTensor& store);
/// Throws an Error that says which node is wrong.
std::shared_ptr<Graph> decode_function(const Json& j, const std::vector<VariablePtr>& variables,
                                       const FindTensor& find);
}  // namespace hornbeam
