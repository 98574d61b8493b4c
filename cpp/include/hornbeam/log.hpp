// Where messages go. The library prints nothing by itself.
#pragma once

#include <functional>
#include <string>

#include "hornbeam/export.hpp"

namespace hornbeam {

enum class LogLevel { debug, info, warning };

/// Takes one message, without a newline. Threads that log at the same time call it at the same time. It may call
/// set_log_sink; what it logs itself, and what it throws, is dropped.
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// From now on messages go to `sink` (an empty one: nowhere, as at the start); another thread's call of the old one may
/// still be under way. Nothing is logged while a program runs.
HB_API void set_log_sink(LogSink sink);
/// Sends a message to the sink, if there is one.
HB_API void log_message(LogLevel level, const std::string& message);

}  // namespace hornbeam
