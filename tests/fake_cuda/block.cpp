#include "block.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fibre.hpp"
#include "module.hpp"
#include "state.hpp"

namespace fake {
namespace {

constexpr unsigned kWarp = 32;
constexpr size_t kPage = 4096;
constexpr size_t kStack = 256 << 10;
constexpr unsigned char kFresh = 0xFF;

enum class Status { kFresh, kReady, kAtBarrier, kInWarp, kDone };

struct Worker {
  Resume resume;
  char* stack;
};

struct Thread {
  Status status;
  Dim index;
  unsigned lane;
  Worker* worker;  // on whose stack it stopped
  Where where;     // what it waits in
  bool predicate;
  Arrivals arrivals;
  unsigned mask;
  void* data;
  Combine combine;
};

// The machine: stacks, shared memory, and the block that runs. One for all launches, under the driver's lock.
class Processor {
 public:
  Processor();
  void run(const Launch& launch);

  Arrivals barrier(const Where& where, bool predicate);
  void collective(const Where& where, unsigned mask, void* data, Combine combine);
  unsigned live_lanes() const;
  void trap(const Where& where);
  std::string position() const;

 private:
  static void work();
  void run_block(const Dim& block);
  void run_round();
  void resume(Worker& worker);
  void wait();
  bool release();
  bool release_warp(unsigned first);
  bool release_barrier();
  std::string kernel_and_block() const;
  [[noreturn]] void give_up(const std::string& why);
  std::string who_waits() const;

