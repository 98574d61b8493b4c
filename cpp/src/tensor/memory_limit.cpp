#include "tensor/memory_limit.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <vector>

namespace hornbeam {
namespace {
std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

bool lists(const std::string& words, const char* word) {
  const std::vector<std::string> all = split(words, ',');
  return std::find(all.begin(), all.end(), word) != all.end();
}

// Where a hierarchy is mounted, and which of its folders is to be seen there.
struct Mount {
  std::string root, point;
};

// mountinfo: id parent device root point options optional* - type source super-options
std::optional<Mount> find_mount(const std::string& mountinfo, bool version_2) {
  for (const std::string& line : split(mountinfo, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> left = split(line.substr(0, dash), ' '), right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    if (version_2 ? right[0] == "cgroup2" : right[0] == "cgroup" && lists(right[2], "memory"))
      return Mount{left[3], left[4]};
  }
  return {};
}

size_t limit_in(const std::optional<std::string>& text) {
  uint64_t bytes = 0;  // "max" or a number
  if (!text || std::from_chars(text->data(), text->data() + text->size(), bytes).ec != std::errc()) return SIZE_MAX;
  return size_t(bytes);
}

// The least limit from the folder of `group` up to where the hierarchy is mounted.
size_t least_limit(const Mount& mount, std::string group, const char* file, const ReadText& read) {
  if (mount.root != "/") {
    if ((group + "/").compare(0, mount.root.size() + 1, mount.root + "/") != 0)
      return SIZE_MAX;  // not to be seen there
    group.erase(0, mount.root.size());
  }
  while (!group.empty() && group.back() == '/') group.pop_back();
  size_t least = SIZE_MAX;
  while (true) {
    least = std::min(least, limit_in(read(mount.point + group + "/" + file)));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

std::optional<std::string> read_text(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = ::read(fd, piece, sizeof piece)) > 0;) text.append(piece, size_t(n));
  ::close(fd);
  return text;
}

size_t lasting_limit() {
  const size_t machine = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE));
  const auto cgroup = read_text("/proc/self/cgroup"), mountinfo = read_text("/proc/self/mountinfo");
  return cgroup && mountinfo ? std::min(machine, cgroup_memory_limit(*cgroup, *mountinfo, read_text)) : machine;
}
}  // namespace

size_t cgroup_memory_limit(const std::string& cgroup, const std::string& mountinfo, const ReadText& read) {
  size_t least = SIZE_MAX;
  for (const std::string& line : split(cgroup, '\n')) {  // id:controllers:group; version 2 has neither id nor names
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const bool version_2 = line.compare(0, second, "0:") == 0;
    if (!version_2 && !lists(line.substr(first + 1, second - first - 1), "memory")) continue;
    if (const auto mount = find_mount(mountinfo, version_2))
      least = std::min(least, least_limit(*mount, line.substr(second + 1),
                                          version_2 ? "memory.max" : "memory.limit_in_bytes", read));
  }
  return least;
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
