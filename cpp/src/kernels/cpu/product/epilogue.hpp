// What follows a product, convolution or normalization elementwise, run where the result is made.
#pragma once

#include "kernels/cpu/elementwise/fused.hpp"
#include "kernels/cpu/product/gemm.hpp"

namespace hornbeam {

/// An elementwise group applied to a product while it is in cache ("program" of the node; input 0 is the product). A
/// bias that comes first, and a residual and relu where there is no more, are taken care of while the product is still
/// in registers.
struct Epilogue {
  bool present = false;  // there is more than that
  bool apart = false;    // the product does not lie where a result goes: results may take over the memory of inputs
  int bias = -1;         // the input that is a bias of the product's columns
  int residual = -1;     // the input that is a residual of the result's shape
  bool relu = false;
  FusedKernel fused;        // what is left
  std::vector<int> inputs;  // the node's that are its inputs 1, 2, ...

  /// The node's inputs from `first_input` on are the group's. `columns`: of the product as it leaves the registers, or
  /// kNotInRegisters where it does not lie as the result does then.
  static Epilogue plan(const KernelRequest& r, size_t first_input, int64_t columns);
  static constexpr int64_t kNotInRegisters = 0;
  /// That of a kernel's gradient (inputs x and dy), which always lies apart.
  static Epilogue plan_kernel_grad(const KernelRequest& r);
  /// Puts the product apart.
  void lie_apart();
  std::vector<int> aliases;  // then: the node's inputs that may share memory with a result
  /// What to do in registers for columns from `column` on.
  TileEnd end(const KernelCall& call, int64_t column = 0) const;
  /// Applies it to elements [begin, end) of a product stored as the result is, at c, in place.
  void apply(const KernelCall& call, float* c, int64_t begin, int64_t end) const {
    run(call, c + begin, c, begin, end);
  }
  /// The same to columns [column, column + columns) of some rows of a matrix that begins at element `base` and has
  /// `width` columns.
  void apply_rows(const KernelCall& call, float* c, int64_t base, int64_t width, int64_t row, int64_t rows,
                  int64_t column, int64_t columns) const {
    run_rows(call, c + base, c, base, width, row, rows, column, columns);
  }
  /// The same for a product apart, whose row `row` begins at `product`.
  void apply_apart(const KernelCall& call, const float* product, int64_t width, int64_t row, int64_t rows,
                   int64_t column, int64_t columns) const {
    run_rows(call, product - row * width, nullptr, 0, width, row, rows, column, columns);
  }
  /// The same for elements [begin, begin + count) of it.
  void apply_apart(const KernelCall& call, const float* product, int64_t begin, int64_t count) const {
    apply_apart(call, product, 1, begin, count, 0, 1);
  }

 private:
  // Elements [begin, end), whose products lie at `product`; to the node's results, or to `c`.
  void run(const KernelCall& call, const float* product, float* c, int64_t begin, int64_t end) const;
  void run_rows(const KernelCall& call, const float* product, float* c, int64_t base, int64_t width, int64_t row,
                int64_t rows, int64_t column, int64_t columns) const {
    if (!present) return;
    const int64_t step = columns == width ? rows : 1;
    for (int64_t i = row; i < row + rows; i += step) {
      const int64_t begin = i * width + column, end = (i + step - 1) * width + column + columns;
      run(call, product + begin, c, base + begin, base + end);
    }
  }
};

/// make_plan for parameters with an epilogue, whose results may lie where its inputs do.
template <class T>
KernelPlan make_plan_with_epilogue(T params, std::vector<Stage> stages, size_t workspace, size_t prepacked_bytes = 0) {
  std::vector<int> aliases = params.epilogue.aliases;
  KernelPlan plan = make_plan(std::move(params), std::move(stages), workspace, prepacked_bytes);
  plan.alias_inputs = std::move(aliases);
  return plan;
}
}  // namespace hornbeam
