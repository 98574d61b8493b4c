// That kernels on the fake device compute what CUDA says, and that wrong ones are noticed.
#include <numeric>

#include "fixture.hpp"

namespace {

std::vector<int> iota(int n) {
  std::vector<int> values(n);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

// Threads.

TEST_F(FakeDevice, BlocksReduceOverBarriers) {
  const CUfunction sum = kernel(R"(
    __global__ void sum(const int* x, int* y) {
      __shared__ int part[256];
      const unsigned i = threadIdx.x;
      part[i] = x[blockIdx.x * 256 + i];
      for (unsigned half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (i < half) part[i] += part[i + half];
      }
      if (i == 0) y[blockIdx.x] = part[0];
    })",
                                "sum");
  const CUdeviceptr x = upload(iota(512)), y = allocate(8);
  for (const char* seed : {"", "1", "2"}) {
    setenv("HB_FAKE_CUDA_SHUFFLE", seed, 1);
    CHECK_CUDA(launch(sum, {2, 256}, x, y));
    EXPECT_EQ(download<int>(y, 2), (std::vector<int>{255 * 128, 255 * 128 + 65536}));
  }
}

TEST_F(FakeDevice, BarriersDoNotWaitForThreadsThatReturned) {
  const CUfunction count = kernel(R"(
    __global__ void count(int* y) {
      if (threadIdx.x >= 40) return;
      y[threadIdx.x] = __syncthreads_count(threadIdx.x % 2) * 10 + __syncthreads_or(threadIdx.x == 3) * 2 +
                       __syncthreads_and(threadIdx.x < 40);
    })",
                                  "count");
  const CUdeviceptr y = allocate(40 * 4);
  CHECK_CUDA(launch(count, {1, 64}, y));
  EXPECT_EQ(download<int>(y, 40), std::vector<int>(40, 203));
}

TEST_F(FakeDevice, WarpsExchangeValues) {
  const CUfunction exchange = kernel(R"(
    __global__ void exchange(double* y, unsigned* masks) {
      const unsigned i = threadIdx.x, lane = i % 32;
      double* mine = y + i * 5;
      mine[0] = __shfl_sync(0xffffffff, i * 1.5, 3);
      mine[1] = __shfl_up_sync(0xffffffff, (int)i, 1);
      mine[2] = __shfl_down_sync(0xffffffff, (float)i, 2, 8);
      mine[3] = __shfl_xor_sync(0xffffffff, (long long)i, 16);
      mine[4] = lane < 16 ? __shfl_xor_sync(0x0000ffff, i, 1) : __shfl_xor_sync(0xffff0000, i, 2);
      masks[i] = __ballot_sync(0xffffffff, lane % 3 == 0);
      if (__any_sync(0xffffffff, lane == 5) && !__all_sync(0xffffffff, lane == 5)) __syncwarp();
    })",
                                     "exchange");
  const CUdeviceptr y = allocate(64 * 5 * 8), masks = allocate(64 * 4);
  for (const char* seed : {"", "1"}) {
    setenv("HB_FAKE_CUDA_SHUFFLE", seed, 1);
    CHECK_CUDA(launch(exchange, {1, 64}, y, masks));
    const auto values = download<double>(y, 64 * 5);
    for (int i = 0; i < 64; ++i) {
      const int lane = i % 32, base = i - lane;
      EXPECT_EQ(values[i * 5], (base + 3) * 1.5);
      EXPECT_EQ(values[i * 5 + 1], lane == 0 ? i : i - 1);
      EXPECT_EQ(values[i * 5 + 2], lane % 8 < 6 ? i + 2 : i);
      EXPECT_EQ(values[i * 5 + 3], i ^ 16);
      EXPECT_EQ(values[i * 5 + 4], lane < 16 ? i ^ 1 : i ^ 2);
    }
    EXPECT_EQ(peek<unsigned>(masks, 64), std::vector<unsigned>(64, 0x49249249u));
  }
}

