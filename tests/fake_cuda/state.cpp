#include "state.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "fake.hpp"
#include "module.hpp"
#include "stream.hpp"

namespace fake {
namespace {

void print(const char* format, va_list arguments) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::fprintf(stderr, "fake CUDA: %s\n", text);
}

}  // namespace

void complain(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(format, arguments);
  va_end(arguments);
}

void fail(CUresult code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(format, arguments);
  va_end(arguments);
  throw Failure{code};
}

namespace {
std::mutex counting;
std::map<std::string, unsigned long long>& counts() {
  static auto* const the_counts = new std::map<std::string, unsigned long long>;
  return *the_counts;
}
}  // namespace

void count(const char* entry) {
  const std::lock_guard<std::mutex> hold(counting);
  ++counts()[entry];
}

bool flag(const char* variable) {
  const char* value = std::getenv(variable);
  return value && std::strcmp(value, "1") == 0;
}

State& state() {
  static State* const the_state = new State;  // never destroyed: threads may still wait when the process ends
  return *the_state;
}

Context*& current_context() {
  thread_local Context* context = nullptr;
  return context;
}

Context::Context(size_t memory_bytes) : memory(memory_bytes), legacy(std::make_shared<Stream>()) {}

Context::~Context() {
  for (const auto& [handle, stream] : streams) stream->queue.clear();  // queued waits hold other streams
}

}  // namespace fake

unsigned long long fake_cuda_calls(const char* entry) {
  const std::lock_guard<std::mutex> hold(fake::counting);
  return fake::counts()[entry];
}
