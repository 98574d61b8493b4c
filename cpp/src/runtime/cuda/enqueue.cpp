#include "runtime/cuda/enqueue.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "runtime/control.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int64_t kMostBlocks = 65535;  // of an axis, but the first
// What cuLaunchKernel's last argument holds: a marker before each entry.
void* const kEnd = nullptr;
void* const kBuffer = reinterpret_cast<void*>(1);
void* const kBufferSize = reinterpret_cast<void*>(2);
constexpr int kUpdateThreads = 256;

bool waits(const Control& c);
bool aligned(const void* p, size_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; }
}  // namespace

Updates::Updates(Device& device) {
  const std::string source = "#include \"update.cuh\"\n";
  std::vector<Device::Source> sources;
  for (size_t word : {size_t(16), size_t(4), size_t(1)})
    sources.push_back({source, concat_text("update_words<", word_name(word), ">")});
  sources.push_back({source, "choose_branch<bool>"});
  kernels_ = device.kernels(sources, kHeaders);
}

// A control op whose sub-programs are put on the stream as often as they run.
struct Enqueue::Walk {
  Enqueue& to;
  const Control& control;
  std::vector<Scratch>& subs;
  std::vector<char*>& bases(size_t sub) { return subs[sub].bases; }
  bool run(size_t sub) { return to.items(*control.subs[sub], subs[sub], false); }
  bool meet() { return true; }
  void copy(void* at, const void* from, int64_t bytes) { to.copy(at, from, bytes); }
  bool test(const void* flag) {
    uint8_t value = 0;
    HB_DRIVER(cuMemcpyDtoHAsync_v2, &value, address(flag), 1, to.stream_);
    HB_DRIVER(cuStreamSynchronize, to.stream_);
    if (!to.guarded_) throw_if_interrupted();
    return value != 0;
  }
};

bool Enqueue::program(const Program& p, Scratch& s) { return items(p, s, true); }

bool Enqueue::items(const Program& p, Scratch& s, bool top) {
  s.resolve(p);
  for (size_t i = 0; i < p.items.size(); ++i) {
    if (top && before_item) before_item(i);
    if (!item(p, s, p.items[i])) return false;
  }
  return true;
}

bool Enqueue::item(const Program& p, Scratch& s, const Item& item) {
  void* const* a = s.pointers.data() + item.args;
  auto walk = [&] { return Walk{*this, p.controls[size_t(item.control)], s.subs[size_t(item.control)]}; };
  switch (item.kind) {
    case Item::kernel:
      return kernel(item, a);
    case Item::copy:
      if (guarded_ || go_)
        update(a[1], a[0], item.bytes);
      else
        copy(a[1], a[0], item.bytes);
      return true;
    case Item::check:
      guarded_ = true;
      return true;
    case Item::scan:
      return walk_scan(p.controls[size_t(item.control)], a, item, walk());
    case Item::cond:
      if (waits(p.controls[size_t(item.control)])) return walk_cond(p.controls[size_t(item.control)], a, item, walk());
      return branches(p.controls[size_t(item.control)], a, item, s.subs[size_t(item.control)]);
    case Item::loop:
      return walk_loop(p.controls[size_t(item.control)], a, item, walk());
  }
  return true;
}

// args: as those of walk_cond, and two flags. Both branches are put on the stream; what is of the one that is not taken
// does nothing, or writes where nobody reads.
bool Enqueue::branches(const Control& k, void* const* a, const Item& item, std::vector<Scratch>& subs) {
  char* flags = static_cast<char*>(a[item.work + 1]);
  begin_params();
  push(a[0]);
  push(flags);
  put(updates_->choice(), {}, 1, 0);
  void* const outer = go_;
  for (size_t branch = 0; branch < 2; ++branch) {
    const Program& p = *k.subs[branch];
    std::vector<char*>& bases = subs[branch].bases;
    bases[1] = static_cast<char*>(a[item.work]);
    for (int i = 0; i < k.captures; ++i) bases[size_t(p.input_base(i))] = static_cast<char*>(a[1 + i]);
    for (int i = 0; i < p.outputs; ++i) bases[size_t(p.output_base(i))] = static_cast<char*>(a[item.out + i]);
    go_ = flags + branch;
    if (!items(p, subs[branch], false)) return false;
  }
  go_ = outer;
  return true;
}

