// Compiles where our declarations of cuBLASLt are those of its header; nothing runs.
#include <cublasLt.h>

#include "cuda/blas.hpp"
#include "same_abi.hpp"

namespace lt = hornbeam::cuda::lt;

SAME_VALUE(lt::Status::success, CUBLAS_STATUS_SUCCESS);
SAME_VALUE(lt::Status::not_supported, CUBLAS_STATUS_NOT_SUPPORTED);
SAME_VALUE(lt::DataType::f32, CUDA_R_32F);
SAME_VALUE(lt::DataType::f64, CUDA_R_64F);
SAME_VALUE(lt::DataType::f16, CUDA_R_16F);
SAME_VALUE(lt::DataType::bf16, CUDA_R_16BF);
SAME_VALUE(lt::Compute::f32, CUBLAS_COMPUTE_32F);
SAME_VALUE(lt::Compute::f64, CUBLAS_COMPUTE_64F);
SAME_VALUE(lt::Compute::tf32, CUBLAS_COMPUTE_32F_FAST_TF32);
SAME_VALUE(lt::Operation::none, CUBLAS_OP_N);
SAME_VALUE(lt::Operation::transpose, CUBLAS_OP_T);
SAME_VALUE(lt::LayoutAttribute::batch_count, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
SAME_VALUE(lt::LayoutAttribute::batch_stride, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
SAME_VALUE(lt::DescAttribute::transpose_a, CUBLASLT_MATMUL_DESC_TRANSA);
SAME_VALUE(lt::DescAttribute::transpose_b, CUBLASLT_MATMUL_DESC_TRANSB);
SAME_VALUE(lt::DescAttribute::epilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
SAME_VALUE(lt::DescAttribute::bias, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
SAME_VALUE(lt::Epilogue::none, CUBLASLT_EPILOGUE_DEFAULT);
SAME_VALUE(lt::Epilogue::relu, CUBLASLT_EPILOGUE_RELU);
SAME_VALUE(lt::Epilogue::bias, CUBLASLT_EPILOGUE_BIAS);
SAME_VALUE(lt::Epilogue::relu_bias, CUBLASLT_EPILOGUE_RELU_BIAS);
SAME_VALUE(lt::PreferenceAttribute::workspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME_VALUE(lt::PreferenceAttribute::reduction, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
SAME_VALUE(lt::PreferenceAttribute::alignment_a, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME_VALUE(lt::PreferenceAttribute::alignment_b, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
SAME_VALUE(lt::PreferenceAttribute::alignment_c, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
SAME_VALUE(lt::PreferenceAttribute::alignment_d, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
SAME_VALUE(lt::Reduction::compute_type, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);

static_assert(sizeof(lt::Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(lt::Found) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(lt::Found, algorithm) == offsetof(cublasLtMatmulHeuristicResult_t, algo));
static_assert(offsetof(lt::Found, workspace) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(lt::Found, status) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(offsetof(lt::Found, waves) == offsetof(cublasLtMatmulHeuristicResult_t, wavesCount));

#define HB_CUBLASLT_FUNCTION(result, name, parameters) SAME_ABI(lt::Functions::name, name);
HB_CUBLASLT(HB_CUBLASLT_FUNCTION)
