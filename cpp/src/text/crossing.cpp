// Combinations of features' values, as bins that a hash chooses.
#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/text.hpp"
#include "text/hash.hpp"

namespace hornbeam {
namespace {
constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995, kSeed = 0xdecafcaffe;

uint64_t mixed(uint64_t x) { return x ^ (x >> 47); }
// FingerprintCat64 of TensorFlow (core/platform/fingerprint.h): the fingerprint of two in turn.
uint64_t joined(uint64_t a, uint64_t b) {
  const uint64_t x = (a ^ kMultiplier ^ (mixed(b * kMultiplier) * kMultiplier)) * kMultiplier;
  return mixed(mixed(x) * kMultiplier);
}

int64_t size_of(const Feature& f) {
  const Texts* texts = std::get_if<Texts>(&f);
  return texts ? int64_t(texts->size()) : std::get<Tensor>(f).size();
}
template <class Word>
void join(Tensor& to, Word word) {
  int64_t* y = to.data<int64_t>();
  for (int64_t i = 0; i < to.size(); ++i) y[i] = int64_t(joined(uint64_t(y[i]), word(i)));
}
void join_feature(Tensor& to, const Feature& f) {
  if (const Texts* texts = std::get_if<Texts>(&f)) {
    join(to, [&](int64_t i) { return fingerprint64((*texts)[size_t(i)]); });
    return;
  }
  const Tensor& t = std::get<Tensor>(f);
  if (t.dtype() == DType::i32)
    join(to, [x = t.data<int32_t>()](int64_t i) { return uint64_t(int64_t(x[i])); });
  else if (t.dtype() == DType::i64)
    join(to, [x = t.data<int64_t>()](int64_t i) { return uint64_t(x[i]); });
  else
    throw TypeError(concat_text("a feature must be strings, int32 or int64. Received: ", dtype_name(t.dtype())));
}
}  // namespace

Tensor cross_features(const std::vector<Feature>& features, int64_t bins) {
  HB_CHECK(bins > 0, "the number of bins must be positive. Received: ", bins);
  HB_CHECK(features.size() >= 2, "a crossing is of two features or more. Received: ", features.size());
  const int64_t n = size_of(features[0]);
  for (const Feature& f : features)
    HB_CHECK(size_of(f) == n, "features must have one length. Received: ", n, " and ", size_of(f), " values");
  Tensor out(DType::i64, {n});
  int64_t* y = out.data<int64_t>();
  std::fill(y, y + n, int64_t(kSeed));
  for (const Feature& f : features) join_feature(out, f);
  for (int64_t i = 0; i < n; ++i) y[i] = int64_t(uint64_t(y[i]) % uint64_t(bins));
  return out;
}
}  // namespace hornbeam
