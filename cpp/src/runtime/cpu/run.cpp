// Running a Program: every thread of the team walks the same items and takes its parts of each. No shape logic,
// allocation, lock or exception here.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "runtime/cpu/program.hpp"

namespace hornbeam {

Scratch::Scratch(const Program& p) : bases(size_t(p.base_count()), nullptr), pointers(p.args.size(), nullptr) {
  for (size_t i = 0; i < p.constants.size(); ++i)
    bases[size_t(p.constant_base(int(i)))] = static_cast<char*>(p.constants[i].raw());
  for (const Control& c : p.controls) {
    subs.emplace_back();
    for (const auto& sub : c.subs) subs.back().emplace_back(*sub);
  }
}

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

// args: carries, xs, captures | final carries, ys, stacks | a spare buffer a carry, the sub-program's arena
bool run_scan(const Control& k, void* const* a, const Item& item, Scratch& s, const RunContext& c) {
  const Program& body = *k.subs[0];
  const int n = k.carries, m = k.xs;
  void* const* out = a + item.out;
  void* const* stack = out + n + k.ys;
  void* const* spare = a + item.work;
  s.bases[1] = static_cast<char*>(spare[n]);
  auto at = [](void* p, int64_t i, int64_t bytes) { return static_cast<char*>(p) + i * bytes; };
  for (int i = 0; i < k.captures; ++i) s.bases[size_t(body.input_base(n + m + i))] = static_cast<char*>(a[n + m + i]);
  if (k.length == 0)
    for (int i = 0; i < n; ++i) copy_once(c, out[i], a[i], k.bytes[size_t(i)]);
  for (int64_t step = 0; step < k.length; ++step) {
    const int64_t t = k.reverse ? k.length - 1 - step : step, next = k.reverse ? t - 1 : t + 1;
    const bool last = step + 1 == k.length;
    for (int i = 0; i < n; ++i) {
      const int64_t bytes = k.bytes[size_t(i)];
      char*& in = s.bases[size_t(body.input_base(i))];
      char*& to = s.bases[size_t(body.output_base(i))];
      if (stack[i]) {
        in = at(stack[i], t, bytes);
        if (step == 0) copy_once(c, in, a[i], bytes);
        to = last ? static_cast<char*>(out[i]) : at(stack[i], next, bytes);
      } else {
        in = step == 0 ? static_cast<char*>(a[i]) : to;
        to = static_cast<char*>((k.length - 1 - step) % 2 == 0 ? out[i] : spare[i]);
      }
    }
    for (int i = 0; i < m; ++i) s.bases[size_t(body.input_base(n + i))] = at(a[n + i], t, k.bytes[size_t(n + i)]);
    for (int i = 0; i < k.ys; ++i)
      s.bases[size_t(body.output_base(n + i))] = at(out[n + i], t, k.bytes[size_t(n + m + i)]);
    s.bases[size_t(body.input_base(n + m + k.captures))] = reinterpret_cast<char*>(k.counter.data<int32_t>() + t);
    if (step == 0 && c.meet()) return false;  // the first stack entries
    if (!run_items(body, s, c) || c.meet()) return false;
  }
  return true;
}

// args: predicate, captures | outputs | the sub-programs' arena
bool run_cond(const Control& k, void* const* a, const Item& item, std::vector<Scratch>& subs, const RunContext& c) {
  const int branch = *static_cast<const uint8_t*>(a[0]) ? 0 : 1;
  const Program& p = *k.subs[size_t(branch)];
  Scratch& s = subs[size_t(branch)];
  s.bases[1] = static_cast<char*>(a[item.work]);
  for (int i = 0; i < k.captures; ++i) s.bases[size_t(p.input_base(i))] = static_cast<char*>(a[1 + i]);
  for (int i = 0; i < p.outputs; ++i) s.bases[size_t(p.output_base(i))] = static_cast<char*>(a[item.out + i]);
  return run_items(p, s, c);
}

// args: carries, captures | final carries | a spare buffer a carry, the condition's result, the arena
bool run_loop(const Control& k, void* const* a, const Item& item, std::vector<Scratch>& subs, const RunContext& c) {
  const int n = k.carries;
  const Program &test = *k.subs[0], &body = *k.subs[1];
  Scratch &st = subs[0], &sb = subs[1];
  void* const* spare = a + item.work;
  uint8_t* go = static_cast<uint8_t*>(spare[n]);
  st.bases[1] = sb.bases[1] = static_cast<char*>(spare[n + 1]);
  for (int i = 0; i < k.captures; ++i)
    st.bases[size_t(test.input_base(n + i))] = sb.bases[size_t(body.input_base(n + i))] = static_cast<char*>(a[n + i]);
  for (int64_t step = 0;; ++step) {
    auto held = [&](int i, int64_t when) {
      return static_cast<char*>(when == 0 ? a[i] : when % 2 ? a[item.out + i] : spare[i]);
    };
    for (int i = 0; i < n; ++i)
      st.bases[size_t(test.input_base(i))] = sb.bases[size_t(body.input_base(i))] = held(i, step);
    st.bases[size_t(test.output_base(0))] = reinterpret_cast<char*>(go);
    if (!run_items(test, st, c) || c.meet()) return false;
    if (!*go) {
      if (step % 2 == 0)
        for (int i = 0; i < n; ++i) copy_once(c, a[item.out + i], held(i, step), k.bytes[size_t(i)]);
      return true;
    }
    for (int i = 0; i < n; ++i) sb.bases[size_t(body.output_base(i))] = held(i, step + 1);
    if (c.meet()) return false;  // nobody tests again before all have seen the result
    if (!run_items(body, sb, c) || c.meet()) return false;
  }
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
      return run_scan(p.controls[size_t(item.control)], a, item, s.subs[size_t(item.control)][0], c);
    case Item::cond:
      return run_cond(p.controls[size_t(item.control)], a, item, s.subs[size_t(item.control)], c);
    case Item::loop:
      return run_loop(p.controls[size_t(item.control)], a, item, s.subs[size_t(item.control)], c);
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

void resolve(const Program& p, Scratch& s) {
  for (size_t i = 0; i < p.args.size(); ++i) {
    char* base = s.bases[size_t(p.args[i].base)];
    s.pointers[i] = base ? base + p.args[i].offset : nullptr;
  }
}
}  // namespace

void gather_rows(const std::vector<RowGather>& gathers, const RunContext& c) {
  for (const RowGather& g : gathers)
    for (int64_t i = g.count * c.thread / c.threads; i < g.count * (c.thread + 1) / c.threads; ++i)
      std::memcpy(g.to + size_t(i) * g.bytes, g.from + size_t(g.rows[i]) * g.bytes, g.bytes);
  if (!gathers.empty()) c.meet();
}

bool run_items(const Program& p, Scratch& s, RunContext c) {
  resolve(p, s);
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
  resolve(p, s);
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
