// Whether a graph computes each row of its outputs from the same row of its inputs alone.
#pragma once

#include <string>
#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {
struct Rowwise {
  std::string symbol;       // the leading dimension that counts the rows; empty: the graph is not row by row
  std::vector<bool> nodes;  // whose values have it
  explicit operator bool() const { return !symbol.empty(); }
};
/// A graph whose inputs and outputs lead with one named dimension, that writes no variables, and whose every op keeps
/// rows apart: it gives the same results for any rows at a time.
Rowwise find_rowwise(const Graph& g);
}  // namespace hornbeam
