// Reverse-mode differentiation of a graph.
#pragma once

#include <utility>
#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {

/// What a gradient tape saw of a graph.
struct Recorded {
  std::vector<std::pair<int, int>> spans;      // nodes [first, last) that it recorded; all others are constants to it
  std::vector<std::pair<Value, int>> watched;  // values it watches, and the first node that reads them as watched
};

/// d sum(targets * seeds) / d sources, appended to `graph`. `seeds` default to ones. An unconnected source gets an
/// undefined Value, and so does one that a `tape`, if given, does not know: neither watched nor computed from what is.
HB_API std::vector<Value> gradients(Graph& graph, const std::vector<Value>& targets, const std::vector<Value>& sources,
                                    std::vector<Value> seeds = {}, const Recorded* tape = nullptr);

}  // namespace hornbeam
