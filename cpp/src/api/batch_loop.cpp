#include "hornbeam/batch_loop.hpp"

#include <chrono>
#include <cstring>
#include <numeric>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "base/philox.hpp"

namespace hornbeam {
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
    if (i % (1 << 20) == 0) throw_if_interrupted();  // some 0.1 s of swaps that miss all caches
  }
}

Runner& BatchLoop::runner_for(int64_t rows) {
  std::unique_ptr<Runner>& r = rows == batch_size_ ? whole_ : rest_;
  if (!r) {
    std::vector<Shape> shapes;
    for (const Tensor& t : arrays_) {
      shapes.push_back(t.shape());
      shapes.back()[0] = rows;
    }
    r = std::make_unique<Runner>(step_, shapes);
  }
  return *r;
}

int64_t BatchLoop::run(int64_t first, int64_t last, double seconds) {
  HB_CHECK(first >= 0 && last <= steps(), "batches [", first, ", ", last, ") go past the last of ", steps());
  const auto start = std::chrono::steady_clock::now();
  const Runner* before = nullptr;
  for (at_ = first; at_ < last;) {
    const int64_t row = at_ * batch_size_, rows = std::min(batch_size_, samples_ - row);
    Runner& r = runner_for(rows);
    for (size_t i = 0; i < arrays_.size(); ++i) {
      const size_t bytes = arrays_[i].bytes() / size_t(samples_);
      if (order_.empty())
        r.set_input(i, arrays_[i].data<char>() + size_t(row) * bytes);
      else
        r.set_input(i, arrays_[i].raw(), order_.data() + row);
    }
    if (&r != before || outputs_.size() != r.outputs()) outputs_.resize(r.outputs());
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const bool collected = i < destinations_.size() && destinations_[i].defined();
      if (!collected && &r != before) outputs_[i] = Tensor(r.output_dtype(i), r.output_shape(i));
      if (!collected) {
        r.set_output(i, outputs_[i].raw());
        continue;
      }
      const Shape& shape = r.output_shape(i);
      const Tensor& to = destinations_[i];
      HB_CHECK(!shape.empty() && shape[0] == rows &&
                   tensor_bytes(r.output_dtype(i), shape) * size_t(samples_) == to.bytes() * size_t(rows),
               "collect: destination ", i, " must hold ", samples_, " rows of ", shape_text(shape), "; got ",
               shape_text(to.shape()));
      r.set_output(i, to.data<char>() + to.bytes() / size_t(samples_) * size_t(row));
    }
    r.run();
    before = &r;
    ++at_;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= seconds) break;
  }
  return at_;
}
}  // namespace hornbeam
