// The order of the inputs and outputs of `recurrent` and `recurrent_grad`, for the ops and for their kernels.
#pragma once

#include <cstddef>
#include <string>

#include "hornbeam/attrs.hpp"

namespace hornbeam {

struct RecurrentLayout {
  bool lstm, gru, relu, masked, reverse;  // none of the first three: a tanh cell

  explicit RecurrentLayout(const Attrs& a)
      : lstm(a.text("cell") == "lstm"),
        gru(a.text("cell") == "gru"),
        relu(a.text("cell") == "relu"),
        masked(a.flag("masked")),
        reverse(a.flag("reverse")) {}

  int gates() const { return lstm ? 4 : gru ? 3 : 1; }
  // recurrent: x_proj, kernel, h0, [c0], [bias], [mask] -> h of all steps, [c of all steps], [gates]
  static constexpr size_t x = 0, kernel = 1, h0 = 2, c0 = 3, bias = 3;
  size_t mask() const { return lstm || gru ? 4 : 3; }
  size_t inputs() const { return mask() + (masked ? 1 : 0); }
  size_t cell_states() const { return 1; }
  size_t reserve() const { return lstm ? 2 : 1; }
  size_t outputs() const { return lstm ? 3 : gru ? 2 : 1; }
  // recurrent_grad: the inputs, the outputs, dh of all steps, [dc of all steps] -> dx_proj, dh0, [dc0], [the gradient
  // of the state's part of the gates, where it differs from dx_proj]
  size_t saved(size_t output) const { return inputs() + output; }
  size_t dh() const { return inputs() + outputs(); }
  size_t dc() const { return dh() + 1; }
};
}  // namespace hornbeam
