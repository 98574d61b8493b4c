#include "memory/planner.hpp"

#include <algorithm>
#include <numeric>

namespace hornbeam {
namespace {
size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
bool meet(const Buffer& a, const Buffer& b) { return a.first <= b.last && b.first <= a.last; }

struct Placement {
  size_t total = 0, top = 0;  // bytes, and the place in `order` of the buffer that ends there
};
// Gives each buffer in turn the tightest gap it fits; stops at the first that ends at `limit` or beyond.
Placement place(std::vector<Buffer>& buffers, const std::vector<size_t>& order, size_t limit) {
  Placement result;
  std::vector<Buffer> placed;  // by offset
  placed.reserve(order.size());
  for (size_t n = 0; n < order.size() && result.total < limit; ++n) {
    Buffer& b = buffers[order[n]];
    const size_t need = aligned(b.bytes);
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (const Buffer& o : placed) {
      if (!meet(b, o)) continue;
      if (o.offset >= end + need && o.offset - end < best_gap) best = end, best_gap = o.offset - end;
      end = std::max(end, o.offset + aligned(o.bytes));
    }
    b.offset = best == SIZE_MAX ? end : best;
    if (b.offset + need > result.total) result = {b.offset + need, n};
    const auto above = [](const Buffer& x, const Buffer& y) { return x.offset < y.offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), b, above), b);
  }
  return result;
}
}  // namespace

size_t plan_arena(std::vector<Buffer>& buffers) {
  // Orders to try until one comes within 3 % of the bound: by size, size x lifetime, lifetime, and along time both
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
    for (int retry = 0; retry < 24 && best > bound + bound / 33; ++retry) {
      const Placement p = place(buffers, order, best);
      if (p.total < best) best = p.total, kept = buffers;
      if (p.top == 0) break;
      // the buffer on top had the worst place: let it choose first
      const auto top = order.begin() + long(p.top);
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
