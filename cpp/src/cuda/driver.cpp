#include "cuda/driver.hpp"

#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "base/check.hpp"
#include "base/guard.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kLeastVersion = 12000;
const LibraryName kDriver = {"NVIDIA's driver", {"libcuda.so.1"}, "Install the driver of the GPU"};

std::atomic<int> g_opened_by{0};  // the process

std::unique_ptr<const Driver> open() {
  static const Library library(kDriver);
  auto d = std::make_unique<Driver>();
#define HB_CUDA_FUNCTION(name, parameters) d->name = reinterpret_cast<Result(*) parameters>(library.symbol(#name));
  HB_CUDA_DRIVER(HB_CUDA_FUNCTION)
#undef HB_CUDA_FUNCTION
  d->check(d->cuInit(0), "cuInit");
  d->check(d->cuDriverGetVersion(&d->version), "cuDriverGetVersion");
  if (d->version < kLeastVersion)
    throw DeviceError(concat_text("a GPU needs a driver for CUDA ", kLeastVersion / 1000, ".0 or later; that of ",
                                  library.path(), " is for ", d->version / 1000, ".", d->version % 1000 / 10));
  return d;
}
}  // namespace

bool Driver::forked() {
  const int process = g_opened_by.load();
  return process != 0 && process != getpid();
}

const Driver& Driver::get() {
  static std::mutex lock;
  static const Driver* driver = nullptr;  // never deleted: what it drives may be given back while the process ends
  if (forked())
    throw DeviceError(
        "a process that was forked from one that used a GPU cannot use it: choose the CPU there, or start it by spawn");
  Guard hold(lock);
  if (!driver) {
    driver = open().release();
    g_opened_by.store(getpid());
  }
  return *driver;
}

void Driver::check(Result result, const char* what) const {
  if (result == kSuccess) return;
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  const std::string said =
      concat_text(what, ": ", text ? text : "unknown error", " (", name ? name : std::to_string(result).c_str(), ")");
  if (result == kOutOfMemory) throw MemoryError(said);
  throw DeviceError(said);
}
}  // namespace hornbeam::cuda
