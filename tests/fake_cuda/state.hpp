// The one device and its context: what all entry points share, and the frame that each of them runs in.
#pragma once
#include <unistd.h>

#include <cstdarg>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>

#include "cuda_api.hpp"
#include "memory.hpp"

namespace fake {

// Ends an entry point with an error code.
struct Failure {
  CUresult code;
};

// Prints "fake CUDA: ..." to stderr.
[[gnu::format(printf, 1, 2)]] void complain(const char* format, ...);

// Complains, then throws Failure.
[[noreturn, gnu::format(printf, 2, 3)]] void fail(CUresult code, const char* format, ...);

// Counts a call for fake_cuda_calls.
void count(const char* entry);

// Whether an environment variable says 1.
bool flag(const char* variable);

// Objects by the handles that the caller holds.
template <class T>
class Handles {
 public:
  template <class Handle>
  Handle add(std::shared_ptr<T> object) {
    const auto handle = reinterpret_cast<Handle>(object.get());
    objects_[object.get()] = std::move(object);
    return handle;
  }
  std::shared_ptr<T> get(const void* handle) const {
    const auto found = objects_.find(handle);
    if (found == objects_.end()) throw Failure{CUDA_ERROR_INVALID_HANDLE};
    return found->second;
  }
  void remove(const void* handle) {
    if (objects_.erase(handle) == 0) throw Failure{CUDA_ERROR_INVALID_HANDLE};
  }
  auto begin() const { return objects_.begin(); }
  auto end() const { return objects_.end(); }

 private:
  std::unordered_map<const void*, std::shared_ptr<T>> objects_;
};

struct Event;
struct Function;
struct Graph;
struct Module;
struct Stream;

// All that goes when the primary context goes.
struct Context {
  explicit Context(size_t memory_bytes);
  ~Context();

  CUresult failure = CUDA_SUCCESS;  // of a kernel or copy; as on a device, nothing works afterwards
  bool library_failed = false;      // whether a check of fake_cuda_check failed in the work that runs
  Memory memory;
  std::shared_ptr<Stream> legacy;  // the null stream
  Handles<Stream> streams;
  Handles<Event> events;
  Handles<Graph> graphs, execs;
  Handles<Module> modules;
  Handles<Function> functions;
};

struct State {
  std::recursive_mutex mutex;  // held by every entry point, also while kernels run
  int process = 0;             // that initialized it: no driver survives a fork
  int retained = 0;
  std::unique_ptr<Context> context;
};
State& state();
Context*& current_context();  // of this thread

// Runs an entry point that needs no context.
template <class F>
CUresult enter(F&& body) {
  const std::lock_guard lock(state().mutex);
  try {
    if (state().process != getpid()) return CUDA_ERROR_NOT_INITIALIZED;
    body();
    return CUDA_SUCCESS;
  } catch (const Failure& failure) {
    return failure.code;
  } catch (const std::bad_alloc&) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
}

// Runs an entry point in the current context.
template <class F>
CUresult in_context(F&& body) {
  return enter([&] {
    Context* context = current_context();
    if (!context || context != state().context.get()) throw Failure{CUDA_ERROR_INVALID_CONTEXT};
    if (context->failure != CUDA_SUCCESS) throw Failure{context->failure};
    body(*context);
  });
}

}  // namespace fake
