// Products by cuBLASLt: its algorithm is chosen once, as the kernel is planned. The library counts by columns; what
// lies by rows is to it the transpose, so it computes C^T = B^T A^T.
#include <algorithm>
#include <limits>
#include <memory>

#include "cuda/blas.hpp"
#include "kernels/cuda/product/product.hpp"

namespace hornbeam::cuda {
namespace {
constexpr uint64_t kMostWorkspace = 32 << 20;
constexpr int64_t kMostCalls = 32;  // for a batch that is not evenly spaced
constexpr uint32_t kAligned = 16;   // bytes: algorithms read so many at once
constexpr int64_t kMostSize = std::numeric_limits<int32_t>::max();

template <class Body>
using Owned = std::unique_ptr<Body, lt::Status (*)(Body*)>;

// What the library makes of a dtype, and 1 and 0 as it scales by them.
struct Arithmetic {
  lt::DataType type;
  lt::Compute compute;
  lt::DataType scale;
  const void *one, *zero;
};
constexpr float kOne = 1, kZero = 0;
constexpr double kOneDouble = 1, kZeroDouble = 0;

bool arithmetic(DType dtype, bool tf32, Arithmetic* out) {
  const auto floats = [&](lt::DataType type, lt::Compute compute) {
    *out = {type, compute, lt::DataType::f32, &kOne, &kZero};
    return true;
  };
  switch (dtype) {
    case DType::f32:
      return floats(lt::DataType::f32, tf32 ? lt::Compute::tf32 : lt::Compute::f32);
    case DType::f16:
      return floats(lt::DataType::f16, lt::Compute::f32);
    case DType::bf16:
      return floats(lt::DataType::bf16, lt::Compute::f32);
    case DType::f64:
      *out = {lt::DataType::f64, lt::Compute::f64, lt::DataType::f64, &kOneDouble, &kZeroDouble};
      return true;
    default:
      return false;
  }
}

// How the entries of a batch are computed: those along one axis by a call, which takes an even spacing (in elements).
struct Spaced {
  int64_t size = 1, a_step = 0, b_step = 0, c_step = 0;
};
// Where the matrices of a call lie, in bytes from the operands' addresses.
struct Offsets {
  int64_t a = 0, b = 0, c = 0;
};
struct Calls {
  Spaced each;
  std::vector<Offsets> offsets{{}};
};
Calls calls_of(const Product& x) {
  const int64_t width = int64_t(dtype_size(x.dtype));
  const auto longest =
      std::max_element(x.batch.begin(), x.batch.end(), [](const auto& a, const auto& b) { return a.size < b.size; });
  Calls calls;
  int64_t c_step = x.m * x.n;
  for (auto axis = x.batch.begin(); axis != x.batch.end(); c_step *= axis->size, ++axis) {
    if (axis == longest) {
      calls.each = {axis->size, axis->a_step, axis->b_step, c_step};
      continue;
    }
    const std::vector<Offsets> before = calls.offsets;
    for (int64_t i = 1; i < axis->size; ++i)
      for (const Offsets& o : before)
        calls.offsets.push_back(
            {o.a + i * axis->a_step * width, o.b + i * axis->b_step * width, o.c + i * c_step * width});
  }
  return calls;
}

lt::Epilogue epilogue_of(const Epilogue::Simple& then) {
  if (then.columns == 0) return then.relu ? lt::Epilogue::relu : lt::Epilogue::none;
  return then.relu ? lt::Epilogue::relu_bias : lt::Epilogue::bias;
}

// A product of one entry, or of evenly spaced ones, and the library's algorithm for it. Its left factor is B.
class LibraryProduct {
 public:
  LibraryProduct(const Blas& blas, const Product& x, const Spaced& each, const Arithmetic& numbers,
                 const Epilogue::Simple& then)
      : blas_(blas),
        numbers_(numbers),
        dtype_(x.dtype),
        biased_(then.columns > 0),
        desc_(nullptr, blas.cublasLtMatmulDescDestroy),
        left_(nullptr, blas.cublasLtMatrixLayoutDestroy),
        right_(nullptr, blas.cublasLtMatrixLayoutDestroy),
        result_(nullptr, blas.cublasLtMatrixLayoutDestroy) {
    lt::Desc desc;
    blas.check(blas.cublasLtMatmulDescCreate(&desc, numbers.compute, numbers.scale), "cublasLtMatmulDescCreate");
    desc_.reset(desc);
    describe(lt::DescAttribute::transpose_a, operation(x.b.transposed));
    describe(lt::DescAttribute::transpose_b, operation(x.a.transposed));
    describe(lt::DescAttribute::epilogue, epilogue_of(then));
    lay_out(&left_, x.b.transposed ? x.n : x.k, x.b.transposed ? x.k : x.n, each.size, each.b_step);
    lay_out(&right_, x.a.transposed ? x.k : x.m, x.a.transposed ? x.m : x.k, each.size, each.a_step);
    lay_out(&result_, x.m, x.n, each.size, each.c_step);
  }

  // Whether the library has algorithms for it.
  bool find() { return find(kAligned, &aligned_) && find(uint32_t(dtype_size(dtype_)), &any_); }
  size_t workspace() const { return std::max(aligned_.workspace, any_.workspace); }

