// CUDA C++ to machine code, through NVRTC and a cache on disk.
#pragma once

#include <string>
#include <vector>

namespace hornbeam::cuda {

/// A file that sources may include.
struct Include {
  const char* name;
  const char* text;
};

struct Compiled {
  std::string symbol;  // the kernel's name in the code
  std::string code;    // a cubin, or PTX where NVRTC is older than the device
};

/// Compiles for devices of one architecture.
class Compiler {
 public:
  /// `includes` ends with one that has no name, and outlives this. Throws DeviceError when there is no NVRTC.
  Compiler(int arch, const Include* includes);
  /// The code of the kernel that the expression names in the source. May be called by many threads. Takes it from the
  /// cache, where it is: the folder HB_CACHE_DIR, else hornbeam in XDG_CACHE_HOME or ~/.cache; an empty HB_CACHE_DIR
  /// turns that off. Throws InternalError with the compiler's words when it does not compile.
  Compiled compile(const std::string& source, const std::string& kernel) const;
  /// Throws DeviceError unless there is an NVRTC that compiles for this architecture what a driver for this version of
  /// CUDA (13000: 13.0) loads.
  static void check(int arch, int driver_version);

 private:
  const Include* includes_;
  std::string target_;  // the option that names the architecture
  bool ptx_ = false;
  std::string common_;  // what all keys begin with
};
}  // namespace hornbeam::cuda
