// A GPU: its memory, its streams, and the kernels that were loaded on it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/blas.hpp"
#include "cuda/compiler.hpp"
#include "cuda/dnn.hpp"
#include "cuda/driver.hpp"

namespace hornbeam::cuda {

/// What is known of a device before it is used.
struct DeviceInfo {
  int index = 0;
  std::string name;
  int arch = 0;  // 90: compute capability 9.0
  size_t bytes = 0;
};
/// All that the driver finds. Throws DeviceError when there is no driver.
std::vector<DeviceInfo> list_devices();

/// A kernel that is loaded.
struct Kernel {
  Function function = nullptr;
};

/// One device, opened when it is first asked for and open until the process ends. Its runs follow one another on one
/// stream; whoever uses it holds `lock`, but for the functions that say otherwise.
class Device {
 public:
  /// Throws DeviceError when there is no such device, or no NVRTC. Without the lock.
  static Device& get(int index);

  const DeviceInfo& info() const { return info_; }
  int multiprocessors() const { return multiprocessors_; }
  int64_t shared_bytes() const { return shared_bytes_; }  // that a block may ask for
  /// cuBLASLt and cuDNN, opened with the device; null where they are not there, and kernels of our own serve instead.
  const Blas* blas() const { return blas_.get(); }
  const Dnn* dnn() const { return dnn_.get(); }
  /// A line for each of the two: its file, or why it is not used.
  const std::vector<std::string>& libraries() const { return libraries_; }
  Stream stream() const { return stream_; }
  /// Nothing runs on it: graphs are captured there, while other threads may wait for the other one.
  Stream capture_stream() const { return capture_stream_; }

  /// Memory of the device: 256-byte aligned, never null. Throws MemoryError, which says what was asked for and what is
  /// free. `what` is it for. Without the lock.
  char* allocate(size_t bytes, const std::string& what);
  /// Also for what another thread's exception is leaving; ignores null. Without the lock.
  void free(char* memory) noexcept;

  struct Source {
    std::string text, kernel;
  };
  /// The kernels of these sources, compiled (several at once) and loaded unless they already were. Without the lock.
  std::vector<Kernel> kernels(const std::vector<Source>& sources, const Include* includes);
  /// Lets a kernel ask for so much shared memory, or less. Without the lock.
  void allow_shared(const Kernel& kernel, int64_t bytes);

  /// Waits for all that was put on the stream.
  void wait() const;
  /// Memory that each run works in, one after another, and that nobody counts on between them: at least so many bytes,
  /// elsewhere once it has grown.
  char* shared_memory(size_t bytes);

  std::mutex lock;

 private:
  friend class Using;
  explicit Device(const DeviceInfo& info);
  DeviceInfo info_;
  Context context_ = nullptr;
  Stream stream_ = nullptr, capture_stream_ = nullptr;
  int multiprocessors_ = 1;
  int64_t shared_bytes_ = 48 << 10;
  std::unique_ptr<const Blas> blas_;
  std::unique_ptr<const Dnn> dnn_;
  std::vector<std::string> libraries_;
  std::mutex loading_;
  std::map<std::pair<std::string, std::string>, Kernel> loaded_;
  std::map<Function, int64_t> shared_allowed_;
  std::unique_ptr<Compiler> compiler_;
  char* shared_memory_ = nullptr;
  size_t shared_memory_bytes_ = 0;
};

/// Makes a device the calling thread's while it lives, and then the one that was before.
class Using {
 public:
  explicit Using(const Device& device);
  ~Using();
  Using(const Using&) = delete;
  Using& operator=(const Using&) = delete;

 private:
  Context before_ = nullptr;
};

/// Memory of a device, given back at the end.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(Device& device, size_t bytes, const std::string& what)
      : device_(&device), at_(device.allocate(bytes, what)), bytes_(bytes) {}
  DeviceMemory(DeviceMemory&& from) noexcept { *this = std::move(from); }
  DeviceMemory& operator=(DeviceMemory&& from) noexcept {
    std::swap(device_, from.device_), std::swap(at_, from.at_), std::swap(bytes_, from.bytes_);
    return *this;
  }
  ~DeviceMemory() {
    if (device_) device_->free(at_);
  }
  char* get() const { return at_; }
  size_t bytes() const { return bytes_; }

 private:
  Device* device_ = nullptr;
  char* at_ = nullptr;
  size_t bytes_ = 0;
};

/// Memory of the host that the device reads and writes by itself.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  PinnedMemory(Device& device, size_t bytes);
  PinnedMemory(PinnedMemory&& from) noexcept { *this = std::move(from); }
  PinnedMemory& operator=(PinnedMemory&& from) noexcept {
    std::swap(device_, from.device_), std::swap(at_, from.at_);
    return *this;
  }
  ~PinnedMemory();
  char* get() const { return at_; }

 private:
  Device* device_ = nullptr;
  char* at_ = nullptr;
};

inline DevicePtr address(const void* at) { return reinterpret_cast<DevicePtr>(at); }
}  // namespace hornbeam::cuda
