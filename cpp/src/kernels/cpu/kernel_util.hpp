// Helpers of the kernel frames: how work is cut into parts, and how broadcast operands are walked.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "kernels/cpu/isa/isa_table.hpp"
#include "schema/views.hpp"

namespace hornbeam {

constexpr int kMaxParts = 32;

/// How many parts `units` of work, each of `cost` elementary operations, are cut into: a function of the shape alone.
/// (A product may have more where a team is larger; no sum depends on how it is cut.)
inline int parts_for(int64_t units, double cost, double grain = 32768) {
  const double total = double(units) * cost;
  const int64_t parts = int64_t(std::min(total / grain, double(kMaxParts)));  // the cost may be beyond 64 bits
  return int(std::max<int64_t>(1, std::min(parts, std::max<int64_t>(units, 1))));
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
/// The share of [0, n) of part p; boundaries are multiples of `align`.
inline Range part_range(int64_t n, int parts, int p, int64_t align = 1) {
  const int64_t units = (n + align - 1) / align;
  return {std::min(n, units * p / parts * align), std::min(n, units * (p + 1) / parts * align)};
}

/// Short copies by four floats, the last four overlapping: a call to memcpy would cost more than the copy.
inline void copy_floats(float* dst, const float* src, int64_t n) {
  if (n >= 64) {
    std::memcpy(dst, src, size_t(n) * 4);
  } else if (n >= 4) {
    for (int64_t i = 0; i + 4 <= n; i += 4) std::memcpy(dst + i, src + i, 16);
    std::memcpy(dst + n - 4, src + n - 4, 16);
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i];
  }
}

/// dst[j * to + i] = src[i * from + j], by blocks of four by four.
inline void transpose_floats(const float* src, int64_t from, float* dst, int64_t to, int64_t rows, int64_t columns) {
  typedef float Four __attribute__((vector_size(16)));
  for (int64_t i = 0; i < rows; i += 4)
    for (int64_t j = 0; j < columns; j += 4) {
      if (i + 4 > rows || j + 4 > columns) {
        for (int64_t a = i; a < std::min(i + 4, rows); ++a)
          for (int64_t b = j; b < std::min(j + 4, columns); ++b) dst[b * to + a] = src[a * from + b];
        continue;
      }
      Four r[4];
      for (int a = 0; a < 4; ++a) std::memcpy(&r[a], src + (i + a) * from + j, 16);
      const Four low01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
                 low23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
      const Four high01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7),
                 high23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
      r[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      r[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      r[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      r[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      for (int b = 0; b < 4; ++b) std::memcpy(dst + (j + b) * to + i, &r[b], 16);
    }
}

template <class T>
const T& params_of(const KernelCall& c) {
  return *static_cast<const T*>(c.params);
}
template <class T>
T* buffer(const KernelCall& c, int i) {
  return static_cast<T*>(c.buffers[i]);
}

/// How many parts may run at once, each with scratch memory of its own (see KernelCall::thread).
inline int at_once(const KernelRequest& r, int parts) { return std::max(1, std::min(r.target.threads, parts)); }

/// What a stage with `prepacks` made.
inline float* prepacked(const KernelCall& c) { return buffer<float>(c, c.work + 1); }

template <class T>
KernelPlan make_plan(T params, std::vector<Stage> stages, size_t workspace = 0, size_t prepacked_bytes = 0) {
  KernelPlan p;
  p.stages = std::move(stages);
  p.params = std::make_shared<const T>(std::move(params));
  p.workspace = workspace;
  p.prepacked = prepacked_bytes;
  return p;
}

/// Arithmetic of ints wraps, as NumPy's does.
template <class T>
T wrapping_add(T a, T b) {
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
    return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
  else
    return T(a + b);
}
template <class T>
T wrapping_multiply(T a, T b) {
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
    return T(std::make_unsigned_t<T>(a) * std::make_unsigned_t<T>(b));
  else
    return T(a * b);
}

[[noreturn]] inline void no_kernel(const KernelRequest& r) {
  std::string types;
  for (const auto& t : r.inputs) types += (types.empty() ? "" : ", ") + std::string(dtype_name(t.dtype));
  throw TypeError(concat_text("[", r.op.name, "] has no CPU kernel for ", types));
}

/// Walks an iteration space whose operands have strides (0 where broadcast); adjacent axes are merged where they can
/// be.
struct Walk {
  Shape sizes;
  std::vector<Ints> strides;  // [operand][axis], in elements
  int64_t total = 1;

  /// Operands with the numpy-broadcast `shapes` over `space`.
  static Walk broadcast(const Shape& space, const std::vector<Shape>& shapes) {
    Walk w;
    w.total = shape_product(space);
    std::vector<Ints> all;
    for (const Shape& s : shapes) {
      Ints st(space.size(), 0);
      int64_t step = 1;
      for (size_t i = 0; i < s.size(); ++i) {
        const size_t from_end = s.size() - 1 - i, axis = space.size() - 1 - i;
        st[axis] = s[from_end] == 1 ? 0 : step;
        step *= s[from_end];
      }
      all.push_back(st);
    }
    w.strides.resize(shapes.size());
    for (size_t axis = 0; axis < space.size(); ++axis) w.push_axis(space[axis], all, axis);
    if (w.sizes.empty()) {
      w.sizes.push_back(1);
      for (auto& s : w.strides) s.push_back(0);
    }
    return w;
  }
  /// Adds an inner axis, merging it into the previous one when every operand allows it.
  void push_axis(int64_t size, const std::vector<Ints>& st, size_t axis) {
    if (size == 1) return;
    bool merge = !sizes.empty();
    for (size_t k = 0; k < strides.size(); ++k) merge = merge && strides[k].back() == st[k][axis] * size;
    if (merge) {
      sizes.back() *= size;
      for (size_t k = 0; k < strides.size(); ++k) strides[k].back() = st[k][axis];
    } else {
      sizes.push_back(size);
      for (size_t k = 0; k < strides.size(); ++k) strides[k].push_back(st[k][axis]);
    }
  }
  /// The operand lies as the space does, whatever axes others keep apart.
  bool contiguous(size_t k) const { return total == 1 || period(k) == total; }
  /// How many of the operand's elements, in memory order, repeat over the whole space; 0 where they do not.
  int64_t period(size_t k) const {
    int64_t n = 1;
    size_t axis = sizes.size();
    for (; axis > 0 && strides[k][axis - 1] == n; --axis) n *= sizes[axis - 1];
    while (axis > 0 && strides[k][axis - 1] == 0) --axis;
    return axis == 0 && n > 1 ? n : 0;
  }
  bool scalar(size_t k) const {
    for (int64_t s : strides[k])
      if (s != 0) return false;
    return true;
  }
  /// Calls f(offset of operand k, flat position, run length, inner stride) over the flat range [begin, end).
  template <class F>
  void runs(size_t k, int64_t begin, int64_t end, F f) const {
    const Ints& st = strides[k];
    const size_t rank = sizes.size();
    int64_t index[16];
    int64_t rest = begin, offset = 0;
    for (size_t i = rank; i-- > 0;) {
      index[i] = rest % sizes[i];
      rest /= sizes[i];
      offset += index[i] * st[i];
    }
    for (int64_t at = begin; at < end;) {
      const size_t last = rank - 1;
      const int64_t n = std::min(sizes[last] - index[last], end - at);
      f(offset, at, n, st[last]);
      at += n;
      offset += n * st[last];
      index[last] += n;
      for (size_t i = last; i > 0 && index[i] == sizes[i]; --i) {
        offset += st[i - 1] - sizes[i] * st[i];
        index[i] = 0;
        ++index[i - 1];
      }
    }
  }
};

/// Calls f.template operator()<T>() with the C++ type of a dtype among float, double, int32, int64, uint8 (bool too).
template <class F>
bool with_type(DType d, F f) {
  switch (d) {
    case DType::f32:
      f(float{});
      return true;
    case DType::f64:
      f(double{});
      return true;
    case DType::i32:
      f(int32_t{});
      return true;
    case DType::i64:
      f(int64_t{});
      return true;
    case DType::u8:
    case DType::boolean:
      f(uint8_t{});
      return true;
    default:
      return false;
  }
}
/// The same for float and double.
template <class F>
void with_float(const KernelRequest& r, DType d, F f) {
  if (d == DType::f32)
    f(float{});
  else if (d == DType::f64)
    f(double{});
  else
    no_kernel(r);
}
}  // namespace hornbeam
