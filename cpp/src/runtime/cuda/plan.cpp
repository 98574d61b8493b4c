#include "runtime/cuda/plan.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "hornbeam/status.hpp"

namespace hornbeam::cuda {
namespace {
constexpr size_t kAlignment = 256;
constexpr uint64_t kFine = ~uint64_t(0);  // the status word of a run that has not failed
constexpr int kRowBits = 40;              // of the status word; the rest is the item that failed
constexpr int kThreadLocal = 1;           // capture: other threads may do as they like meanwhile
constexpr unsigned kDisableTiming = 2;    // of events

size_t padded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }
}  // namespace

template <class Work>
void Captured::capture(Device& device, Stream stream, const Work& work) {
  reset();
  device.use();
  HB_DRIVER(cuStreamBeginCapture_v2, stream, kThreadLocal);
  Graph graph = nullptr;
  try {
    work();
  } catch (...) {
    Driver::get().cuStreamEndCapture(stream, &graph);
    if (graph) Driver::get().cuGraphDestroy(graph);
    throw;
  }
  HB_DRIVER(cuStreamEndCapture, stream, &graph);
  const Result result = Driver::get().cuGraphInstantiateWithFlags(&exec_, graph, 0);
  Driver::get().cuGraphDestroy(graph);
  Driver::get().check(result, "cuGraphInstantiate");
}
void Captured::launch(Stream stream) const { HB_DRIVER(cuGraphLaunch, exec_, stream); }
void Captured::reset() {
  if (exec_) Driver::get().cuGraphExecDestroy(exec_);
  exec_ = nullptr;
}

Slot::~Slot() {
  if (done) Driver::get().cuEventDestroy_v2(done);
}

/// What one run at a time, or two, work in beside the device's shared memory.
struct CudaPlan::Memory final : RunMemory {
  Slot slots[kSlots];
  size_t next = 0;  // the slot of the next run to begin
  DeviceMemory status;
  Scratch scratch;
  std::vector<std::shared_ptr<DeviceVariable>> variables;
  int runs = 0;
  explicit Memory(const Program& p) : scratch(p) {}
  /// Nothing on the device works with it when it goes.
  ~Memory() override {
    for (Slot& s : slots)
      if (s.busy) Driver::get().cuEventSynchronize(s.done);
  }
};

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
  device_.use();  // libraries choose algorithms for it
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
  auto m = std::make_unique<Memory>(*program_);
  device_.use();
  m->status = DeviceMemory(device_, kAlignment, "a status word");
  HB_DRIVER(cuMemsetD8Async, address(m->status.get()), 0xff, sizeof(uint64_t), device_.stream());
  const char* at = constants_.get();
  bind_constants(*program_, m->scratch, at);
  return m;
}

// The inputs into pinned memory.
void CudaPlan::stage(Slot& slot, const RunIo& io) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    char* to = slot.host.get() + inputs_[i].offset;
    const auto gather = std::find_if(io.gathers.begin(), io.gathers.end(),
                                     [&](const RowGather& g) { return g.count > 0 && g.to == io.inputs[i]; });
    if (gather == io.gathers.end()) {
      if (inputs_[i].bytes) std::memcpy(to, io.inputs[i], inputs_[i].bytes);
      continue;
    }
    for (int64_t r = 0; r < gather->count; ++r)
      std::memcpy(to + size_t(r) * gather->bytes, gather->from + size_t(gather->rows[r]) * gather->bytes,
                  gather->bytes);
  }
  slot.outputs = io.outputs;
}

// Finds the variables on the device and sets all bases; gives what a captured graph depends on.
std::vector<char*> CudaPlan::bind(Memory& m) const {
  std::vector<char*>& bases = m.scratch.bases;
  char* arena = device_.shared_memory(io_begin_ + io_bytes_);
  bases[1] = arena;
  for (size_t i = 0; i < inputs_.size(); ++i)
    bases[size_t(program_->input_base(int(i)))] = arena + io_begin_ + inputs_[i].offset;
  for (size_t i = 0; i < outputs_at_.size(); ++i)
    bases[size_t(program_->output_base(int(i)))] = arena + io_begin_ + outputs_at_[i].offset;
  std::vector<char*> used{arena};
  const auto& variables = backend_.graph().variables;
  m.variables.resize(variables.size());
  for (size_t i = 0; i < variables.size(); ++i) {
    std::shared_ptr<DeviceVariable>& there = m.variables[i];
    if (!there || there->version != variables[i]->version()) there = on_device(device_, *variables[i]);
    used.push_back(there->get());
    bases[size_t(program_->variable_base(int(i)))] = used.back();
  }
  return used;
}

