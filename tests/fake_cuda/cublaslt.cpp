// The fake libcublasLt: products by plain loops on the fake device. It refuses what the real library refuses, and an
// algorithm that was not found for the very product, too little workspace, or addresses less aligned than was said.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/half.hpp"
#include "fake.hpp"

namespace {
enum Status : int { kSuccess = 0, kNotInitialized = 1, kInvalidValue = 7, kExecutionFailed = 13, kNotSupported = 15 };
enum DataType : int { kFloat = 0, kDouble = 1, kHalf = 2, kBFloat16 = 14 };
enum Compute : int { kCompute32 = 68, kCompute64 = 70, kComputeTf32 = 77 };
enum Epilogue : uint32_t { kNothing = 1, kRelu = 2, kBias = 4 };  // CUBLASLT_EPILOGUE_..
constexpr uint32_t kSplitSums = 2;                                // CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE

constexpr uint64_t kMagic = 0x46616b65204c74;
constexpr uint64_t kLongSum = 128;  // such sums are computed in two parts, which lie in the workspace

struct Context {
  uint64_t magic = kMagic;
};
struct Layout {  // by columns
  int type;
  uint64_t rows, columns;
  int64_t leading;
  int32_t batch = 1;
  int64_t stride = 0;
  uint64_t bytes() const;
};
struct Desc {
  int compute, scale;
  int32_t transposed[2] = {0, 0};
  uint32_t epilogue = kNothing;
  const void* bias = nullptr;  // of as many elements of D's type as D has rows
  bool biased() const { return (epilogue & kBias) != 0; }
  bool rectified() const { return (epilogue & kRelu) != 0; }
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t reduction = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};
struct Algorithm {
  uint64_t magic, product, workspace, alignment[4], bias_alignment;  // that of the bias it was found for
};
static_assert(sizeof(Algorithm) == 64);
struct Found {
  Algorithm algorithm;
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};

int refuse(const char* why, int status = kInvalidValue) {
  std::fprintf(stderr, "fake cuBLASLt: %s\n", why);
  return status;
}

size_t width(int type) { return type == kDouble ? 8 : type == kFloat ? 4 : 2; }

uint64_t Layout::bytes() const {
  return (uint64_t(batch - 1) * uint64_t(stride) + (columns - 1) * uint64_t(leading) + rows) * width(type);
}

// A product as a call has it: copies, since the caller may destroy or change its own.
struct Product {
  Desc desc;
  Layout a, b, c, d;
  uint64_t m() const { return d.rows; }
  uint64_t n() const { return d.columns; }
  uint64_t k() const { return desc.transposed[0] ? a.rows : a.columns; }
  // Nothing that a description has may differ.
  uint64_t key() const {
    uint64_t key = 1469598103934665603u;
    const auto mix = [&](uint64_t x) { key = (key ^ x) * 1099511628211u; };
    for (int x : {desc.compute, desc.scale, desc.transposed[0], desc.transposed[1], int(desc.epilogue)})
      mix(uint64_t(x));
    for (const Layout& l : {a, b, c, d})
      for (uint64_t x :
           {uint64_t(l.type), l.rows, l.columns, uint64_t(l.leading), uint64_t(l.batch), uint64_t(l.stride)})
        mix(x);
    return key;
  }
  int check() const;
};

int Product::check() const {
  for (const Layout& l : {a, b, c, d}) {
    if (l.rows == 0 || l.columns == 0) return refuse("a matrix is empty");
    if (l.leading < int64_t(l.rows)) return refuse("a leading dimension is less than the rows");
    if (l.type != a.type) return refuse("the matrices' types differ", kNotSupported);
    if (l.batch < 1 || l.batch != d.batch) return refuse("the batch counts differ");
    if (l.stride < 0) return refuse("a batch stride is negative", kNotSupported);
  }
  if (d.batch > 1 && d.stride < int64_t(d.columns) * d.leading) return refuse("the results of a batch overlap");
  if (m() != (desc.transposed[0] ? a.columns : a.rows) || n() != (desc.transposed[1] ? b.rows : b.columns) ||
      k() != (desc.transposed[1] ? b.columns : b.rows) || c.rows != m() || c.columns != n())
    return refuse("the matrices' sizes do not match");
  const bool doubles = a.type == kDouble, fits = doubles ? desc.compute == kCompute64 && desc.scale == kDouble
                                                         : desc.compute != kCompute64 && desc.scale == kFloat;
  if (!fits) return refuse("the compute type or the scale type does not suit the matrices", kNotSupported);
  if (desc.biased() && !desc.bias) return refuse("there is no bias");
  if (desc.compute == kComputeTf32 && a.type != kFloat) return refuse("TF32 is for float32 alone", kNotSupported);
  return kSuccess;
}

double wide(float x) { return double(x); }
double wide(double x) { return x; }
double wide(hornbeam::Half x) { return double(to_float(x)); }
double wide(hornbeam::BFloat16 x) { return double(to_float(x)); }
void narrow(double x, float* out) { *out = float(x); }
void narrow(double x, double* out) { *out = x; }
void narrow(double x, hornbeam::Half* out) { *out = hornbeam::to_half(float(x)); }
void narrow(double x, hornbeam::BFloat16* out) { *out = hornbeam::to_bfloat16(float(x)); }

// To 10 bits behind the point, ties away from 0.
double to_tf32(double x) {
  if (!(x - x == 0)) return x;
  return double(hornbeam::bits_float((hornbeam::float_bits(float(x)) + 0x1000u) & 0xffffe000u));
}

// A product that waits on a stream.
struct Task {
  Product product;
  double alpha, beta;
  const void *a, *b, *c;
  void *d, *workspace;
  uint64_t workspace_bytes;

