// That the fake device does what tests of the CUDA backend count on: above all, that it does not forgive.
#include "fixture.hpp"

#include <numeric>

#include "fake.hpp"

namespace {

constexpr const char* kAdd = R"(
template <class T> __global__ void add(T* x, T value, long long n) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < n) x[i] += value;
})";

std::vector<int> iota(int n) {
  std::vector<int> values(n);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

}  // namespace

// Streams.

TEST_F(FakeDevice, RunsWorkWhenSomebodyWaits) {
  const CUdeviceptr x = upload<long long>({1, 2, 3});
  CHECK_CUDA(launch(kernel(kAdd, "add<long long>"), {1, 32}, x, 10LL, 3LL));
  EXPECT_EQ(peek<long long>(x, 3), (std::vector<long long>{1, 2, 3}));
  EXPECT_EQ(download<long long>(x, 3), (std::vector<long long>{11, 12, 13}));
}

TEST_F(FakeDevice, RunsAtOnceWhenEager) {
  setenv("HB_FAKE_CUDA_EAGER", "1", 1);
  const CUdeviceptr x = upload<long long>({1});
  CHECK_CUDA(launch(kernel(kAdd, "add<long long>"), {1, 32}, x, 10LL, 1LL));
  EXPECT_EQ(peek<long long>(x, 1), (std::vector<long long>{11}));
}

TEST_F(FakeDevice, AsynchronousCopiesTouchTheHostWhenTheyRun) {
  int given = 1, taken = 0;
  const CUdeviceptr x = allocate(sizeof(int));
  CHECK_CUDA(cuMemcpyHtoDAsync_v2(x, &given, sizeof(int), stream));
  CHECK_CUDA(cuMemcpyDtoHAsync_v2(&taken, x, sizeof(int), stream));
  given = 2;
  EXPECT_EQ(taken, 0);
  CHECK_CUDA(cuStreamSynchronize(stream));
  EXPECT_EQ(taken, 2);
}

