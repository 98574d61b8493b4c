#include "base/guard.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace hornbeam {
namespace {
const MadeBeforeForks* g_made = nullptr;
}
void make_all() {
  for (const MadeBeforeForks* m = g_made; m; m = m->next_) m->make_();
}

namespace {
std::atomic<int> g_inside{0};        // threads that hold a mutex, or are about to take one
std::atomic<bool> g_forking{false};  // others shall wait
std::mutex g_turn;                   // held by the thread that forks
thread_local int t_held = 0;         // mutexes that this thread holds

void enter() {
  if (t_held++ > 0) return;
  for (;;) {
    g_inside.fetch_add(1);
    if (!g_forking.load()) return;
    g_inside.fetch_sub(1);
    std::lock_guard<std::mutex> wait(g_turn);
  }
}
void leave() {
  if (--t_held == 0) g_inside.fetch_sub(1);
}

// A thread that forks while it holds a mutex itself (in a log sink, say) has the child go on in the same place.
void before_fork() {
  make_all();
  if (t_held > 0) return;
  g_turn.lock();
  g_forking.store(true);
  while (g_inside.load() > 0) std::this_thread::sleep_for(std::chrono::microseconds(20));
}
void after_fork() {
  if (t_held > 0) return;
  g_forking.store(false);
  g_turn.unlock();
}
void after_fork_in_child() {
  after_fork();
  g_inside.store(t_held > 0);  // the other threads are not here
}
const int g_hook = pthread_atfork(before_fork, after_fork, after_fork_in_child);
}  // namespace

Guard::Guard(std::mutex& mutex) : mutex_(mutex) {
  enter();
  mutex_.lock();
}
Guard::~Guard() {
  mutex_.unlock();
  leave();
}

MadeBeforeForks::MadeBeforeForks(void (*make)()) : make_(make), next_(g_made) { g_made = this; }
}  // namespace hornbeam