void CudaPlan::enqueue_inputs(Memory& m, Slot& slot, Stream stream) const {
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].bytes)
      HB_DRIVER(cuMemcpyHtoDAsync_v2, address(m.scratch.bases[size_t(program_->input_base(int(i)))]),
                slot.host.get() + inputs_[i].offset, inputs_[i].bytes, stream);
}

void CudaPlan::enqueue_outputs(Memory& m, Slot& slot, Stream stream) const {
  for (size_t i = 0; i < outputs_at_.size(); ++i)
    if (outputs_at_[i].bytes)
      HB_DRIVER(cuMemcpyDtoHAsync_v2, slot.host.get() + outputs_at_[i].offset,
                address(m.scratch.bases[size_t(program_->output_base(int(i)))]), outputs_at_[i].bytes, stream);
  HB_DRIVER(cuMemcpyDtoHAsync_v2, slot.host.get() + io_bytes_, address(m.status.get()), sizeof(uint64_t), stream);
}

bool CudaPlan::work(Memory& m, Slot& slot, Enqueue& e) const {
  enqueue_inputs(m, slot, e.stream());
  if (!e.program(*program_, m.scratch)) return false;
  enqueue_outputs(m, slot, e.stream());
  return true;
}

void CudaPlan::launch(Memory& m, Slot& slot) {
  std::vector<char*> used = bind(m);
  const Stream stream = device_.stream();
  if (m.runs++ == 0 || asks_host_) {  // many programs are run once
    Enqueue e(device_, updates_.get(), stream, m.status.get());
    work(m, slot, e);
  } else {
    if (!slot.graph.there() || slot.captured_for != used) {
      const Stream capturing = device_.capture_stream();
      slot.graph.capture(device_, capturing, [&] {
        Enqueue e(device_, updates_.get(), capturing, m.status.get());
        work(m, slot, e);
      });
      slot.captured_for = std::move(used);
    }
    slot.graph.launch(stream);
  }
  HB_DRIVER(cuEventRecord, slot.done, stream);
}

void CudaPlan::mark_written(Memory& m) const {
  for (int i : backend_.written()) {
    Variable& v = *backend_.graph().variables[size_t(i)];
    v.written_on(m.variables[size_t(i)]);
    m.variables[size_t(i)]->version = v.version();
  }
}

void CudaPlan::start(RunMemory& memory, const RunIo& io) {
  Memory& m = static_cast<Memory&>(memory);
  device_.use();
  Slot& slot = m.slots[m.next];
  if (slot.busy) throw InternalError("more runs were begun than a plan has room for");
  if (!slot.done) {
    HB_DRIVER(cuEventCreate, &slot.done, kDisableTiming);
    slot.host = PinnedMemory(device_, host_bytes_);
  }
  stage(slot, io);
  Guard hold(device_.lock);
  launch(m, slot);
  mark_written(m);
  slot.busy = true;
  m.next = (m.next + 1) % kSlots;
}

void CudaPlan::finish(RunMemory& memory) {
  Memory& m = static_cast<Memory&>(memory);
  device_.use();
  for (size_t i = 0; i < kSlots; ++i) {  // the oldest first
    Slot& slot = m.slots[(m.next + i) % kSlots];
    if (!slot.busy) continue;
    end(m, slot);
    return;
  }
}

