// Names of devices, and which one is taken.
#include "hornbeam/device.hpp"

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "cuda/driver.hpp"
#include "runtime/backends.hpp"

namespace hornbeam {
namespace {
std::mutex g_lock;
std::string g_default;  // what the application chose; empty: nothing
std::atomic<bool> g_tf32{false};
thread_local std::string t_scope;  // the innermost scope's; likewise

std::string usable_gpu() {
  const std::string problem = gpu_problem();
  return problem.empty() ? "gpu:0" : "cpu:0";
}

// Asked once: a driver does not come while a process runs, and to look for one takes time.
const std::string& chosen_by_itself() {
  static const std::string device = usable_gpu();
  return device;
}
}  // namespace

DeviceId device_id(const std::string& text) {
  const std::string name = device_name(text);
  return {name[0] == 'g', std::atoi(name.c_str() + 4)};
}

std::string device_name(const std::string& device) {
  if (device.empty()) return default_device();
  const size_t colon = device.find(':');
  const std::string kind = device.substr(0, colon);
  const std::string number = colon == std::string::npos ? "0" : device.substr(colon + 1);
  const bool digits =
      !number.empty() && number.size() < 5 && number.find_first_not_of("0123456789") == std::string::npos;
  HB_CHECK(
      (kind == "cpu" || kind == "gpu" || kind == "cuda") && digits && (kind != "cpu" || std::atoi(number.c_str()) == 0),
      "a device must be \"cpu\", \"gpu\" or \"gpu:N\". Received: device=\"", device, "\"");
  return (kind == "cpu" ? "cpu:" : "gpu:") + std::to_string(std::atoi(number.c_str()));  // asked before each run
}

std::string default_device() {
  if (!t_scope.empty()) return t_scope;
  {
    Guard hold(g_lock);
    if (!g_default.empty()) return g_default;
  }
  const char* named = std::getenv("HB_DEVICE");
  if (!named || !*named) return cuda::Driver::forked() ? "cpu:0" : chosen_by_itself();
  try {
    return device_name(named);
  } catch (const ValueError&) {
    throw ValueError(
        concat_text("HB_DEVICE must be \"cpu\", \"gpu\" or \"gpu:N\". Received: HB_DEVICE=\"", named, "\""));
  }
}

namespace {
std::string usable(const std::string& device) {
  const std::string name = device.empty() ? "" : device_name(device);
  if (!name.empty()) check_usable(device_id(name));
  return name;
}
}  // namespace

DeviceScope::DeviceScope(const std::string& device) : outer_(t_scope) { t_scope = usable(device); }
DeviceScope::~DeviceScope() { t_scope = outer_; }

void enable_tf32(bool enabled) { g_tf32.store(enabled); }
bool tf32_enabled() { return g_tf32.load(); }

void set_default_device(const std::string& device) {
  const std::string name = usable(device);
  Guard hold(g_lock);
  g_default = name;
}
}  // namespace hornbeam
