// What the ops that sample images agree on with their kernels.
#pragma once

#include <algorithm>
#include <iterator>

#include "base/check.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {

/// What lies beyond the ends of `a b c d`: a value; `a a | a b c d | d d`; `c d | a b c d | a b`; `c b | a b c d | c
/// b`; `b a | a b c d | d c`.
enum class Beyond { constant, nearest, wrap, mirror, reflect };
constexpr const char* kBeyondNames[] = {"constant", "nearest", "wrap", "mirror", "reflect"};

/// Where `x` [batch, sizes.., channels] is sampled: at coordinates [axes, batch or 1, places..].
struct Sampling {
  static constexpr int kMostAxes = 8;

  Shape sizes;
  int64_t batch, channels, places;  // places: of an image
  bool shared;                      // all samples are seen at the same places
  bool linear;
  Beyond beyond;

  int axes() const { return int(sizes.size()); }
  int64_t pixels() const { return shape_product(sizes); }

  static Sampling of(const KernelRequest& r, const Shape& x, const Shape& coordinates) {
    const auto name = std::find(std::begin(kBeyondNames), std::end(kBeyondNames), r.attrs.text("mode"));
    Sampling s{Shape(x.begin() + 1, x.end() - 1), x[0], x.back(), 1, coordinates[1] == 1, r.attrs.flag("linear"),
               Beyond(name - kBeyondNames)};
    for (size_t i = 2; i < coordinates.size(); ++i) s.places *= coordinates[i];
    HB_CHECK(s.pixels() * s.channels <= INT32_MAX, "[", r.op.name,
             "] an image may have less than 2^31 elements; it has ", s.pixels() * s.channels);
    HB_CHECK(s.pixels() > 0 || s.batch * s.places == 0, "[", r.op.name,
             "] there must be elements to sample; the sizes are ", shape_text(s.sizes));
    return s;
  }
};
}  // namespace hornbeam
