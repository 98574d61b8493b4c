// The control groups of Linux (versions 1 and 2) that this process is in, and what they limit.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace hornbeam {

/// A file's text, or nothing where it cannot be read.
using ReadText = std::function<std::optional<std::string>(const std::string& path)>;
std::optional<std::string> read_text(const std::string& path);

/// Calls visit(folder, version 2?) for the folders of a process's groups for `controller` ("cpu"), their ancestors
/// included, as far as they are to be seen here. Given what /proc/self/cgroup and /proc/self/mountinfo say.
void each_cgroup(const std::string& cgroup, const std::string& mountinfo, const std::string& controller,
                 const std::function<void(const std::string& folder, bool version_2)>& visit);

/// The CPUs whose time such groups grant, rounded up; INT_MAX where they do not limit it.
int cgroup_cpus(const std::string& cgroup, const std::string& mountinfo, const ReadText& read);
/// The same of this process.
int own_cgroup_cpus();
}  // namespace hornbeam
