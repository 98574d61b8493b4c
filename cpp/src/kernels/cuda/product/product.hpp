// A product of matrices as a step of a plan: what it is, and who computes it, cuBLASLt or a kernel of our own.
#pragma once

#include <vector>

#include "kernels/cuda/elementwise/group.hpp"

namespace hornbeam::cuda {

/// C = A B for each entry of a batch, all by rows. A is m x k, or lies as its transpose; B is k x n likewise. The
/// entries of C lie one after another.
struct Product {
  struct Factor {
    Address at;
    bool transposed = false;
  };
  /// Entries, and how far apart they lie in A and B, in elements; 0: they share a matrix.
  struct Axis {
    int64_t size, a_step, b_step;
  };
  DType dtype = DType::f32;
  int64_t m = 0, n = 0, k = 0;
  Factor a, b;
  Address c;
  std::vector<Axis> batch;  // the last axis first

  int64_t entries() const;
  int64_t c_size() const { return entries() * m * n; }  // in elements
};

/// Puts the product on the plan, whoever computes it, and `then` what follows it: C is then where that says.
void plan_product(Planner& p, Product product, const Epilogue* then = nullptr);

/// The same by cuBLASLt, which must be there, with what it can do at once; false: it cannot.
bool plan_library_product(Planner& p, const Product& product, const Epilogue::Simple& then = {});
/// The same by our own kernel, which computes every dtype of numbers.
void plan_tiled_product(Planner& p, const Product& product, const End& end);
}  // namespace hornbeam::cuda
