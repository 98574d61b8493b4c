// The time of each item of a GPU's program.
#include <algorithm>

#include "runtime/cuda/memory.hpp"

namespace hornbeam::cuda {
namespace {
class Events {
 public:
  explicit Events(size_t count) : all_(count, nullptr) {
    for (Event& e : all_) HB_DRIVER(cuEventCreate, &e, 0u);
  }
  ~Events() {
    for (Event e : all_)
      if (e) Driver::get().cuEventDestroy_v2(e);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  Event operator[](size_t i) const { return all_[i]; }

 private:
  std::vector<Event> all_;
};
}  // namespace

std::vector<StepTime> CudaPlan::profile(const RunIo& io, int repeats) {
  const auto memory = make_memory();
  Memory& m = static_cast<Memory&>(*memory);
  const Using use(device_);
  const size_t n = program_->items.size();
  const Events events(n + 1);
  std::vector<double> seconds(n, 0);
  const int timed = std::max(1, repeats - 1);  // kernels are loaded at their first launch
  for (int i = 0; i < repeats; ++i) {
    Slot& slot = m.slots[0];
    prepare(slot);
    stage(slot, io);
    {
      Guard hold(device_.lock);
      bind(m);
      Enqueue e(device_, updates_.get(), device_.stream(), m.status.get());
      e.before_item = [&](size_t item) { HB_DRIVER(cuEventRecord, events[item], device_.stream()); };
      enqueue_inputs(m, slot, device_.stream());
      e.program(*program_, m.scratch);
      HB_DRIVER(cuEventRecord, events[n], device_.stream());
      enqueue_outputs(m, slot, device_.stream());
      HB_DRIVER(cuEventRecord, slot.done, device_.stream());
      mark_written(m);
    }
    end(m, slot);
    for (size_t k = 0; k < n; ++k) {
      float milliseconds = 0;
      HB_DRIVER(cuEventElapsedTime, &milliseconds, events[k], events[k + 1]);
      if (i > 0 || repeats == 1) seconds[k] += 1e-3 * milliseconds / timed;
    }
  }
  std::vector<StepTime> steps;
  for (size_t i = 0; i < n; ++i) {
    const Item& item = program_->items[i];
    steps.push_back({item.node, item.kind == Item::check ? "check" : "copy", seconds[i], 2.0 * double(item.bytes), 1});
  }
  return steps;
}
}  // namespace hornbeam::cuda
