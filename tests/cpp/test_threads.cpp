// Teams of threads: who meets, who is told to stop, what happens where the system makes no more of them.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstring>
#include <thread>

#include "base/cgroup.hpp"
#include "base/guard.hpp"
#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "hornbeam/hornbeam.hpp"

using namespace hornbeam;

namespace {
std::atomic<int> g_asked{0};
std::atomic<int> g_stop_at{INT_MAX};  // the question that is answered with yes
struct Asks {                         // while it lives, runs ask
  explicit Asks(int stop_at) {
    g_asked = 0, g_stop_at = stop_at;
    set_interrupt_check([] { return ++g_asked >= g_stop_at; });
  }
  ~Asks() { set_interrupt_check(nullptr); }
};

Tensor numbers(int64_t n, float v) {
  Tensor t(DType::f32, {n});
  std::fill(t.data<float>(), t.data<float>() + n, v);
  return t;
}
constexpr int kParts = 24;
// An op whose parts, one number each, take a while.
void make_slow_op() {
  OpDef d;
  d.name = "slow_copy";
  d.infer = [](const InferContext& c) -> std::vector<ValueType> { return {c.type(0)}; };
  d.cpu = [](const KernelRequest&) {
    KernelPlan p;
    p.stages = {{[](const KernelCall& c) {
                   std::this_thread::sleep_for(std::chrono::milliseconds(20));
                   static_cast<float*>(c.buffers[1])[c.part] = static_cast<const float*>(c.buffers[0])[c.part];
                 },
                 kParts}};
    return p;
  };
  static const bool made = (register_op(d), true);
  (void)made;
}
CompileOptions on(int threads) {
  CompileOptions o;
  o.threads = threads;
  return o;
}
}  // namespace

TEST(Threads, ABarrierTellsAllTheSame) {
  constexpr int kThreads = 4, kRounds = 2000;
  Barrier barrier;
  Watch watch;
  std::vector<int> stopped(kThreads, -1);
  std::vector<std::thread> team;
  const Asks asks(1);
  for (int t = 0; t < kThreads; ++t)
    team.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        if (t == 0 && i > kRounds / 2)
          while (!watch.asked(true)) sched_yield();  // the answer comes between this thread's rounds, not the others'
        if (barrier.wait(kThreads, &watch)) {
          stopped[size_t(t)] = i;
          break;
        }
      }
    });
  for (auto& t : team) t.join();
  for (int t = 0; t < kThreads; ++t) EXPECT_EQ(stopped[size_t(t)], kRounds / 2 + 1);
}

TEST(Threads, AnInterruptedStepLeavesAllStateAsItWas) {
  make_slow_op();
  for (int threads : {1, 2, 3}) {
    Graph g;
    Ops o(g);
    auto a = std::make_shared<Variable>("a", Tensor::scalar(DType::f32, 0)),
         b = std::make_shared<Variable>("b", numbers(kParts, 0));
    const Value x = g.add1("slow_copy", {g.input("x", DType::f32, {kParts})});
    const Value y = g.add1("slow_copy", {o.add(x, 1)});
    g.assign(a, o.add(g.read(a), o.mean(y)));
    g.assign(b, o.add(g.read(b), y));
    g.outputs.push_back({"y", y});
    Executable e(g, on(threads));
    const Tensor in = numbers(kParts, 1);
    for (int stop_at : {1, 2, 1000}) {
      const Asks asks(stop_at);
      const double before = a->value().at(0);
      double after = before + 2;
      try {
        e.run({in});
        EXPECT_LT(g_asked.load(), stop_at);
      } catch (const Interrupted&) {
        after = before;
        EXPECT_GE(g_asked.load(), stop_at);
      }
      EXPECT_EQ(a->value().at(0), after);
      for (int i = 0; i < kParts; ++i) EXPECT_EQ(b->value().at(i), after) << i;
      if (stop_at == 1) EXPECT_EQ(after, before) << "it was not asked within the first op, " << threads << " threads";
      if (stop_at == 1000) EXPECT_EQ(after, before + 2);
    }
  }
}

TEST(Threads, AnEndlessLoopCanBeInterrupted) {
  for (int threads : {1, 2}) {
    Graph test, body, g;
    const Value i = test.input("i", DType::i32, {}), j = body.input("i", DType::i32, {});
    test.outputs.push_back({"go", Ops(test).compare("greater_equal", i, 0)});
    body.outputs.push_back({"next", Ops(body).mul(j, 1.0)});
    const Value start = g.input("start", DType::i32, {});
    g.outputs.push_back({"end", g.add1("while_loop", {start},
                                       {{"cond", std::make_shared<const Graph>(test)},
                                        {"body", std::make_shared<const Graph>(body)},
                                        {"carries", int64_t(1)}})});
    Executable e(g, on(threads));
    const Asks asks(2);
    EXPECT_THROW(e.run({Tensor::scalar(DType::i32, 0)}), Interrupted);
    EXPECT_EQ(e.run({Tensor::scalar(DType::i32, -1)})[0].at(0), -1);
  }
}

