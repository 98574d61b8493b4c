#include "hornbeam/batch_loop.hpp"

#include <chrono>
#include <numeric>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "base/philox.hpp"

namespace hornbeam {
BatchLoop::BatchLoop(std::shared_ptr<Executable> step, std::vector<Tensor> arrays, int64_t batch_size)
    : step_(std::move(step)), arrays_(std::move(arrays)), batch_size_(batch_size) {
  HB_CHECK(step_, "a batch loop's executable is null");
  HB_CHECK(batch_size_ >= 1, "batch_size must be >= 1. Received: batch_size=", batch_size_);
  HB_CHECK(!arrays_.empty(), "a batch loop needs at least one array");
  for (const Tensor& t : arrays_) {
    HB_CHECK(t.defined(), "an array is an undefined tensor");
    HB_CHECK(!t.shape().empty(), "arrays need a leading axis of samples");
    if (&t == &arrays_[0]) samples_ = t.shape()[0];
    HB_CHECK(t.shape()[0] == samples_, "arrays must have the same number of samples; got ", samples_, " and ",
             t.shape()[0]);
  }
  within_memory([&] {
    check_batch(std::min(batch_size_, samples_));
    if (samples_ % batch_size_) check_batch(samples_ % batch_size_);
  });
}

// The executable takes batches of so many rows.
void BatchLoop::check_batch(int64_t rows) const {
  std::vector<Tensor> batch;
  for (const Tensor& t : arrays_) {
    Shape shape = t.shape();
    shape[0] = rows;
    batch.push_back(Tensor(t.dtype(), std::move(shape), t.raw(), nullptr));
  }
  step_->check_inputs(batch);
}

void BatchLoop::check_usable() const { HB_CHECK(step_, "this BatchLoop was moved from"); }

void BatchLoop::shuffle(uint64_t key, uint64_t epoch) {  // Fisher-Yates, one Philox word a swap
  check_usable();
  within_memory([&] {
    check_memory(tensor_bytes(DType::i64, {samples_}), "the order of the samples");
    order_.resize(size_t(samples_));
  });
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

void BatchLoop::collect(std::vector<Tensor> destinations) {
  check_usable();
  const Graph& g = step_->graph();
  HB_CHECK(destinations.size() <= g.outputs.size(), "collect: there are ", g.outputs.size(), " outputs; got ",
           destinations.size(), " destinations");
  for (size_t i = 0; i < destinations.size(); ++i) {
    const Tensor& to = destinations[i];
    if (!to.defined()) continue;
    const ValueType& t = g.type(g.outputs[i].second);
    HB_CHECK_TYPE(to.dtype() == t.dtype, "collect: destination ", i, " must be ", dtype_name(t.dtype), "; got ",
                  dtype_name(to.dtype()));
    HB_CHECK(!to.shape().empty() && to.shape()[0] == samples_, "collect: destination ", i, " must have ", samples_,
             " rows; got ", shape_text(to.shape()));
  }
  destinations_ = std::move(destinations);
  outputs_.clear();
}

// Outputs that are collected fit, and the others have memory.
void BatchLoop::start_on(Runner& runner, int64_t rows) {
  outputs_.resize(runner.outputs());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const Shape& shape = runner.output_shape(i);
    if (i >= destinations_.size() || !destinations_[i].defined()) {
      outputs_[i] = Tensor(runner.output_dtype(i), shape);
      runner.set_output(i, outputs_[i]);
      continue;
    }
    Shape want = destinations_[i].shape();
    want[0] = rows;
    HB_CHECK(shape == want, "collect: destination ", i, " must hold ", samples_, " rows of ", shape_text(shape),
             "; got ", shape_text(destinations_[i].shape()));
  }
}

int64_t BatchLoop::run(int64_t first, int64_t last, double seconds, const std::atomic<bool>* stop) {
  check_usable();
  HB_CHECK(0 <= first && first <= last && last <= steps(), "batches [", first, ", ", last, ") must be among the ",
           steps(), " there are");
  const auto start = std::chrono::steady_clock::now();
  Runner* running = nullptr;
  int64_t next = first;
  at_ = first;
  auto end_all = [&] {
    for (; at_ < next; ++at_) running->finish();
  };
  while (next < last) {
    const int64_t row = next * batch_size_, rows = std::min(batch_size_, samples_ - row);
    if (running && rows != batch_size_) end_all();  // another's plan may have to be made
    Runner& r = within_memory([&]() -> Runner& { return runner_for(rows); });
    if (&r != running) {
      end_all();
      within_memory([&] { start_on(r, rows); });
      running = &r;
    }
    for (size_t i = 0; i < arrays_.size(); ++i) {
      const size_t bytes = arrays_[i].bytes() / size_t(samples_);
      if (order_.empty())
        r.set_input(i, arrays_[i].data<char>() + size_t(row) * bytes);
      else
        r.set_input(i, arrays_[i].raw(), order_.data() + row);
    }
    for (size_t i = 0; i < destinations_.size(); ++i) {
      const Tensor& to = destinations_[i];
      if (to.defined()) r.set_output(i, to.data<char>() + to.bytes() / size_t(samples_) * size_t(row));
    }
    if (next - at_ == r.depth()) r.finish(), ++at_;
    try {
      r.start();
    } catch (...) {
      end_all();
      throw;
    }
    ++next;
    if (stop && stop->load(std::memory_order_relaxed)) break;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= seconds) break;
  }
  end_all();
  return at_;
}
}  // namespace hornbeam
