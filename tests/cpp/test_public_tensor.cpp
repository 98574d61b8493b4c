// dtype.hpp, tensor.hpp and error.hpp given what they cannot take, and how much memory a process may have.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <thread>
#include <type_traits>

#include "expect_error.hpp"
#include "hornbeam/hornbeam.hpp"
#include "tensor/memory_limit.hpp"

using namespace hornbeam;

namespace {
constexpr DType kNoDType = DType(kDTypeCount);
constexpr int64_t kHuge = int64_t(1) << 62;
}  // namespace

TEST(PublicError, EveryErrorIsAnError) {
  static_assert(std::is_base_of_v<Error, InternalError> && std::is_base_of_v<ValueError, NonFiniteError>);
  static_assert(std::is_base_of_v<Error, MemoryError> && std::is_base_of_v<Error, FileError>);
  EXPECT_EQ(FileError("gone", 2).code(), 2);
}

TEST(PublicDType, WhatIsNoDTypeIsRefused) {
  EXPECT_ERROR(dtype_size(kNoDType), TypeError, "DType(8)");
  EXPECT_ERROR(dtype_name(DType(255)), TypeError, "DType(255)");
  EXPECT_ERROR(dtype_short(kNoDType), TypeError, "DType(8)");
  EXPECT_ERROR(dtype_from_name("complex64"), TypeError, "complex64");
  EXPECT_ERROR(Tensor(kNoDType, {2}), TypeError, "DType(8)");
  EXPECT_ERROR(Tensor::zeros(kNoDType, {2}), TypeError, "DType(8)");
  EXPECT_ERROR(Tensor::scalar(kNoDType, 1), TypeError, "DType(8)");
  EXPECT_ERROR(Tensor::of<float>(kNoDType, {1}, {1}), TypeError, "DType(8)");
  EXPECT_ERROR(tensor_bytes(kNoDType, {2}), TypeError, "DType(8)");
}

TEST(PublicTensor, ShapesAreChecked) {
  EXPECT_ERROR(Tensor(DType::f32, {2, -1}), ValueError, "[2,-1]");
  EXPECT_ERROR(Tensor::zeros(DType::f32, {-1}), ValueError, "[-1]");
  EXPECT_ERROR(Tensor(DType::f32, {kHuge, kHuge}), ValueError, "overflow");
  EXPECT_ERROR(Tensor(DType::f64, {kHuge}), ValueError, "overflow");
  EXPECT_ERROR(Tensor(DType::u8, {kHuge}), MemoryError, "4.0 EiB");
  EXPECT_ERROR(tensor_bytes(DType::f32, {-3}), ValueError, "[-3]");
  EXPECT_ERROR(check_memory(size_t(kHuge), "all of it"), MemoryError, "all of it needs 4.0 EiB");
  float x[6] = {};
  EXPECT_ERROR(Tensor(DType::f32, {-2, -3}, x, nullptr), ValueError, "[-2,-3]");
  EXPECT_ERROR(Tensor(DType::f32, {kHuge, kHuge}, x, nullptr), ValueError, "overflow");
  const Tensor t(DType::f32, {2, 3}, x, nullptr);
  EXPECT_ERROR(t.reshaped({-2, -3}), ValueError, "[-2,-3]");
  EXPECT_ERROR(t.reshaped({4}), ValueError, "[2,3] to [4]");
}

TEST(PublicTensor, BorrowedDataMustBeThere) {
  EXPECT_ERROR(Tensor(DType::f32, {2}, nullptr, nullptr), ValueError, "must not be null");
  alignas(8) char bytes[16] = {};
  EXPECT_ERROR(Tensor(DType::f32, {2}, bytes + 1, nullptr), ValueError, "multiple of 4");
  EXPECT_EQ(Tensor(DType::u8, {2}, bytes + 1, nullptr).at(0), 0);
  const Tensor none(DType::f32, {0, 3}, nullptr, nullptr);
  EXPECT_TRUE(none.defined());
  EXPECT_EQ(none.copy().size(), 0);
}

