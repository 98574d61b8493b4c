#include "gil.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "hornbeam/interrupt.hpp"

namespace py = pybind11;

namespace {
template <class F>
auto or_sleep(F take) {
  try {
    return take();
  } catch (...) {  // the thread is being ended
    for (;;) pause();
  }
}

std::atomic<unsigned long> g_main{0};  // the thread that handles signals; in a forked child, the one that forked
const int g_fork_hook = pthread_atfork(nullptr, nullptr, [] { g_main.store(PyThread_get_thread_ident()); });

bool signal_came() {
  if (PyThread_get_thread_ident() != g_main.load()) return false;
  const WithGil gil;
  return PyErr_CheckSignals() != 0;
}
}  // namespace

WithoutGil::WithoutGil() : state_(PyEval_SaveThread()) {}
WithoutGil::~WithoutGil() {
  or_sleep([&] { PyEval_RestoreThread(state_); });
}
WithGil::WithGil() : state_(or_sleep([] { return PyGILState_Ensure(); })) {}
WithGil::~WithGil() { PyGILState_Release(state_); }

void watch_signals() {
  g_main.store(py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>());
  hornbeam::set_interrupt_check(signal_came);
}
