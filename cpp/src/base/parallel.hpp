// A team of threads that runs one function together. The only place where OpenMP appears is parallel.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace hornbeam {

/// Meets all threads of a team; spins briefly, then yields.
class Barrier {
 public:
  void wait(int threads);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
};

using TeamFn = void (*)(void* context, int thread, int threads);
/// Runs fn(context, t, n) on n <= `threads` threads at once and returns when all have; n is what the system granted.
/// A forked child always gets one.
void run_team(int threads, TeamFn fn, void* context);

/// HB_NUM_THREADS, or the CPUs this process may use.
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
}  // namespace hornbeam