  void run(void* stream, const void* a, const void* b, const void* bias, void* c, void* work) const {
    const bool aligned = is_aligned(a) && is_aligned(b) && is_aligned(c) && is_aligned(bias);
    const lt::Found& chosen = aligned ? aligned_ : any_;
    if (biased_) describe(lt::DescAttribute::bias, bias);
    const lt::Status status = blas_.cublasLtMatmul(
        blas_.handle, desc_.get(), numbers_.one, b, left_.get(), a, right_.get(), numbers_.zero, c, result_.get(), c,
        result_.get(), &chosen.algorithm, chosen.workspace ? work : nullptr, chosen.workspace, stream);
    blas_.check(status, "cublasLtMatmul");
  }

 private:
  static bool is_aligned(const void* at) { return reinterpret_cast<uintptr_t>(at) % kAligned == 0; }
  bool find(uint32_t alignment, lt::Found* found) {
    // Algorithms are found for an address of a bias: this one is as aligned as those that will be.
    if (biased_) describe(lt::DescAttribute::bias, reinterpret_cast<const void*>(uintptr_t(alignment)));
    lt::Preference made;
    blas_.check(blas_.cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
    const Owned<lt::PreferenceBody> preference(made, blas_.cublasLtMatmulPreferenceDestroy);
    const auto prefer = [&](lt::PreferenceAttribute attribute, auto value) {
      blas_.check(blas_.cublasLtMatmulPreferenceSetAttribute(made, attribute, &value, sizeof value),
                  "cublasLtMatmulPreferenceSetAttribute");
    };
    prefer(lt::PreferenceAttribute::workspace, kMostWorkspace);
    prefer(lt::PreferenceAttribute::reduction, lt::Reduction::compute_type);
    for (auto attribute : {lt::PreferenceAttribute::alignment_a, lt::PreferenceAttribute::alignment_b,
                           lt::PreferenceAttribute::alignment_c, lt::PreferenceAttribute::alignment_d})
      prefer(attribute, alignment);
    int count = 0;
    const lt::Status status = blas_.cublasLtMatmulAlgoGetHeuristic(
        blas_.handle, desc_.get(), left_.get(), right_.get(), result_.get(), result_.get(), made, 1, found, &count);
    if (status == lt::Status::not_supported) return false;
    blas_.check(status, "cublasLtMatmulAlgoGetHeuristic");
    return count > 0 && found->status == lt::Status::success;
  }
  static lt::Operation operation(bool transposed) {
    return transposed ? lt::Operation::transpose : lt::Operation::none;
  }
  template <class Value>
  void describe(lt::DescAttribute attribute, Value value) const {
    blas_.check(blas_.cublasLtMatmulDescSetAttribute(desc_.get(), attribute, &value, sizeof value),
                "cublasLtMatmulDescSetAttribute");
  }
  // A matrix by rows, or `count` of them: to the library its rows are columns.
  void lay_out(Owned<lt::LayoutBody>* layout, int64_t rows, int64_t columns, int64_t count, int64_t step) {
    lt::Layout made;
    blas_.check(blas_.cublasLtMatrixLayoutCreate(&made, numbers_.type, uint64_t(columns), uint64_t(rows), columns),
                "cublasLtMatrixLayoutCreate");
    layout->reset(made);
    const int32_t entries = int32_t(count);
    blas_.check(
        blas_.cublasLtMatrixLayoutSetAttribute(made, lt::LayoutAttribute::batch_count, &entries, sizeof entries),
        "cublasLtMatrixLayoutSetAttribute");
    blas_.check(blas_.cublasLtMatrixLayoutSetAttribute(made, lt::LayoutAttribute::batch_stride, &step, sizeof step),
                "cublasLtMatrixLayoutSetAttribute");
  }

  const Blas& blas_;
  Arithmetic numbers_;
  DType dtype_;
  bool biased_;
  Owned<lt::DescBody> desc_;
  Owned<lt::LayoutBody> left_, right_, result_;
  lt::Found aligned_{}, any_{};  // for addresses that all are multiples of kAligned, and for the others
};
}  // namespace

bool plan_library_product(Planner& p, const Product& x, const Epilogue::Simple& then) {
  Arithmetic numbers;
  if (!arithmetic(x.dtype, p.target().tf32, &numbers)) return false;
  int64_t most = 1;  // entries of an axis; the library counts in 32 bits
  for (const Product::Axis& axis : x.batch) most = std::max(most, axis.size);
  if (std::max({x.m, x.n, x.k, most}) > kMostSize || x.entries() / most > kMostCalls) return false;
  const bool biased = then.columns > 0;
  if (biased && (then.columns != x.n || x.entries() > 1)) return false;  // it was turned, or is many
  const Calls calls = calls_of(x);
  auto library = std::make_shared<LibraryProduct>(*p.target().blas, x, calls.each, numbers, then);
  if (!library->find()) return false;
  const bool works = library->workspace() > 0;
  const Address work = works ? p.work(int64_t(library->workspace())) : Address();
  p.call([=, a = x.a.at, b = x.b.at, c = x.c, bias = then.bias,
          library = std::shared_ptr<const LibraryProduct>(library)](const Call& call) {
    char* room = works ? call.at(work) : nullptr;
    const char* added = biased ? call.at(bias) : nullptr;
    for (const Offsets& o : calls.offsets)
      library->run(call.stream, call.at(a + o.a), call.at(b + o.b), added, call.at(c + o.c), room);
  });
  return true;
}
}  // namespace hornbeam::cuda