TEST_F(FakeDevice, QueriesGetWorkDoneInTime) {
  CUevent event = nullptr;
  CHECK_CUDA(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  const CUdeviceptr x = allocate(4);
  CHECK_CUDA(cuMemsetD8Async(x, 7, 4, stream));
  CHECK_CUDA(cuEventRecord(event, stream));
  EXPECT_EQ(cuEventQuery(event), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(event), CUDA_SUCCESS);
}

TEST_F(FakeDevice, EventsOrderStreams) {
  const CUstream other = make_stream();
  CUevent event = nullptr;
  CHECK_CUDA(cuEventCreate(&event, CU_EVENT_DEFAULT));
  const CUdeviceptr x = allocate(1), y = allocate(1);
  CHECK_CUDA(cuMemsetD8Async(x, 1, 1, other));
  CHECK_CUDA(cuEventRecord(event, other));
  CHECK_CUDA(cuMemsetD8Async(x, 2, 1, other));
  CHECK_CUDA(cuStreamWaitEvent(stream, event, 0));
  CHECK_CUDA(cuMemcpyDtoDAsync_v2(y, x, 1, stream));
  EXPECT_EQ(download<char>(y, 1), std::vector<char>{1});  // up to the event, and no further
  CHECK_CUDA(cuStreamSynchronize(other));
  EXPECT_EQ(peek<char>(x, 1), std::vector<char>{2});
}

// Capture.

TEST_F(FakeDevice, ReplaysWhatItCaptured) {
  const CUfunction add = kernel(kAdd, "add<long long>");
  const CUdeviceptr x = upload<long long>({0});
  long long host = 5;
  CHECK_CUDA(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CHECK_CUDA(cuMemcpyHtoDAsync_v2(x, &host, sizeof host, stream));
  CHECK_CUDA(launch(add, {1, 1}, x, 10LL, 1LL));
  CHECK_CUDA(launch(add, {1, 1}, x, 100LL, 1LL));
  CUgraph graph = nullptr;
  CHECK_CUDA(cuStreamEndCapture(stream, &graph));
  size_t nodes = 0;
  CHECK_CUDA(cuGraphGetNodes(graph, nullptr, &nodes));
  EXPECT_EQ(nodes, 3u);
  CUgraphExec exec = nullptr;
  CHECK_CUDA(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CHECK_CUDA(cuGraphDestroy(graph));
  EXPECT_EQ(download<long long>(x, 1)[0], 0);  // nothing ran while it was captured
  CHECK_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_EQ(download<long long>(x, 1)[0], 115);
  host = 7;
  CHECK_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_EQ(download<long long>(x, 1)[0], 117);
}

TEST_F(FakeDevice, CapturesForksThatJoin) {
  const CUstream side = make_stream();
  CUevent fork = nullptr, join = nullptr;
  CHECK_CUDA(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  CHECK_CUDA(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
  const CUdeviceptr x = allocate(2);
  for (const bool joined : {true, false}) {
    CHECK_CUDA(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CHECK_CUDA(cuMemsetD8Async(x, 1, 2, stream));
    CHECK_CUDA(cuEventRecord(fork, stream));
    CHECK_CUDA(cuStreamWaitEvent(side, fork, 0));
    CHECK_CUDA(cuMemsetD8Async(x, 2, 1, side));
    CHECK_CUDA(cuEventRecord(join, side));
    CHECK_CUDA(cuMemsetD8Async(x + 1, 3, 1, stream));
    if (joined) CHECK_CUDA(cuStreamWaitEvent(stream, join, 0));
    if (joined) CHECK_CUDA(cuMemsetD8Async(x + 1, 4, 1, stream));
    CUgraph graph = nullptr;
    CaptureStderr();
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), joined ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    GetCapturedStderr();
    if (!joined) continue;
    CUgraphExec exec = nullptr;
    CHECK_CUDA(cuGraphInstantiateWithFlags(&exec, graph, 0));
    for (const char* seed : {"", "1", "2", "3"}) {
      setenv("HB_FAKE_CUDA_SHUFFLE", seed, 1);
      CHECK_CUDA(cuGraphLaunch(exec, stream));
      EXPECT_EQ(download<char>(x, 2), (std::vector<char>{2, 4}));
    }
  }
}

TEST_F(FakeDevice, CaptureForbidsToWait) {
  const auto forbidden = [&](auto call) {
    CUgraph graph = nullptr;
    CHECK_CUDA(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CaptureStderr();
    EXPECT_EQ(call(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    GetCapturedStderr();
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  };
  CUdeviceptr x = allocate(4);
  int host = 0;
  forbidden([&] { return cuMemAlloc_v2(&x, 4); });
  forbidden([&] { return cuMemFree_v2(x); });
  forbidden([&] { return cuStreamSynchronize(stream); });
  forbidden([&] { return cuMemcpyDtoH_v2(&host, x, 4); });
  forbidden([&] { return cuCtxSynchronize(); });
}

TEST_F(FakeDevice, LibrariesEnqueueTheirWork) {
  struct Sum {
    std::vector<int>* log;
    int value;
  };
  std::vector<int> log;
  const auto run = [](void* data) { static_cast<Sum*>(data)->log->push_back(static_cast<Sum*>(data)->value); };
  const auto destroy = [](void* data) { delete static_cast<Sum*>(data); };
  CHECK_CUDA(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK_CUDA(fake_cuda_enqueue(stream, run, new Sum{&log, 1}, destroy));
  CHECK_CUDA(fake_cuda_enqueue(stream, run, new Sum{&log, 2}, destroy));
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  CHECK_CUDA(cuStreamEndCapture(stream, &graph));
  CHECK_CUDA(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CHECK_CUDA(cuGraphLaunch(exec, stream));
  CHECK_CUDA(cuGraphLaunch(exec, stream));
  EXPECT_TRUE(log.empty());
  CHECK_CUDA(cuStreamSynchronize(stream));
  EXPECT_EQ(log, (std::vector<int>{1, 2, 1, 2}));
  CHECK_CUDA(fake_cuda_enqueue(
      stream, [](void* host) { fake_cuda_check(host, 4, "a product"); }, &log, nullptr));
  CaptureStderr();
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(GetCapturedStderr().find("a product"), std::string::npos);
}

// Memory.

TEST_F(FakeDevice, FreshMemoryIsNaN) {
  const float value = peek<float>(allocate(4), 1)[0];
  EXPECT_NE(value, value);
}

TEST_F(FakeDevice, FreesOnceOnly) {
  const CUdeviceptr x = allocate(100);
  EXPECT_EQ(x % 256, 0u);
  CHECK_CUDA(cuMemFree_v2(x));
  CaptureStderr();
  EXPECT_EQ(cuMemFree_v2(x), CUDA_ERROR_INVALID_VALUE);
  EXPECT_NE(GetCapturedStderr().find("not a live allocation"), std::string::npos);
}

TEST_F(FakeDevice, NoticesWritesIntoThePadding) {
  const CUdeviceptr x = allocate(8 * 3);
  CHECK_CUDA(launch(kernel(kAdd, "add<long long>"), {1, 4}, x, 1LL, 4LL));
  CHECK_CUDA(cuStreamSynchronize(stream));
  CaptureStderr();
  EXPECT_EQ(cuMemFree_v2(x), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(GetCapturedStderr().find("wrote outside the allocation"), std::string::npos);
}

TEST_F(FakeDevice, RunsOutOfMemory) {
  restart_with("HB_FAKE_CUDA_MEMORY", "1000000");
  CUdeviceptr x = 0, y = 0;
  CHECK_CUDA(cuMemAlloc_v2(&x, 600000));
  EXPECT_EQ(cuMemAlloc_v2(&y, 600000), CUDA_ERROR_OUT_OF_MEMORY);
  size_t free = 0, total = 0;
  CHECK_CUDA(cuMemGetInfo_v2(&free, &total));
  EXPECT_EQ(free, 400000u);
  EXPECT_EQ(total, 1000000u);
  CHECK_CUDA(cuMemFree_v2(x));
  CHECK_CUDA(cuMemAlloc_v2(&y, 600000));
  EXPECT_NE(x, y);  // addresses are not used again while there are others
}

TEST_F(FakeDevice, CopiesStayInsideAllocations) {
  const CUdeviceptr x = allocate(16), freed = allocate(16);
  CHECK_CUDA(cuMemFree_v2(freed));
  char host[64] = {};
  void* const on_device = reinterpret_cast<void*>(x);
  CaptureStderr();
  EXPECT_EQ(cuMemcpyHtoD_v2(x, host, 17), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoH_v2(host, x + 8, 9), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoH_v2(host, freed, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyHtoD_v2(reinterpret_cast<CUdeviceptr>(host), host + 8, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoHAsync_v2(on_device, x, 4, stream), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD8Async(x, 0, 17, stream), CUDA_ERROR_INVALID_VALUE);
  const std::string text = GetCapturedStderr();
  EXPECT_NE(text.find("leave the allocation of 16 bytes"), std::string::npos);
  EXPECT_NE(text.find("is in no live allocation"), std::string::npos);
  EXPECT_NE(text.find("is not a device pointer"), std::string::npos);
  EXPECT_NE(text.find("is a device pointer, not host memory"), std::string::npos);
}

TEST_F(FakeDevice, QueuedCopiesNoticeThatMemoryWasFreed) {
  const CUdeviceptr x = allocate(16);
  CHECK_CUDA(cuMemsetD8Async(x, 0, 16, stream));
  CHECK_CUDA(cuMemFree_v2(x));
  CaptureStderr();
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_INVALID_VALUE);
  GetCapturedStderr();
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_INVALID_VALUE);  // nothing works after a failure
}

TEST_F(FakeDevice, FaultsNameKernelBlockAndThread) {
  const CUfunction add = kernel(kAdd, "add<long long>");
  const CUdeviceptr x = allocate(8 * 64);
  EXPECT_DEATH(
      {
        launch(add, {2, 64}, x, 1LL, 128LL);
        cuStreamSynchronize(stream);
      },
      "fault in kernel add<long long>, block \\(1,0,0\\), thread \\(0,0,0\\)");
  EXPECT_DEATH(
      {
        launch(add, {1, 64}, x, 1LL, 64LL);
        cuMemFree_v2(x);
        cuStreamSynchronize(stream);
      },
      "fault in kernel add<long long>, block \\(0,0,0\\), thread \\(0,0,0\\)");
}

TEST_F(FakeDevice, TheHostCannotTouchProtectedMemory) {
  restart_with("HB_FAKE_CUDA_PROTECT", "1");
  const CUdeviceptr x = upload<long long>({5});
  CHECK_CUDA(launch(kernel(kAdd, "add<long long>"), {1, 1}, x, 1LL, 1LL));
  EXPECT_EQ(download<long long>(x, 1)[0], 6);
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(x) = 1, "");
  CHECK_CUDA(cuMemFree_v2(x));
}

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

TEST_F(FakeDevice, MultipliesFragments) {
  const CUfunction product = kernel(R"(
    #include "intrinsics.cuh"
    __global__ void product(const float* a, const float* b, float* d) {  // (16 x 16) times (16 x 8)
      const int group = threadIdx.x / 4, two = threadIdx.x % 4 * 2;
      const auto pair = [](float low, float high) {
        return static_cast<unsigned>(float_to_bf16(low)) | static_cast<unsigned>(float_to_bf16(high)) << 16;
      };
      unsigned fa[4], fb[2];
      for (int i = 0; i < 4; ++i) {
        const float* at = a + (group + i % 2 * 8) * 16 + two + i / 2 * 8;
        fa[i] = pair(at[0], at[1]);
      }
      for (int i = 0; i < 2; ++i) fb[i] = pair(b[(two + i * 8) * 8 + group], b[(two + i * 8 + 1) * 8 + group]);
      float fd[4] = {1, 1, 1, 1};
      mma_16x8x16_bf16(fd, fa, fb);
      for (int i = 0; i < 4; ++i) d[(group + i / 2 * 8) * 8 + two + i % 2] = fd[i];
    })",
                                    "product");
  std::vector<float> a(256), b(128), expected(128, 1.0f);
  for (int i = 0; i < 256; ++i) a[i] = static_cast<float>(i % 7 - 3);
  for (int i = 0; i < 128; ++i) b[i] = static_cast<float>(i % 5 - 2);
  for (int i = 0; i < 128; ++i) {
    for (int k = 0; k < 16; ++k) expected[i] += a[i / 8 * 16 + k] * b[k * 8 + i % 8];
  }
  const CUdeviceptr d = allocate(128 * 4);
  CHECK_CUDA(launch(product, {1, 32}, upload(a), upload(b), d));
  EXPECT_EQ(download<float>(d, 128), expected);
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
