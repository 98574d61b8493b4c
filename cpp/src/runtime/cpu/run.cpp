// Running a Program: every thread of the team walks the same items and takes its parts of each. No shape logic,
// allocation, lock or exception here.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "runtime/control.hpp"
#include "runtime/cpu/program.hpp"

namespace hornbeam {

Workspace::Workspace(const Program& p, int threads) : arena(DType::u8, {int64_t(p.arena_bytes)}) {
  for (int t = 0; t < threads; ++t) {
    scratch.emplace_back(p);
    scratch.back().bases[1] = static_cast<char*>(arena.raw());
  }
}

namespace {

void copy_once(const RunContext& c, void* to, const void* from, int64_t bytes) {
  if (c.thread == 0 && to != from && bytes > 0) std::memcpy(to, from, size_t(bytes));
}

// A control op as one thread of the team walks it.
struct TeamWalk {
  const Control& control;
  std::vector<Scratch>& subs;
  const RunContext& c;
  std::vector<char*>& bases(size_t sub) { return subs[sub].bases; }
  bool run(size_t sub) { return run_items(*control.subs[sub], subs[sub], c); }
  bool meet() { return !c.meet(); }
  void copy(void* to, const void* from, int64_t bytes) { copy_once(c, to, from, bytes); }
  bool test(const void* flag) { return *static_cast<const uint8_t*>(flag) != 0; }
};

TeamWalk walk_of(const Program& p, Scratch& s, const Item& item, const RunContext& c) {
  return {p.controls[size_t(item.control)], s.subs[size_t(item.control)], c};
}

bool run_item(const Program& p, Scratch& s, const Item& item, const RunContext& c) {
  void* const* a = s.pointers.data() + item.args;
  switch (item.kind) {
    case Item::kernel: {
      // Parts next to each other go to one thread: what it made of some rows is what it reads in the next item.
      KernelCall call{item.params, a, item.out, item.work, 0, item.parts, item.source, c.status, c.thread};
      const int sharing = std::min(c.threads, item.parts);
      if (c.thread >= sharing) return true;
      const int end = item.parts * (c.thread + 1) / sharing;
      for (call.part = item.parts * c.thread / sharing; call.part < end; ++call.part) {
        if (item.parts > 1 && c.stop_asked()) break;
        item.fn(call);
      }
      return true;
    }
    case Item::copy:
      copy_once(c, a[1], a[0], item.bytes);
      return true;
    case Item::check:
      return c.status->kind.load(std::memory_order_relaxed) == Status::ok;
    case Item::scan:
      return walk_scan(p.controls[size_t(item.control)], a, item, walk_of(p, s, item, c));
    case Item::cond:
      return walk_cond(p.controls[size_t(item.control)], a, item, walk_of(p, s, item, c));
    case Item::loop:
      return walk_loop(p.controls[size_t(item.control)], a, item, walk_of(p, s, item, c));
  }
  return true;
}

// Variables are written from here on, all or none: only a run that keeps what they were may still be stopped.
bool begin_writing(const Program& p, const Scratch& s, RunContext& c) {
  if (c.watch && c.undo->wanted()) {
    c.undo->keep(p, s, c.thread, c.threads);
    return !c.meet();
  }
  c.watch = nullptr;
  WatchedThread::release();
  return true;
}

}  // namespace

void gather_rows(const std::vector<RowGather>& gathers, const RunContext& c) {
  for (const RowGather& g : gathers)
    for (int64_t i = g.count * c.thread / c.threads; i < g.count * (c.thread + 1) / c.threads; ++i)
      std::memcpy(g.to + size_t(i) * g.bytes, g.from + size_t(g.rows[i]) * g.bytes, g.bytes);
  if (!gathers.empty()) c.meet();
}

bool run_items(const Program& p, Scratch& s, RunContext c) {
  s.resolve(p);
  bool meet = false;
  for (const Item& item : p.items) {
    meet = meet || item.sync;  // of those that are skipped too: the next may rely on it
    if (item.persistent && !c.make_persistent) continue;
    if (item.kind == Item::check && c.watch && c.caller) c.undo->decide(p, *c.watch);
    if (meet && c.meet()) return false;
    meet = false;
    if (!run_item(p, s, item, c)) return false;
    if (item.kind == Item::check && !begin_writing(p, s, c)) return false;
  }
  return true;
}

void profile_items(const Program& p, Scratch& s, RunContext c, std::vector<double>& seconds) {
  using Clock = std::chrono::steady_clock;
  s.resolve(p);
  seconds.resize(p.items.size());
  for (size_t i = 0; i < p.items.size(); ++i) {
    if (p.items[i].persistent && !c.make_persistent) continue;
    const auto start = Clock::now();
    if (c.stop_asked() || !run_item(p, s, p.items[i], c)) return;
    if (p.items[i].kind == Item::check) begin_writing(p, s, c);
    seconds[i] += std::chrono::duration<double>(Clock::now() - start).count();
  }
}
}  // namespace hornbeam
