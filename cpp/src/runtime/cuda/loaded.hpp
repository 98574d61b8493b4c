// A node's kernel as a program for a GPU runs it, and the variables that it works with.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/device.hpp"
#include "hornbeam/tensor.hpp"
#include "kernels/cuda/plan.hpp"
#include "runtime/program.hpp"

namespace hornbeam::cuda {

/// What an item of a program does: its `params` point here.
struct LoadedKernel {
  std::vector<Step> steps;
  std::vector<Kernel> kernels;  // by step: of those that launch one
  Checked checked;
  DType checked_dtype = DType::i32;
  std::vector<size_t> bytes;  // of the inputs and outputs
  int inputs = 0;
};

/// Plans kernels for a device, and has all of them compiled at the end.
class CudaKernels final : public KernelSource {
 public:
  CudaKernels(Device& device, const hornbeam::Target& target) : device_(device), target_(target) {}
  hornbeam::KernelPlan plan(const KernelRequest& request) const override;
  const hornbeam::Target& target() const override { return target_; }
  /// A device says so itself, with what is free.
  void check_memory(size_t, const std::string&) const override {}
  bool keeps() const override { return false; }
  bool writes_early() const override { return false; }  // they are merged into few launches
  bool runs_both_branches() const override { return true; }
  /// Has one launch do what several of the program's do, where neighbours are groups and independent.
  void merge_groups(Program& p) const;
  /// Compiles what was planned and is not merged away.
  void load() const;

 private:
  Device& device_;
  const hornbeam::Target& target_;
  mutable std::vector<std::shared_ptr<LoadedKernel>> planned_;
};

/// A variable's value on a device.
class DeviceVariable final : public DeviceValue {
 public:
  DeviceVariable(Device& device, const Variable& variable);
  void read(void* host, size_t bytes) const override;
  char* get() const { return memory_.get(); }
  const Device& device() const { return device_; }
  static constexpr uint64_t kNothing = ~uint64_t(0);
  uint64_t version = kNothing;  // of the variable, that it holds

 private:
  Device& device_;
  DeviceMemory memory_;
};

/// The variable on the device, with the value that it has now.
std::shared_ptr<DeviceVariable> on_device(Device& device, Variable& variable);
}  // namespace hornbeam::cuda
