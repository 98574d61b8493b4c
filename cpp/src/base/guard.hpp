// The core's mutexes are held through Guard alone. A process may fork at any time, and a mutex that another thread
// held at that moment would stay locked in the child for ever; so a fork waits until no thread holds one.
#pragma once

#include <mutex>

namespace hornbeam {

/// Holds a mutex. What happens meanwhile must not wait for another thread (for Python's lock, say): that thread may be
/// the one that forks, which waits for this one.
class Guard {
 public:
  explicit Guard(std::mutex& mutex);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  std::mutex& mutex_;
};

/// A value that is made when it is first asked for: `make` asks for it before each fork, so that no child finds it half
/// made by a thread that it does not have. To be a static object; `make` must not throw.
class MadeBeforeForks {
 public:
  explicit MadeBeforeForks(void (*make)());

 private:
  friend void make_all();
  void (*make_)();
  const MadeBeforeForks* next_;
};
}  // namespace hornbeam
