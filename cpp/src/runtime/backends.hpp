// The backends there are, and how one is chosen.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/backend.hpp"

namespace hornbeam {

struct DeviceId {
  bool gpu;
  int index;
};
/// Throws ValueError for what is no device's name; empty: the default.
DeviceId device_id(const std::string& name);
/// Throws DeviceError when the device cannot be used.
void check_usable(DeviceId device);

/// The backend of the options' device, for a graph that the passes have been over and that outlives it. Throws
/// ValueError for options that are none, DeviceError when the device cannot be used.
std::unique_ptr<Backend> make_backend(const Graph& graph, const CompileOptions& options);
/// The graph after the passes that suit the options' device, but those that the options leave out.
Graph optimize_for(const CompileOptions& options, const Graph& graph, const Evaluate& evaluate);
}  // namespace hornbeam