TEST(PublicTensor, OfTakesAsManyValuesOfItsType) {
  EXPECT_ERROR(Tensor::of<float>(DType::f32, {3}, {1, 2}), ValueError, "needs 3 values; got 2");
  EXPECT_ERROR(Tensor::of<float>(DType::f32, {1}, {1, 2}), ValueError, "needs 1 values; got 2");
  EXPECT_ERROR(Tensor::of<float>(DType::f32, {-1}, {}), ValueError, "[-1]");
  EXPECT_ERROR(Tensor::of<float>(DType::f64, {1}, {1}), TypeError, "float64");
  EXPECT_ERROR(Tensor::of<float>(DType::i32, {1}, {1}), TypeError, "int32");
  EXPECT_ERROR(Tensor::of<double>(DType::f32, {1}, {1}), TypeError, "float32");
  EXPECT_ERROR(Tensor::of<int>(DType::f32, {1}, {1}), TypeError, "float32");
  EXPECT_ERROR(Tensor::of<int>(DType::i64, {1}, {1}), TypeError, "int64");
  EXPECT_ERROR(Tensor::of<char>(DType::i32, {1}, {1}), TypeError, "int32");
  EXPECT_EQ(Tensor::of<long>(DType::i64, {2}, {1, -9}).at(1), -9);
  EXPECT_EQ(Tensor::of<bool>(DType::boolean, {2}, {false, true}).at(1), 1);
  EXPECT_EQ(Tensor::of<uint8_t>(DType::u8, {1}, {200}).at(0), 200);
  EXPECT_EQ(Tensor::of<uint16_t>(DType::f16, {1}, {0x3c00}).at(0), 1);
}

TEST(PublicTensor, DataIsOfTheDTypeOrBytes) {
  const Tensor t = Tensor::zeros(DType::f32, {2});
  EXPECT_ERROR(t.data<double>(), TypeError, "float32");
  EXPECT_ERROR(t.data<int32_t>(), TypeError, "float32");
  EXPECT_ERROR(Tensor::zeros(DType::f64, {1}).data<float>(), TypeError, "float64");
  EXPECT_EQ(t.data<char>()[7], 0);
  EXPECT_EQ(t.data<const float>()[1], 0);
  EXPECT_EQ(Tensor().data<float>(), nullptr);
}

TEST(PublicTensor, IndicesAreChecked) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const Tensor t = Tensor::zeros(DType(i), {2, 2});
    EXPECT_EQ(t.at(3), 0);
    EXPECT_ERROR(t.at(4), ValueError, "[0, 4). Received: 4");
    EXPECT_ERROR(t.at(-1), ValueError, "Received: -1");
    EXPECT_ERROR(t.at(kHuge), ValueError, "[0, 4)");
  }
  EXPECT_ERROR(Tensor::zeros(DType::f32, {0}).at(0), ValueError, "[0, 0)");
}

TEST(PublicTensor, ScalarsOfIntegersHoldTheirNumber) {
  EXPECT_EQ(Tensor::scalar(DType::i64, -9223372036854775808.0).at(0), -9223372036854775808.0);
  EXPECT_EQ(Tensor::scalar(DType::boolean, 7).at(0), 1);
  for (double v : {0.5, 3e9, -3e9, double(NAN), double(INFINITY)})
    EXPECT_ERROR(Tensor::scalar(DType::i32, v), ValueError, "int32 must be a whole number");
  EXPECT_ERROR(Tensor::scalar(DType::i64, 9223372036854775808.0), ValueError, "int64 must be a whole number");
  EXPECT_ERROR(Tensor::scalar(DType::u8, -1), ValueError, "[0, 256)");
}

TEST(PublicTensor, UndefinedAndMovedFrom) {
  Tensor a = Tensor::zeros(DType::f32, {2, 3});
  const Tensor b = std::move(a);
  EXPECT_FALSE(a.defined());  // NOLINT: that is what is tested
  EXPECT_EQ(a.size(), 0);
  EXPECT_EQ(a.bytes(), 0u);
  EXPECT_TRUE(a.shape().empty());
  EXPECT_EQ(b.size(), 6);
  for (const Tensor& t : {a, Tensor()}) {
    EXPECT_ERROR(t.at(0), ValueError, "[0, 0)");
    EXPECT_ERROR(t.copy(), ValueError, "undefined");
    EXPECT_ERROR(t.reshaped({}), ValueError, "undefined");
    EXPECT_ERROR(t.reshaped({0}), ValueError, "undefined");
  }
  a = b;
  a = std::move(a);  // NOLINT: nothing is lost
  EXPECT_EQ(a.raw(), b.raw());
}

