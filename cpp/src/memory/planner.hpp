// Places buffers with known lifetimes in one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hornbeam {

struct Buffer {
  size_t bytes = 0;
  int first = 0, last = 0;  // the steps during which it is live, both included
  size_t offset = 0;        // result
};

/// Greedy best fit, the largest buffers first (Pisarchyk and Lee 2020). Fills the offsets (multiples of 64) and returns
/// the arena's size.
size_t plan_arena(std::vector<Buffer>& buffers);
/// The most bytes live at any step: no plan can do with less.
size_t live_bytes(const std::vector<Buffer>& buffers);
}  // namespace hornbeam
