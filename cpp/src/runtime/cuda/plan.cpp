// From a graph to a GPU's plan: the program, its kernels and constants, and where inputs and outputs lie.
#include "runtime/cuda/memory.hpp"

namespace hornbeam::cuda {
namespace {
constexpr size_t kAlignment = 256;

size_t padded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }
}  // namespace

CudaBackend::CudaBackend(const hornbeam::Graph& graph, const CudaOptions& options)
    : graph_(graph), device_(Device::get(options.device)), in_place_(options.in_place) {
  gpu_.tf32 = options.tf32;
  gpu_.arch = device_.info().arch;
  gpu_.multiprocessors = device_.multiprocessors();
  gpu_.blas = device_.blas();
  gpu_.dnn = device_.dnn();
  gpu_.shared_bytes = device_.shared_bytes();
  target_ = {nullptr, 1, false, &gpu_};
  for (const auto& [index, v] : graph.updates) written_.push_back(index);
}

CudaPlan::CudaPlan(const CudaBackend& backend, const DimEnv& env) : backend_(backend), device_(backend.device()) {
  const hornbeam::Graph& g = backend.graph();
  const Using use(device_);  // libraries choose algorithms for it
  const CudaKernels kernels(device_, backend.target());
  program_ = build_program(g, env, {kernels, backend.in_place()});
  kernels.merge_groups(*program_);
  kernels.load();
  const Work work = work_of(*program_);
  asks_host_ = work.waits > 0;
  if (work.branches || !backend.written().empty()) updates_ = std::make_unique<const Updates>(device_);
  outputs_ = program_->output_specs;
  std::vector<TensorSpec> inputs;
  for (int id : g.inputs) {
    const ValueType& t = g.type({id, 0});
    inputs.push_back({t.dtype, eval_shape(t.shape, env)});
  }
  io_begin_ = padded(program_->arena_bytes);
  place(inputs_, inputs);
  place(outputs_at_, outputs_);
  host_bytes_ = io_bytes_ + sizeof(uint64_t);
  upload_constants();
}

void CudaPlan::place(std::vector<Region>& regions, const std::vector<TensorSpec>& specs) {
  for (const TensorSpec& s : specs) {
    const size_t bytes = tensor_bytes(s.dtype, s.shape);
    regions.push_back({io_bytes_, bytes});
    io_bytes_ += padded(bytes);
  }
}

namespace {
// Calls `each` for every constant of the program and its sub-programs, in an order that is always the same.
template <class Each>
void for_each_constant(const Program& p, const Each& each) {
  for (const Tensor& t : p.constants) each(t);
  for (const Control& c : p.controls)
    for (const auto& sub : c.subs) for_each_constant(*sub, each);
}
}  // namespace

void CudaPlan::upload_constants() {
  size_t bytes = 0;
  for_each_constant(*program_, [&](const Tensor& t) { bytes += padded(t.bytes()); });
  if (bytes == 0) return;
  constants_ = DeviceMemory(device_, bytes, "the program's constants");
  char* at = constants_.get();
  for_each_constant(*program_, [&](const Tensor& t) {
    if (t.bytes()) HB_DRIVER(cuMemcpyHtoDAsync_v2, address(at), t.raw(), t.bytes(), device_.stream());
    at += padded(t.bytes());
  });
  device_.wait();
}

void CudaPlan::bind_constants(const Program& p, Scratch& s, const char*& at) const {
  for (size_t i = 0; i < p.constants.size(); ++i) {
    s.bases[size_t(p.constant_base(int(i)))] = const_cast<char*>(at);
    at += padded(p.constants[i].bytes());
  }
  for (size_t c = 0; c < p.controls.size(); ++c)
    for (size_t i = 0; i < p.controls[c].subs.size(); ++i) bind_constants(*p.controls[c].subs[i], s.subs[c][i], at);
}

std::unique_ptr<RunMemory> CudaPlan::make_memory() {
  auto m = std::make_unique<Memory>(device_, *program_);
  m->status = DeviceMemory(device_, kAlignment, "a status word");
  if (asks_host_) m->own = DeviceMemory(device_, io_begin_ + io_bytes_, "the program's working memory");
  const char* at = constants_.get();
  bind_constants(*program_, m->scratch, at);
  return m;
}

ProgramStats CudaPlan::stats() const {
  const Work work = work_of(*program_);
  return {int(program_->items.size()), program_->arena_bytes, program_->live, 0,         0,
          program_->moved_bytes,       program_->least_bytes, work.launches,  work.waits};
}
}  // namespace hornbeam::cuda
