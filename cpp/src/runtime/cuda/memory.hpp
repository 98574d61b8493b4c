// What a GPU's runs work in.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "runtime/cuda/plan.hpp"

namespace hornbeam::cuda {
using Clock = std::chrono::steady_clock;

/// What one run at a time, or two, work in beside the device's shared memory.
struct CudaPlan::Memory final : RunMemory {
  Slot slots[kSlots];
  size_t next = 0;   // the slot of the next run to begin
  DeviceMemory own;  // for programs that the host takes part in: others may run meanwhile
  DeviceMemory status;
  bool status_clear = false;  // nothing that ended left it set
  Scratch scratch;
  std::vector<std::shared_ptr<DeviceVariable>> variables;
  int runs = 0;
  Clock::time_point asks_next{};  // whether to go on
  Memory(Device& on, const Program& p) : scratch(p), device_(on) {}
  /// Nothing on the device works with it when it goes.
  ~Memory() override {
    try {
      const Using use(device_);
      const Driver& d = Driver::get();
      for (Slot& s : slots) {
        if (s.busy) d.cuEventSynchronize(s.done);
        if (s.done) d.cuEventDestroy_v2(s.done);
        s.graph.reset();
      }
    } catch (const Error&) {  // of a process that was forked: what there was is its parent's
    }
  }
  bool busy() const {
    return std::any_of(std::begin(slots), std::end(slots), [](const Slot& s) { return s.busy; });
  }

 private:
  Device& device_;
};
}  // namespace hornbeam::cuda
