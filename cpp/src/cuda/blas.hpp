// cuBLASLt as far as products need it: its types and functions, declared here because nothing of CUDA is there when
// Hornbeam is built. The values are those of cublasLt.h 12 and 13 (tests/cuda_headers compares them).
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
enum class DescAttribute : int { transpose_a = 3, transpose_b = 4 };     // an Operation
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
}  // namespace lt

/// The functions, and a handle to the library for the device whose context was current when it was loaded.
struct Blas {
  lt::Status (*create)(lt::Handle*);
  lt::Status (*destroy)(lt::Handle);
  const char* (*status_string)(lt::Status);
  lt::Status (*create_layout)(lt::Layout*, lt::DataType, uint64_t rows, uint64_t columns, int64_t leading_dimension);
  lt::Status (*destroy_layout)(lt::Layout);
  lt::Status (*set_layout)(lt::Layout, lt::LayoutAttribute, const void* value, size_t bytes);
  lt::Status (*create_desc)(lt::Desc*, lt::Compute, lt::DataType scale);
  lt::Status (*destroy_desc)(lt::Desc);
  lt::Status (*set_desc)(lt::Desc, lt::DescAttribute, const void* value, size_t bytes);
  lt::Status (*create_preference)(lt::Preference*);
  lt::Status (*destroy_preference)(lt::Preference);
  lt::Status (*set_preference)(lt::Preference, lt::PreferenceAttribute, const void* value, size_t bytes);
  lt::Status (*find_algorithms)(lt::Handle, lt::Desc, lt::Layout a, lt::Layout b, lt::Layout c, lt::Layout d,
                                lt::Preference, int wanted, lt::Found*, int* found);
  lt::Status (*multiply)(lt::Handle, lt::Desc, const void* alpha, const void* a, lt::Layout, const void* b, lt::Layout,
                         const void* beta, const void* c, lt::Layout, void* d, lt::Layout, const lt::Algorithm*,
                         void* workspace, size_t workspace_bytes, void* stream);

  lt::Handle handle = nullptr;

  Blas() = default;
  Blas(const Blas&) = delete;
  ~Blas();
  /// Throws Error with the library's words when a call failed.
  void check(lt::Status status, const char* what) const;
};

/// `symbol` finds a function of the opened library by its name, or gives null. Throws Error for one that is missing,
/// and when the library does not work on the device.
std::unique_ptr<Blas> load_blas(const std::function<void*(const char*)>& symbol);
}  // namespace hornbeam::cuda
