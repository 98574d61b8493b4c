#include "module.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "block.hpp"
#include "stream.hpp"

namespace fake {
namespace {

// A library from its bytes. The file's name is its identity for dlopen, so that each has a new one; it goes at once.
void* load(const char* bytes, size_t count) {
  std::string path = (std::filesystem::temp_directory_path() / "fake_cuda_module_XXXXXX").string();
  const int file = mkstemp(path.data());
  size_t done = 0;
  for (ssize_t n = 1; file >= 0 && done < count && n > 0; done += n)
    n = std::max<ssize_t>(write(file, bytes + done, count - done), 0);
  void* library = done == count ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (file >= 0) close(file);
  unlink(path.c_str());
  if (done < count) fail(CUDA_ERROR_OUT_OF_MEMORY, "cuModuleLoadData: cannot write %s", path.c_str());
  if (!library) fail(CUDA_ERROR_INVALID_IMAGE, "cuModuleLoadData: %s", dlerror());
  return library;
}

// The buffer and its size from the list that a launch takes in `extra`.
std::vector<char> read_extra(void** extra, const Entry& entry) {
  const char* buffer = nullptr;
  size_t bytes = 0;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      buffer = static_cast<const char*>(extra[1]);
    } else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      bytes = *static_cast<const size_t*>(extra[1]);
    } else {
      fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: unknown key in extra");
    }
  }
  if (bytes != entry.parameter_bytes) {
    fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: %s takes %lu bytes of parameters; got %zu", entry.name,
         entry.parameter_bytes, bytes);
  }
  if (bytes > 0 && !buffer) fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: no buffer of parameters");
  return {buffer, buffer + bytes};
}

void check_shape(const Dim& grid, const Dim& block, size_t shared_bytes, const Function& function) {
  const char* name = function.entry->name;
  const size_t threads = size_t{block.x} * block.y * block.z;
  const bool bad_grid =
      grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535;
  if (bad_grid) {
    fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: %s: a grid of (%u,%u,%u) blocks", name, grid.x, grid.y, grid.z);
  }
  if (threads == 0 || threads > kThreadsPerBlock || block.z > 64) {
    fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: %s: a block of (%u,%u,%u) threads", name, block.x, block.y,
         block.z);
  }
  if (shared_bytes > function.shared_limit) {
    fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: %s: %zu bytes of shared memory, %zu allowed", name, shared_bytes,
         function.shared_limit);
  }
}

}  // namespace

Module::~Module() {
  if (library) dlclose(library);
}

}  // namespace fake

using namespace fake;

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return in_context([&](Context& context) {
    CubinHeader header;
    std::memcpy(&header.magic, image, sizeof header.magic);
    if (std::memcmp(header.magic, kCubinMagic, sizeof kCubinMagic) != 0) {
      fail(CUDA_ERROR_INVALID_IMAGE, "cuModuleLoadData: not a cubin of the fake NVRTC");
    }
    std::memcpy(&header, image, sizeof header);
    if (header.arch / 10 != kArch / 10 || header.arch > kArch) {
      fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "cuModuleLoadData: made for sm_%u, the device is sm_%u", header.arch, kArch);
    }
    auto loaded = std::make_shared<Module>();
    loaded->library = load(static_cast<const char*>(image) + sizeof header, header.bytes);
    const auto* exported = static_cast<ModuleState* const*>(dlsym(loaded->library, "fake_module"));
    if (!exported) fail(CUDA_ERROR_INVALID_IMAGE, "cuModuleLoadData: %s", dlerror());
    loaded->state = *exported;
    *module = context.modules.add<CUmodule>(std::move(loaded));
  });
}

CUresult cuModuleUnload(CUmodule module) {
  return in_context([&](Context& context) {
    const auto unloaded = context.modules.get(module);
    unloaded->unloaded = true;
    std::vector<const void*> gone;
    for (const auto& [handle, function] : context.functions) {
      if (function->module == unloaded) gone.push_back(handle);
    }
    for (const void* handle : gone) context.functions.remove(handle);
    context.modules.remove(module);
  });
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  return in_context([&](Context& context) {
    auto found = std::make_shared<Function>();
    found->module = context.modules.get(module);
    found->entry = static_cast<const Entry*>(dlsym(found->module->library, name));
    if (!found->entry) throw Failure{CUDA_ERROR_NOT_FOUND};
    found->shared_limit = kSharedBytes;
    *function = context.functions.add<CUfunction>(std::move(found));
  });
}

CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction function) {
  return in_context([&](Context& context) {
    const auto found = context.functions.get(function);
    switch (attribute) {
      case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = kThreadsPerBlock;
        break;
      case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *value = static_cast<int>(found->shared_limit);
        break;
      default:
        *value = 0;
    }
  });
}

CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  return in_context([&](Context& context) {
    const auto found = context.functions.get(function);
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return;  // others are hints
    if (value < 0 || static_cast<size_t>(value) > kSharedOptInBytes) {
      fail(CUDA_ERROR_INVALID_VALUE, "cuFuncSetAttribute: %s: %d bytes of shared memory, the device has %zu",
           found->entry->name, value, kSharedOptInBytes);
    }
    found->shared_limit = value;
  });
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters,
                        void** extra) {
  count("cuLaunchKernel");
  return in_context([&](Context& context) {
    const auto called = context.functions.get(function);
    const Dim grid{grid_x, grid_y, grid_z}, block{block_x, block_y, block_z};
    check_shape(grid, block, shared_bytes, *called);
    if (parameters || !extra) {
      fail(CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: the fake takes parameters through extra only");
    }
    const auto on = find_stream(context, stream);
    enqueue(context, *on, "a kernel", [=, given = read_extra(extra, *called->entry)] {
      if (called->module->unloaded) {
        fail(CUDA_ERROR_ILLEGAL_ADDRESS, "kernel %s: its module was unloaded", called->entry->name);
      }
      run_kernel({called->entry, called->module->state, grid, block, shared_bytes, given.data()});
    });
  });
}