TEST(PublicVariable, TakesWhatFits) {
  EXPECT_ERROR(Variable("w", Tensor()), ValueError, "variable \"w\" needs a value");
  Variable v("w", Tensor::zeros(DType::f32, {2}));
  EXPECT_ERROR(v.assign(Tensor()), ValueError, "undefined");
  EXPECT_ERROR(v.assign(Tensor::zeros(DType::f32, {3})), ValueError, "[3]");
  EXPECT_ERROR(v.assign(Tensor::zeros(DType::f64, {2})), TypeError, "float64");
  EXPECT_ERROR(v.relocate(Tensor()), ValueError, "undefined");
  EXPECT_ERROR(v.relocate(Tensor::zeros(DType::f32, {1})), ValueError, "[1]");
  EXPECT_ERROR(v.relocate(Tensor::zeros(DType::i32, {2})), TypeError, "int32");
  EXPECT_EQ(v.version(), 0u);
  EXPECT_FALSE(v.in_slab());
}

TEST(PublicVariable, NoChangeIsLost) {
  Variable v("w", Tensor::zeros(DType::f32, {}));
  std::vector<std::thread> team;
  for (int t = 0; t < 4; ++t)
    team.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) v.changed();
    });
  for (auto& t : team) t.join();
  EXPECT_EQ(v.version(), 80000u);
}

// A device's copy, which counts how often it is fetched.
struct FakeDevice : DeviceValue {
  float value;
  mutable std::atomic<int> fetched{0};
  explicit FakeDevice(float v) : value(v) {}
  void read(void* host, size_t bytes) const override {
    for (size_t i = 0; i < bytes / sizeof(float); ++i) static_cast<float*>(host)[i] = value;
    ++fetched;
  }
};

TEST(PublicVariable, WhatADeviceWroteIsFetchedOnceAndWhenAskedFor) {
  const auto v = std::make_shared<Variable>("w", Tensor::zeros(DType::f32, {5}));
  const auto device = std::make_shared<FakeDevice>(7.0f);
  const uint64_t before = v->version();
  v->written_on(device);
  EXPECT_GT(v->version(), before);
  EXPECT_EQ(device->fetched, 0);
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) readers.emplace_back([&] { EXPECT_EQ(v->value().at(4), 7); });
  for (std::thread& t : readers) t.join();
  EXPECT_EQ(device->fetched, 1);

  v->written_on(std::make_shared<FakeDevice>(8.0f));
  v->relocate(Tensor(DType::f32, {5}));
  EXPECT_EQ(v->value().at(0), 8);

  v->written_on(device);
  v->assign(Tensor::zeros(DType::f32, {5}));  // of no account any more
  EXPECT_EQ(v->value().at(0), 0);
  EXPECT_EQ(device->fetched, 1);
  EXPECT_ERROR(v->written_on(nullptr), ValueError, "null");
}

TEST(PublicVariable, ProgramsReadWhatADeviceWrote) {
  const auto v = std::make_shared<Variable>("w", Tensor::zeros(DType::f32, {3}));
  Graph g;
  const Value w = g.read(v);
  g.assign(v, g.add1("add", {w, w}));
  g.outputs = {{"w", w}};
  Executable e(g);
  EXPECT_EQ(e.run({})[0].at(2), 0);
  v->written_on(std::make_shared<FakeDevice>(3.0f));
  EXPECT_EQ(e.run({})[0].at(2), 3);  // a plan that was made before
  EXPECT_EQ(v->value().at(2), 6);
}

TEST(PublicVariable, SlabsTakeNoNull) {
  auto v = std::make_shared<Variable>("v", Tensor::of<float>(DType::f32, {2}, {1, 2}));
  EXPECT_ERROR(place_in_slab({v, nullptr}), ValueError, "null");
  EXPECT_FALSE(v->in_slab());
  place_in_slab({v, v});  // twice is once
  EXPECT_EQ(v->value().at(1), 2);
}

namespace {
ReadText files(std::map<std::string, std::string> all) {
  return [all = std::move(all)](const std::string& path) -> std::optional<std::string> {
    const auto it = all.find(path);
    if (it == all.end()) return {};
    return it->second;
  };
}
constexpr char kVersion2[] =
    "25 20 0:22 / /proc rw - proc proc rw\n30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
constexpr char kVersion1[] =
    "32 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
}  // namespace

