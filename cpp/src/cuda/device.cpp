#include "cuda/device.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "hornbeam/log.hpp"

namespace hornbeam::cuda {
namespace {
const LibraryName kBlas = {
    "cuBLASLt", {"libcublasLt.so.13", "libcublasLt.so.12"}, "Install it with: pip install \"hornbeam[cuda]\""};
const LibraryName kDnn = {"cuDNN", {"libcudnn.so.9"}, "Install it with: pip install \"hornbeam[cuda]\""};
constexpr int kLeastArch = 80;         // what kernels are written for and tested with
constexpr unsigned kNonBlocking = 1;   // of streams: they do not wait for the default stream
constexpr size_t kMostCompilers = 16;  // threads that compile

int attribute(const Driver& d, DeviceAttribute which, int device) {
  int value = 0;
  d.check(d.cuDeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

DeviceInfo info_of(const Driver& d, int index) {
  DeviceInfo info;
  info.index = index;
  char name[256] = "";
  d.check(d.cuDeviceGetName(name, int(sizeof name), index), "cuDeviceGetName");
  info.name = name;
  info.arch = 10 * attribute(d, DeviceAttribute::major, index) + attribute(d, DeviceAttribute::minor, index);
  d.check(d.cuDeviceTotalMem_v2(&info.bytes, index), "cuDeviceTotalMem");
  return info;
}
// A library that a device can do without, slower; its functions are found as long as the process runs.
template <class Functions>
std::unique_ptr<const Functions> optional(const LibraryName& name,
                                          std::unique_ptr<Functions> (*load)(const std::function<void*(const char*)>&),
                                          std::vector<std::string>* said) {
  try {
    const Library library(name);
    auto functions = load([&](const char* function) { return library.find(function); });
    said->push_back(concat_text(name.what, ": ", library.path()));
    return functions;
  } catch (const Error& e) {
    said->push_back(concat_text(name.what, " is not used: ", e.what()));
    log_message(LogLevel::warning, concat_text("kernels of Hornbeam's own serve: ", said->back()));
    return nullptr;
  }
}
}  // namespace

std::vector<DeviceInfo> list_devices() {
  const Driver& d = Driver::get();
  int count = 0;
  d.check(d.cuDeviceGetCount(&count), "cuDeviceGetCount");
  std::vector<DeviceInfo> all;
  for (int i = 0; i < count; ++i) all.push_back(info_of(d, i));
  return all;
}

Device& Device::get(int index) {
  static std::mutex opening;
  static std::map<int, Device*> open;  // never closed: memory may be given back while the process ends
  Guard hold(opening);
  Device*& device = open[index];
  if (!device) {
    const std::vector<DeviceInfo> there = list_devices();
    if (index < 0 || size_t(index) >= there.size())
      throw DeviceError(concat_text("there is no device \"gpu:", index, "\": the driver finds ", there.size()));
    device = new Device(there[size_t(index)]);
  }
  return *device;
}

Device::Device(const DeviceInfo& info) : info_(info) {
  const Driver& d = Driver::get();
  if (info.arch < kLeastArch)
    throw DeviceError(concat_text("\"gpu:", info.index, "\" (", info.name, ") has compute capability ", info.arch / 10,
                                  ".", info.arch % 10, "; it must have ", kLeastArch / 10, ".", kLeastArch % 10,
                                  " or later"));
  Compiler::check(info.arch, d.version);
  int device = 0;
  d.check(d.cuDeviceGet(&device, info.index), "cuDeviceGet");
  d.check(d.cuDevicePrimaryCtxRetain(&context_, device), "cuDevicePrimaryCtxRetain");
  const Using use(*this);
  d.check(d.cuStreamCreate(&stream_, kNonBlocking), "cuStreamCreate");
  d.check(d.cuStreamCreate(&capture_stream_, kNonBlocking), "cuStreamCreate");
  blas_ = optional(kBlas, load_blas, &libraries_);
  dnn_ = optional(kDnn, load_dnn, &libraries_);
  multiprocessors_ = attribute(d, DeviceAttribute::multiprocessors, device);
  shared_bytes_ = attribute(d, DeviceAttribute::shared_bytes_opt_in, device);
}

Using::Using(const Device& device) {
  HB_DRIVER(cuCtxGetCurrent, &before_);
  HB_DRIVER(cuCtxSetCurrent, device.context_);
}
Using::~Using() {
  try {
    Driver::get().cuCtxSetCurrent(before_);
  } catch (const Error&) {  // of a process that was forked
  }
}

char* Device::allocate(size_t bytes, const std::string& what) {
  const Using use(*this);
  const Driver& d = Driver::get();
  DevicePtr at = 0;
  const Result result = d.cuMemAlloc_v2(&at, std::max<size_t>(bytes, 1));
  if (result == kOutOfMemory) {
    size_t free_bytes = 0, all = 0;
    d.cuMemGetInfo_v2(&free_bytes, &all);
    throw MemoryError(concat_text(what, " needs ", bytes, " bytes on \"gpu:", info_.index, "\", which has ", free_bytes,
                                  " free of ", all));
  }
  d.check(result, "cuMemAlloc");
  return reinterpret_cast<char*>(at);
}

void Device::free(char* memory) noexcept {
  if (!memory) return;
  try {
    const Using use(*this);
    Driver::get().cuMemFree_v2(address(memory));  // a device that failed frees nothing
  } catch (const std::exception&) {
  }
}

std::vector<Kernel> Device::kernels(const std::vector<Source>& sources, const Include* includes) {
  Guard hold(loading_);
  const Using use(*this);
  if (!compiler_) compiler_ = std::make_unique<Compiler>(info_.arch, includes);
  std::vector<const Source*> missing;
  for (const Source& s : sources)
    if (loaded_.emplace(std::make_pair(s.text, s.kernel), Kernel{}).second) missing.push_back(&s);
  std::vector<Compiled> code(missing.size());
  std::exception_ptr failed;
  try {
    std::atomic<size_t> next{0};
    std::mutex failing;  // no Guard: the thread that holds one waits for those that take this
    auto work = [&] {
      try {
        for (size_t i = next++; i < missing.size(); i = next++)
          code[i] = compiler_->compile(missing[i]->text, missing[i]->kernel);
      } catch (...) {
        const std::lock_guard<std::mutex> held(failing);
        failed = std::current_exception();
      }
    };
    std::vector<std::thread> others;
    const size_t threads =
        std::min({missing.size(), kMostCompilers, size_t(std::max(1u, std::thread::hardware_concurrency()))});
    try {
      for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
    } catch (const std::system_error&) {  // then with those that there are
    }
    work();
    for (std::thread& t : others) t.join();
    if (failed) std::rethrow_exception(failed);
    const Driver& d = Driver::get();
    for (size_t i = 0; i < missing.size(); ++i) {
      Module module = nullptr;
      d.check(d.cuModuleLoadData(&module, code[i].code.data()), "cuModuleLoadData");
      Kernel k;
      d.check(d.cuModuleGetFunction(&k.function, module, code[i].symbol.c_str()), "cuModuleGetFunction");
      loaded_[{missing[i]->text, missing[i]->kernel}] = k;
    }
  } catch (...) {
    for (const Source* s : missing)
      if (!loaded_[{s->text, s->kernel}].function) loaded_.erase({s->text, s->kernel});
    throw;
  }
  std::vector<Kernel> out;
  for (const Source& s : sources) out.push_back(loaded_.at({s.text, s.kernel}));
  return out;
}

void Device::allow_shared(const Kernel& kernel, int64_t bytes) {
  if (bytes > shared_bytes_)
    throw InternalError(
        concat_text("a kernel asks for ", bytes, " bytes of shared memory; a block has ", shared_bytes_));
  Guard hold(loading_);
  int64_t& allowed = shared_allowed_[kernel.function];
  if (bytes <= allowed) return;  // plans share kernels: another may need more
  const Using use(*this);
  HB_DRIVER(cuFuncSetAttribute, kernel.function, FunctionAttribute::most_shared_bytes, int(bytes));
  allowed = bytes;
}

char* Device::shared_memory(size_t bytes) {
  if (bytes <= shared_memory_bytes_ && shared_memory_) return shared_memory_;
  wait();
  free(shared_memory_);  // first: there may be no room for both
  shared_memory_ = nullptr, shared_memory_bytes_ = 0;
  shared_memory_ = allocate(bytes, "the program's working memory");
  shared_memory_bytes_ = bytes;
  return shared_memory_;
}

void Device::wait() const { HB_DRIVER(cuStreamSynchronize, stream_); }

PinnedMemory::PinnedMemory(Device& device, size_t bytes) : device_(&device) {
  const Using use(device);
  void* at = nullptr;
  HB_DRIVER(cuMemHostAlloc, &at, std::max<size_t>(bytes, 1), 0u);
  at_ = static_cast<char*>(at);
}

PinnedMemory::~PinnedMemory() {
  if (!at_) return;
  try {
    const Using use(*device_);
    Driver::get().cuMemFreeHost(at_);
  } catch (const std::exception&) {
  }
}
}  // namespace hornbeam::cuda
