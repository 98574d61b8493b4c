// Compiled against NVIDIA's cudnn.h (run.py): what cuda/dnn.hpp says of cuDNN is what cuDNN says.
#include "cuda/dnn.hpp"

#include <cudnn.h>

#include <cstddef>

#include "same_abi.hpp"

using hornbeam::cuda::Dnn;
using hornbeam::cuda::DnnAlgorithm;

SAME_ABI(Dnn::create, cudnnCreate);
SAME_ABI(Dnn::destroy, cudnnDestroy);
SAME_ABI(Dnn::set_stream, cudnnSetStream);
SAME_ABI(Dnn::error_string, cudnnGetErrorString);
SAME_ABI(Dnn::create_tensor, cudnnCreateTensorDescriptor);
SAME_ABI(Dnn::destroy_tensor, cudnnDestroyTensorDescriptor);
SAME_ABI(Dnn::set_tensor, cudnnSetTensorNdDescriptor);
SAME_ABI(Dnn::create_filter, cudnnCreateFilterDescriptor);
SAME_ABI(Dnn::destroy_filter, cudnnDestroyFilterDescriptor);
SAME_ABI(Dnn::set_filter, cudnnSetFilterNdDescriptor);
SAME_ABI(Dnn::create_convolution, cudnnCreateConvolutionDescriptor);
SAME_ABI(Dnn::destroy_convolution, cudnnDestroyConvolutionDescriptor);
SAME_ABI(Dnn::set_convolution, cudnnSetConvolutionNdDescriptor);
SAME_ABI(Dnn::set_groups, cudnnSetConvolutionGroupCount);
SAME_ABI(Dnn::set_math, cudnnSetConvolutionMathType);

using Find = std::remove_extent_t<decltype(Dnn::algorithms)>;
SAME_ABI(Find{}, cudnnGetConvolutionForwardAlgorithm_v7);
SAME_ABI(Find{}, cudnnGetConvolutionBackwardDataAlgorithm_v7);
SAME_ABI(Find{}, cudnnGetConvolutionBackwardFilterAlgorithm_v7);
using Workspace = std::remove_extent_t<decltype(Dnn::workspace)>;
SAME_ABI(Workspace{}, cudnnGetConvolutionForwardWorkspaceSize);
SAME_ABI(Workspace{}, cudnnGetConvolutionBackwardDataWorkspaceSize);
SAME_ABI(Workspace{}, cudnnGetConvolutionBackwardFilterWorkspaceSize);
using Convolve = std::remove_extent_t<decltype(Dnn::run)>;
SAME_ABI(Convolve{}, cudnnConvolutionForward);
SAME_ABI(Convolve{}, cudnnConvolutionBackwardData);
SAME_ABI(Convolve{}, cudnnConvolutionBackwardFilter);

template <class Real>
constexpr bool same_proposal = sizeof(Real) == sizeof(DnnAlgorithm) &&
                               offsetof(Real, algo) == offsetof(DnnAlgorithm, algorithm) &&
                               offsetof(Real, status) == offsetof(DnnAlgorithm, status) &&
                               offsetof(Real, time) == offsetof(DnnAlgorithm, time) &&
                               offsetof(Real, memory) == offsetof(DnnAlgorithm, memory) &&
                               offsetof(Real, determinism) == offsetof(DnnAlgorithm, determinism) &&
                               offsetof(Real, mathType) == offsetof(DnnAlgorithm, math);
static_assert(same_proposal<cudnnConvolutionFwdAlgoPerf_t>);
static_assert(same_proposal<cudnnConvolutionBwdDataAlgoPerf_t>);
static_assert(same_proposal<cudnnConvolutionBwdFilterAlgoPerf_t>);

SAME_VALUE(Dnn::kSuccess, CUDNN_STATUS_SUCCESS);
SAME_VALUE(Dnn::kDeterministic, CUDNN_DETERMINISTIC);
SAME_VALUE(Dnn::kChannelsLast, CUDNN_TENSOR_NHWC);
SAME_VALUE(Dnn::kCrossCorrelation, CUDNN_CROSS_CORRELATION);
SAME_VALUE(Dnn::f32, CUDNN_DATA_FLOAT);
SAME_VALUE(Dnn::f16, CUDNN_DATA_HALF);
SAME_VALUE(Dnn::bf16, CUDNN_DATA_BFLOAT16);
SAME_VALUE(Dnn::any_math, CUDNN_DEFAULT_MATH);
SAME_VALUE(Dnn::tensor_cores, CUDNN_TENSOR_OP_MATH);
SAME_VALUE(Dnn::fma, CUDNN_FMA_MATH);
