// Loaded modules: the shared libraries inside fake cubins.
#pragma once
#include <memory>
#include <string>

#include "device_abi.hpp"
#include "state.hpp"

namespace fake {

struct Module {
  void* library = nullptr;
  ModuleState* state = nullptr;
  bool unloaded = false;

  Module() = default;
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
};

struct Function {
  std::shared_ptr<Module> module;
  const Entry* entry = nullptr;
  size_t shared_limit = 0;  // of dynamic shared memory
};

inline constexpr unsigned kArch = 90;
inline constexpr size_t kThreadsPerBlock = 1024;
inline constexpr size_t kSharedBytes = 48 << 10;
inline constexpr size_t kSharedOptInBytes = 227 << 10;

}  // namespace fake
