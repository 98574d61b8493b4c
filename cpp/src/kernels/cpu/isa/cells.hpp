// The pointwise part of a recurrent step, one row of the batch at a time; each ISA has a function for each cell.
#pragma once

#include <cstdint>

namespace hornbeam {

enum class Cell : int { lstm, gru, tanh, relu, count };

// Rows of one step: gates side by side, n units each. LSTM: i, f, g, o. GRU (reset after the product): z, r, candidate.
struct CellStep {
  int64_t n;
  const float* xp;    // the inputs' part of the gates, biases included
  const float* hp;    // the state's part
  const float* bias;  // of the state's part (GRU)
  const float* h_prev;
  const float* c_prev;
  float* h;
  float* c;      // LSTM; may be c_prev
  float* gates;  // what the gradient needs, or null: LSTM i, f, g, o; GRU z, r, candidate, its state's part
};

// The gradient of the same: from dh (and dc) to the gradients of xp, hp, the states before.
struct CellGrad {
  int64_t n;
  const float *h_prev, *c_prev, *h, *c, *gates;
  const float* dh;  // of the state after, in all
  float* dc;        // of the cell state after, in all; becomes that of the one before
  float* dxp;
  float* dhp;        // of the state's part where it differs from dxp (GRU)
  float* dh_direct;  // what reaches the state before but not through the product
};

using CellFn = void (*)(const CellStep&);
using CellGradFn = void (*)(const CellGrad&);
}  // namespace hornbeam
