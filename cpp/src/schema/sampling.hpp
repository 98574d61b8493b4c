// What the ops that sample images agree on with their kernels.
#pragma once

#include "base/check.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {

/// Where `x` [batch, sizes.., channels] is sampled: at coordinates [axes, batch or 1, places..].
struct Sampling {
  static constexpr int kMostAxes = 8;

  Shape sizes;
  int64_t batch, channels, places;  // places: of an image
  bool shared;                      // all samples are seen at the same places
  bool linear;
  std::string mode;

  int axes() const { return int(sizes.size()); }
  int64_t pixels() const { return shape_product(sizes); }

  static Sampling of(const KernelRequest& r, const Shape& x, const Shape& coordinates) {
    Sampling s{Shape(x.begin() + 1, x.end() - 1),
               x[0],
               x.back(),
               1,
               coordinates[1] == 1,
               r.attrs.flag("linear"),
               r.attrs.text("mode")};
    for (size_t i = 2; i < coordinates.size(); ++i) s.places *= coordinates[i];
    HB_CHECK(s.pixels() * s.channels <= INT32_MAX, "[", r.op.name,
             "] an image may have less than 2^31 elements; it has ", s.pixels() * s.channels);
    HB_CHECK(s.pixels() > 0 || s.batch * s.places == 0, "[", r.op.name,
             "] there must be elements to sample; the sizes are ", shape_text(s.sizes));
    return s;
  }
};
}  // namespace hornbeam
