// What this machine can do at most, measured: the scale that profiles are read against.
#include <algorithm>
#include <chrono>
#include <vector>

#include "base/check.hpp"
#include "hornbeam/executable.hpp"
#include "kernels/cpu/isa/isa_table.hpp"

namespace hornbeam {
namespace {
double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
}  // namespace

MachinePeaks measure_peaks() {
  const IsaTable& isa = default_isa();
  volatile float sink = 0;
  MachinePeaks peaks;
  constexpr int64_t kSteps = 500000;
  constexpr size_t kFloats = 8 << 20;  // three arrays of 32 MiB: beyond the caches of most machines
  std::vector<float> a, b, c;
  within_memory([&] { a.resize(kFloats), b.resize(kFloats, 1.0f), c.resize(kFloats, 2.0f); });
  for (int round = 0; round < 5; ++round) {
    const double fma = seconds_of([&] { sink = sink + isa.fma_probe(kSteps); });
    peaks.flops = std::max(peaks.flops, double(kSteps) * 24 * isa.lanes / fma);
    const double triad = seconds_of([&] {
      for (size_t i = 0; i < kFloats; ++i) a[i] = b[i] + 0.5f * c[i];
    });
    peaks.bytes_per_second = std::max(peaks.bytes_per_second, double(kFloats) * 12 / triad);
    sink = sink + a[kFloats / 2];
  }
  return peaks;
}
}  // namespace hornbeam
