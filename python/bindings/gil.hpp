// Python's lock (GIL): released around long calls, taken again by whoever calls back.
//
// Once the interpreter shuts down it ends threads that ask for its lock, by unwinding their stacks: through
// destructors, which ends the process, and past Python's objects, which nobody may touch any more. Such a thread sleeps
// here instead until the process is gone.
#pragma once

#include <pybind11/pybind11.h>

/// Lets other Python threads run while it lives.
class WithoutGil {
 public:
  WithoutGil();
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

/// Lets this thread, whichever it is, use Python while it lives.
class WithGil {
 public:
  WithGil();
  ~WithGil();
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
};

/// Has the core ask, while it runs something long on Python's main thread, whether a signal came (Ctrl-C, say). What
/// the signal's handler raises comes out of the call.
void watch_signals();
