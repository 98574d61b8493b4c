// A team of threads that runs one function together. The only place where OpenMP appears is parallel.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace hornbeam {

class Watch;

/// Meets all threads of a team; spins briefly, then yields.
class Barrier {
 public:
  /// Whether `watch`, if any, had been stopped before the last one came: the same to all.
  bool wait(int threads, const Watch* watch = nullptr);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};  // its last bit is what all are told
};

using TeamFn = void (*)(void* context, int thread, int threads);
/// Runs fn(context, t, n) on n <= `threads` threads at once, t = 0 on the caller's, and returns when all have; n is
/// what the system grants. A forked child always gets one.
void run_team(int threads, TeamFn fn, void* context);

/// HB_NUM_THREADS, or the CPUs this process may use: those it may run on, and no more than its cgroups grant time of.
int default_threads();
/// Whether OpenMP runs the team ("openmp") or std::thread ("threads").
const char* team_kind();

/// Flushes denormals to zero on this thread while it lives.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();

 private:
  unsigned saved_;
};
/// Keeps denormals on this thread while it lives, as it was before anything here ran.
class KeepDenormals {
 public:
  KeepDenormals();
  ~KeepDenormals();

 private:
  unsigned saved_;
};
}  // namespace hornbeam
