// The reductions, for the ops and for their kernel.
#pragma once

#include "hornbeam/kernel.hpp"

namespace hornbeam {

enum class Reduction { sum, mean, max, min, prod, any, all };

template <Reduction kind>
KernelPlan plan_reduce(const KernelRequest& r);
namespace cuda {
template <Reduction kind>
KernelPlan plan_reduce(const KernelRequest& r);
}  // namespace cuda
}  // namespace hornbeam
