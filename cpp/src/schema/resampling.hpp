// How an axis is resampled: which elements make each element of the result, and how much of each counts.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "hornbeam/op.hpp"  // a request knows its op

namespace hornbeam {

enum class Interpolation { nearest, bilinear, bicubic, lanczos3, lanczos5 };
inline const char* const kInterpolations[] = {"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"};
/// How far an element counts, in elements.
constexpr double kInterpolationReach[] = {0.5, 1, 2, 3, 5};

/// `from` elements that become `to`, all of them equally wide, over the same stretch.
struct ResampledAxis {
  int64_t from, to;
  Interpolation kind;
  double step;   // between the result's elements
  double wide;   // by how much an element's reach is stretched, to smooth what becomes smaller
  double reach;  // in elements

  ResampledAxis(int64_t from_, int64_t to_, Interpolation kind_, bool antialias)
      : from(from_), to(to_), kind(kind_), step(double(from_) / double(std::max<int64_t>(1, to_))) {
    wide = antialias && kind != Interpolation::nearest ? std::max(step, 1.0) : 1.0;
    reach = kInterpolationReach[int(kind)] * wide;
  }
  bool same() const { return from == to; }
  /// Where element i of the result lies among those that it is made of.
  double place(int64_t i) const { return (double(i) + 0.5) * step - 0.5; }
  /// The one that its centre lies in: exact, for it may lie between two.
  int64_t nearest(int64_t i) const { return (2 * i + 1) * from / (2 * to); }
  /// An element of the result is made of at most so many.
  int64_t most() const {
    return same() || kind == Interpolation::nearest ? 1 : std::min(from, int64_t(std::floor(2 * reach)) + 1);
  }
};

/// Images [batch, rows, columns, channels] whose rows and columns are resampled.
struct Resampling {
  int64_t batch, channels;
  ResampledAxis rows, columns;

  /// `x`: what is resampled, to the size of `y`.
  static Resampling make(const KernelRequest& r, const Shape& x, const Shape& y) {
    const std::string& name = r.attrs.text("kernel");
    const auto* kind = std::find(std::begin(kInterpolations), std::end(kInterpolations), name);
    const auto k = Interpolation(kind - std::begin(kInterpolations));
    const bool antialias = r.attrs.flag("antialias");
    for (size_t i : {1, 2})
      HB_CHECK(x[i] > 0 && x[i] <= INT32_MAX && y[i] > 0 && y[i] <= INT32_MAX, "[", r.op.name,
               "] takes images of 1 to 2^31 - 1 rows and columns; got ", shape_text(x), " and ", shape_text(y));
    return {x[0], x[3], {x[1], y[1], k, antialias}, {x[2], y[2], k, antialias}};
  }
};
}  // namespace hornbeam
