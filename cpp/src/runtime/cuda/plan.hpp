// A GPU's plan: the program for given dimensions, and how it is run. From its second run on, a program whose course the
// host need not decide is one CUDA graph: copies of the inputs, kernels, copies of the outputs and of the status word.
#pragma once

#include <memory>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/cuda/enqueue.hpp"

namespace hornbeam::cuda {

/// A graph of the driver's, ready to be launched.
class Captured {
 public:
  Captured() = default;
  ~Captured() { reset(); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  /// Captures what `work` puts on the stream.
  template <class Work>
  void capture(Device& device, Stream stream, const Work& work);
  void launch(Stream stream) const;
  bool there() const { return exec_ != nullptr; }

 private:
  void reset();
  GraphExec exec_ = nullptr;
};

/// What a run that was begun leaves to be read when it ends.
struct Slot {
  PinnedMemory host;  // inputs, outputs, status
  Captured graph;
  std::vector<char*> captured_for;  // the addresses in it
  Event done = nullptr;
  bool busy = false;
  std::vector<char*> outputs;  // where the caller wants them
  Slot() = default;
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
};

class CudaBackend;

class CudaPlan final : public Plan {
 public:
  CudaPlan(const CudaBackend& backend, const DimEnv& env);

  std::unique_ptr<RunMemory> make_memory() override;
  void run(RunMemory& memory, const RunIo& io) override;
  void start(RunMemory& memory, const RunIo& io) override;
  void finish(RunMemory& memory) override;
  int depth() const override { return kSlots; }
  std::vector<StepTime> profile(const RunIo& io, int repeats) override;
  ProgramStats stats() const override;
  size_t bytes() const override { return program_->items.size() * sizeof(Item) + program_->args.size() * sizeof(Arg); }
  size_t memory_bytes() const override { return host_bytes_; }

 private:
  static constexpr int kSlots = 2;
  struct Memory;
  struct Region {
    size_t offset, bytes;
  };
  void place(std::vector<Region>& regions, const std::vector<TensorSpec>& specs);
  void upload_constants();
  void bind_constants(const Program& p, Scratch& s, const char*& at) const;
  void stage(Slot& slot, const RunIo& io) const;
  std::vector<char*> bind(Memory& m) const;
  bool work(Memory& m, Slot& slot, Enqueue& e) const;
  void enqueue_inputs(Memory& m, Slot& slot, Stream stream) const;
  void enqueue_outputs(Memory& m, Slot& slot, Stream stream) const;
  void launch(Memory& m, Slot& slot);
  void mark_written(Memory& m) const;
  void end(Memory& m, Slot& slot);
  [[noreturn]] void fail(Memory& m, Slot& slot, uint64_t status);

  const CudaBackend& backend_;
  Device& device_;
  std::unique_ptr<Program> program_;
  std::vector<Region> inputs_, outputs_at_;  // in the arena, after the program's, and in pinned memory
  size_t io_begin_ = 0, io_bytes_ = 0;       // of them in the arena
  size_t host_bytes_ = 0;                    // of pinned memory: the same, and the status word
  DeviceMemory constants_;
  std::unique_ptr<const Updates> updates_;  // where variables are written or branches taken
  bool asks_host_ = false;
};

struct CudaOptions {
  int device = 0;
  bool in_place = true;
  bool tf32 = false;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(const hornbeam::Graph& graph, const CudaOptions& options);
  std::shared_ptr<Plan> plan(const DimEnv& env) override { return std::make_shared<CudaPlan>(*this, env); }

  const hornbeam::Graph& graph() const { return graph_; }
  Device& device() const { return device_; }
  const hornbeam::Target& target() const { return target_; }
  bool in_place() const { return in_place_; }
  /// Indices of the variables that the graph writes.
  const std::vector<int>& written() const { return written_; }

 private:
  const hornbeam::Graph& graph_;
  Device& device_;
  Target gpu_;
  hornbeam::Target target_;
  const bool in_place_;
  std::vector<int> written_;
};
}  // namespace hornbeam::cuda