  template <class T>
  double term(uint64_t entry, uint64_t i, uint64_t j, uint64_t depth) const {
    const Layout &la = product.a, &lb = product.b;
    const uint64_t at_a =
        product.desc.transposed[0] ? depth + i * uint64_t(la.leading) : i + depth * uint64_t(la.leading);
    const uint64_t at_b =
        product.desc.transposed[1] ? j + depth * uint64_t(lb.leading) : depth + j * uint64_t(lb.leading);
    double x = wide(static_cast<const T*>(a)[entry * uint64_t(la.stride) + at_a]);
    double y = wide(static_cast<const T*>(b)[entry * uint64_t(lb.stride) + at_b]);
    if (product.desc.compute == kComputeTf32) x = to_tf32(x), y = to_tf32(y);
    return x * y;
  }
  template <class T>
  double sum(uint64_t entry, uint64_t i, uint64_t j, uint64_t first, uint64_t last) const {
    double total = 0;
    for (uint64_t depth = first; depth < last; ++depth) total += term<T>(entry, i, j, depth);
    return total;
  }
  template <class T>
  void run() const {
    const uint64_t m = product.m(), n = product.n(), k = product.k(), half = workspace_bytes ? k / 2 : 0;
    double* parts = static_cast<double*>(workspace);
    for (uint64_t at = 0; half && at < uint64_t(product.d.batch) * m * n; ++at)
      parts[at] = sum<T>(at / (m * n), at % m, at / m % n, 0, half);
    for (uint64_t at = 0; at < uint64_t(product.d.batch) * m * n; ++at) {
      const uint64_t entry = at / (m * n), i = at % m, j = at / m % n;
      const double first = half ? parts[at] : 0, total = alpha * (first + sum<T>(entry, i, j, half, k));
      const uint64_t from = entry * uint64_t(product.c.stride) + i + j * uint64_t(product.c.leading);
      const double added = beta == 0 ? 0 : beta * wide(static_cast<const T*>(c)[from]);
      const double bias = product.desc.biased() ? wide(static_cast<const T*>(product.desc.bias)[i]) : 0;
      const double result = total + added + bias;
      narrow(product.desc.rectified() && result < 0 ? 0 : result,
             static_cast<T*>(d) + entry * uint64_t(product.d.stride) + i + j * uint64_t(product.d.leading));
    }
  }
};

void run_task(void* data) {
  const Task& t = *static_cast<const Task*>(data);
  const char* who = "cublasLtMatmul";
  if (fake_cuda_check(t.a, t.product.a.bytes(), who) || fake_cuda_check(t.b, t.product.b.bytes(), who) ||
      fake_cuda_check(t.d, t.product.d.bytes(), who) ||
      (t.product.desc.biased() && fake_cuda_check(t.product.desc.bias, t.product.m() * width(t.product.d.type), who)) ||
      (t.beta != 0 && fake_cuda_check(t.c, t.product.c.bytes(), who)) ||
      (t.workspace_bytes && fake_cuda_check(t.workspace, t.workspace_bytes, who)))
    return;
  switch (t.product.a.type) {
    case kFloat:
      return t.run<float>();
    case kDouble:
      return t.run<double>();
    case kHalf:
      return t.run<hornbeam::Half>();
    case kBFloat16:
      return t.run<hornbeam::BFloat16>();
  }
}
void destroy_task(void* data) { delete static_cast<Task*>(data); }

template <class Value>
int set(Value* to, const void* value, size_t bytes) {
  if (!value || bytes != sizeof *to) return refuse("an attribute has another size");
  std::memcpy(to, value, bytes);
  return kSuccess;
}

double scale(const void* number, int type) {
  return type == kDouble ? *static_cast<const double*>(number) : double(*static_cast<const float*>(number));
}
}  // namespace

extern "C" {
int cublasLtCreate(Context** context) {
  *context = new Context;
  return kSuccess;
}
int cublasLtDestroy(Context* context) {
  delete context;
  return kSuccess;
}
const char* cublasLtGetStatusString(int status) {
  switch (status) {
    case kSuccess:
      return "success";
    case kInvalidValue:
      return "an unsupported value or parameter was passed to the function";
    case kNotSupported:
      return "the functionality requested is not supported";
    default:
      return "an internal operation failed";
  }
}

int cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  if (type != kFloat && type != kDouble && type != kHalf && type != kBFloat16)
    return refuse("no such data type", kNotSupported);
  *layout = new Layout{type, rows, columns, leading};
  return kSuccess;
}
int cublasLtMatrixLayoutDestroy(Layout* layout) {
  delete layout;
  return kSuccess;
}
int cublasLtMatrixLayoutSetAttribute(Layout* layout, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case 5:  // CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT
      return set(&layout->batch, value, bytes);
    case 6:  // CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET
      return set(&layout->stride, value, bytes);
    default:
      return refuse("no such attribute of a layout");
  }
}

