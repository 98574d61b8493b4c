// Compiled against NVIDIA's cudnn.h (run.py): what cuda/dnn.hpp says of cuDNN is what cuDNN says.
#include "cuda/dnn.hpp"

#include <cudnn.h>

#include <type_traits>

using hornbeam::cuda::Dnn;
using hornbeam::cuda::DnnAlgorithm;

namespace {
// Whether values of both types are passed alike: pointers, numbers of one size, of the same kind.
template <class Real, class Ours>
constexpr bool alike() {
  if constexpr (std::is_pointer_v<Real> || std::is_pointer_v<Ours>)
    return std::is_pointer_v<Real> && std::is_pointer_v<Ours>;
  else
    return sizeof(Real) == sizeof(Ours) && std::is_floating_point_v<Real> == std::is_floating_point_v<Ours>;
}
template <class Real, class Ours>
struct Same : std::false_type {};
template <class R, class... As, class O, class... Bs>
struct Same<R (*)(As...), O (*)(Bs...)> {
  static constexpr bool parameters() {
    if constexpr (sizeof...(As) == sizeof...(Bs))
      return (alike<As, Bs>() && ...);
    else
      return false;
  }
  static constexpr bool value = alike<R, O>() && parameters();
};
template <auto Real, class Ours>
constexpr bool same = Same<decltype(Real), Ours>::value;

static_assert(same<&cudnnCreate, decltype(Dnn::create)>);
static_assert(same<&cudnnDestroy, decltype(Dnn::destroy)>);
static_assert(same<&cudnnSetStream, decltype(Dnn::set_stream)>);
static_assert(same<&cudnnGetErrorString, decltype(Dnn::error_string)>);
static_assert(same<&cudnnCreateTensorDescriptor, decltype(Dnn::create_tensor)>);
static_assert(same<&cudnnDestroyTensorDescriptor, decltype(Dnn::destroy_tensor)>);
static_assert(same<&cudnnSetTensorNdDescriptor, decltype(Dnn::set_tensor)>);
static_assert(same<&cudnnCreateFilterDescriptor, decltype(Dnn::create_filter)>);
static_assert(same<&cudnnDestroyFilterDescriptor, decltype(Dnn::destroy_filter)>);
static_assert(same<&cudnnSetFilterNdDescriptor, decltype(Dnn::set_filter)>);
static_assert(same<&cudnnCreateConvolutionDescriptor, decltype(Dnn::create_convolution)>);
static_assert(same<&cudnnDestroyConvolutionDescriptor, decltype(Dnn::destroy_convolution)>);
static_assert(same<&cudnnSetConvolutionNdDescriptor, decltype(Dnn::set_convolution)>);
static_assert(same<&cudnnSetConvolutionGroupCount, decltype(Dnn::set_groups)>);
static_assert(same<&cudnnSetConvolutionMathType, decltype(Dnn::set_math)>);

using Find = std::remove_extent_t<decltype(Dnn::algorithms)>;
static_assert(same<&cudnnGetConvolutionForwardAlgorithm_v7, Find>);
static_assert(same<&cudnnGetConvolutionBackwardDataAlgorithm_v7, Find>);
static_assert(same<&cudnnGetConvolutionBackwardFilterAlgorithm_v7, Find>);
using Workspace = std::remove_extent_t<decltype(Dnn::workspace)>;
static_assert(same<&cudnnGetConvolutionForwardWorkspaceSize, Workspace>);
static_assert(same<&cudnnGetConvolutionBackwardDataWorkspaceSize, Workspace>);
static_assert(same<&cudnnGetConvolutionBackwardFilterWorkspaceSize, Workspace>);
using Convolve = std::remove_extent_t<decltype(Dnn::run)>;
static_assert(same<&cudnnConvolutionForward, Convolve>);
static_assert(same<&cudnnConvolutionBackwardData, Convolve>);
static_assert(same<&cudnnConvolutionBackwardFilter, Convolve>);

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

static_assert(int(CUDNN_STATUS_SUCCESS) == Dnn::kSuccess);
static_assert(int(CUDNN_DETERMINISTIC) == Dnn::kDeterministic);
static_assert(int(CUDNN_TENSOR_NHWC) == Dnn::kChannelsLast);
static_assert(int(CUDNN_CROSS_CORRELATION) == Dnn::kCrossCorrelation);
static_assert(int(CUDNN_DATA_FLOAT) == Dnn::f32);
static_assert(int(CUDNN_DATA_HALF) == Dnn::f16);
static_assert(int(CUDNN_DATA_BFLOAT16) == Dnn::bf16);
static_assert(int(CUDNN_DEFAULT_MATH) == Dnn::any_math);
static_assert(int(CUDNN_TENSOR_OP_MATH) == Dnn::tensor_cores);
static_assert(int(CUDNN_FMA_MATH) == Dnn::fma);
}  // namespace
