// The fake libcudnn: the functions that convolutions of the CUDA backend use, by plain loops over the fake device's
// memory. It refuses what the real library refuses, and proposes algorithms that nobody should take before those that
// one may.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "base/half.hpp"
#include "fake.hpp"

namespace {
enum Status { success = 0, bad_parameter = 2000, not_supported = 3000, failed = 5000 };
enum { kFloat = 0, kHalf = 2, kBFloat16 = 9, kChannelsLast = 1, kCrossCorrelation = 1 };
enum { kAtomic = 0, kOwn = 1, kHungry = 5 };  // algorithms: adds in any order; the one to take; wants too much memory
constexpr size_t kWork = 1000, kHungryWork = size_t(1) << 40;

int refuse(const char* why, int status = bad_parameter) {
  std::fprintf(stderr, "fake cuDNN: %s\n", why);
  return status;
}

struct Handle {
  CUstream stream = nullptr;
};
struct Tensor {  // of a convolution's input or output, or its kernel; sizes are given channels first
  enum Kind { tensor, filter } kind;
  int type = kFloat, size[4] = {};
  bool set = false;
  size_t bytes() const { return count() * (type == kFloat ? 4 : 2); }
  size_t count() const { return size_t(size[0]) * size_t(size[1]) * size_t(size[2]) * size_t(size[3]); }
  // Channels last, as they lie in memory.
  size_t at(int n, int h, int w, int c) const {
    return ((size_t(n) * size_t(size[2]) + size_t(h)) * size_t(size[3]) + size_t(w)) * size_t(size[1]) + size_t(c);
  }
};
struct Convolution {
  int padding[2], stride[2], dilation[2], groups = 1, math = 0;
  bool set = false;
};
struct Proposal {
  int algorithm, status;
  float time;
  size_t memory;
  int deterministic, math, reserved[3];
};
enum Role { forward, input_grad, kernel_grad };

// A convolution that was asked for: the tensors by what they are.
struct Job {
  Role role;
  Tensor x, kernel, y;
  Convolution c;
  const void *a, *b;
  void *out, *work;
  size_t work_bytes;
};

bool shapes_agree(const Tensor& x, const Tensor& kernel, const Tensor& y, const Convolution& c) {
  if (!x.set || !kernel.set || !y.set || !c.set) return false;
  if (x.kind != Tensor::tensor || y.kind != Tensor::tensor || kernel.kind != Tensor::filter) return false;
  bool agree = x.type == y.type && x.type == kernel.type && x.size[0] == y.size[0] &&
               x.size[1] == kernel.size[1] * c.groups && y.size[1] == kernel.size[0] && kernel.size[0] % c.groups == 0;
  for (int i = 0; i < 2; ++i) {
    const long long reach = (kernel.size[2 + i] - 1LL) * c.dilation[i] + 1, padded = x.size[2 + i] + 2LL * c.padding[i];
    agree = agree && padded >= reach && (padded - reach) / c.stride[i] + 1 == y.size[2 + i];
  }
  return agree;
}

double number(float x) { return double(x); }
template <class T>
double number(T x) {
  return double(hornbeam::to_float(x));
}
void write(double x, float* to) { *to = float(x); }
void write(double x, hornbeam::Half* to) { *to = hornbeam::to_half(float(x)); }
void write(double x, hornbeam::BFloat16* to) { *to = hornbeam::to_bfloat16(float(x)); }

template <class T>
void convolve(const Job& j) {
  auto a = [&](size_t i) { return number(static_cast<const T*>(j.a)[i]); };
  auto b = [&](size_t i) { return number(static_cast<const T*>(j.b)[i]); };
  const Tensor& result = j.role == forward ? j.y : j.role == input_grad ? j.x : j.kernel;
  std::vector<double> sum(result.count());
  const int channels = j.kernel.size[1], filters = j.kernel.size[0] / j.c.groups;
  for (int n = 0; n < j.y.size[0]; ++n)
    for (int oh = 0; oh < j.y.size[2]; ++oh)
      for (int ow = 0; ow < j.y.size[3]; ++ow)
        for (int kh = 0; kh < j.kernel.size[2]; ++kh)
          for (int kw = 0; kw < j.kernel.size[3]; ++kw) {
            const int h = oh * j.c.stride[0] - j.c.padding[0] + kh * j.c.dilation[0];
            const int w = ow * j.c.stride[1] - j.c.padding[1] + kw * j.c.dilation[1];
            if (h < 0 || h >= j.x.size[2] || w < 0 || w >= j.x.size[3]) continue;
            for (int f = 0; f < j.y.size[1]; ++f)
              for (int c = 0; c < channels; ++c) {
                const size_t x = j.x.at(n, h, w, f / filters * channels + c), y = j.y.at(n, oh, ow, f);
                const size_t k = j.kernel.at(f, kh, kw, c);
                if (j.role == forward) sum[y] += a(x) * b(k);
                if (j.role == input_grad) sum[x] += a(k) * b(y);
                if (j.role == kernel_grad) sum[k] += a(x) * b(y);
              }
          }
  for (size_t i = 0; i < sum.size(); ++i) write(sum[i], static_cast<T*>(j.out) + i);
}

void run_job(void* data) {
  const Job& j = *static_cast<Job*>(data);
  const Tensor& a = j.role == input_grad ? j.kernel : j.x;
  const Tensor& b = j.role == forward ? j.kernel : j.y;
  const Tensor& out = j.role == forward ? j.y : j.role == input_grad ? j.x : j.kernel;
  if (fake_cuda_check(j.a, a.bytes(), "cuDNN, first factor") || fake_cuda_check(j.b, b.bytes(), "cuDNN, second") ||
      fake_cuda_check(j.out, out.bytes(), "cuDNN, result") || fake_cuda_check(j.work, j.work_bytes, "cuDNN, workspace"))
    return;
  for (size_t i = 0; i < j.work_bytes; ++i) static_cast<unsigned char*>(j.work)[i] = 0xFF;  // it may be used
  if (out.type == kHalf)
    convolve<hornbeam::Half>(j);
  else if (out.type == kBFloat16)
    convolve<hornbeam::BFloat16>(j);
  else
    convolve<float>(j);
}

// The tensors as role `role` is given them.
Job job_of(Role role, const Tensor& a, const Tensor& b, const Convolution& c, const Tensor& out) {
  Job j{};
  j.role = role, j.c = c;
  j.x = role == input_grad ? out : a;
  j.kernel = role == forward ? b : role == input_grad ? a : out;
  j.y = role == forward ? out : b;
  return j;
}

int propose(Role role, const Tensor* a, const Tensor* b, const Convolution* c, const Tensor* out, int most, int* count,
            Proposal* found) {
  const Job j = job_of(role, *a, *b, *c, *out);
  if (!shapes_agree(j.x, j.kernel, j.y, j.c)) return refuse("the shapes of a convolution do not belong together");
  const Proposal all[] = {{kAtomic, success, 1, 0, 0, c->math, {}},
                          {kHungry, success, 2, kHungryWork, 1, c->math, {}},
                          {kOwn, success, 3, kWork, 1, c->math, {}},
                          {2, not_supported, -1, 0, 1, c->math, {}}};
  for (*count = 0; *count < 4 && *count < most; ++*count) found[*count] = all[*count];
  return success;
}
int workspace_of(int algorithm, size_t* bytes) {
  if (algorithm != kAtomic && algorithm != kOwn && algorithm != kHungry) return not_supported;
  *bytes = algorithm == kOwn ? kWork : algorithm == kHungry ? kHungryWork : 0;
  return success;
}

int enqueue(Role role, const Handle* h, const void* alpha, const Tensor* a, const void* a_at, const Tensor* b,
            const void* b_at, const Convolution* c, int algorithm, void* work, size_t work_bytes, const void* beta,
            const Tensor* out, void* out_at) {
  Job j = job_of(role, *a, *b, *c, *out);
  if (!shapes_agree(j.x, j.kernel, j.y, j.c)) return refuse("the shapes of a convolution do not belong together");
  if (algorithm != kOwn) return refuse("an algorithm that is not deterministic, or none of those proposed");
  if (work_bytes < kWork) return refuse("too little workspace");
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
    return refuse("the fake has alpha = 1 and beta = 0 alone", not_supported);
  for (const void* at : {a_at, b_at, static_cast<const void*>(out_at)})
    if (reinterpret_cast<uintptr_t>(at) % 16) return refuse("an address is no multiple of 16");
  j.a = a_at, j.b = b_at, j.out = out_at;
  j.work = work, j.work_bytes = kWork;
  auto* kept = new Job(j);
  if (!fake_cuda_enqueue(h->stream, run_job, kept, [](void* data) { delete static_cast<Job*>(data); })) return success;
  delete kept;
  return refuse("the stream takes no work", failed);
}
}  // namespace

