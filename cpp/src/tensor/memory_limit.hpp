#pragma once

#include <cstddef>
#include <string>

#include "base/cgroup.hpp"

namespace hornbeam {

/// The least limit in bytes of the memory groups that a process is in (see each_cgroup); SIZE_MAX where there is none.
size_t cgroup_memory_limit(const std::string& cgroup, const std::string& mountinfo, const ReadText& read);
}  // namespace hornbeam