TEST_F(FakeDevice, DynamicSharedMemoryHasALimitAndAnEnd) {
  const CUfunction reverse = kernel(R"(
    #include "intrinsics.cuh"
    __global__ void reverse(int* x, long long n) {
      int* shared = static_cast<int*>(dynamic_shared());
      for (int i = threadIdx.x; i < n; i += blockDim.x) shared[i] = x[i];
      __syncthreads();
      for (int i = threadIdx.x; i < n; i += blockDim.x) x[i] = shared[n - 1 - i];
    })",
                                    "reverse");
  std::vector<int> values = iota(20000);
  const CUdeviceptr x = upload(values);
  CaptureStderr();
  EXPECT_EQ(launch(reverse, {1, 128, 80000}, x, 20000LL), CUDA_ERROR_INVALID_VALUE);
  GetCapturedStderr();
  CHECK_CUDA(cuFuncSetAttribute(reverse, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 80000));
  CHECK_CUDA(launch(reverse, {1, 128, 80000}, x, 20000LL));
  EXPECT_EQ(download<int>(x, 20000), std::vector<int>(values.rbegin(), values.rend()));
  EXPECT_DEATH(
      {
        launch(reverse, {1, 128, 70000}, x, 20000LL);
        cuStreamSynchronize(stream);
      },
      "fault in kernel reverse");
}

TEST_F(FakeDevice, SharedMemoryIsFreshInEachBlock) {
  const CUfunction keep = kernel(R"(
    __global__ void keep(int* y) {
      __shared__ int kept;
      y[blockIdx.x] = kept;
      kept = 5;
    })",
                                 "keep");
  const CUdeviceptr y = allocate(8);
  CHECK_CUDA(launch(keep, {2, 1}, y));
  EXPECT_EQ(download<int>(y, 2), (std::vector<int>{-1, -1}));
}

TEST_F(FakeDevice, ShufflingShowsARace) {
  const CUfunction last = kernel("__global__ void last(int* y) { *y = threadIdx.x; }", "last");
  const CUdeviceptr y = allocate(4);
  CHECK_CUDA(launch(last, {1, 64}, y));
  EXPECT_EQ(download<int>(y, 1)[0], 63);
  int others = 0;
  for (const char* seed : {"1", "2", "3", "4"}) {
    setenv("HB_FAKE_CUDA_SHUFFLE", seed, 1);
    CHECK_CUDA(launch(last, {1, 64}, y));
    others += download<int>(y, 1)[0] != 63;
  }
  EXPECT_GT(others, 0);
}

TEST_F(FakeDevice, DeadlocksNameWhoWaits) {
  const CUfunction stuck = kernel(R"(
    __global__ void stuck() {
      if (threadIdx.x == 2) __syncthreads();
      __shfl_xor_sync(0xffffffff, 1, 1);
    })",
                                  "stuck");
  CHECK_CUDA(launch(stuck, {3, 32}));
  CaptureStderr();
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_LAUNCH_FAILED);
  const std::string text = GetCapturedStderr();
  EXPECT_NE(text.find("kernel stuck, block (0,0,0): deadlock"), std::string::npos) << text;
  EXPECT_NE(text.find("31 threads wait in __shfl_xor_sync"), std::string::npos) << text;
  EXPECT_NE(text.find("1 thread waits in __syncthreads"), std::string::npos) << text;
  EXPECT_NE(text.find("kernels.cu:3, the first is (2,0,0)"), std::string::npos) << text;
}

TEST_F(FakeDevice, TrapsFailTheLaunchAndANewContextWorks) {
  const CUfunction trap = kernel("__global__ void trap() { if (threadIdx.x == 5) __trap(); }", "trap");
  CHECK_CUDA(launch(trap, {1, 8}));
  CaptureStderr();
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(GetCapturedStderr().find("thread (5,0,0) stopped: __trap"), std::string::npos);
  stop();
  start();
  const CUdeviceptr x = upload<long long>({1});
  CHECK_CUDA(launch(kernel(kAdd, "add<long long>"), {1, 32}, x, 10LL, 1LL));
  EXPECT_EQ(download<long long>(x, 1)[0], 11);
}

