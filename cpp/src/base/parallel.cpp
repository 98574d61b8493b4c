#include "base/parallel.hpp"

#include <pthread.h>
#include <sched.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cgroup.hpp"
#include "base/check.hpp"
#include "base/guard.hpp"
#include "base/interrupt.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifdef HB_OPENMP
#include <omp.h>
#endif

namespace hornbeam {
namespace {
std::atomic<bool> g_forked{false};
const int g_fork_hook = pthread_atfork(nullptr, nullptr, [] { g_forked.store(true); });

int cpus() {
  int n = int(std::max(1u, std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = std::max(1, CPU_COUNT(&set));
#endif
  return std::min(n, own_cgroup_cpus());
}
}  // namespace

bool Barrier::wait(int threads, const Watch* watch) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    const bool stop = watch && watch->stopped();
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store((generation | 1) + 1 + stop, std::memory_order_release);
    return stop;
  }
  static const int processors = cpus();
  const int spins = threads > processors ? 0 : 2000;
  uint32_t now;
  for (int i = 0; (now = generation_.load(std::memory_order_acquire)) == generation; ++i)
    if (i < spins) {
#if defined(__x86_64__)
      if (i > 200) _mm_pause();
#endif
    } else {
      sched_yield();
    }
  return now & 1;
}

#ifdef HB_OPENMP
namespace {
// How many of `n` more threads the system lets this process have at once.
int makeable(int n) {
  std::mutex gate;  // none ends before all are made
  std::vector<std::thread> made;
  try {
    std::lock_guard<std::mutex> closed(gate);
    made.reserve(size_t(n));
    while (int(made.size()) < n) made.emplace_back([&gate] { std::lock_guard<std::mutex> wait(gate); });
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  for (std::thread& t : made) t.join();
  return int(made.size());
}

// libgomp ends the process when it cannot make a thread. It keeps those of a caller's last region for its next one;
// where that is larger, what it will make is made for trial first. (Another process of the same user, or another
// library that uses libgomp from the same thread, may still take what the trial found free.)
int granted(int threads) {
  thread_local int last = 1;
  if (threads > last) threads = last + makeable(threads - last);
  return last = threads;
}
}  // namespace

const char* team_kind() { return "openmp"; }
void run_team(int threads, TeamFn fn, void* context) {
  if (threads > 1 && !g_forked.load(std::memory_order_relaxed)) threads = granted(threads);
  if (threads <= 1 || g_forked.load(std::memory_order_relaxed)) return fn(context, 0, 1);
#pragma omp parallel num_threads(threads)
  fn(context, omp_get_thread_num(), omp_get_num_threads());
}
#else
const char* team_kind() { return "threads"; }
void run_team(int threads, TeamFn fn, void* context) {
  if (threads <= 1 || g_forked.load(std::memory_order_relaxed)) return fn(context, 0, 1);
  std::mutex gate;  // none begins before their number is known
  int n = 1;
  std::vector<std::thread> team;
  try {
    std::lock_guard<std::mutex> closed(gate);
    team.reserve(size_t(threads - 1));
    for (; n < threads; ++n)
      team.emplace_back([&gate, &n, fn, context, t = n] {
        { std::lock_guard<std::mutex> wait(gate); }
        fn(context, t, n);
      });
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  fn(context, 0, n);
  for (auto& t : team) t.join();
}
#endif

int default_threads() {
  static const int chosen = [] {
    const char* text = std::getenv("HB_NUM_THREADS");
    if (!text || !*text) return cpus();
    int n = 0;
    auto r = std::from_chars(text, text + std::strlen(text), n);
    HB_CHECK(r.ec == std::errc() && *r.ptr == 0 && n >= 1 && n <= 1024,
             "HB_NUM_THREADS must be an integer in [1, 1024]. Received: HB_NUM_THREADS=", text);
    return n;
  }();
  return chosen;
}

namespace {
const MadeBeforeForks made_before_forks([] {
  try {
    default_threads();
  } catch (const ValueError&) {  // HB_NUM_THREADS: whoever needs it will say so
  }
});
}  // namespace

#if defined(__x86_64__)
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
KeepDenormals::KeepDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ & ~0x8040u); }
KeepDenormals::~KeepDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() : saved_(0) {}
FlushDenormals::~FlushDenormals() {}
KeepDenormals::KeepDenormals() : saved_(0) {}
KeepDenormals::~KeepDenormals() {}
#endif
}  // namespace hornbeam
