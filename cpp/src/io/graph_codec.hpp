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

Json encode_graph(const Graph& g, const VariableIndex& index, const StoreTensor& store);
/// Throws FormatError.
std::shared_ptr<Graph> decode_graph(const Json& j, const std::vector<VariablePtr>& variables, const FindTensor& find,
                                    int depth = 0);
}  // namespace hornbeam