TEST(Threads, ALongProductCanBeInterrupted) {
  Graph g;
  Ops o(g);
  const Dim n = Dim::symbol("n");
  const Value x = g.input("x", DType::f32, {n, n});
  g.outputs.push_back({"y", o.mean(o.matmul(x, x))});
  for (int threads : {1, 2}) {
    Executable e(g, on(threads));
    const Asks asks(1);
    EXPECT_THROW(e.run({Tensor::zeros(DType::f32, {6000, 6000})}), Interrupted);
    EXPECT_EQ(e.run({Tensor::zeros(DType::f32, {8, 8})})[0].at(0), 0);
  }
}

TEST(Threads, AShuffleCanBeInterrupted) {
  Graph g;
  const Value x = g.input("x", DType::u8, {Dim::symbol("n")});
  g.outputs.push_back({"y", Ops(g).cast(x, DType::f32)});
  BatchLoop loop(std::make_shared<Executable>(g), {Tensor::zeros(DType::u8, {3 << 20})}, 1 << 20);
  {
    const Asks asks(2);
    EXPECT_THROW(loop.shuffle(1, 0), Interrupted);
  }
  loop.shuffle(1, 0);
  EXPECT_EQ(loop.run(0, 3, 1e9), 3);
}

// While some threads run a program, another moves its variable's storage again and again.
TEST(Threads, StorageMovesWhileProgramsRun) {
  Graph g;
  Ops o(g);
  auto w = std::make_shared<Variable>("w", numbers(1 << 14, 0.5f));
  const Value x = g.input("x", DType::f32, {1 << 14});
  g.outputs.push_back({"y", o.sum(o.mul(x, g.read(w)))});
  Executable e(g, on(1));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, runs{0};
  std::vector<std::thread> team;
  for (int t = 0; t < 2; ++t)
    team.emplace_back([&] {
      const Tensor in = numbers(1 << 14, 2);
      while (!done) wrong += e.run({in})[0].at(0) != double(1 << 14), ++runs;
    });
  while (runs < 200) w->relocate(Tensor::zeros(DType::f32, {1 << 14}));
  done = true;
  for (auto& t : team) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

#if !defined(HB_EMULATED)
namespace {
// In a process of its own, which may have no more threads than it has: 0 when a team of any size still does all its
// work.
int runs_without_threads() {
  if (getuid() == 0 && setuid(65534) != 0) return 2;  // the limit is not root's
  const rlimit none{1, 1};
  if (setrlimit(RLIMIT_NPROC, &none) != 0) return 3;
  for (int threads : {2, 8, 3, 8}) {
    struct Seen {
      std::atomic<int> parts{0}, size{0};
    } seen;
    run_team(
        threads,
        [](void* context, int, int n) {
          ++static_cast<Seen*>(context)->parts;
          static_cast<Seen*>(context)->size = n;
        },
        &seen);
    if (seen.parts != seen.size || seen.size != 1) return 4;
  }
  return 0;
}
}  // namespace

TEST(ThreadsDeathTest, ATeamIsSmallerWhereNoThreadCanBeMade) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process: a forked one has teams of one anyway
  EXPECT_EXIT(_exit(runs_without_threads()), testing::ExitedWithCode(0), "");
}
#endif

TEST(Threads, CgroupsLimitTheirNumber) {
  std::map<std::string, std::string> files;
  const ReadText read = [&](const std::string& path) -> std::optional<std::string> {
    auto it = files.find(path);
    return it == files.end() ? std::nullopt : std::optional<std::string>(it->second);
  };
  const std::string v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
  const std::string v1 = "33 32 0:29 /docker/1 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", v2, read), INT_MAX);
  files["/sys/fs/cgroup/a/b/cpu.max"] = "max 100000\n";
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", v2, read), INT_MAX);
  files["/sys/fs/cgroup/a/cpu.max"] = "250000 100000\n";  // of the group around
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", v2, read), 3);
  files["/sys/fs/cgroup/a/b/cpu.max"] = "50000 100000\n";
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", v2, read), 1);
  files["/sys/fs/cgroup/a/b/cpu.max"] = "50000";  // cut off
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", v2, read), 3);
  const std::string own = "5:cpu,cpuacct:/docker/1/x\n4:memory:/elsewhere\n0::/\n";
  EXPECT_EQ(cgroup_cpus(own, v1, read), INT_MAX);
  files["/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us"] = "-1\n";
  files["/sys/fs/cgroup/cpu/x/cpu.cfs_period_us"] = "100000\n";
  EXPECT_EQ(cgroup_cpus(own, v1, read), INT_MAX);
  files["/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us"] = "400000\n";
  EXPECT_EQ(cgroup_cpus(own, v1, read), 4);
  EXPECT_EQ(cgroup_cpus("5:cpu:/other\n", v1, read), INT_MAX);
}
