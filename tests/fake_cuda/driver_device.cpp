// Entry points about the device, its context and errors.
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "module.hpp"
#include "stream.hpp"

namespace fake {
namespace {

struct ErrorText {
  CUresult code;
  const char *name, *text;
};
constexpr ErrorText kErrors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image for the device"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_MERGE, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {CUDA_ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText* find_error(CUresult code) {
  for (const ErrorText& error : kErrors) {
    if (error.code == code) return &error;
  }
  return nullptr;
}

// By the numbers of CUdevice_attribute. The limits are an H100's; the multiprocessors are few, so that grids stay
// small.
constexpr int kAttributes[][2] = {
    {1, kThreadsPerBlock},  // threads a block
    {2, 1024},              // block x, y, z
    {3, 1024},
    {4, 64},
    {5, 0x7FFFFFFF},  // grid x, y, z
    {6, 65535},
    {7, 65535},
    {8, kSharedBytes},  // shared memory a block
    {9, 64 << 10},      // constant memory
    {10, 32},           // lanes of a warp
    {12, 65536},        // registers a block
    {13, 1000000},      // kHz
    {16, 4},            // multiprocessors
    {19, 1},            // maps host memory
    {31, 1},            // concurrent kernels
    {36, 1000000},      // kHz of memory
    {37, 5120},         // bits of the memory bus
    {38, 50 << 20},     // L2 cache
    {39, 2048},         // threads a multiprocessor
    {40, 3},            // copy engines
    {41, 1},            // unified addresses
    {75, kArch / 10},   // compute capability
    {76, kArch % 10},
    {81, 228 << 10},          // shared memory a multiprocessor
    {82, 65536},              // registers a multiprocessor
    {97, kSharedOptInBytes},  // shared memory a block, on request
    {106, 32},                // blocks a multiprocessor
    {111, 1024},              // shared memory a block that is reserved
};

size_t memory_bytes() {
  const char* bytes = std::getenv("HB_FAKE_CUDA_MEMORY");
  return bytes && *bytes ? std::strtoull(bytes, nullptr, 10) : size_t{8} << 30;
}

void check_device(CUdevice device) {
  if (device != 0) throw Failure{CUDA_ERROR_INVALID_DEVICE};
}

}  // namespace
}  // namespace fake

using namespace fake;

CUresult cuInit(unsigned) {
  const std::lock_guard lock(state().mutex);
  state().process = getpid();
  return CUDA_SUCCESS;
}

// NVIDIA's own NVRTC asks any driver that is open for tables of its private functions.
CUresult cuGetExportTable(const void** table, const void*) {
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuDriverGetVersion(int* version) {
  *version = 13000;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  const ErrorText* found = find_error(error);
  *name = found ? found->name : nullptr;
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char** text) {
  const ErrorText* found = find_error(error);
  *text = found ? found->text : nullptr;
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int* count) {
  return enter([&] { *count = 1; });
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return enter([&] {
    check_device(ordinal);
    *device = ordinal;
  });
}

CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return enter([&] {
    check_device(device);
    if (length <= 0) throw Failure{CUDA_ERROR_INVALID_VALUE};
    std::strncpy(name, "Fake device (CPU)", length - 1);
    name[length - 1] = '\0';
  });
}

CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
  return enter([&] {
    check_device(device);
    *value = 0;
    for (const auto& [number, known] : kAttributes) {
      if (number == attribute) *value = known;
    }
  });
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return enter([&] {
    check_device(device);
    *bytes = memory_bytes();
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return enter([&] {
    check_device(device);
    if (state().retained == 0) state().context = std::make_unique<Context>(memory_bytes());
    ++state().retained;
    *context = reinterpret_cast<CUcontext>(state().context.get());
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return enter([&] {
    check_device(device);
    if (state().retained == 0) throw Failure{CUDA_ERROR_INVALID_CONTEXT};
    if (--state().retained == 0) state().context.reset();
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  return enter([&] {
    auto* made = reinterpret_cast<Context*>(context);
    if (made && made != state().context.get()) throw Failure{CUDA_ERROR_INVALID_CONTEXT};
    current_context() = made;
  });
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  return enter([&] { *context = reinterpret_cast<CUcontext>(current_context()); });
}
