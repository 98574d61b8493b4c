// Messages for faults in kernels and in other queued work.
#pragma once

namespace fake {

// While it lives, a fault of this thread prints what was running before it takes its course.
class Running {
 public:
  explicit Running(const char* what);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  const char* outer_;
};

}  // namespace fake
