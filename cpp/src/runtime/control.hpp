// How scan, cond and while_loop run their sub-programs, whatever device these are for. A Walk gives
//   std::vector<char*>& bases(size_t sub)              the base addresses of a sub-program
//   bool run(size_t sub)                               runs it with them; false: the run is to end
//   bool meet()                                        before what others made is read or written over; false likewise
//   void copy(void* to, const void* from, int64_t)     bytes
//   bool test(const void* flag)                        reads a bool
// All functions give false when the run is to end.
#pragma once

#include <cstdint>

#include "runtime/program.hpp"

namespace hornbeam {

// args: carries, xs, captures | final carries, ys, stacks | a spare buffer a carry, the numbers of the steps, the
// sub-program's arena
template <class Walk>
bool walk_scan(const Control& k, void* const* a, const Item& item, Walk&& walk) {
  const Program& body = *k.subs[0];
  std::vector<char*>& bases = walk.bases(0);
  const int n = k.carries, m = k.xs;
  void* const* out = a + item.out;
  void* const* stack = out + n + k.ys;
  void* const* spare = a + item.work;
  bases[1] = static_cast<char*>(spare[n + 1]);
  auto at = [](void* p, int64_t i, int64_t bytes) { return static_cast<char*>(p) + i * bytes; };
  for (int i = 0; i < k.captures; ++i) bases[size_t(body.input_base(n + m + i))] = static_cast<char*>(a[n + m + i]);
  if (k.length == 0)
    for (int i = 0; i < n; ++i) walk.copy(out[i], a[i], k.bytes[size_t(i)]);
  for (int64_t step = 0; step < k.length; ++step) {
    const int64_t t = k.reverse ? k.length - 1 - step : step, next = k.reverse ? t - 1 : t + 1;
    const bool last = step + 1 == k.length;
    for (int i = 0; i < n; ++i) {
      const int64_t bytes = k.bytes[size_t(i)];
      char*& in = bases[size_t(body.input_base(i))];
      char*& to = bases[size_t(body.output_base(i))];
      if (stack[i]) {
        in = at(stack[i], t, bytes);
        if (step == 0) walk.copy(in, a[i], bytes);
        to = last ? static_cast<char*>(out[i]) : at(stack[i], next, bytes);
      } else {
        in = step == 0 ? static_cast<char*>(a[i]) : to;
        to = static_cast<char*>((k.length - 1 - step) % 2 == 0 ? out[i] : spare[i]);
      }
    }
    for (int i = 0; i < m; ++i) bases[size_t(body.input_base(n + i))] = at(a[n + i], t, k.bytes[size_t(n + i)]);
    for (int i = 0; i < k.ys; ++i)
      bases[size_t(body.output_base(n + i))] = at(out[n + i], t, k.bytes[size_t(n + m + i)]);
    bases[size_t(body.input_base(n + m + k.captures))] = at(spare[n], t, sizeof(int32_t));
    if (step == 0 && !walk.meet()) return false;  // the first stack entries
    if (!walk.run(0) || !walk.meet()) return false;
  }
  return true;
}

// args: predicate, captures | outputs | the sub-programs' arena
template <class Walk>
bool walk_cond(const Control& k, void* const* a, const Item& item, Walk&& walk) {
  const size_t branch = walk.test(a[0]) ? 0 : 1;
  const Program& p = *k.subs[branch];
  std::vector<char*>& bases = walk.bases(branch);
  bases[1] = static_cast<char*>(a[item.work]);
  for (int i = 0; i < k.captures; ++i) bases[size_t(p.input_base(i))] = static_cast<char*>(a[1 + i]);
  for (int i = 0; i < p.outputs; ++i) bases[size_t(p.output_base(i))] = static_cast<char*>(a[item.out + i]);
  return walk.run(branch);
}

// args: carries, captures | final carries | a spare buffer a carry, the condition's result, the arena
template <class Walk>
bool walk_loop(const Control& k, void* const* a, const Item& item, Walk&& walk) {
  const int n = k.carries;
  const Program &test = *k.subs[0], &body = *k.subs[1];
  std::vector<char*>&in_test = walk.bases(0), &in_body = walk.bases(1);
  void* const* spare = a + item.work;
  char* go = static_cast<char*>(spare[n]);
  in_test[1] = in_body[1] = static_cast<char*>(spare[n + 1]);
  for (int i = 0; i < k.captures; ++i)
    in_test[size_t(test.input_base(n + i))] = in_body[size_t(body.input_base(n + i))] = static_cast<char*>(a[n + i]);
  for (int64_t step = 0;; ++step) {
    auto held = [&](int i, int64_t when) {
      return static_cast<char*>(when == 0 ? a[i] : when % 2 ? a[item.out + i] : spare[i]);
    };
    for (int i = 0; i < n; ++i)
      in_test[size_t(test.input_base(i))] = in_body[size_t(body.input_base(i))] = held(i, step);
    in_test[size_t(test.output_base(0))] = go;
    if (!walk.run(0) || !walk.meet()) return false;
    if (!walk.test(go)) {
      if (step % 2 == 0)
        for (int i = 0; i < n; ++i) walk.copy(a[item.out + i], held(i, step), k.bytes[size_t(i)]);
      return true;
    }
    for (int i = 0; i < n; ++i) in_body[size_t(body.output_base(i))] = held(i, step + 1);
    if (!walk.meet()) return false;  // nobody tests again before all have seen the result
    if (!walk.run(1) || !walk.meet()) return false;
  }
}
}  // namespace hornbeam
