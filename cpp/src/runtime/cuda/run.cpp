// A run on a GPU, from the host's inputs to its outputs; and what is said when it fails.
#include <algorithm>
#include <cstring>

#include "base/interrupt.hpp"
#include "hornbeam/status.hpp"
#include "runtime/cuda/memory.hpp"

namespace hornbeam::cuda {
namespace {
constexpr uint64_t kFine = ~uint64_t(0);  // the status word of a run that has not failed
constexpr int kRowBits = 40;              // of the status word; the rest is the item that failed
constexpr int kThreadLocal = 1;           // capture: other threads may do as they like meanwhile
constexpr unsigned kDisableTiming = 2;    // of events
constexpr auto kBetweenQuestions = std::chrono::milliseconds(50);  // to the application, whether to go on
}  // namespace

template <class Work>
void Captured::capture(Device& device, Stream stream, const Work& work) {
  reset();
  const Using use(device);
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
  char* arena = asks_host_ ? m.own.get() : device_.shared_memory(io_begin_ + io_bytes_);
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

// `hold`: of the device's lock, which is given up where the application is asked whether to go on.
void CudaPlan::launch(Memory& m, Slot& slot, std::optional<Guard>& hold) {
  std::vector<char*> used = bind(m);
  const Stream stream = device_.stream();
  if (!m.busy() && !m.status_clear) HB_DRIVER(cuMemsetD8Async, address(m.status.get()), 0xff, sizeof(uint64_t), stream);
  m.status_clear = false;             // until a run ends well
  if (m.runs++ == 0 || asks_host_) {  // many programs are run once
    Enqueue e(device_, updates_.get(), stream, m.status.get());
    e.between_turns = [&] {
      hold.reset();
      throw_if_interrupted();
      hold.emplace(device_.lock);
    };
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
    m.variables[size_t(i)]->version = v.written_on(m.variables[size_t(i)]);
  }
}

void CudaPlan::start(RunMemory& memory, const RunIo& io) {
  Memory& m = static_cast<Memory&>(memory);
  if (const auto now = Clock::now(); now >= m.asks_next) {  // between runs: none that was begun is left unfinished
    throw_if_interrupted();
    m.asks_next = now + kBetweenQuestions;
  }
  const Using use(device_);
  if (!m.busy()) m.next = 0;  // a second slot is for runs that overlap
  Slot& slot = m.slots[m.next];
  if (slot.busy) throw InternalError("more runs were begun than a plan has room for");
  prepare(slot);
  stage(slot, io);
  std::optional<Guard> hold(device_.lock);
  try {
    launch(m, slot, hold);
  } catch (...) {
    if (!hold) hold.emplace(device_.lock);
    forget(m);
    throw;
  }
  mark_written(m);
  slot.busy = true;
  m.next = (m.next + 1) % kSlots;
}

void CudaPlan::prepare(Slot& slot) const {
  if (!slot.host.get()) slot.host = PinnedMemory(device_, host_bytes_);
  if (!slot.done) HB_DRIVER(cuEventCreate, &slot.done, kDisableTiming);
}

// A run ended on its way: what it wrote on the device, if anything, is not what variables are.
void CudaPlan::forget(Memory& m) const {
  Driver::get().cuStreamSynchronize(device_.stream());
  for (int i : backend_.written())
    if (size_t(i) < m.variables.size() && m.variables[size_t(i)])
      m.variables[size_t(i)]->version = DeviceVariable::kNothing;
}

void CudaPlan::finish(RunMemory& memory) {
  Memory& m = static_cast<Memory&>(memory);
  const Using use(device_);
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
  m.status_clear = true;
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
  if (e.stop_at == Enqueue::kMostItems)
    throw ValueError("a value was refused in a loop of more than sixteen million kernels; which is not known");
  work(m, slot, e);
  if (!e.stopped) throw InternalError("no item of the program has failed");
  const auto& kernel = *static_cast<const LoadedKernel*>(e.stopped->params);
  const size_t bytes = dtype_size(kernel.checked_dtype);
  const Tensor value(kernel.checked_dtype, {1});
  HB_DRIVER(cuMemcpyDtoHAsync_v2, value.raw(), address(e.buffers[size_t(kernel.checked.input)] + size_t(row) * bytes),
            bytes, device_.stream());
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
}  // namespace hornbeam::cuda
