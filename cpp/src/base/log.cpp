#include "hornbeam/log.hpp"

#include <memory>
#include <mutex>

#include "base/guard.hpp"

namespace hornbeam {
namespace {
std::mutex g_lock;  // of the pointer alone: no sink is called under it
std::shared_ptr<const LogSink>& sink_in_use() {
  static std::shared_ptr<const LogSink> sink;
  return sink;
}
}  // namespace

void set_log_sink(LogSink sink) {
  auto made = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  Guard hold(g_lock);
  sink_in_use().swap(made);  // the old one may end here, after the lock
}

void log_message(LogLevel level, const std::string& message) {
  thread_local bool inside = false;
  if (inside) return;
  std::shared_ptr<const LogSink> sink;
  {
    Guard hold(g_lock);
    sink = sink_in_use();
  }
  if (!sink) return;
  inside = true;
  try {
    (*sink)(level, message);
  } catch (...) {  // a message that cannot be had must not stop what it tells of
  }
  inside = false;
}
}  // namespace hornbeam