extern "C" {
const char* cudnnGetErrorString(int status) {
  return status == success ? "success" : "fake cuDNN refused (see stderr)";
}
int cudnnCreate(Handle** handle) {
  *handle = new Handle;
  return success;
}
int cudnnDestroy(Handle* handle) {
  delete handle;
  return success;
}
int cudnnSetStream(Handle* handle, CUstream stream) {
  handle->stream = stream;
  return success;
}
int cudnnCreateTensorDescriptor(Tensor** t) {
  *t = new Tensor{Tensor::tensor};
  return success;
}
int cudnnCreateFilterDescriptor(Tensor** t) {
  *t = new Tensor{Tensor::filter};
  return success;
}
int cudnnDestroyTensorDescriptor(Tensor* t) {
  delete t;
  return success;
}
int cudnnDestroyFilterDescriptor(Tensor* t) {
  delete t;
  return success;
}
int cudnnSetTensorNdDescriptor(Tensor* t, int type, int axes, const int* sizes, const int* strides) {
  if ((type != kFloat && type != kHalf && type != kBFloat16) || axes != 4)
    return refuse("the fake has float32, the halves and four axes alone", not_supported);
  t->type = type;
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] <= 0) return refuse("a tensor is empty");
    t->size[i] = sizes[i];
  }
  const int wanted[] = {sizes[1] * sizes[2] * sizes[3], 1, sizes[3] * sizes[1], sizes[1]};
  for (int i = 0; i < 4; ++i)
    if (strides[i] != wanted[i]) return refuse("strides are not those of channels last", not_supported);
  t->set = true;
  return success;
}
int cudnnSetFilterNdDescriptor(Tensor* t, int type, int format, int axes, const int* sizes) {
  if (format != kChannelsLast) return refuse("a kernel is not channels last", not_supported);
  const int strides[] = {sizes[1] * sizes[2] * sizes[3], 1, sizes[3] * sizes[1], sizes[1]};
  return cudnnSetTensorNdDescriptor(t, type, axes, sizes, strides);
}
int cudnnCreateConvolutionDescriptor(Convolution** c) {
  *c = new Convolution{};
  return success;
}
int cudnnDestroyConvolutionDescriptor(Convolution* c) {
  delete c;
  return success;
}
int cudnnSetConvolutionNdDescriptor(Convolution* c, int axes, const int* padding, const int* strides,
                                    const int* dilations, int mode, int type) {
  if (axes != 2 || mode != kCrossCorrelation || type != kFloat)
    return refuse("the fake has cross-correlation over two axes alone", not_supported);
  for (int i = 0; i < 2; ++i) {
    if (padding[i] < 0 || strides[i] < 1 || dilations[i] < 1) return refuse("padding, stride or dilation");
    c->padding[i] = padding[i], c->stride[i] = strides[i], c->dilation[i] = dilations[i];
  }
  c->set = true;
  return success;
}
int cudnnSetConvolutionGroupCount(Convolution* c, int groups) {
  c->groups = groups;
  return groups > 0 ? success : refuse("groups");
}
int cudnnSetConvolutionMathType(Convolution* c, int math) {
  c->math = math;
  return math >= 0 && math <= 3 ? success : refuse("math type");
}

