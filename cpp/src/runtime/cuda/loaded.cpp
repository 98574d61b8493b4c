#include "runtime/cuda/loaded.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam::cuda {

hornbeam::KernelPlan CudaKernels::plan(const KernelRequest& r) const {
  HB_CHECK(r.op.cuda, "[", r.op.name, "] has no kernel for a GPU");
  KernelPlan plan = r.op.cuda(r);
  auto loaded = std::make_shared<LoadedKernel>();
  hornbeam::KernelPlan out;
  out.stops = std::all_of(plan.steps.begin(), plan.steps.end(), [](const Step& s) { return s.kind == Step::launch; });
  out.alias_inputs = std::move(plan.alias_inputs);
  out.workspace = size_t(plan.workspace);
  if (!plan.steps.empty()) out.stages = {{nullptr, 1}};
  loaded->steps = std::move(plan.steps);
  loaded->checked = plan.checked;
  if (plan.checked.kind != Checked::nothing) loaded->checked_dtype = r.inputs[size_t(plan.checked.input)].dtype;
  for (const auto* specs : {&r.inputs, &r.outputs})
    for (const TensorSpec& t : *specs) loaded->bytes.push_back(tensor_bytes(t.dtype, t.shape));
  loaded->inputs = int(r.inputs.size());
  out.params = loaded;
  planned_.push_back(std::move(loaded));
  return out;
}

void CudaKernels::load() const {
  std::vector<Device::Source> sources;
  for (const auto& l : planned_)
    for (const Step& s : l->steps)
      if (s.kind == Step::launch) sources.push_back({s.launched.source, s.launched.kernel});
  const std::vector<Kernel> kernels = device_.kernels(sources, kHeaders);
  size_t next = 0;
  for (const auto& l : planned_)
    for (Step& s : l->steps) {
      l->kernels.push_back(s.kind == Step::launch ? kernels[next++] : Kernel{});
      if (s.kind == Step::launch && s.launched.shared_bytes > 0)
        device_.allow_shared(l->kernels.back(), s.launched.shared_bytes);
      s.launched.source.clear();  // it was needed to find the kernel
    }
}

DeviceVariable::DeviceVariable(Device& device, const Variable& variable)
    : device_(device), memory_(device, variable.value().bytes(), concat_text("variable \"", variable.name(), "\"")) {}

void DeviceVariable::read(void* host, size_t bytes) const {
  const Using use(device_);
  HB_DRIVER(cuMemcpyDtoHAsync_v2, host, address(memory_.get()), bytes, device_.stream());
  device_.wait();
}

std::shared_ptr<DeviceVariable> on_device(Device& device, Variable& variable) {
  auto there = std::dynamic_pointer_cast<DeviceVariable>(variable.on_device());
  if (!there || &there->device() != &device) {
    there = std::make_shared<DeviceVariable>(device, variable);
    variable.set_on_device(there);
  }
  const uint64_t version = variable.version();
  if (there->version == version) return there;
  const Tensor value = variable.storage();
  HB_DRIVER(cuMemcpyHtoDAsync_v2, address(there->get()), value.raw(), value.bytes(), device.stream());
  device.wait();  // the host may write to it again
  there->version = version;
  return there;
}
}  // namespace hornbeam::cuda
