// Puts a program's items on a stream, or into the graph that is captured from it.
#pragma once

#include <functional>
#include <vector>

#include "runtime/cuda/loaded.hpp"

namespace hornbeam::cuda {

/// The kernels of device/update.cuh: copies by words of 16, 4 and 1 bytes, and the choice of a branch.
class Updates {
 public:
  explicit Updates(Device& device);
  const Kernel& of(size_t word) const { return kernels_[word == 16 ? 0 : word == 4 ? 1 : 2]; }
  const Kernel& choice() const { return kernels_[3]; }

 private:
  std::vector<Kernel> kernels_;
};

class Enqueue {
 public:
  /// `updates`: of a program that writes variables or has branches.
  Enqueue(Device& device, const Updates* updates, Stream stream, void* status)
      : device_(device), updates_(updates), stream_(stream), status_(status) {}

  /// The scratch's bases are set. False when it stopped at `stop_at`.
  bool program(const Program& p, Scratch& s);

  Stream stream() const { return stream_; }

  /// Called before each item of the program (not of its sub-programs).
  std::function<void(size_t)> before_item;
  /// The kernel item to stop after, counted as failures count them; none.
  int64_t stop_at = -1;
  /// That item, and where its buffers are.
  const Item* stopped = nullptr;
  std::vector<char*> buffers;

 private:
  struct Walk;
  bool branches(const Control& k, void* const* a, const Item& item, std::vector<Scratch>& subs);
  bool items(const Program& p, Scratch& s, bool top);
  bool item(const Program& p, Scratch& s, const Item& item);
  bool kernel(const Item& item, void* const* a);
  void launch(const Launch& l, const Kernel& kernel, char* const* buffers);
  void put(const Kernel& kernel, const Grid& grid, int threads, int64_t shared_bytes);
  void copy(void* to, const void* from, int64_t bytes);
  void update(void* to, const void* from, int64_t bytes);
  template <class T>
  void push(const T& value);
  void begin_params();

  Device& device_;
  const Updates* const updates_;
  const Stream stream_;
  void* const status_;
  uint64_t ordinal_ = 0;  // of the kernel items
  bool guarded_ = false;  // variables are written from here on
  void* go_ = nullptr;    // whether the branch is taken that launches are of
  std::vector<char> params_;
};

/// What a run puts on a stream, and how often the host must read what the device computed to know how it goes on. Loops
/// and branches count one turn each.
struct Work {
  int64_t launches = 0, waits = 0;
  bool branches = false;  // some that the device takes by itself
};
Work work_of(const Program& p);
}  // namespace hornbeam::cuda
