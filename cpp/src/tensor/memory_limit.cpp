#include "tensor/memory_limit.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>

#include "hornbeam/tensor.hpp"

namespace hornbeam {
namespace {
size_t lasting_limit() {
  const size_t machine = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE));
  const auto cgroup = read_text("/proc/self/cgroup"), mountinfo = read_text("/proc/self/mountinfo");
  return cgroup && mountinfo ? std::min(machine, cgroup_memory_limit(*cgroup, *mountinfo, read_text)) : machine;
}
}  // namespace

size_t cgroup_memory_limit(const std::string& cgroup, const std::string& mountinfo, const ReadText& read) {
  uint64_t least = SIZE_MAX;
  each_cgroup(cgroup, mountinfo, "memory", [&](const std::string& folder, bool version_2) {
    const auto text = read(folder + (version_2 ? "/memory.max" : "/memory.limit_in_bytes"));
    uint64_t bytes = 0;  // no number ("max"): no limit
    if (text && std::from_chars(text->data(), text->data() + text->size(), bytes).ec == std::errc())
      least = std::min(least, bytes);
  });
  return size_t(least);
}

size_t memory_limit() {
  static std::atomic<size_t> known{0};  // no lock, which a fork might leave held: two threads may both find it
  size_t limit = known.load(std::memory_order_relaxed);
  if (limit == 0) known.store(limit = lasting_limit(), std::memory_order_relaxed);
  struct rlimit r;
  if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY) limit = std::min(limit, size_t(r.rlim_cur));
  return limit;
}
}  // namespace hornbeam
