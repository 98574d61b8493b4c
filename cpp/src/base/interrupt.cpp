#include "base/interrupt.hpp"

#include <time.h>

#include "base/parallel.hpp"
#include "hornbeam/error.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kEvery = 100;  // milliseconds

std::atomic<bool (*)()> g_check{nullptr};
thread_local Watch* t_watch = nullptr;
thread_local bool t_caller = false;

int64_t clock_now() {  // a clock that takes some ns to read
  timespec t;
#ifdef CLOCK_MONOTONIC_COARSE
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
#else
  clock_gettime(CLOCK_MONOTONIC, &t);
#endif
  return int64_t(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

bool check() {
  bool (*const f)() = g_check.load(std::memory_order_acquire);
  const KeepDenormals keep;  // it is the application's
  return f && f();
}
}  // namespace

void set_interrupt_check(bool (*f)()) { g_check.store(f, std::memory_order_release); }

void throw_if_interrupted() {
  if (check()) throw Interrupted("interrupted");
}

bool Watch::wanted() { return g_check.load(std::memory_order_relaxed) != nullptr; }

void Watch::ask() {
  const int64_t now = clock_now();
  if (begun_ == 0) begun_ = now, next_ = now + kEvery;
  if (now < next_) return;
  if (check()) stop_.store(true, std::memory_order_relaxed);
  next_ = clock_now() + kEvery;
}
int64_t Watch::milliseconds() const { return begun_ ? clock_now() - begun_ : 0; }

WatchedThread::WatchedThread(Watch* watch, bool caller) : outer_(t_watch), outer_caller_(t_caller) {
  t_watch = watch, t_caller = caller;
}
WatchedThread::~WatchedThread() { t_watch = outer_, t_caller = outer_caller_; }
void WatchedThread::release() { t_watch = nullptr; }

bool stop_asked() { return t_watch && t_watch->asked(t_caller); }
}  // namespace hornbeam
