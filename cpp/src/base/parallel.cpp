#include "base/parallel.hpp"

#include <pthread.h>
#include <sched.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "base/check.hpp"

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
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return int(std::max(1u, std::thread::hardware_concurrency()));
}
}  // namespace

void Barrier::wait(int threads) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    return;
  }
  static const int processors = cpus();
  const int spins = threads > processors ? 0 : 2000;
  for (int i = 0; generation_.load(std::memory_order_acquire) == generation; ++i)
    if (i < spins) {
#if defined(__x86_64__)
      if (i > 200) _mm_pause();
#endif
    } else {
      sched_yield();
    }
}

#ifdef HB_OPENMP
const char* team_kind() { return "openmp"; }
void run_team(int threads, TeamFn fn, void* context) {
  if (threads <= 1 || g_forked.load(std::memory_order_relaxed)) return fn(context, 0, 1);
#pragma omp parallel num_threads(threads)
  fn(context, omp_get_thread_num(), omp_get_num_threads());
}
#else
const char* team_kind() { return "threads"; }
void run_team(int threads, TeamFn fn, void* context) {
  if (threads <= 1 || g_forked.load(std::memory_order_relaxed)) return fn(context, 0, 1);
  std::vector<std::thread> team;
  for (int t = 1; t < threads; ++t) team.emplace_back([=] { fn(context, t, threads); });
  fn(context, 0, threads);
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

#if defined(__x86_64__)
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() : saved_(0) {}
FlushDenormals::~FlushDenormals() {}
#endif
}  // namespace hornbeam
