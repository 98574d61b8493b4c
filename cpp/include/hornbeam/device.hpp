// The devices that programs run on: the CPU, and GPUs of NVIDIA's where a driver and the libraries of CUDA are found.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "hornbeam/export.hpp"

namespace hornbeam {

/// What is known of a device.
struct DeviceInfo {
  std::string name;         ///< "cpu:0", "gpu:0", ..
  std::string description;  ///< what its maker calls it
  size_t bytes = 0;         ///< of memory
};

/// The devices there are, the CPU first. A machine without NVIDIA's driver has the CPU alone.
HB_API std::vector<DeviceInfo> list_devices();
/// Why programs do not run on a GPU, in a sentence that says what was looked for and what to install; empty where they
/// do.
HB_API std::string gpu_problem();
/// The libraries that programs on a GPU use where they are: "cuBLASLt: FILE", or why it is not there (kernels of
/// Hornbeam's own take its place, slower). Nothing where no GPU can be used.
HB_API std::vector<std::string> gpu_libraries();

/// The device of programs that are given none: what set_default_device said, else HB_DEVICE, else "gpu:0" where a GPU
/// can be used, else "cpu:0". Throws ValueError when HB_DEVICE names no device.
HB_API std::string default_device();
/// "cpu", "gpu" or "gpu:1", of programs that are compiled from now on; empty: as at first. Throws ValueError for what
/// is no name of a device, DeviceError when the device cannot be used.
HB_API void set_default_device(const std::string& device);
/// The device of programs that this thread compiles while it lives. Throws as set_default_device does.
class HB_API DeviceScope {
 public:
  explicit DeviceScope(const std::string& device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  std::string outer_;
};
/// Whether float32 products on a GPU, of programs that are compiled from now on, may round their factors to TF32's 10
/// bits, which is faster; they may not at first. The CPU knows no such thing.
HB_API void enable_tf32(bool enabled);
HB_API bool tf32_enabled();

/// The whole name ("gpu" is "gpu:0"); of an empty one the default. Throws ValueError for what is none.
HB_API std::string device_name(const std::string& device);

}  // namespace hornbeam