TEST_F(FakeDevice, RoundsToShortFloats) {
  const CUfunction round_trip = kernel(R"(
    #include "intrinsics.cuh"
    __global__ void round_trip(const float* x, unsigned short* half, unsigned short* bf16, float* back, long long n) {
      for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        half[i] = float_to_half(x[i]);
        bf16[i] = float_to_bf16(x[i]);
        back[i] = half_to_float(half[i]) + 0 * bf16_to_float(bf16[i]);
      }
    })",
                                       "round_trip");
  std::vector<float> x;
  for (unsigned high = 0; high < 0xFF80; ++high) {  // all exponents, with ties and their neighbours
    if ((high & 0x7F80) >= 0x7F00) continue;
    for (const unsigned low : {0x0000u, 0x0FFFu, 0x1000u, 0x1001u, 0x3000u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      const unsigned bits = high << 16 | low;
      x.push_back(0);
      std::memcpy(&x.back(), &bits, 4);
    }
  }
  const auto n = x.size();
  const CUdeviceptr half = allocate(n * 2), bf16 = allocate(n * 2), back = allocate(n * 4);
  CHECK_CUDA(launch(round_trip, {4, 256}, upload(x), half, bf16, back, static_cast<long long>(n)));
  const auto halves = download<unsigned short>(half, n), shorts = peek<unsigned short>(bf16, n);
  const auto floats = peek<float>(back, n);
  size_t wrong = 0;
  for (size_t i = 0; i < n; ++i) {
    const _Float16 expected = static_cast<_Float16>(x[i]);
    unsigned short expected_half, expected_bf16;
    std::memcpy(&expected_half, &expected, 2);
    unsigned bits;
    std::memcpy(&bits, &x[i], 4);
    expected_bf16 = (bits >> 16) + ((bits & 0xFFFF) > 0x8000 || ((bits & 0xFFFF) == 0x8000 && (bits >> 16 & 1)));
    wrong += halves[i] != expected_half || shorts[i] != expected_bf16 || floats[i] != static_cast<float>(expected);
  }
  EXPECT_EQ(wrong, 0u);
}

// Launches and modules.

TEST_F(FakeDevice, ChecksLaunches) {
  const CUfunction add = kernel(kAdd, "add<long long>");
  const CUdeviceptr x = allocate(8);
  CaptureStderr();
  EXPECT_EQ(launch(add, {1, 32}, x, 1LL), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(add, {1, 32}, x, 1LL, 1LL, 1LL), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(add, {0, 32}, x, 1LL, 1LL), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(add, {1, 1025}, x, 1LL, 1LL), CUDA_ERROR_INVALID_VALUE);
  EXPECT_NE(GetCapturedStderr().find("add<long long> takes 24 bytes of parameters; got 16"), std::string::npos);
}

TEST_F(FakeDevice, SaysWhatDoesNotCompile) {
  const Compiled wrong("__global__ void f(int* x) { *x = missing; }", {"f"});
  EXPECT_EQ(wrong.result, NVRTC_ERROR_COMPILATION);
  EXPECT_NE(wrong.log.find("missing"), std::string::npos) << wrong.log;
  const Compiled foreign("#include <stdint.h>\n__global__ void f() {}", {"f"});
  EXPECT_EQ(foreign.result, NVRTC_ERROR_COMPILATION);
  EXPECT_NE(foreign.log.find("kernels.cu(1): error: cannot open source file \"stdint.h\""), std::string::npos);
  const Compiled floats("__global__ void f(float* x) { atomicAdd(x, 1.0f); }", {"f"});
  EXPECT_EQ(floats.result, NVRTC_ERROR_COMPILATION);
}

TEST_F(FakeDevice, LoadsOnlyWhatWasMadeForIt) {
  CUmodule module = nullptr;
  CaptureStderr();
  EXPECT_EQ(cuModuleLoadData(&module, "not a cubin"), CUDA_ERROR_INVALID_IMAGE);
  const Compiled newer("__global__ void f() {}", {"f"}, "-arch=sm_100");
  EXPECT_EQ(cuModuleLoadData(&module, newer.cubin.data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  GetCapturedStderr();
  const Compiled virtual_arch("__global__ void f() {}", {"f"}, "-arch=compute_90");
  EXPECT_EQ(virtual_arch.result, NVRTC_SUCCESS);
  EXPECT_TRUE(virtual_arch.cubin.empty());
}

TEST_F(FakeDevice, ModulesAreStrangersToEachOther) {
  const CUfunction one =
      kernel("template <int n> __global__ void f(int* y) { __shared__ int s; s = n; *y = s + 1; }", "f<1>");
  const CUfunction two =
      kernel("template <int n> __global__ void f(int* y) { __shared__ int s[9]; s[8] = n; *y = s[8] + 5; }", "f<1>");
  const CUdeviceptr y = allocate(4);
  CHECK_CUDA(launch(one, {1, 1}, y));
  EXPECT_EQ(download<int>(y, 1)[0], 2);
  CHECK_CUDA(launch(two, {1, 1}, y));
  EXPECT_EQ(download<int>(y, 1)[0], 6);
}
