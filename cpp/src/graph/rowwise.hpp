// Whether a graph computes each row of its outputs from the same row of its inputs alone.
#pragma once

#include <string>
#include <vector>

#include "hornbeam/op.hpp"

namespace hornbeam {
struct Rowwise {
  std::string symbol;       // the leading dimension that counts the rows; empty: the graph is not row by row
  std::vector<bool> nodes;  // whose values have it
  explicit operator bool() const { return !symbol.empty(); }
};
/// A graph whose inputs and outputs lead with one named dimension, that writes no variables, and whose every op keeps
/// rows apart: it gives the same results for any rows at a time.
Rowwise find_rowwise(const Graph& g);

// Rules of ops whose results lead with the rows and have them on no other axis (see OpDef::rowwise).
/// Whichever inputs have rows.
bool any_rows(const RowContext& c);
/// Input 0 alone has.
bool rows_of_first(const RowContext& c);
/// Input 1 alone has: ids that look rows up in a table.
bool rows_of_second(const RowContext& c);
/// The attribute "axis" is not the rows'.
bool rows_off_axis(const RowContext& c);
}  // namespace hornbeam
