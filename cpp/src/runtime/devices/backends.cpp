#include "runtime/backends.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "cuda/device.hpp"
#include "hornbeam/device.hpp"
#include "runtime/cpu/plan.hpp"
#include "runtime/cuda/plan.hpp"

namespace hornbeam {
namespace {
bool disabled(const CompileOptions& options, const char* pass) {
  return std::find(options.disable.begin(), options.disable.end(), pass) != options.disable.end();
}
std::string gpu_name(int index) { return concat_text("gpu:", index); }
}  // namespace

std::unique_ptr<Backend> make_backend(const Graph& graph, const CompileOptions& options) {
  const DeviceId device = device_id(options.device);
  if (!device.gpu) return std::make_unique<CpuBackend>(graph, options);
  return std::make_unique<cuda::CudaBackend>(
      graph, cuda::CudaOptions{device.index, !disabled(options, "in_place"), tf32_enabled()});
}

Graph optimize_for(const CompileOptions& options, const Graph& graph, const Evaluate& evaluate) {
  const bool gpu = device_id(options.device).gpu;
  std::vector<std::string> disable = options.disable;
  if (gpu)  // they make what the CPU's kernels alone take
    for (const char* pass : {"sparse_updates", "fuse_separable"}) disable.push_back(pass);
  return optimize(graph, disable, evaluate, gpu);
}

void check_usable(DeviceId device) {
  if (device.gpu) cuda::Device::get(device.index);
}

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> all{{"cpu:0", "CPU", memory_limit()}};
  try {
    for (const cuda::DeviceInfo& d : cuda::list_devices()) all.push_back({gpu_name(d.index), d.name, d.bytes});
  } catch (const DeviceError&) {  // no driver, no GPUs
  }
  return all;
}

std::string gpu_problem() {
  try {
    cuda::Device::get(0);
    return "";
  } catch (const Error& e) {  // it may be full, too
    return e.what();
  }
}

std::vector<std::string> gpu_libraries() {
  if (!gpu_problem().empty()) return {};
  return cuda::Device::get(0).libraries();
}
}  // namespace hornbeam
