// Compiled kernels on disk, for all processes of a user.
#pragma once

#include <string>

#include "cuda/compiler.hpp"

namespace hornbeam::cuda {

/// The folder HB_CACHE_DIR, else hornbeam in XDG_CACHE_HOME or ~/.cache; where HB_CACHE_DIR is empty, or neither is
/// set, there is none. A file that is damaged, or of another key, is not there; a folder that cannot be written keeps
/// nothing.
class KernelCache {
 public:
  KernelCache();
  bool find(const std::string& key, Compiled* code) const;
  void keep(const std::string& key, const Compiled& code) const noexcept;
  const std::string& folder() const { return folder_; }

 private:
  std::string file_of(const std::string& key) const;
  std::string folder_;  // with its last slash; empty: none
};

/// 64 bits of a text, as 16 digits.
std::string hash_text(const std::string& text);
}  // namespace hornbeam::cuda
