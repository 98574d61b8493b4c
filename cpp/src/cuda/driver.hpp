// The functions of CUDA's driver that are used, as its manual has them; they are looked up when the library is opened.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/library.hpp"

namespace hornbeam::cuda {

using Result = int;
constexpr Result kSuccess = 0, kOutOfMemory = 2;
using DevicePtr = unsigned long long;
using Context = struct ContextTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;
using Graph = struct GraphTag*;
using GraphExec = struct GraphExecTag*;

/// Of a device, by the driver's numbers.
enum class DeviceAttribute : int {
  multiprocessors = 16,
  major = 75,
  minor = 76,
  shared_bytes_opt_in = 97,
};
enum class FunctionAttribute : int { most_shared_bytes = 8 };

// name, parameters
#define HB_CUDA_DRIVER(F)                                                                                     \
  F(cuInit, (unsigned))                                                                                       \
  F(cuDriverGetVersion, (int*))                                                                               \
  F(cuGetErrorName, (Result, const char**))                                                                   \
  F(cuGetErrorString, (Result, const char**))                                                                 \
  F(cuDeviceGetCount, (int*))                                                                                 \
  F(cuDeviceGet, (int*, int))                                                                                 \
  F(cuDeviceGetName, (char*, int, int))                                                                       \
  F(cuDeviceGetAttribute, (int*, DeviceAttribute, int))                                                       \
  F(cuDeviceTotalMem_v2, (size_t*, int))                                                                      \
  F(cuDevicePrimaryCtxRetain, (Context*, int))                                                                \
  F(cuCtxGetCurrent, (Context*))                                                                              \
  F(cuCtxSetCurrent, (Context))                                                                               \
  F(cuMemGetInfo_v2, (size_t*, size_t*))                                                                      \
  F(cuMemAlloc_v2, (DevicePtr*, size_t))                                                                      \
  F(cuMemFree_v2, (DevicePtr))                                                                                \
  F(cuMemHostAlloc, (void**, size_t, unsigned))                                                               \
  F(cuMemFreeHost, (void*))                                                                                   \
  F(cuMemcpyHtoDAsync_v2, (DevicePtr, const void*, size_t, Stream))                                           \
  F(cuMemcpyDtoHAsync_v2, (void*, DevicePtr, size_t, Stream))                                                 \
  F(cuMemcpyDtoDAsync_v2, (DevicePtr, DevicePtr, size_t, Stream))                                             \
  F(cuMemsetD8Async, (DevicePtr, unsigned char, size_t, Stream))                                              \
  F(cuStreamCreate, (Stream*, unsigned))                                                                      \
  F(cuStreamSynchronize, (Stream))                                                                            \
  F(cuStreamWaitEvent, (Stream, Event, unsigned))                                                             \
  F(cuEventCreate, (Event*, unsigned))                                                                        \
  F(cuEventDestroy_v2, (Event))                                                                               \
  F(cuEventRecord, (Event, Stream))                                                                           \
  F(cuEventSynchronize, (Event))                                                                              \
  F(cuEventElapsedTime, (float*, Event, Event))                                                               \
  F(cuModuleLoadData, (Module*, const void*))                                                                 \
  F(cuModuleGetFunction, (Function*, Module, const char*))                                                    \
  F(cuFuncSetAttribute, (Function, FunctionAttribute, int))                                                   \
  F(cuLaunchKernel,                                                                                           \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**)) \
  F(cuStreamBeginCapture_v2, (Stream, int))                                                                   \
  F(cuStreamEndCapture, (Stream, Graph*))                                                                     \
  F(cuGraphInstantiateWithFlags, (GraphExec*, Graph, unsigned long long))                                     \
  F(cuGraphLaunch, (GraphExec, Stream))                                                                       \
  F(cuGraphDestroy, (Graph))                                                                                  \
  F(cuGraphExecDestroy, (GraphExec))

struct Driver {
#define HB_CUDA_FUNCTION(name, parameters) Result(*name) parameters = nullptr;
  HB_CUDA_DRIVER(HB_CUDA_FUNCTION)
#undef HB_CUDA_FUNCTION
  int version = 0;  // 13000: CUDA 13.0

  /// The driver, opened at the first call and never closed. Throws DeviceError when there is none, it finds nothing to
  /// drive (the next call tries again), or this process was forked from one that opened it: no driver survives that.
  static const Driver& get();
  /// Whether it was so forked.
  static bool forked();
  /// Throws unless `result` is success: MemoryError when the device's memory is out, else DeviceError. `what` was done.
  void check(Result result, const char* what) const;
};

/// Calls a function of the driver and checks what it gives.
#define HB_DRIVER(name, ...)                                                   \
  do {                                                                         \
    const ::hornbeam::cuda::Driver& driver_ = ::hornbeam::cuda::Driver::get(); \
    driver_.check(driver_.name(__VA_ARGS__), #name);                           \
  } while (false)
}  // namespace hornbeam::cuda
