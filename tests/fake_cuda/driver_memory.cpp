// Entry points about memory and copies, and what other fake libraries ask for.
#include <cstring>
#include <memory>

#include "fake.hpp"
#include "stream.hpp"

namespace fake {
namespace {

struct Copy {
  const char* who;
  void* to;
  const void* from;
  size_t bytes;
  bool to_device, from_device;
};

void check(const Context& context, const Copy& copy) {
  const auto side = [&](const void* pointer, bool device) {
    if (device) {
      context.memory.check_device(reinterpret_cast<CUdeviceptr>(pointer), copy.bytes, copy.who);
    } else {
      context.memory.check_host(pointer, copy.bytes, copy.who);
    }
  };
  side(copy.to, copy.to_device);
  side(copy.from, copy.from_device);
}

// An asynchronous copy touches both sides when it runs, pageable host memory too: the last moment that CUDA allows.
CUresult copy_later(const Copy& copy, CUstream stream) {
  return in_context([&](Context& context) {
    const auto on = find_stream(context, stream);
    if (copy.bytes == 0) return;
    check(context, copy);
    enqueue(context, *on, copy.who, [&context, copy] {
      check(context, copy);
      std::memmove(copy.to, copy.from, copy.bytes);
    });
  });
}

CUresult copy_now(const Copy& copy) {
  return in_context([&](Context& context) {
    forbid_in_capture(context, copy.who);
    if (copy.bytes == 0) return;
    check(context, copy);
    drain_blocking(context);
    run_now(context, copy.who, [&] { std::memmove(copy.to, copy.from, copy.bytes); });
  });
}

void* address(CUdeviceptr pointer) { return reinterpret_cast<void*>(pointer); }

Copy to_device(CUdeviceptr to, const void* from, size_t bytes) {
  return {"a copy from host to device", address(to), from, bytes, true, false};
}
Copy to_host(void* to, CUdeviceptr from, size_t bytes) {
  return {"a copy from device to host", to, address(from), bytes, false, true};
}
Copy on_device(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return {"a copy from device to device", address(to), address(from), bytes, true, true};
}

}  // namespace
}  // namespace fake

using namespace fake;

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return in_context([&](Context& context) {
    *free = context.memory.available();
    *total = context.memory.total();
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  count("cuMemAlloc_v2");
  return in_context([&](Context& context) {
    forbid_in_capture(context, "cuMemAlloc");
    *pointer = context.memory.allocate(bytes);
  });
}

// Does not wait for queued work, though real drivers do: CUDA does not promise it.
CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return in_context([&](Context& context) {
    forbid_in_capture(context, "cuMemFree");
    context.memory.free(pointer);
  });
}

CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  count("cuMemHostAlloc");
  return in_context([&](Context& context) {
    forbid_in_capture(context, "cuMemHostAlloc");
    *pointer = context.memory.allocate_host(bytes);
  });
}

CUresult cuMemFreeHost(void* pointer) {
  return in_context([&](Context& context) {
    forbid_in_capture(context, "cuMemFreeHost");
    context.memory.free_host(pointer);
  });
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  return copy_now(to_device(to, from, bytes));
}

CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) { return copy_now(to_host(to, from, bytes)); }

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy_now(on_device(to, from, bytes));
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return copy_later(to_device(to, from, bytes), stream);
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy_later(to_host(to, from, bytes), stream);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy_later(on_device(to, from, bytes), stream);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  return in_context([&](Context& context) {
    const auto on = find_stream(context, stream);
    if (bytes == 0) return;
    context.memory.check_device(to, bytes, "a memset");
    enqueue(context, *on, "a memset", [=, &context] {
      context.memory.check_device(to, bytes, "a memset");
      std::memset(address(to), value, bytes);
    });
  });
}

CUresult fake_cuda_enqueue(CUstream stream, void (*run)(void*), void* data, void (*destroy)(void*)) {
  return in_context([&](Context& context) {
    const std::shared_ptr<void> owned(
        data, destroy ? destroy : [](void*) {});
    const auto on = find_stream(context, stream);
    enqueue(context, *on, "a library's work", [=, &context] {
      context.library_failed = false;
      run(owned.get());
      if (context.library_failed) throw Failure{CUDA_ERROR_ILLEGAL_ADDRESS};
    });
  });
}

CUresult fake_cuda_check(const void* pointer, size_t bytes, const char* who) {
  return in_context([&](Context& context) {
    const bool failed_before = context.library_failed;
    context.library_failed = true;
    context.memory.check_device(reinterpret_cast<CUdeviceptr>(pointer), bytes, who);
    context.library_failed = failed_before;
  });
}
