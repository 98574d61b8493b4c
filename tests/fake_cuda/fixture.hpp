// What tests of the fake device share: a fresh context, kernels from source, launches, and device arrays.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cuda_api.hpp"
#include "nvrtc_api.hpp"

#define CHECK_CUDA(call) ASSERT_EQ(call, CUDA_SUCCESS)

inline constexpr const char* kAdd = R"(
template <class T> __global__ void add(T* x, T value, long long n) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < n) x[i] += value;
})";

// Compiles a program whose only header is intrinsics.cuh. An empty cubin where that fails.
struct Compiled {
  nvrtcProgram program = nullptr;
  nvrtcResult result;
  std::string log, cubin;

  Compiled(const std::string& source, const std::vector<std::string>& names, const char* arch = "-arch=sm_90") {
    const char *header = "#error \"PTX\"\n", *header_name = "intrinsics.cuh";
    nvrtcCreateProgram(&program, source.c_str(), "kernels.cu", 1, &header, &header_name);
    for (const std::string& name : names) nvrtcAddNameExpression(program, name.c_str());
    const char* options[] = {arch, "--std=c++17"};
    result = nvrtcCompileProgram(program, 2, options);
    size_t bytes = 0;
    nvrtcGetProgramLogSize(program, &bytes);
    log.resize(bytes);
    nvrtcGetProgramLog(program, log.data());
    nvrtcGetCUBINSize(program, &bytes);
    cubin.resize(bytes);
    nvrtcGetCUBIN(program, cubin.data());
  }
  ~Compiled() { nvrtcDestroyProgram(&program); }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  std::string lowered(const std::string& name) const {
    const char* found = nullptr;
    return nvrtcGetLoweredName(program, name.c_str(), &found) == NVRTC_SUCCESS ? found : "";
  }
};

using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class FakeDevice : public testing::Test {
 protected:
  FakeDevice() {
    unsetenv("HB_FAKE_CUDA_SHUFFLE");                // tests name the first block and thread
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process of its own: no driver survives a fork
    start();
  }
  ~FakeDevice() override {
    stop();
    unsetenv("HB_FAKE_CUDA_SHUFFLE");
    unsetenv("HB_FAKE_CUDA_MEMORY");
    unsetenv("HB_FAKE_CUDA_PROTECT");
    unsetenv("HB_FAKE_CUDA_EAGER");
  }

  void start() {
    CUcontext context = nullptr;
    EXPECT_EQ(cuInit(0), CUDA_SUCCESS);
    EXPECT_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    EXPECT_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
    stream = make_stream();
  }
  void stop() { cuDevicePrimaryCtxRelease_v2(0); }

  // A fresh context with a variable of the environment that is read when one is made.
  void restart_with(const char* variable, const char* value) {
    stop();
    setenv(variable, value, 1);
    start();
  }

  static CUstream make_stream() {
    CUstream made = nullptr;
    EXPECT_EQ(cuStreamCreate(&made, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    return made;
  }

  static CUfunction kernel(const std::string& source, const std::string& name) {
    const Compiled compiled(source, {name});
    EXPECT_EQ(compiled.result, NVRTC_SUCCESS) << compiled.log;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    EXPECT_EQ(cuModuleLoadData(&module, compiled.cubin.data()), CUDA_SUCCESS);
    EXPECT_EQ(cuModuleGetFunction(&function, module, compiled.lowered(name).c_str()), CUDA_SUCCESS);
    return function;
  }

  struct Shape {
    unsigned blocks = 1, threads = 1, shared_bytes = 0;
  };

  // All parameters are of 8 bytes.
  template <class... Parameters>
  CUresult launch(CUfunction function, Shape shape, Parameters... parameters) {
    static_assert(((sizeof(Parameters) == 8) && ...));
    char buffer[8 * sizeof...(Parameters) + 1];
    char* next = buffer;
    ((std::memcpy(next, &parameters, 8), next += 8), ...);
    size_t bytes = 8 * sizeof...(Parameters);
    void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    return cuLaunchKernel(function, shape.blocks, 1, 1, shape.threads, 1, 1, shape.shared_bytes, stream, nullptr,
                          extra);
  }

  static CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr pointer = 0;
    EXPECT_EQ(cuMemAlloc_v2(&pointer, bytes), CUDA_SUCCESS);
    return pointer;
  }

  template <class T>
  static CUdeviceptr upload(const std::vector<T>& values) {
    const CUdeviceptr pointer = allocate(values.size() * sizeof(T));
    EXPECT_EQ(cuMemcpyHtoD_v2(pointer, values.data(), values.size() * sizeof(T)), CUDA_SUCCESS);
    return pointer;
  }

  // What lies there now, whatever is queued.
  template <class T>
  static std::vector<T> peek(CUdeviceptr pointer, size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(cuMemcpyDtoH_v2(values.data(), pointer, count * sizeof(T)), CUDA_SUCCESS);
    return values;
  }

  // After all work of the stream.
  template <class T>
  std::vector<T> download(CUdeviceptr pointer, size_t count) {
    EXPECT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    return peek<T>(pointer, count);
  }

  CUstream stream = nullptr;
};