  Launch launch_{};
  std::vector<Thread> threads_;
  std::vector<unsigned> order_;
  size_t next_ = 0;  // in order_: the next thread to start
  size_t live_ = 0;
  Thread* current_ = nullptr;
  Worker* worker_ = nullptr;
  Resume scheduler_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> idle_;
  std::optional<std::mt19937_64> random_;
  std::string trapped_;
  char* shared_end_;
};

Processor& processor() {
  static Processor* const the_processor = new Processor;
  return *the_processor;
}

// The page after the memory is a guard.
char* map_guarded(size_t bytes) {
  void* pages = mmap(nullptr, bytes + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  char* memory = static_cast<char*>(pages) + kPage;
  mprotect(memory, bytes, PROT_READ | PROT_WRITE);
  return memory;
}

const Runtime kRuntime = {
    [](const Where& where, bool predicate) { return processor().barrier(where, predicate); },
    [](const Where& where, unsigned mask, void* data, Combine combine) {
      processor().collective(where, mask, data, combine);
    },
    [] { return processor().live_lanes(); },
    [](const Where& where) { processor().trap(where); },
};

std::string text(const Dim& d) {
  return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
}

Processor::Processor() : shared_end_(map_guarded((kSharedOptInBytes + kPage - 1) / kPage * kPage)) {
  shared_end_ += (kSharedOptInBytes + kPage - 1) / kPage * kPage;
}

void Processor::run(const Launch& launch) {
  launch_ = launch;
  random_.reset();
  if (const auto seed = shuffle_seed()) random_.emplace(*seed);
  ModuleState& state = *launch.state;
  constexpr size_t kSharedAlignment = 128;
  state.runtime = &kRuntime;
  state.block_dim = launch.block;
  state.grid_dim = launch.grid;
  state.dynamic_shared =
      shared_end_ - (launch.shared_bytes + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
  threads_.resize(size_t{launch.block.x} * launch.block.y * launch.block.z);
  order_.resize(threads_.size());
  for (unsigned i = 0; i < order_.size(); ++i) {
    order_[i] = i;
    const Dim& b = launch.block;
    threads_[i].index = {i % b.x, i / b.x % b.y, i / b.x / b.y};
    threads_[i].lane = i % kWarp;
  }
  const size_t blocks = size_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  std::vector<size_t> shuffled;
  if (random_) {
    shuffled.resize(blocks);
    for (size_t i = 0; i < blocks; ++i) shuffled[i] = i;
    std::shuffle(shuffled.begin(), shuffled.end(), *random_);
  }
  for (size_t i = 0; i < blocks; ++i) {
    const size_t n = random_ ? shuffled[i] : i;
    const Dim& g = launch.grid;
    run_block(
        {static_cast<unsigned>(n % g.x), static_cast<unsigned>(n / g.x % g.y), static_cast<unsigned>(n / g.x / g.y)});
  }
}

void Processor::run_block(const Dim& block) {
  ModuleState& state = *launch_.state;
  state.block = block;
  std::memset(state.shared_begin, kFresh, state.shared_end - state.shared_begin);
  std::memset(state.dynamic_shared, kFresh, shared_end_ - static_cast<char*>(state.dynamic_shared));
  for (Thread& thread : threads_) thread.status = Status::kFresh;
  next_ = 0;
  live_ = threads_.size();
  while (live_ > 0) {
    run_round();
    if (!trapped_.empty()) give_up(std::exchange(trapped_, {}));
    if (live_ > 0 && !release()) give_up("deadlock: " + who_waits());
  }
}

// Gives every thread that can run a turn. Those that have not started share a worker for as long as none of them waits.
void Processor::run_round() {
  if (random_) std::shuffle(order_.begin(), order_.end(), *random_);
  while (next_ < order_.size() && trapped_.empty()) {
    if (idle_.empty()) {
      workers_.push_back(std::make_unique<Worker>());
      workers_.back()->stack = map_guarded(kStack);
      prepare(workers_.back()->resume, workers_.back()->stack, kStack, work);
      idle_.push_back(workers_.back().get());
    }
    Worker* worker = idle_.back();
    idle_.pop_back();
    resume(*worker);
  }
  for (size_t i = 0; i < order_.size() && trapped_.empty(); ++i) {
    Thread& thread = threads_[order_[i]];
    if (thread.status != Status::kReady) continue;
    current_ = &thread;
    launch_.state->thread = thread.index;
    launch_.state->lane = thread.lane;
    resume(*thread.worker);
  }
}

void Processor::resume(Worker& worker) {
  worker_ = &worker;
  switch_to(scheduler_, worker.resume);
}

// What a worker does, for ever: start threads while there are new ones, then hand back to the scheduler.
void Processor::work() {
  Processor& self = processor();
  for (;;) {
    while (self.next_ < self.order_.size()) {
      Thread& thread = self.threads_[self.order_[self.next_++]];
      self.current_ = &thread;
      self.launch_.state->thread = thread.index;
      self.launch_.state->lane = thread.lane;
      self.launch_.entry->call(self.launch_.parameters);
      self.current_->status = Status::kDone;
      --self.live_;
    }
    Worker* worker = self.worker_;
    self.idle_.push_back(worker);
    switch_to(worker->resume, self.scheduler_);
  }
}

void Processor::wait() {
  current_->worker = worker_;
  switch_to(worker_->resume, scheduler_);
}

Arrivals Processor::barrier(const Where& where, bool predicate) {
  Thread& thread = *current_;
  thread.status = Status::kAtBarrier;
  thread.where = where;
  thread.predicate = predicate;
  wait();
  return thread.arrivals;
}

void Processor::collective(const Where& where, unsigned mask, void* data, Combine combine) {
  Thread& thread = *current_;
  thread.status = Status::kInWarp;
  thread.where = where;
  thread.mask = mask;
  thread.data = data;
  thread.combine = combine;
  if (!(mask >> thread.lane & 1)) trap({"a warp operation without itself in the mask", where.file, where.line});
  wait();
}

unsigned Processor::live_lanes() const {
  const size_t first = (current_ - threads_.data()) / kWarp * kWarp;
  unsigned lanes = 0;
  for (unsigned lane = 0; lane < kWarp && first + lane < threads_.size(); ++lane) {
    if (threads_[first + lane].status != Status::kDone) lanes |= 1u << lane;
  }
  return lanes;
}

void Processor::trap(const Where& where) {
  trapped_ = "thread " + text(current_->index) + " stopped: " + where.operation + " at " + where.file + ":" +
             std::to_string(where.line);
  wait();
}

bool Processor::release() {
  bool any = false;
  for (unsigned first = 0; first < threads_.size(); first += kWarp) any |= release_warp(first);
  return any || release_barrier();
}

// Lets those lanes go on whose partners have all come to the same operation. Lanes that have returned are not waited
// for.
bool Processor::release_warp(unsigned first) {
  bool any = false;
  const unsigned count = std::min<size_t>(kWarp, threads_.size() - first);
  for (unsigned lane = 0; lane < count; ++lane) {
    const Thread& leader = threads_[first + lane];
    if (leader.status != Status::kInWarp) continue;
    void* lanes[kWarp] = {};
    bool complete = true;
    for (unsigned other = 0; other < count && complete; ++other) {
      const Thread& thread = threads_[first + other];
      if (!(leader.mask >> other & 1) || thread.status == Status::kDone) continue;
      complete = thread.status == Status::kInWarp && thread.mask == leader.mask && thread.combine == leader.combine;
      lanes[other] = thread.data;
    }
    if (!complete) continue;
    leader.combine(lanes);
    for (unsigned other = 0; other < count; ++other) {
      if (lanes[other]) threads_[first + other].status = Status::kReady;
    }
    any = true;
  }
  return any;
}

// When all live threads are at one barrier. CUDA leaves open what happens when they come to different ones.
bool Processor::release_barrier() {
  Arrivals arrivals{};
  const Where* place = nullptr;
  for (const Thread& thread : threads_) {
    if (thread.status == Status::kDone) continue;
    if (thread.status != Status::kAtBarrier) return false;
    if (place && (place->line != thread.where.line || std::strcmp(place->file, thread.where.file) != 0)) return false;
    place = &thread.where;
    ++arrivals.all;
    arrivals.true_ones += thread.predicate;
  }
  for (Thread& thread : threads_) {
    if (thread.status == Status::kDone) continue;
    thread.arrivals = arrivals;
    thread.status = Status::kReady;
  }
  return true;
}

std::string Processor::who_waits() const {
  std::map<std::tuple<std::string, std::string, int>, std::pair<size_t, const Thread*>> places;
  for (const Thread& thread : threads_) {
    if (thread.status == Status::kDone) continue;
    auto& [count, first] = places[{thread.where.operation, thread.where.file, thread.where.line}];
    if (count++ == 0) first = &thread;
  }
  std::string all;
  for (const auto& [place, waiting] : places) {
    const auto& [operation, file, line] = place;
    const auto& [count, first] = waiting;
    if (!all.empty()) all += "; ";
    all += std::to_string(count) + (count == 1 ? " thread waits in " : " threads wait in ") + operation + " at " +
           file + ":" + std::to_string(line) + ", the first is " + text(first->index);
  }
  return all;
}

std::string Processor::kernel_and_block() const {
  return std::string("kernel ") + launch_.entry->name + ", block " + text(launch_.state->block);
}

std::string Processor::position() const { return kernel_and_block() + ", thread " + text(current_->index); }

// The threads stay where they are: their workers start afresh.
void Processor::give_up(const std::string& why) {
  idle_.clear();
  for (const auto& worker : workers_) {
    prepare(worker->resume, worker->stack, kStack, work);
    idle_.push_back(worker.get());
  }
  fail(CUDA_ERROR_LAUNCH_FAILED, "%s: %s", kernel_and_block().c_str(), why.c_str());
}

thread_local bool in_kernel = false;

}  // namespace

void run_kernel(const Launch& launch) {
  in_kernel = true;
  try {
    processor().run(launch);
  } catch (...) {
    in_kernel = false;
    throw;
  }
  in_kernel = false;
}

std::string running_thread() { return in_kernel ? processor().position() : std::string(); }

std::optional<uint64_t> shuffle_seed() {
  const char* seed = std::getenv("HB_FAKE_CUDA_SHUFFLE");
  if (!seed || !*seed) return std::nullopt;
  return std::strtoull(seed, nullptr, 10);
}

}  // namespace fake
