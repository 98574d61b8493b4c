// The order of the inputs and outputs of scan, cond and while_loop, for the ops and for the runtime.
#pragma once

#include <cstddef>

#include "hornbeam/attrs.hpp"

namespace hornbeam {

// scan. Inputs: carries, xs, captures. The body takes carries, slices of xs, captures and the index; it returns carries
// and slices of ys. Outputs: the last carries, ys, and the carries that each step began with (for the gradient).
struct ScanLayout {
  size_t carries, xs, captures, ys;

  // Whether a node of `inputs` inputs has room for the carries and xs, and the body returns the carries.
  static bool fits(const Attrs& a, size_t inputs, size_t body_outputs) {
    const size_t n = size_t(a.integer("carries")), m = size_t(a.integer("xs"));
    return n <= inputs && m <= inputs - n && n <= body_outputs;
  }
  ScanLayout(const Attrs& a, size_t inputs, size_t body_outputs)
      : carries(size_t(a.integer("carries"))),
        xs(size_t(a.integer("xs"))),
        captures(inputs - carries - xs),
        ys(body_outputs - carries) {}

  size_t carry(size_t i) const { return i; }
  size_t x(size_t i) const { return carries + i; }
  size_t capture(size_t i) const { return carries + xs + i; }
  size_t index() const { return carries + xs + captures; }  // of the body's inputs alone
  bool is_x(size_t input) const { return input >= carries && input < carries + xs; }
  // of the outputs; carries and ys are the body's, too
  size_t y(size_t i) const { return carries + i; }
  size_t start(size_t i) const { return carries + ys + i; }  // a carry's values at the beginning of each step
  size_t made_always() const { return carries + ys; }
};

// while_loop. Inputs: carries, captures, which the condition and the body take both. Outputs: the last carries.
struct LoopLayout {
  size_t carries, captures;

  static bool fits(const Attrs& a, size_t inputs, size_t body_outputs) {
    const size_t n = size_t(a.integer("carries"));
    return n <= inputs && n == body_outputs;
  }
  LoopLayout(const Attrs& a, size_t inputs) : carries(size_t(a.integer("carries"))), captures(inputs - carries) {}
  size_t capture(size_t i) const { return carries + i; }
};

// cond. Inputs: the predicate, captures, which both branches take.
struct CondLayout {
  size_t captures;
  explicit CondLayout(size_t inputs) : captures(inputs - 1) {}
  static constexpr size_t predicate = 0;
  size_t capture(size_t i) const { return 1 + i; }
};
}  // namespace hornbeam
