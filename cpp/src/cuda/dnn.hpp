// cuDNN's functions, from the library that is opened at run time, and convolutions by them. Types and numbers are those
// of cuDNN 8 and 9: handles and descriptors are pointers, enumerators ints (tests/cuda_headers compares with the
// headers).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

namespace hornbeam::cuda {

/// An algorithm that cuDNN proposes.
struct DnnAlgorithm {
  int algorithm, status;
  float time;
  size_t memory;
  int determinism, math;
  int reserved[3];
};

/// The functions, and the handle of the device whose context is current when it is first asked for: one for each
/// device. Convolutions refer to it, so it outlives them.
struct Dnn {
  enum Type { f32 = 0, f16 = 2, bf16 = 9 };
  enum Math { any_math = 0, tensor_cores = 1, fma = 3 };  // any: float32 may be rounded to TF32
  enum Role { forward, input_grad, kernel_grad };
  enum : int { kSuccess = 0, kDeterministic = 1, kChannelsLast = 1, kCrossCorrelation = 1 };

  Dnn() = default;
  ~Dnn();
  /// The lock that must be held while the handle is used.
  std::unique_lock<std::mutex> lock() const { return std::unique_lock<std::mutex>(mutex_); }
  /// Made when first asked for, null where the library does not work on the device; hold the lock.
  void* handle() const;
  /// Throws Error when `status` is not success.
  void check(int status, const char* what) const;

  int (*create)(void** handle) = nullptr;
  int (*destroy)(void* handle) = nullptr;
  int (*set_stream)(void* handle, void* stream) = nullptr;
  const char* (*error_string)(int status) = nullptr;
  int (*create_tensor)(void** tensor) = nullptr;
  int (*destroy_tensor)(void* tensor) = nullptr;
  int (*set_tensor)(void* tensor, int type, int axes, const int* sizes, const int* strides) = nullptr;
  int (*create_filter)(void** filter) = nullptr;
  int (*destroy_filter)(void* filter) = nullptr;
  int (*set_filter)(void* filter, int type, int format, int axes, const int* sizes) = nullptr;
  int (*create_convolution)(void** convolution) = nullptr;
  int (*destroy_convolution)(void* convolution) = nullptr;
  int (*set_convolution)(void* convolution, int axes, const int* padding, const int* strides, const int* dilations,
                         int mode, int type) = nullptr;
  int (*set_groups)(void* convolution, int groups) = nullptr;
  int (*set_math)(void* convolution, int math) = nullptr;
  // by Role; a, b, out: x, kernel, y, or kernel, dy, dx, or x, dy, dkernel
  int (*algorithms[3])(void* handle, const void* a, const void* b, const void* convolution, const void* out, int most,
                       int* count, DnnAlgorithm* found) = {};
  int (*workspace[3])(void* handle, const void* a, const void* b, const void* convolution, const void* out,
                      int algorithm, size_t* bytes) = {};
  int (*run[3])(void* handle, const void* alpha, const void* a_type, const void* a, const void* b_type, const void* b,
                const void* convolution, int algorithm, void* work, size_t work_bytes, const void* beta,
                const void* out_type, void* out) = {};

 private:
  mutable std::mutex mutex_;
  mutable void* handle_ = nullptr;
  mutable bool failed_ = false;
};

/// `symbol` finds a function of the opened library by its name, or gives null. Throws Error for one that is missing.
std::unique_ptr<Dnn> load_dnn(const std::function<void*(const char*)>& symbol);

/// Two spatial axes; x and y channels last, kernels [filter, window.., channel of the group].
struct DnnShape {
  Dnn::Role role;
  Dnn::Type type;
  Dnn::Math math;
  int batch, channels, filters, groups;
  int in[2], out[2], window[2], stride[2], padding[2], dilation[2];
};

/// A convolution or one of its gradients, by a deterministic algorithm.
class DnnConvolution {
 public:
  /// Null when cuDNN has none that takes at most `most_workspace` bytes.
  static std::shared_ptr<const DnnConvolution> find(const Dnn& dnn, const DnnShape& shape, size_t most_workspace);
  ~DnnConvolution();
  size_t workspace() const { return workspace_; }
  /// a, b and out: see Dnn.
  void run(void* stream, const void* a, const void* b, void* out, void* work) const;

 private:
  DnnConvolution(const Dnn& dnn, Dnn::Role role) : dnn_(dnn), role_(role) {}
  bool describe(const DnnShape& shape);
  bool choose(size_t most_workspace);

  const Dnn& dnn_;
  const Dnn::Role role_;
  void *x_ = nullptr, *y_ = nullptr, *kernel_ = nullptr, *convolution_ = nullptr;
  void *const *a_ = nullptr, *const *b_ = nullptr, *const *out_ = nullptr;  // which of those
  int algorithm_ = 0;
  size_t workspace_ = 0;
};
}  // namespace hornbeam::cuda
