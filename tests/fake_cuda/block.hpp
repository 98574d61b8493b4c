// Runs the blocks of a launch one after another, the threads of each as fibres on this OS thread.
#pragma once
#include <cstdint>
#include <optional>

#include "device_abi.hpp"

namespace fake {

struct Launch {
  const Entry* entry;
  ModuleState* state;
  Dim grid, block;
  size_t shared_bytes;
  const char* parameters;
};

// Throws Failure when the kernel traps or its threads wait for ever.
void run_kernel(const Launch& launch);

// HB_FAKE_CUDA_SHUFFLE.
std::optional<uint64_t> shuffle_seed();

// While it lives, a fault of this thread prints what was running before it takes its course.
class Running {
 public:
  explicit Running(const char* what);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  const char* outer_;
};

}  // namespace fake