int cublasLtMatmulDescCreate(Desc** desc, int compute, int scale_type) {
  *desc = new Desc{compute, scale_type};
  return kSuccess;
}
int cublasLtMatmulDescDestroy(Desc* desc) {
  delete desc;
  return kSuccess;
}
int cublasLtMatmulDescSetAttribute(Desc* desc, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case 3:  // CUBLASLT_MATMUL_DESC_TRANSA, _TRANSB
    case 4:
      return set(&desc->transposed[attribute - 3], value, bytes);
    case 7:  // CUBLASLT_MATMUL_DESC_EPILOGUE
      if (const int status = set(&desc->epilogue, value, bytes)) return status;
      return desc->epilogue == kNothing || (desc->epilogue & ~uint32_t(kRelu | kBias)) == 0
                 ? kSuccess
                 : refuse("no such epilogue", kNotSupported);
    case 8:  // CUBLASLT_MATMUL_DESC_BIAS_POINTER
      return set(&desc->bias, value, bytes);
    default:
      return refuse("no such attribute of a product");
  }
}

int cublasLtMatmulPreferenceCreate(Preference** preference) {
  *preference = new Preference;
  return kSuccess;
}
int cublasLtMatmulPreferenceDestroy(Preference* preference) {
  delete preference;
  return kSuccess;
}
int cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case 1:  // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES
      return set(&preference->workspace, value, bytes);
    case 3:  // CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK
      return set(&preference->reduction, value, bytes);
    case 5:  // CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES to _D_BYTES
    case 6:
    case 7:
    case 8:
      return set(&preference->alignment[attribute - 5], value, bytes);
    default:
      return refuse("no such attribute of a preference");
  }
}

int cublasLtMatmulAlgoGetHeuristic(Context* context, Desc* desc, Layout* a, Layout* b, Layout* c, Layout* d,
                                   Preference* preference, int wanted, Found* found, int* count) {
  *count = 0;
  if (!context || context->magic != kMagic) return refuse("no handle", kNotInitialized);
  if (wanted < 1) return refuse("no algorithm is wanted");
  const Product product{*desc, *a, *b, *c, *d};
  if (const int status = product.check()) return status;
  const uint64_t apart = uint64_t(product.d.batch) * product.m() * product.n() * sizeof(double);
  const bool split = product.k() >= kLongSum && apart <= preference->workspace && (preference->reduction & kSplitSums);
  const uint64_t workspace = split ? apart : 0;
  const uint32_t* alignment = preference->alignment;
  const uint64_t bias = product.desc.biased() ? reinterpret_cast<uintptr_t>(product.desc.bias) : 0;
  const uint64_t bias_alignment = bias & -bias;
  *found = {
      {kMagic, product.key(), workspace, {alignment[0], alignment[1], alignment[2], alignment[3]}, bias_alignment},
      workspace,
      kSuccess,
      1,
      {}};
  *count = 1;
  return kSuccess;
}

int cublasLtMatmul(Context* context, Desc* desc, const void* alpha, const void* a, Layout* a_layout, const void* b,
                   Layout* b_layout, const void* beta, const void* c, Layout* c_layout, void* d, Layout* d_layout,
                   const Algorithm* algorithm, void* workspace, size_t workspace_bytes, CUstream stream) {
  if (!context || context->magic != kMagic) return refuse("no handle", kNotInitialized);
  const Product product{*desc, *a_layout, *b_layout, *c_layout, *d_layout};
  if (const int status = product.check()) return status;
  if (!algorithm || algorithm->magic != kMagic || algorithm->product != product.key())
    return refuse("the algorithm was not found for this product");
  if (workspace_bytes < algorithm->workspace) return refuse("the workspace is too small");
  if (algorithm->workspace && (!workspace || reinterpret_cast<uintptr_t>(workspace) % 16))
    return refuse("the workspace is not aligned to 16 bytes");
  const void* addresses[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (!addresses[i] || reinterpret_cast<uintptr_t>(addresses[i]) % algorithm->alignment[i])
      return refuse("a matrix is null, or less aligned than the algorithm was found for");
  if (desc->biased() && reinterpret_cast<uintptr_t>(desc->bias) % algorithm->bias_alignment)
    return refuse("a bias is less aligned than the algorithm was found for");
  const double by = scale(alpha, desc->scale), of_c = scale(beta, desc->scale);
  Task* task = new Task{product, by, of_c, a, b, c, d, workspace, algorithm->workspace};
  return fake_cuda_enqueue(stream, run_task, task, destroy_task) ? kExecutionFailed : kSuccess;
}
}
