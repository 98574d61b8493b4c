// Tensor: a dense row-major array on the host. Variable: a named tensor that models own together.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hornbeam/dim.hpp"
#include "hornbeam/dtype.hpp"

namespace hornbeam {

/// A row-major array. Copies share the data; `Tensor::copy` duplicates it. Memory is 64-byte aligned when owned. One
/// made by default or moved from is undefined: it has no data, and functions that need some refuse it with ValueError.
class HB_API Tensor {
 public:
  Tensor() = default;
  /// An uninitialised array. Throws MemoryError when the size cannot be had (checked before allocating).
  Tensor(DType dtype, Shape shape);
  /// Borrows `data`, which `keep_alive` keeps valid; without one the caller does, longer than any copy lives. Throws
  /// ValueError when it is null (unless there are no elements) or not aligned to the elements' size.
  Tensor(DType dtype, Shape shape, void* data, std::shared_ptr<const void> keep_alive);
  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  Tensor(Tensor&& from) noexcept { swap(from); }
  Tensor& operator=(Tensor&& from) noexcept {
    Tensor(std::move(from)).swap(*this);
    return *this;
  }
  ~Tensor() = default;

  static Tensor zeros(DType dtype, Shape shape);
  /// Throws ValueError when an integer dtype does not hold the whole number `value`.
  static Tensor scalar(DType dtype, double value);
  /// Copies `values`. Throws TypeError when T is not the dtype's (see is_element_type), ValueError when there are more
  /// or fewer than the shape says.
  template <class T>
  static Tensor of(DType dtype, Shape shape, const std::vector<T>& values) {
    if (!is_element_type<T>(dtype)) wrong_type(dtype, "Tensor::of");
    check_count(shape, values.size());
    Tensor t(dtype, std::move(shape));
    T* to = static_cast<T*>(t.data_);
    for (size_t i = 0; i < values.size(); ++i) to[i] = values[i];
    return t;
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t size() const { return size_; }
  size_t bytes() const { return size_t(size_) * dtype_size(dtype_); }
  bool defined() const { return data_ != nullptr; }
  void* raw() const { return data_; }
  /// The elements, null when undefined; indices are not checked. Throws TypeError unless T is the dtype's (see
  /// is_element_type) or has one byte, to get at the bytes.
  template <class T>
  T* data() const {
    if (sizeof(T) != 1 && !is_element_type<std::remove_cv_t<T>>(dtype_)) wrong_type(dtype_, "Tensor::data");
    return static_cast<T*>(data_);
  }
  /// Element `i` in row-major order, converted (float16 and bfloat16 included). Throws ValueError when there is none.
  double at(int64_t i) const;
  Tensor copy() const;
  /// The same data under another shape of the same size.
  Tensor reshaped(Shape shape) const;

 private:
  [[noreturn]] static void wrong_type(DType dtype, const char* function);
  static void check_count(const Shape& shape, size_t count);
  void swap(Tensor& other) noexcept {
    std::swap(dtype_, other.dtype_);
    shape_.swap(other.shape_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    keep_.swap(other.keep_);
  }

  DType dtype_ = DType::f32;
  Shape shape_;
  int64_t size_ = 0;
  void* data_ = nullptr;
  std::shared_ptr<const void> keep_;
};

/// Size in bytes of an array, checked; throws ValueError on overflow.
HB_API size_t tensor_bytes(DType dtype, const Shape& shape);
/// Bytes that this process may have at most: the least of RLIMIT_AS, the machine's memory and what its control groups
/// limit (the latter two as they were at the first call).
HB_API size_t memory_limit();
/// Throws MemoryError when `bytes` is more than this process may have; `what` names the array.
HB_API void check_memory(size_t bytes, const std::string& what);

/// A variable's value in the memory of a device other than the host. Who keeps one compares Variable::version to see
/// whether the variable was written since.
class HB_API DeviceValue {
 public:
  virtual ~DeviceValue() = default;
  /// Copies it, all its `bytes`, to the host. Called with a lock held: it must not wait for another of the host's
  /// threads.
  virtual void read(void* host, size_t bytes) const = 0;
};

/// A tensor with a name that programs read and write in place. It may belong to many models.
class HB_API Variable {
 public:
  /// Throws ValueError when `value` is undefined.
  Variable(std::string name, Tensor value, bool trainable = true);

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  bool trainable() const { return trainable_; }
  void set_trainable(bool t) { trainable_ = t; }
  /// The storage itself, in the host's memory; what a device wrote last is fetched first. Whoever writes to it says so
  /// by `changed`, and has asked for it since the last `written_on`.
  const Tensor& value() const {
    if (stale_.load(std::memory_order_acquire)) fetch();
    return value_;
  }
  /// The value was written: programs that keep what they made of it (packed weights, say) will make it again. `assign`
  /// and programs that write variables say it themselves.
  uint64_t changed() { return version_.fetch_add(1, std::memory_order_relaxed) + 1; }
  /// Grows with each change.
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  /// Copies `value` in; throws ValueError when it is undefined or its shape differs, TypeError when its dtype does.
  void assign(const Tensor& value);
  /// Moves the contents into `storage` (same dtype and shape, else it throws as `assign` does), which becomes the
  /// variable's storage. Programs that run meanwhile go on with the old one.
  void relocate(const Tensor& storage);
  /// The storage now, whatever other threads move; and how often any variable's was moved, never 0.
  Tensor storage() const;
  static uint64_t moves();
  /// A device wrote `value`, its own copy, which is the variable's value until the host's is written again. The host's
  /// is fetched when somebody asks for it. Throws ValueError when `value` is null.
  /// Returns the version that this makes.
  uint64_t written_on(std::shared_ptr<const DeviceValue> value);
  /// What a device keeps of this variable from run to run, null at first: for the device's own use.
  std::shared_ptr<DeviceValue> on_device() const;
  void set_on_device(std::shared_ptr<DeviceValue> value);
  /// Whether an optimizer has already placed this variable in a slab.
  bool in_slab() const { return in_slab_; }

 private:
  void check_fits(const Tensor& value) const;
  void fetch() const;
  std::shared_ptr<const DeviceValue> fetch_held() const;  // with the lock; what it gives is to end without

  std::string name_;
  Tensor value_;
  mutable std::shared_ptr<const DeviceValue> device_;  // what the host's copy lacks
  mutable std::atomic<bool> stale_{false};             // that there is such
  std::shared_ptr<DeviceValue> on_device_;
  bool trainable_;
  bool in_slab_ = false;
  std::atomic<uint64_t> version_{0};
};
using VariablePtr = std::shared_ptr<Variable>;

/// Places the variables of each dtype side by side in one allocation, unless they already are in one. Throws ValueError
/// for a null one, before any is moved.
HB_API void place_in_slab(const std::vector<VariablePtr>& variables);

}  // namespace hornbeam