bool Enqueue::kernel(const Item& item, void* const* a) {
  const auto& loaded = *static_cast<const LoadedKernel*>(item.params);
  buffers.resize(size_t(item.arg_count));
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i] = static_cast<char*>(a[i]);
  for (size_t i = 0; i < loaded.steps.size(); ++i) {
    const Step& s = loaded.steps[i];
    auto at = [&](Address where) { return buffers[size_t(where.buffer)] + where.offset; };
    switch (s.kind) {
      case Step::launch:
        launch(s.launched, loaded.kernels[i], buffers.data());
        break;
      case Step::copy:
        copy(at(s.copied.to), at(s.copied.from), s.copied.bytes);
        break;
      case Step::fill:
        HB_DRIVER(cuMemsetD8Async, address(at(s.filled.to)), static_cast<unsigned char>(s.filled.value),
                  size_t(s.filled.bytes), stream_);
        break;
      case Step::call:
        s.called({stream_, buffers.data()});
        break;
    }
  }
  stopped = &item;
  return int64_t(ordinal_++) != stop_at;
}

template <class T>
void Enqueue::push(const T& value) {
  static_assert(sizeof(T) % 8 == 0, "parameters are laid out as CUDA does only where all take whole words");
  const char* bytes = reinterpret_cast<const char*>(&value);
  params_.insert(params_.end(), bytes, bytes + sizeof(T));
}

void Enqueue::begin_params() {  // the Run of device/core.cuh
  params_.clear();
  push(status_);
  push(ordinal_);
  push(uint64_t(guarded_));
  push(go_);
}

void Enqueue::launch(const Launch& l, const Kernel& kernel, char* const* at) {
  begin_params();
  for (const Param& p : l.params) switch (p.kind) {
      case Param::address:
        push(at[p.at.buffer] ? at[p.at.buffer] + p.at.offset : nullptr);
        break;
      case Param::integer:
        push(p.i);
        break;
      case Param::number:
        push(p.d);
        break;
      case Param::dims:
        push(p.n);
        break;
    }
  put(kernel, l.grid, l.threads, l.shared_bytes);
}

void Enqueue::put(const Kernel& kernel, const Grid& grid, int threads, int64_t shared_bytes) {
  if (grid.x < 1 || grid.x > INT32_MAX || grid.y < 1 || grid.y > kMostBlocks || grid.z < 1 || grid.z > kMostBlocks)
    throw InternalError(concat_text("a grid of ", grid.x, " x ", grid.y, " x ", grid.z, " blocks is none"));
  size_t bytes = params_.size();
  void* extra[] = {kBuffer, params_.data(), kBufferSize, &bytes, kEnd};
  HB_DRIVER(cuLaunchKernel, kernel.function, unsigned(grid.x), unsigned(grid.y), unsigned(grid.z), unsigned(threads),
            1u, 1u, unsigned(shared_bytes), stream_, nullptr, extra);
}

void Enqueue::copy(void* to, const void* from, int64_t bytes) {
  if (to == from || bytes <= 0) return;
  HB_DRIVER(cuMemcpyDtoDAsync_v2, address(to), address(from), size_t(bytes), stream_);
}

void Enqueue::update(void* to, const void* from, int64_t bytes) {
  if (to == from || bytes <= 0) return;
  const size_t words[] = {16, 4, 1};
  const size_t word = *std::find_if(std::begin(words), std::end(words), [&](size_t w) {
    return aligned(to, w) && aligned(from, w) && size_t(bytes) % w == 0;
  });
  const int64_t n = bytes / int64_t(word);
  begin_params();
  push(from);
  push(to);
  push(n);
  put(updates_->of(word), {std::min<int64_t>((n + kUpdateThreads - 1) / kUpdateThreads, 4096)}, kUpdateThreads, 0);
}

namespace {
bool waits(const Control& c) {
  return std::any_of(c.subs.begin(), c.subs.end(), [](const auto& sub) { return work_of(*sub).waits > 0; });
}
int64_t launches_of(const LoadedKernel& k) {
  return std::count_if(k.steps.begin(), k.steps.end(),
                       [](const Step& s) { return s.kind == Step::launch || s.kind == Step::call; });
}
}  // namespace

Work work_of(const Program& p) {
  Work work;
  bool guarded = false;
  for (const Item& i : p.items) {
    if (i.kind == Item::kernel) work.launches += launches_of(*static_cast<const LoadedKernel*>(i.params));
    if (i.kind == Item::copy) work.launches += guarded;
    guarded = guarded || i.kind == Item::check;
    if (i.control < 0) continue;
    const Control& c = p.controls[size_t(i.control)];
    const int64_t turns = i.kind == Item::scan ? c.length : 1;
    const bool by_host = i.kind == Item::loop || (i.kind == Item::cond && waits(c));
    work.waits += by_host;
    work.branches = work.branches || (i.kind == Item::cond && !by_host);
    for (const auto& sub : c.subs) {
      const Work each = work_of(*sub);
      work.launches += turns * each.launches, work.waits += turns * each.waits;
      work.branches = work.branches || each.branches;
    }
  }
  return work;
}
}  // namespace hornbeam::cuda
