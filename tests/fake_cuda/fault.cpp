#include "fault.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>

#include "block.hpp"

namespace fake {
namespace {

constexpr size_t kStack = 1 << 16;
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction before[std::size(kSignals)];
thread_local const char* running = nullptr;

void on_fault(int, siginfo_t* info, void*) {
  if (running) {
    const std::string thread = running_thread();
    const char* where = thread.empty() ? running : thread.c_str();
    char line[512];
    const int length = std::snprintf(line, sizeof line, "fake CUDA: fault in %s, address %p\n", where, info->si_addr);
    if (write(STDERR_FILENO, line, std::min<size_t>(length, sizeof line - 1)) < 0) return;
  }
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
}

// The handler needs a stack of its own, as a fibre's may be what overflowed. The old handlers come back after the work.
void watch(bool on) {
  static char* const stack = new char[kStack];
  static stack_t old_stack;
  if (on) {
    stack_t signal_stack{};
    signal_stack.ss_sp = stack;
    signal_stack.ss_size = kStack;
    sigaltstack(&signal_stack, &old_stack);
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &before[i]);
  } else {
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
    sigaltstack(&old_stack, nullptr);
  }
}

}  // namespace

Running::Running(const char* what) : outer_(running) {
  if (!outer_) watch(true);
  running = what;
}

Running::~Running() {
  running = outer_;
  if (!outer_) watch(false);
}

}  // namespace fake
