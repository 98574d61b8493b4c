#include "hornbeam/batch_loop.hpp"

#include <chrono>
#include <cstring>
#include <numeric>

#include "base/check.hpp"
#include "base/philox.hpp"

namespace hornbeam {
namespace {
// Rows [first, first + n) of an array, sharing its memory.
Tensor rows_of(const Tensor& t, int64_t first, int64_t n) {
  Shape shape = t.shape();
  const size_t row = t.shape()[0] > 0 ? t.bytes() / size_t(t.shape()[0]) : 0;
  shape[0] = n;
  return Tensor(t.dtype(), shape, static_cast<char*>(t.raw()) + size_t(first) * row, std::make_shared<Tensor>(t));
}
}  // namespace

BatchLoop::BatchLoop(std::shared_ptr<Executable> step, std::vector<Tensor> arrays, int64_t batch_size)
    : step_(std::move(step)), arrays_(std::move(arrays)), batch_size_(batch_size) {
  HB_CHECK(batch_size_ >= 1, "batch_size must be >= 1. Received: batch_size=", batch_size_);
  HB_CHECK(!arrays_.empty(), "a batch loop needs at least one array");
  for (const Tensor& t : arrays_) {
    HB_CHECK(!t.shape().empty(), "arrays need a leading axis of samples");
    if (&t == &arrays_[0]) samples_ = t.shape()[0];
    HB_CHECK(t.shape()[0] == samples_, "arrays must have the same number of samples; got ", samples_, " and ",
             t.shape()[0]);
  }
}

void BatchLoop::shuffle(uint64_t key, uint64_t epoch) {  // Fisher-Yates, one Philox word a swap
  order_.resize(size_t(samples_));
  std::iota(order_.begin(), order_.end(), int64_t(0));
  for (int64_t i = samples_ - 1; i > 0; --i) {
    const PhiloxWords w = philox(key, epoch, uint64_t(i));
    const uint64_t r = (uint64_t(w.word[0]) << 32) | w.word[1];
    const auto j = int64_t((unsigned __int128)(r)*uint64_t(i + 1) >> 64);
    std::swap(order_[size_t(i)], order_[size_t(j)]);
  }
}

std::vector<Tensor> BatchLoop::batch(int64_t step) {
  const int64_t first = step * batch_size_, n = std::min(batch_size_, samples_ - first);
  HB_CHECK(step >= 0 && n > 0, "batch ", step, " is past the last of ", steps());
  std::vector<Tensor> in;
  if (order_.empty()) {
    for (const Tensor& t : arrays_) in.push_back(rows_of(t, first, n));
    return in;
  }
  staging_.resize(arrays_.size());
  for (size_t k = 0; k < arrays_.size(); ++k) {
    const Tensor& t = arrays_[k];
    const size_t row = t.bytes() / size_t(samples_);
    if (!staging_[k].defined() || staging_[k].shape()[0] != n) {
      Shape shape = t.shape();
      shape[0] = n;
      staging_[k] = Tensor(t.dtype(), shape);
    }
    for (int64_t i = 0; i < n; ++i)
      std::memcpy(staging_[k].data<char>() + size_t(i) * row, t.data<char>() + size_t(order_[size_t(first + i)]) * row,
                  row);
  }
  return staging_;
}

int64_t BatchLoop::run(int64_t first, int64_t last, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  int64_t at = first;
  for (; at < last;) {
    std::vector<Tensor> in = batch(at);
    if (!destinations_.empty()) {
      outputs_.assign(destinations_.size(), Tensor());
      for (size_t i = 0; i < destinations_.size(); ++i)
        if (destinations_[i].defined()) outputs_[i] = rows_of(destinations_[i], at * batch_size_, in[0].shape()[0]);
    }
    // outputs whose shape follows the batch are allocated again when it changes
    if (destinations_.empty() && (at == steps() - 1 || at == first)) outputs_.clear();
    step_->run(in, outputs_);
    ++at;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= seconds) break;
  }
  return at;
}
}  // namespace hornbeam
