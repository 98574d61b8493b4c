// cuBLASLt as far as products need it. Its types are declared here, since nothing of CUDA is there when Hornbeam is
// built; tests/cuda_headers compares them with cublasLt.h 12 and 13.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace hornbeam::cuda {

namespace lt {
enum class Status : int { success = 0, not_supported = 15 };
enum class DataType : int { f32 = 0, f64 = 1, f16 = 2, bf16 = 14 };
enum class Compute : int { f32 = 68, f64 = 70, tf32 = 77 };  // tf32: factors of float32 may be rounded to 10 bits
enum class Operation : int { none = 0, transpose = 1 };
enum class LayoutAttribute : int { batch_count = 5, batch_stride = 6 };  // int32_t, int64_t
enum class DescAttribute : int {
  transpose_a = 3,  // an Operation
  transpose_b = 4,
  epilogue = 7,  // an Epilogue
  bias = 8,      // const void*
};
/// What is done with the result: a number for each of its rows is added, what is below 0 becomes 0.
enum class Epilogue : uint32_t { none = 1, relu = 2, bias = 4, relu_bias = 6 };
enum class PreferenceAttribute : int {
  workspace = 1,    // uint64_t: bytes at most
  reduction = 3,    // uint32_t: a mask of Reduction
  alignment_a = 5,  // uint32_t: of what buffers' addresses are multiples
  alignment_b = 6,
  alignment_c = 7,
  alignment_d = 8,
};
/// How parts of a long sum are added up; each product may as well be one sum.
enum class Reduction : uint32_t { compute_type = 2 };  // apart and afterwards: in one order, and nothing is rounded

struct Context;
struct LayoutBody;
struct DescBody;
struct PreferenceBody;
using Handle = Context*;
using Layout = LayoutBody*;  // a matrix in memory, by columns
using Desc = DescBody*;      // an operation
using Preference = PreferenceBody*;

struct Algorithm {
  uint64_t data[8];
};
struct Found {
  Algorithm algorithm;
  size_t workspace;
  Status status;
  float waves;
  int reserved[4];
};

// result, name, parameters
#define HB_CUBLASLT(F)                                                                                               \
  F(Status, cublasLtCreate, (Handle*))                                                                               \
  F(Status, cublasLtDestroy, (Handle))                                                                               \
  F(const char*, cublasLtGetStatusString, (Status))                                                                  \
  F(Status, cublasLtMatrixLayoutCreate, (Layout*, DataType, uint64_t rows, uint64_t columns, int64_t leading))       \
  F(Status, cublasLtMatrixLayoutDestroy, (Layout))                                                                   \
  F(Status, cublasLtMatrixLayoutSetAttribute, (Layout, LayoutAttribute, const void*, size_t))                        \
  F(Status, cublasLtMatmulDescCreate, (Desc*, Compute, DataType scale))                                              \
  F(Status, cublasLtMatmulDescDestroy, (Desc))                                                                       \
  F(Status, cublasLtMatmulDescSetAttribute, (Desc, DescAttribute, const void*, size_t))                              \
  F(Status, cublasLtMatmulPreferenceCreate, (Preference*))                                                           \
  F(Status, cublasLtMatmulPreferenceDestroy, (Preference))                                                           \
  F(Status, cublasLtMatmulPreferenceSetAttribute, (Preference, PreferenceAttribute, const void*, size_t))            \
  F(Status, cublasLtMatmulAlgoGetHeuristic,                                                                          \
    (Handle, Desc, Layout a, Layout b, Layout c, Layout d, Preference, int wanted, Found*, int* count))              \
  F(Status, cublasLtMatmul,                                                                                          \
    (Handle, Desc, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta, const void* c, \
     Layout, void* d, Layout, const Algorithm*, void* workspace, size_t workspace_bytes, void* stream))

struct Functions {
#define HB_CUBLASLT_FUNCTION(result, name, parameters) result(*name) parameters = nullptr;
  HB_CUBLASLT(HB_CUBLASLT_FUNCTION)
#undef HB_CUBLASLT_FUNCTION
};
}  // namespace lt

/// The library as one device uses it.
struct Blas : lt::Functions {
  lt::Handle handle = nullptr;

  Blas() = default;
  Blas(const Blas&) = delete;
  ~Blas();
  /// Throws DeviceError with the library's words when a call failed.
  void check(lt::Status status, const char* call) const;
};

/// For the device whose context is current; `symbol` finds a function of the open library, or gives null. Throws
/// DeviceError when one is missing, or the library does not start.
std::unique_ptr<Blas> load_blas(const std::function<void*(const char*)>& symbol);
}  // namespace hornbeam::cuda