TEST(MemoryLimit, IsTheLeastOfAGroupAndThoseAboveIt) {
  auto limit = [](std::map<std::string, std::string> all) {
    return cgroup_memory_limit("0::/user.slice/job\n", kVersion2, files(std::move(all)));
  };
  const std::string root = "/sys/fs/cgroup/";
  EXPECT_EQ(limit({{root + "user.slice/job/memory.max", "max\n"}}), SIZE_MAX);
  EXPECT_EQ(limit({{root + "user.slice/job/memory.max", "3000\n"}}), 3000u);
  EXPECT_EQ(limit({{root + "user.slice/job/memory.max", "3000\n"}, {root + "user.slice/memory.max", "2000\n"}}), 2000u);
  EXPECT_EQ(limit({{root + "memory.max", "1000\n"}}), 1000u);
  EXPECT_EQ(limit({{root + "other/memory.max", "1000\n"}}), SIZE_MAX);
  EXPECT_EQ(limit({{root + "memory.max", "-1"}, {root + "user.slice/memory.max", ""}}), SIZE_MAX);
}

TEST(MemoryLimit, FindsTheControllerWhereItIsMounted) {
  const std::string file = "memory.limit_in_bytes", here = "/sys/fs/cgroup/memory/";
  const std::string groups = "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc/job\n0::/\n";
  EXPECT_EQ(cgroup_memory_limit(groups, kVersion1, files({{here + "job/" + file, "500\n"}})), 500u);
  EXPECT_EQ(cgroup_memory_limit(groups, kVersion1, files({{here + file, "9223372036854771712\n"}})),
            9223372036854771712u);
  EXPECT_EQ(cgroup_memory_limit("4:memory:/docker/abcdef\n", kVersion1, files({{here + file, "500\n"}})), SIZE_MAX);
  EXPECT_EQ(cgroup_memory_limit("4:memory:/\n", "", files({{here + file, "500\n"}})), SIZE_MAX);
  for (const char* odd : {"", "\n", ":", "0:", "0::", "4:memory", "x:memory:\n::::"})
    EXPECT_EQ(cgroup_memory_limit(odd, kVersion1, files({})), SIZE_MAX) << odd;
  for (const char* odd : {" - ", "a b c d e - cgroup2\n", "1 2 3 4 - cgroup2 x y\n"})
    EXPECT_EQ(cgroup_memory_limit("0::/a\n", odd, files({})), SIZE_MAX) << odd;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(HB_EMULATED)  // else it is no limit
TEST(MemoryLimit, AddressSpaceMayShrinkLater) {
  const size_t before = memory_limit();
  EXPECT_GT(before, size_t(64) << 20);
  struct rlimit old, less;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
  less = old;
  less.rlim_cur = rlim_t(before / 2);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &less), 0);
  EXPECT_EQ(memory_limit(), before / 2);
  EXPECT_ERROR(Tensor(DType::u8, {int64_t(before / 2 + 1)}), MemoryError, "this process may have");
  ASSERT_EQ(setrlimit(RLIMIT_AS, &old), 0);
  EXPECT_EQ(memory_limit(), before);
}
#endif

// What large tensors give back is used again, and by none that is of another size or still there.
TEST(PublicTensor, LargeBlocksAreUsedAgain) {
  const int64_t n = 300000;
#if !defined(__SANITIZE_ADDRESS__)  // which is to see what is read after it was freed
  const void* first = Tensor(DType::f32, {n}).raw();
  EXPECT_EQ(Tensor(DType::f32, {n}).raw(), first);
#endif
  Tensor a(DType::f32, {n + 1}), b(DType::f32, {n + 1});
  EXPECT_NE(a.raw(), b.raw());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 300; ++i) {
        const int64_t size = 100000 * (1 + i % 9);
        Tensor x(DType::f32, {size}), y(DType::i32, {size});
        std::fill(x.data<float>(), x.data<float>() + size, float(t));
        std::fill(y.data<int32_t>(), y.data<int32_t>() + size, -t);
        for (int64_t k : {int64_t(0), size / 2, size - 1}) {
          EXPECT_EQ(x.data<float>()[k], float(t));
          EXPECT_EQ(y.data<int32_t>()[k], -t);
        }
      }
    });
  for (auto& t : threads) t.join();
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(HB_EMULATED)
TEST(PublicTensor, LittleIsKeptOfLargeBlocks) {
  auto resident = [] {
    long all = 0, in_memory = 0;
    std::ifstream("/proc/self/statm") >> all >> in_memory;
    return int64_t(in_memory) * sysconf(_SC_PAGESIZE);
  };
  const int64_t before = resident(), size = 32 << 20;
  {
    std::vector<Tensor> blocks;
    for (int i = 0; i < 6; ++i) std::memset(blocks.emplace_back(DType::u8, Shape{size}).raw(), 1, size_t(size));
    EXPECT_GT(resident() - before, 5 * size);
  }
  EXPECT_LT(resident() - before, 3 * size);
}
#endif
