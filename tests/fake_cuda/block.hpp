// Runs the blocks of a launch one after another, the threads of each as fibres on this OS thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

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

// Kernel, block and thread that run on this OS thread; empty when none does.
std::string running_thread();

}  // namespace fake