void CudaPlan::end(Memory& m, Slot& slot) {
  HB_DRIVER(cuEventSynchronize, slot.done);
  slot.busy = false;
  uint64_t status = 0;
  std::memcpy(&status, slot.host.get() + io_bytes_, sizeof status);
  if (status != kFine) fail(m, slot, status);
  for (size_t i = 0; i < outputs_at_.size(); ++i)
    if (outputs_at_[i].bytes)
      std::memcpy(slot.outputs[i], slot.host.get() + outputs_at_[i].offset, outputs_at_[i].bytes);
}

void CudaPlan::run(RunMemory& memory, const RunIo& io) {
  start(memory, io);
  finish(memory);
}

// The run is computed again up to the item that refused something, to see what that was: no variable has changed.
void CudaPlan::fail(Memory& m, Slot& slot, uint64_t status) {
  Guard hold(device_.lock);
  device_.wait();
  for (Slot& s : m.slots) s.busy = false;
  bind(m);
  Enqueue e(device_, updates_.get(), device_.stream(), m.status.get());
  e.stop_at = int64_t(status >> kRowBits);
  const auto row = int64_t(status & ((uint64_t(1) << kRowBits) - 1));
  work(m, slot, e);
  if (!e.stopped) throw InternalError("no item of the program has failed");
  const auto& kernel = *static_cast<const LoadedKernel*>(e.stopped->params);
  const size_t bytes = dtype_size(kernel.checked_dtype);
  const Tensor value(kernel.checked_dtype, {1});
  HB_DRIVER(cuMemcpyDtoHAsync_v2, value.raw(), address(e.buffers[size_t(kernel.checked.input)] + size_t(row) * bytes),
            bytes, device_.stream());
  HB_DRIVER(cuMemsetD8Async, address(m.status.get()), 0xff, sizeof(uint64_t), device_.stream());
  device_.wait();
  Status s;
  if (kernel.checked.kind == Checked::index)
    s.raise_index(e.stopped->source, row,
                  kernel.checked_dtype == DType::i64 ? *value.data<int64_t>() : int64_t(value.at(0)),
                  kernel.checked.limit);
  else
    s.raise_value(e.stopped->source, row, value.at(0));
  raise(s);
}

std::vector<StepTime> CudaPlan::profile(const RunIo& io, int repeats) {
  const auto memory = make_memory();
  Memory& m = static_cast<Memory&>(*memory);
  run(m, io);  // kernels are loaded at their first launch
  const size_t n = program_->items.size();
  std::vector<Event> events(n + 1, nullptr);
  std::vector<double> seconds(n, 0);
  for (Event& e : events) HB_DRIVER(cuEventCreate, &e, 0u);
  for (int i = 0; i < repeats; ++i) {
    Slot& slot = m.slots[0];
    stage(slot, io);
    {
      Guard hold(device_.lock);
      bind(m);
      Enqueue e(device_, updates_.get(), device_.stream(), m.status.get());
      e.before_item = [&](size_t item) { HB_DRIVER(cuEventRecord, events[item], device_.stream()); };
      enqueue_inputs(m, slot, device_.stream());
      e.program(*program_, m.scratch);
      HB_DRIVER(cuEventRecord, events[n], device_.stream());
      enqueue_outputs(m, slot, device_.stream());
      HB_DRIVER(cuEventRecord, slot.done, device_.stream());
      mark_written(m);
    }
    end(m, slot);
    for (size_t k = 0; k < n; ++k) {
      float milliseconds = 0;
      HB_DRIVER(cuEventElapsedTime, &milliseconds, events[k], events[k + 1]);
      seconds[k] += 1e-3 * milliseconds / repeats;
    }
  }
  for (Event e : events) Driver::get().cuEventDestroy_v2(e);
  std::vector<StepTime> steps;
  for (size_t i = 0; i < n; ++i) {
    const Item& item = program_->items[i];
    steps.push_back({item.node, item.kind == Item::check ? "check" : "copy", seconds[i], 2.0 * double(item.bytes), 1});
  }
  return steps;
}

ProgramStats CudaPlan::stats() const {
  const Work work = work_of(*program_);
  return {int(program_->items.size()), program_->arena_bytes, program_->live, 0,         0,
          program_->moved_bytes,       program_->least_bytes, work.launches,  work.waits};
}
}  // namespace hornbeam::cuda
