// Tensor: a dense row-major array on the host. Variable: a named tensor that models own together.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "hornbeam/dim.hpp"
#include "hornbeam/dtype.hpp"

namespace hornbeam {

/// A row-major array. Copies share the data; `Tensor::copy` duplicates it. Memory is 64-byte aligned when owned.
class HB_API Tensor {
 public:
  Tensor() = default;
  /// An uninitialised array. Throws MemoryError when the size cannot be had (checked before allocating).
  Tensor(DType dtype, Shape shape);
  /// Borrows `data`, which `keep_alive` keeps valid.
  Tensor(DType dtype, Shape shape, void* data, std::shared_ptr<const void> keep_alive);

  static Tensor zeros(DType dtype, Shape shape);
  static Tensor scalar(DType dtype, double value);
  template <class T>
  static Tensor of(DType dtype, Shape shape, const std::vector<T>& values) {
    Tensor t(dtype, std::move(shape));
    for (int64_t i = 0; i < t.size(); ++i) t.data<T>()[i] = values[size_t(i)];
    return t;
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t size() const { return size_; }
  size_t bytes() const { return size_t(size_) * dtype_size(dtype_); }
  bool defined() const { return data_ != nullptr; }
  void* raw() const { return data_; }
  template <class T>
  T* data() const {
    return static_cast<T*>(data_);
  }
  /// Element `i` in row-major order, converted (float16 and bfloat16 included).
  double at(int64_t i) const;
  Tensor copy() const;
  /// The same data under another shape of the same size.
  Tensor reshaped(Shape shape) const;

 private:
  DType dtype_ = DType::f32;
  Shape shape_;
  int64_t size_ = 0;
  void* data_ = nullptr;
  std::shared_ptr<const void> keep_;
};

/// Size in bytes of an array, checked; throws ValueError on overflow.
HB_API size_t tensor_bytes(DType dtype, const Shape& shape);
/// Throws MemoryError when `bytes` is more than this process may have; `what` names the array.
HB_API void check_memory(size_t bytes, const std::string& what);

/// A tensor with a name that programs read and write in place. It may belong to many models.
class HB_API Variable {
 public:
  Variable(std::string name, Tensor value, bool trainable = true)
      : name_(std::move(name)), value_(std::move(value)), trainable_(trainable) {}

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  bool trainable() const { return trainable_; }
  void set_trainable(bool t) { trainable_ = t; }
  /// The storage itself. Whoever writes to it says so by `changed`.
  const Tensor& value() const { return value_; }
  /// The value was written: programs that keep what they made of it (packed weights, say) will make it again. `assign`
  /// and programs that write variables say it themselves.
  void changed() { version_.store(version() + 1, std::memory_order_relaxed); }
  /// Grows with each change.
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  /// Copies `value` in; throws ValueError when dtype or shape differ.
  void assign(const Tensor& value);
  /// Moves the contents into `storage` (same dtype and shape), which becomes the variable's storage. Programs that run
  /// meanwhile go on with the old one.
  void relocate(const Tensor& storage);
  /// The storage now, whatever other threads move; and how often any variable's was moved, never 0.
  Tensor storage() const;
  static uint64_t moves();
  /// Whether an optimizer has already placed this variable in a slab.
  bool in_slab() const { return in_slab_; }

 private:
  std::string name_;
  Tensor value_;
  bool trainable_;
  bool in_slab_ = false;
  std::atomic<uint64_t> version_{0};
};
using VariablePtr = std::shared_ptr<Variable>;

/// Places the variables of each dtype side by side in one allocation, unless they already are in one.
HB_API void place_in_slab(const std::vector<VariablePtr>& variables);

}  // namespace hornbeam
