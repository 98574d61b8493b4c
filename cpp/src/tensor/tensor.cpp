// Tensor storage, the memory check made before allocating, and variables.
#include "hornbeam/tensor.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "base/half.hpp"

namespace hornbeam {
namespace {
std::mutex g_moving;  // while a variable gets a new storage
std::atomic<uint64_t> g_moves{1};

std::string human(size_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double v = double(bytes);
  int u = 0;
  while (v >= 1024 && u < 6) v /= 1024, ++u;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", v, units[u]);
  return text;
}

constexpr size_t kHuge = size_t(2) << 20;

// Large blocks that tensors gave back, for those to come: the system would clear their pages again, which takes longer
// than most kernels take to fill them. The oldest go where there are too many, or too much. Each has its size in its
// first bytes.
constexpr size_t kSmallestKept = size_t(256) << 10, kLargestKept = 16 * kHuge, kMostKept = 2 * kLargestKept;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HB_FREES_ALL
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HB_FREES_ALL
#endif
#ifdef HB_FREES_ALL  // so that what is read after it was freed is seen
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif
std::atomic<void*> g_kept[6];
std::atomic<size_t> g_kept_bytes{0};
std::atomic<unsigned> g_next_kept{0};

size_t size_in(const void* p) {
  size_t n;
  std::memcpy(&n, p, sizeof n);
  return n;
}
// Puts a block into a slot, and frees the one there.
void replace_kept(std::atomic<void*>& slot, void* by) {
  if (void* p = slot.exchange(by)) {
    g_kept_bytes -= size_in(p);
    std::free(p);
  }
}
void give_back(void* p, size_t n) {
  if (!kKeeps || n < kSmallestKept || n > kLargestKept) return std::free(p);
  std::memcpy(p, &n, sizeof n);
  g_kept_bytes += n;
  const unsigned at = g_next_kept++, slots = std::size(g_kept);
  replace_kept(g_kept[at % slots], p);
  for (unsigned i = 1; i < slots && g_kept_bytes > kMostKept; ++i) replace_kept(g_kept[(at + i) % slots], nullptr);
}
void* kept(size_t n) {
  for (auto& slot : g_kept) {
    void* p = slot.exchange(nullptr);
    if (p && size_in(p) == n) {
      g_kept_bytes -= n;
      return p;
    }
    if (p) replace_kept(slot, p);
  }
  return nullptr;
}

// Large blocks ask for huge pages: kernels that stride through them would spend their time on address translation, and
// first use on faults (Linux; elsewhere, or where the system gives none, nothing changes).
void* allocate(size_t n) {
  const bool huge = n >= 2 * kHuge;
  const size_t alignment = huge ? kHuge : 64, room = std::max<size_t>(64, (n + alignment - 1) / alignment * alignment);
  if (void* p = n >= kSmallestKept ? kept(n) : nullptr) return p;
  void* p = std::aligned_alloc(alignment, room);
  if (!p) {
    for (auto& slot : g_kept) replace_kept(slot, nullptr);
    p = std::aligned_alloc(alignment, room);
  }
#ifdef MADV_HUGEPAGE
  if (p && huge) madvise(p, n / kHuge * kHuge, MADV_HUGEPAGE);
#endif
  return p;
}

std::string type_text(DType dtype, const Shape& shape) { return dtype_short(dtype) + shape_text(shape); }

// An integer dtype's element; a number's fraction is refused, as is what is out of range.
template <class T>
void put_integer(const Tensor& t, double v) {
  const double low = double(std::numeric_limits<T>::min()), end = std::ldexp(1.0, std::numeric_limits<T>::digits);
  HB_CHECK(v >= low && v < end && v == std::floor(v), "a scalar of dtype ", dtype_name(t.dtype()),
           " must be a whole number in [", low, ", ", end, "). Received: ", v);
  *t.data<T>() = T(v);
}
}  // namespace

size_t tensor_bytes(DType dtype, const Shape& shape) {
  for (int64_t d : shape) HB_CHECK(d >= 0, "a shape's dimensions must be >= 0. Received: shape=", shape_text(shape));
  return size_t(checked_mul(shape_product(shape), int64_t(dtype_size(dtype)), "tensor"));
}

void check_memory(size_t bytes, const std::string& what) {
  size_t limit = memory_limit();
  if (bytes > limit)
    throw MemoryError(concat_text(what, " needs ", human(bytes), "; this process may have ", human(limit)));
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  size_t n = tensor_bytes(dtype_, shape_);
  if (n >= kSmallestKept) check_memory(n, "tensor " + type_text(dtype_, shape_));  // text and a call of the system's
  size_ = shape_product(shape_);
  void* p = allocate(n);
  if (!p) throw MemoryError(concat_text("tensor ", type_text(dtype_, shape_), " needs ", human(n)));
  data_ = p;
  within_memory(
      [&] { keep_ = std::shared_ptr<const void>(p, [n](const void* q) { give_back(const_cast<void*>(q), n); }); });
}

Tensor::Tensor(DType dtype, Shape shape, void* data, std::shared_ptr<const void> keep)
    : dtype_(dtype), shape_(std::move(shape)), data_(data), keep_(std::move(keep)) {
  const size_t n = tensor_bytes(dtype_, shape_);
  size_ = shape_product(shape_);
  HB_CHECK(data || n == 0, "the data of a tensor ", type_text(dtype_, shape_), " must not be null");
  HB_CHECK(reinterpret_cast<uintptr_t>(data) % dtype_size(dtype_) == 0, "the data of a tensor ",
           type_text(dtype_, shape_), " must lie at a multiple of ", dtype_size(dtype_), " bytes; got ", data);
  alignas(64) static char nothing;  // where there are no elements, so that the tensor is defined
  if (!data) data_ = &nothing;
}

void Tensor::wrong_type(DType dtype, const char* function) {
  throw TypeError(concat_text(function, ": T is not the C++ type of elements of dtype ", dtype_name(dtype)));
}

void Tensor::check_count(const Shape& shape, size_t count) {
  tensor_bytes(DType::u8, shape);
  HB_CHECK(size_t(shape_product(shape)) == count, "Tensor::of: shape ", shape_text(shape), " needs ",
           shape_product(shape), " values; got ", count);
}

Tensor Tensor::zeros(DType dtype, Shape shape) {
  Tensor t(dtype, std::move(shape));
  std::memset(t.raw(), 0, t.bytes());
  return t;
}

Tensor Tensor::scalar(DType dtype, double v) {
  Tensor t(dtype, {});
  switch (dtype) {
    case DType::f32:
      *t.data<float>() = float(v);
      break;
    case DType::f64:
      *t.data<double>() = v;
      break;
    case DType::f16:
      *t.data<Half>() = to_half(float(v));
      break;
    case DType::bf16:
      *t.data<BFloat16>() = to_bfloat16(float(v));
      break;
    case DType::i32:
      put_integer<int32_t>(t, v);
      break;
    case DType::i64:
      put_integer<int64_t>(t, v);
      break;
    case DType::u8:
      put_integer<uint8_t>(t, v);
      break;
    case DType::boolean:
      *t.data<uint8_t>() = v != 0;
      break;
  }
  return t;
}

double Tensor::at(int64_t i) const {
  HB_CHECK(i >= 0 && i < size_, "Tensor::at: the index must be in [0, ", size_, "). Received: ", i);
  switch (dtype_) {
    case DType::f32:
      return data<float>()[i];
    case DType::f64:
      return data<double>()[i];
    case DType::f16:
      return to_float(data<Half>()[i]);
    case DType::bf16:
      return to_float(data<BFloat16>()[i]);
    case DType::i32:
      return data<int32_t>()[i];
    case DType::i64:
      return double(data<int64_t>()[i]);
    case DType::u8:
    case DType::boolean:
      return data<uint8_t>()[i];
  }
  return 0;
}

Tensor Tensor::copy() const {
  HB_CHECK(defined(), "an undefined tensor cannot be copied");
  Tensor t(dtype_, shape_);
  std::memcpy(t.raw(), data_, bytes());
  return t;
}

Tensor Tensor::reshaped(Shape shape) const {
  HB_CHECK(defined(), "an undefined tensor cannot be reshaped");
  tensor_bytes(dtype_, shape);
  HB_CHECK(shape_product(shape) == size_, "cannot reshape ", shape_text(shape_), " to ", shape_text(shape));
  return Tensor(dtype_, std::move(shape), data_, keep_);
}

Variable::Variable(std::string name, Tensor value, bool trainable)
    : name_(std::move(name)), value_(std::move(value)), trainable_(trainable) {
  HB_CHECK(value_.defined(), "variable \"", name_, "\" needs a value; got an undefined tensor");
}

void Variable::check_fits(const Tensor& v) const {
  HB_CHECK(v.defined(), "variable \"", name_, "\" cannot be assigned an undefined tensor");
  HB_CHECK(v.shape() == value_.shape(), "variable \"", name_, "\" has shape ", shape_text(value_.shape()),
           "; cannot assign shape ", shape_text(v.shape()));
  HB_CHECK_TYPE(v.dtype() == value_.dtype(), "variable \"", name_, "\" is ", dtype_name(value_.dtype()),
                "; cannot assign ", dtype_name(v.dtype()));
}

void Variable::assign(const Tensor& v) {
  check_fits(v);
  std::shared_ptr<const DeviceValue> old;  // ends after the lock
  {
    Guard hold(g_moving);
    old = std::move(device_);  // nobody needs it any more
    stale_.store(false, std::memory_order_release);
  }
  std::memmove(value_.raw(), v.raw(), value_.bytes());
  changed();
}

void Variable::relocate(const Tensor& storage) {
  check_fits(storage);
  Tensor moved = storage;
  std::shared_ptr<const DeviceValue> old;
  {
    Guard hold(g_moving);
    old = fetch_held();
    std::memmove(storage.raw(), value_.raw(), value_.bytes());
    std::swap(value_, moved);  // the old ones end after the lock
    g_moves.fetch_add(1, std::memory_order_release);
  }
  in_slab_ = true;
  changed();
}
Tensor Variable::storage() const {
  value();
  Guard hold(g_moving);
  return value_;
}

uint64_t Variable::written_on(std::shared_ptr<const DeviceValue> value) {
  HB_CHECK(value, "variable \"", name_, "\": a device's value is null");
  Guard hold(g_moving);  // an assignment comes before all of it or after
  device_.swap(value);   // the old one ends after the lock
  stale_.store(true, std::memory_order_release);
  g_moves.fetch_add(1, std::memory_order_release);  // programs on the host ask for the storage again
  return changed();
}

std::shared_ptr<DeviceValue> Variable::on_device() const {
  Guard hold(g_moving);
  return on_device_;
}

void Variable::set_on_device(std::shared_ptr<DeviceValue> value) {
  std::shared_ptr<DeviceValue> old = std::move(value);  // ends after the lock
  Guard hold(g_moving);
  on_device_.swap(old);
}

void Variable::fetch() const {
  std::shared_ptr<const DeviceValue> old;  // ends after the lock
  Guard hold(g_moving);
  old = fetch_held();
}

std::shared_ptr<const DeviceValue> Variable::fetch_held() const {
  if (!device_) return {};  // another thread was first
  device_->read(value_.raw(), value_.bytes());
  stale_.store(false, std::memory_order_release);
  return std::move(device_);
}

uint64_t Variable::moves() { return g_moves.load(std::memory_order_acquire); }

void place_in_slab(const std::vector<VariablePtr>& variables) {
  std::map<DType, std::vector<VariablePtr>> groups;
  for (const auto& v : variables) HB_CHECK(v, "place_in_slab: a variable is null");
  for (const auto& v : variables)
    if (!v->in_slab()) groups[v->value().dtype()].push_back(v);
  for (auto& [dtype, group] : groups) {
    const int64_t align = int64_t(64 / dtype_size(dtype));
    int64_t total = 0;
    for (const auto& v : group) total += (v->value().size() + align - 1) / align * align;
    const Tensor slab(dtype, {total});
    auto keep = std::make_shared<Tensor>(slab);
    int64_t offset = 0;
    for (const auto& v : group) {
      char* at = static_cast<char*>(slab.raw()) + size_t(offset) * dtype_size(dtype);
      v->relocate(Tensor(dtype, v->value().shape(), at, keep));
      offset += (v->value().size() + align - 1) / align * align;
    }
  }
}
}  // namespace hornbeam
