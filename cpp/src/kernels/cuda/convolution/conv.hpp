// The ways to compute a convolution or one of its gradients, which conv.cpp chooses from.
#pragma once

#include "kernels/cuda/plan.hpp"
#include "schema/windows.hpp"

namespace hornbeam::cuda {

/// The geometry, as device/conv_shape.cuh takes it: two parameters.
std::vector<Param> conv_params(const ConvGeometry& g);

/// With threads of their own for the elements of the result: where groups are small.
bool conv_is_direct(const ConvGeometry& g);
/// `bias` may be a null pointer: Param(0). Forward alone has bias and relu.
void launch_direct(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Param bias, bool relu,
                   Address to);

/// By cuDNN; false when that is not there or does not have it.
bool launch_library(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Address to);

/// With tiles of a product, whose factors are gathered.
void launch_tiles(Planner& p, const ConvGeometry& g, DType dtype, Address a, Address b, Address to);
}  // namespace hornbeam::cuda
