// That the fake device does what tests of the CUDA backend count on: above all, that it does not forgive.
#include "fake.hpp"
#include "fixture.hpp"

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
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  GetCapturedStderr();
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);  // nothing works after a failure
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