#define FAKE_CUDNN_ROLE(role, find, workspace, run)                                                                  \
  int find(Handle*, const Tensor* a, const Tensor* b, const Convolution* c, const Tensor* out, int most, int* count, \
           Proposal* found) {                                                                                        \
    return propose(role, a, b, c, out, most, count, found);                                                          \
  }                                                                                                                  \
  int workspace(Handle*, const Tensor*, const Tensor*, const Convolution*, const Tensor*, int algorithm,             \
                size_t* bytes) {                                                                                     \
    return workspace_of(algorithm, bytes);                                                                           \
  }                                                                                                                  \
  int run(Handle* h, const void* alpha, const Tensor* a, const void* a_at, const Tensor* b, const void* b_at,        \
          const Convolution* c, int algorithm, void* work, size_t bytes, const void* beta, const Tensor* out,        \
          void* out_at) {                                                                                            \
    return enqueue(role, h, alpha, a, a_at, b, b_at, c, algorithm, work, bytes, beta, out, out_at);                  \
  }
FAKE_CUDNN_ROLE(forward, cudnnGetConvolutionForwardAlgorithm_v7, cudnnGetConvolutionForwardWorkspaceSize,
                cudnnConvolutionForward)
FAKE_CUDNN_ROLE(input_grad, cudnnGetConvolutionBackwardDataAlgorithm_v7, cudnnGetConvolutionBackwardDataWorkspaceSize,
                cudnnConvolutionBackwardData)
FAKE_CUDNN_ROLE(kernel_grad, cudnnGetConvolutionBackwardFilterAlgorithm_v7,
                cudnnGetConvolutionBackwardFilterWorkspaceSize, cudnnConvolutionBackwardFilter)
}
