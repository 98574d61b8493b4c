// Who asks whether to go on, and where.
#pragma once

#include <atomic>
#include <cstdint>

#include "hornbeam/interrupt.hpp"

namespace hornbeam {

/// Throws Interrupted when the application wants the caller to end: for long work that no program does, every tenth of
/// a second or so.
void throw_if_interrupted();

/// Whether one run of a program shall end. Shared by the run's threads, of which one is its caller's.
class Watch {
 public:
  void reset() {
    stop_.store(false, std::memory_order_relaxed);
    begun_ = next_ = 0;
  }
  bool stopped() const { return stop_.load(std::memory_order_relaxed); }
  /// The same; the caller's thread finds it out, at times.
  bool asked(bool caller) {
    if (caller) ask();
    return stopped();
  }
  /// How long the run has taken since the caller's thread first asked.
  int64_t milliseconds() const;
  /// Whether there is anybody to ask.
  static bool wanted();

 private:
  void ask();
  std::atomic<bool> stop_{false};
  int64_t begun_ = 0, next_ = 0;  // milliseconds on the clock: when to ask; 0: nothing was asked yet
};

/// What this thread asks while it lives, for kernels (null: nothing).
class WatchedThread {
 public:
  WatchedThread(Watch* watch, bool caller);
  ~WatchedThread();
  WatchedThread(const WatchedThread&) = delete;
  WatchedThread& operator=(const WatchedThread&) = delete;
  /// From now on the thread's work may not be left unfinished.
  static void release();

 private:
  Watch* outer_;
  bool outer_caller_;
};
/// Asked by kernels in loops that may take long: once it says true, nobody reads what the kernel makes.
bool stop_asked();
}  // namespace hornbeam
