#include "base/cgroup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
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
bool lists(const std::string& words, const std::string& word) {
  const std::vector<std::string> all = split(words, ',');
  return std::find(all.begin(), all.end(), word) != all.end();
}

// Where a hierarchy is mounted, and which of its folders is to be seen there.
struct Mount {
  std::string root, point;
};

// mountinfo: id parent device root point options optional* - type source super-options
std::optional<Mount> find_mount(const std::string& mountinfo, const std::string& controller, bool version_2) {
  for (const std::string& line : split(mountinfo, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> left = split(line.substr(0, dash), ' '), right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    if (version_2 ? right[0] == "cgroup2" : right[0] == "cgroup" && lists(right[2], controller))
      return Mount{left[3], left[4]};
  }
  return {};
}

// The positive number that a text begins with, or 0.
int64_t number_in(const std::optional<std::string>& text, size_t at = 0) {
  int64_t n = 0;
  if (!text || at >= text->size()) return 0;
  std::from_chars(text->data() + at, text->data() + text->size(), n);
  return std::max<int64_t>(n, 0);
}
}  // namespace

std::optional<std::string> read_text(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = ::read(fd, piece, sizeof piece)) > 0;) text.append(piece, size_t(n));
  ::close(fd);
  return text;
}

void each_cgroup(const std::string& cgroup, const std::string& mountinfo, const std::string& controller,
                 const std::function<void(const std::string& folder, bool version_2)>& visit) {
  for (const std::string& line : split(cgroup, '\n')) {  // id:controllers:group; version 2 has neither id nor names
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const bool version_2 = line.compare(0, second, "0:") == 0;
    if (!version_2 && !lists(line.substr(first + 1, second - first - 1), controller)) continue;
    const auto mount = find_mount(mountinfo, controller, version_2);
    if (!mount) continue;
    std::string group = line.substr(second + 1);
    if (mount->root != "/") {
      if ((group + "/").compare(0, mount->root.size() + 1, mount->root + "/") != 0) continue;  // not to be seen there
      group.erase(0, mount->root.size());
    }
    while (!group.empty() && group.back() == '/') group.pop_back();
    for (;;) {
      visit(mount->point + group, version_2);
      const size_t slash = group.rfind('/');
      if (slash == std::string::npos) break;
      group.resize(slash);
    }
  }
}

int cgroup_cpus(const std::string& cgroup, const std::string& mountinfo, const ReadText& read) {
  int64_t least = INT_MAX;
  each_cgroup(cgroup, mountinfo, "cpu", [&](const std::string& folder, bool version_2) {
    int64_t quota = 0, period = 0;  // microseconds; no number ("max", -1): no limit
    if (version_2) {                // "100000 100000"
      const auto text = read(folder + "/cpu.max");
      quota = number_in(text);
      if (text) period = number_in(text, std::min(text->find(' '), text->size() - 1) + 1);
    } else {
      quota = number_in(read(folder + "/cpu.cfs_quota_us")), period = number_in(read(folder + "/cpu.cfs_period_us"));
    }
    if (quota > 0 && period > 0) least = std::min(least, quota / period + (quota % period != 0));
  });
  return int(least);
}

int own_cgroup_cpus() {
  const auto cgroup = read_text("/proc/self/cgroup"), mountinfo = read_text("/proc/self/mountinfo");
  return cgroup && mountinfo ? cgroup_cpus(*cgroup, *mountinfo, read_text) : INT_MAX;
}
}  // namespace hornbeam
