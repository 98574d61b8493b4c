// How ops that move elements see theirs, for the kernels of every device: strides, and ids along an axis.
#pragma once

#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/op.hpp"  // a request knows its op

namespace hornbeam {

/// Where element [i, j, ..] of a space lies: offset + i * strides[0] + j * strides[1] + ..
struct View {
  Ints strides;
  int64_t offset = 0;
};

inline Ints row_major(const Shape& s) {
  Ints st(s.size(), 1);
  for (size_t i = s.size(); i-- > 1;) st[i - 1] = st[i] * s[i];
  return st;
}
inline int64_t counted_axis(const KernelRequest& r, const Shape& s) {
  const int64_t axis = r.attrs.integer("axis");
  return axis < 0 ? axis + int64_t(s.size()) : axis;
}
inline void check_rank(const Shape& s, const char* op) {
  HB_CHECK(s.size() <= 12, "[", op, "] takes at most 12 axes; got ", s.size());
}

/// The elements of the input that the output's are.
inline View transposed(const KernelRequest& r) {
  const Ints st = row_major(r.inputs[0].shape);
  View v;
  for (int64_t a : r.attrs.ints("perm")) v.strides.push_back(st[size_t(a)]);
  return v;
}
inline View sliced(const KernelRequest& r) {
  const Shape& x = r.inputs[0].shape;
  View v{row_major(x)};
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t b = r.attrs.ints("begin")[i], e = r.attrs.ints("end")[i];
    HB_CHECK(0 <= b && b <= e && e <= x[i], "[slice] the range [", b, ", ", e, ") is outside axis ", i, " of ",
             shape_text(x));
    v.offset += b * v.strides[i];
    // a step beyond the end takes one element, too
    v.strides[i] *= std::min(r.attrs.ints("strides")[i], std::max<int64_t>(1, e - b));
  }
  return v;
}
inline View flipped(const KernelRequest& r) {
  const Shape& x = r.inputs[0].shape;
  View v{row_major(x)};
  const size_t axis = size_t(counted_axis(r, x));
  v.offset = x[axis] > 0 ? (x[axis] - 1) * v.strides[axis] : 0;
  v.strides[axis] = -v.strides[axis];
  return v;
}

inline View broadcast(const KernelRequest& r) {
  const Shape &x = r.inputs[0].shape, &y = r.outputs[0].shape;
  const Ints st = row_major(x);
  View v{Ints(y.size() - x.size(), 0)};
  for (size_t i = 0; i < x.size(); ++i) v.strides.push_back(x[i] == 1 ? 0 : st[i]);
  return v;
}

/// What a concatenation takes of input k along its axis of n: [begin, end), all of it where ranges are not given.
inline Ints concat_range(const KernelRequest& r, size_t k, int64_t n) {
  const Ints &begin = r.attrs.ints("begin"), &end = r.attrs.ints("end");
  if (begin.empty()) return {0, n};
  HB_CHECK(0 <= begin[k] && begin[k] <= end[k] && end[k] <= n, "[concat] the range [", begin[k], ", ", end[k],
           ") is outside the axis of ", n, " of input ", k);
  return {begin[k], end[k]};
}

/// How ids point along an axis: [outer, picks, inner] of them into what is [outer, n, inner].
struct IdsAlong {
  int64_t outer = 1, n = 0, picks = 0, inner = 1;
};
inline IdsAlong ids_along(const KernelRequest& r, const Shape& ids, const Shape& full) {
  const int64_t axis = counted_axis(r, full);
  IdsAlong a;
  a.n = full[size_t(axis)];
  a.picks = ids[size_t(axis)];
  for (int64_t i = 0; i < int64_t(full.size()); ++i)
    if (i != axis) (i < axis ? a.outer : a.inner) *= full[size_t(i)];
  return a;
}

/// Element i of an axis of `x` goes to place first + i * step of the output's.
inline void check_placement(const KernelRequest& r, const Ints& first, const Ints& steps) {
  const Shape &x = r.inputs[0].shape, &y = r.outputs[0].shape;
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t room = y[i] - first[i];  // from the first place on
    HB_CHECK(first[i] >= 0 && (x[i] == 0 || (room > 0 && (room - 1) / steps[i] >= x[i] - 1)), "[", r.op.name,
             "] the range is outside axis ", i, " of ", shape_text(y));
  }
}
}  // namespace hornbeam
