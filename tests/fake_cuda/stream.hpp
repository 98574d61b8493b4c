// Streams of the fake device: work waits in queues until somebody asks for it, or is recorded into a graph.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "state.hpp"

namespace fake {

using Work = std::function<void()>;

// Work and what comes before it, each by its place in the list: an order that works is the list's own.
struct Graph {
  struct Node {
    Work work;
    std::vector<size_t> after;
  };
  std::vector<Node> nodes;
};

struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  int mode = 0;
  std::thread::id thread;
  const Stream* origin = nullptr;
  bool invalid = false;
};

struct Stream {
  bool blocking = true;  // ordered with the null stream
  int queries = 0;       // since it was last found to be at work
  std::deque<Work> queue;
  std::shared_ptr<Capture> capture;
  std::vector<size_t> tips;  // while it captures: what its next node comes after
};

// A point in a stream, or in a capture.
struct Marker {
  std::shared_ptr<Stream> stream;
  bool done = false;
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture;
  std::vector<size_t> tips;
};

struct Event {
  bool timed = true;
  int queries = 0;
  std::shared_ptr<Marker> marker;  // of the last record
};

std::shared_ptr<Stream> find_stream(const Context& context, CUstream handle);

// Queues or records work, which may touch device memory. `what` is for messages and lasts as long as the process.
void enqueue(Context& context, Stream& stream, const char* what, Work work);

// Runs all that a stream holds, with all that this waits for.
void drain(Context& context, Stream& stream);

// What a blocking call on the null stream waits for.
void drain_blocking(Context& context);

// Runs a piece of work now. What it throws is from then on the context's failure.
void run_now(Context& context, const char* what, const Work& work);

// For calls that may wait: an error, that also ends the capture, where one in progress forbids them.
void forbid_in_capture(Context& context, const char* who);

}  // namespace fake
