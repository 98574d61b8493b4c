// Which values stay the same from run to run.
#pragma once

#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {
/// By node: constants, variables that the graph does not write, and what is made of such alone.
std::vector<bool> persistent_nodes(const Graph& g);
}  // namespace hornbeam
