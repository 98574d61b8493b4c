#include "memory/planner.hpp"

#include <algorithm>
#include <numeric>

namespace hornbeam {
namespace {
size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
bool meet(const Buffer& a, const Buffer& b) { return a.first <= b.last && b.first <= a.last; }

size_t place(std::vector<Buffer>& buffers, const std::vector<size_t>& order) {
  size_t total = 0;
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    Buffer& b = buffers[i];
    const size_t need = aligned(b.bytes);
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (size_t j : placed) {
      const Buffer& o = buffers[j];
      if (!meet(b, o)) continue;
      if (o.offset >= end + need && o.offset - end < best_gap) best = end, best_gap = o.offset - end;
      end = std::max(end, o.offset + aligned(o.bytes));
    }
    b.offset = best == SIZE_MAX ? end : best;
    total = std::max(total, b.offset + need);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t x, size_t y) { return buffers[x].offset < buffers[y].offset; }),
                  i);
  }
  return total;
}
}  // namespace

size_t plan_arena(std::vector<Buffer>& buffers) {
  // Orders to try until one comes within 2 % of the bound: by size, size x lifetime, lifetime, and along time both
  // ways.
  double (*const keys[])(const Buffer&) = {
      [](const Buffer& b) -> double { return double(b.bytes); },
      [](const Buffer& b) -> double { return double(b.bytes) * (b.last - b.first + 1); },
      [](const Buffer& b) -> double { return b.last - b.first + 1; },
      [](const Buffer& b) -> double { return -b.first; },
      [](const Buffer& b) -> double { return b.last; },
  };
  const size_t bound = live_bytes(buffers);
  size_t best = SIZE_MAX;
  std::vector<Buffer> kept;
  for (auto key : keys) {
    std::vector<size_t> order(buffers.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(buffers[a]) > key(buffers[b]); });
    for (int retry = 0; retry < 24 && best > bound + bound / 50; ++retry) {
      const size_t total = place(buffers, order);
      if (total < best) best = total, kept = buffers;
      // the buffer on top had the worst place: let it choose first
      auto top = std::find_if(order.begin(), order.end(),
                              [&](size_t i) { return buffers[i].offset + aligned(buffers[i].bytes) == total; });
      if (top == order.end() || top == order.begin()) break;
      std::rotate(order.begin(), top, top + 1);
    }
  }
  buffers = std::move(kept);
  return best == SIZE_MAX ? 0 : best;
}

size_t live_bytes(const std::vector<Buffer>& buffers) {
  std::vector<std::pair<int, long long>> events;
  for (const Buffer& b : buffers) {
    events.push_back({b.first, (long long)aligned(b.bytes)});
    events.push_back({b.last + 1, -(long long)aligned(b.bytes)});
  }
  std::sort(events.begin(), events.end());
  long long live = 0, peak = 0;
  for (const auto& [step, delta] : events) peak = std::max(peak, live += delta);
  return size_t(peak);
}
}  // namespace hornbeam
