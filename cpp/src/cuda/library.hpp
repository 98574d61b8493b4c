// Shared libraries that are opened when they are needed: where they are looked for, and what to say when they are not
// there.
#pragma once

#include <string>
#include <vector>

namespace hornbeam::cuda {

/// A library by the names of its files, the newest first.
struct LibraryName {
  const char* what;                // "NVRTC"
  std::vector<const char*> files;  // "libnvrtc.so.13", ..
  const char* install;             // what provides it
};

/// A library that is open, and stays so until the process ends.
class Library {
 public:
  /// Looks in the folders of HB_CUDA_PATH, where pip puts NVIDIA's packages beside this one, and where the system
  /// looks. Throws DeviceError, which names all of them, when it is not there.
  explicit Library(const LibraryName& name);
  /// Throws DeviceError when the library has no such function: it is too old.
  void* symbol(const char* name) const;
  /// Null when there is none.
  void* find(const char* name) const;
  /// The file that was opened, as its folder and name.
  const std::string& path() const { return path_; }

 private:
  const LibraryName name_;
  void* handle_ = nullptr;
  std::string path_;
};
}  // namespace hornbeam::cuda
