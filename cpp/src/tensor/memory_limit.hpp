// How much memory this process may have.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace hornbeam {

/// A file's text, or nothing where it cannot be read.
using ReadText = std::function<std::optional<std::string>(const std::string& path)>;

/// The least limit in bytes of the memory cgroups (versions 1 and 2) that a process is in, their ancestors included;
/// SIZE_MAX where there is none. Given as /proc/self/cgroup and /proc/self/mountinfo say it.
size_t cgroup_memory_limit(const std::string& cgroup, const std::string& mountinfo, const ReadText& read);

/// The least of the machine's memory, the cgroups' limits (both read once) and RLIMIT_AS.
size_t memory_limit();
}  // namespace hornbeam
