#include "hornbeam/log.hpp"

#include <mutex>

namespace hornbeam {
namespace {
std::mutex g_lock;
LogSink& sink_in_use() {
  static LogSink sink;
  return sink;
}
}  // namespace

void set_log_sink(LogSink sink) {
  std::lock_guard<std::mutex> hold(g_lock);
  sink_in_use() = std::move(sink);
}

void log_message(LogLevel level, const std::string& message) {
  std::lock_guard<std::mutex> hold(g_lock);
  if (sink_in_use()) sink_in_use()(level, message);
}
}  // namespace hornbeam
