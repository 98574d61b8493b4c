#include "stream.hpp"

#include <algorithm>
#include <random>

#include "block.hpp"
#include "fault.hpp"

namespace fake {
namespace {

constexpr int kQueriesBeforeWork = 3;

void step(Context& context, Stream& stream) {
  const Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  try {
    work();
  } catch (const Failure& failure) {
    const bool bad_address = failure.code == CUDA_ERROR_INVALID_VALUE;  // which the call could not have noticed
    context.failure = bad_address ? CUDA_ERROR_ILLEGAL_ADDRESS : failure.code;
    throw Failure{context.failure};
  }
}

void complete(Context& context, const Marker& marker) {
  while (!marker.done) step(context, *marker.stream);
}

// Device memory is open while one of these lives.
class Open {
 public:
  explicit Open(Context& context) : running_("queued work"), context_(context) {
    if (depth_++ == 0) context_.memory.open();
  }
  ~Open() {
    if (--depth_ == 0) context_.memory.close();
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

 private:
  Running running_;  // installs its handlers once, and not for each piece of work
  Context& context_;
  static inline int depth_ = 0;
};

void push(Context& context, Stream& stream, Work work) {
  // The null stream and the blocking ones never run side by side; here the older work runs early instead.
  if (&stream == context.legacy.get()) {
    for (const auto& [handle, other] : context.streams) {
      if (other->blocking) drain(context, *other);
    }
  } else if (stream.blocking) {
    drain(context, *context.legacy);
  }
  stream.queue.push_back(std::move(work));
  if (flag("HB_FAKE_CUDA_EAGER")) drain(context, stream);
}

void record(Stream& stream, Work work) {
  Capture& capture = *stream.capture;
  if (capture.invalid) throw Failure{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED};
  const size_t node = capture.graph->nodes.size();
  capture.graph->nodes.push_back({std::move(work), stream.tips});
  stream.tips = {node};
}

void merge(std::vector<size_t>& tips, const std::vector<size_t>& more) {
  tips.insert(tips.end(), more.begin(), more.end());
  std::sort(tips.begin(), tips.end());
  tips.erase(std::unique(tips.begin(), tips.end()), tips.end());
}

bool all_lead_to(const Graph& graph, const std::vector<size_t>& tips) {
  std::vector<bool> reached(graph.nodes.size());
  for (const size_t tip : tips) reached[tip] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (!reached[i]) return false;
    for (const size_t earlier : graph.nodes[i].after) reached[earlier] = true;
  }
  return true;
}

// Nodes in the order of recording or, shuffled, in any that the graph allows.
void replay(const Graph& graph) {
  const auto seed = shuffle_seed();
  if (!seed) {
    for (const Graph::Node& node : graph.nodes) node.work();
    return;
  }
  std::mt19937_64 random(*seed);
  std::vector<size_t> waits(graph.nodes.size());
  std::vector<std::vector<size_t>> later(graph.nodes.size());
  std::vector<size_t> ready;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    waits[i] = graph.nodes[i].after.size();
    for (const size_t earlier : graph.nodes[i].after) later[earlier].push_back(i);
    if (waits[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    std::swap(ready[random() % ready.size()], ready.back());
    const size_t node = ready.back();
    ready.pop_back();
    graph.nodes[node].work();
    for (const size_t next : later[node]) {
      if (--waits[next] == 0) ready.push_back(next);
    }
  }
}

void end_capture(Context& context, const Capture* capture) {
  const auto end = [&](Stream& stream) {
    if (stream.capture.get() != capture) return;
    stream.capture.reset();
    stream.tips.clear();
  };
  for (const auto& [handle, stream] : context.streams) end(*stream);
}

bool work_is_done(int& queries, const std::function<bool()>& done, const std::function<void()>& work) {
  if (!done() && ++queries >= kQueriesBeforeWork) {
    work();
    queries = 0;
  }
  return done();
}

void synchronize_event(Context& context, const Event& event) {
  if (!event.marker) return;
  if (event.marker->capture) throw Failure{CUDA_ERROR_CAPTURED_EVENT};
  const Open open(context);
  complete(context, *event.marker);
}

void forbid_on_captured(Stream& stream, const char* who) {
  if (!stream.capture) return;
  stream.capture->invalid = true;
  fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s: the stream is capturing", who);
}

}  // namespace

std::shared_ptr<Stream> find_stream(const Context& context, CUstream handle) {
  const bool legacy = handle == nullptr || handle == reinterpret_cast<CUstream>(1);
  return legacy ? context.legacy : context.streams.get(handle);
}

void enqueue(Context& context, Stream& stream, const char* what, Work work) {
  Work named = [&context, what, work = std::move(work)] {
    const Running running(what);
    const Open open(context);
    work();
  };
  if (stream.capture) {
    record(stream, std::move(named));
  } else {
    push(context, stream, std::move(named));
  }
}

void drain(Context& context, Stream& stream) {
  const Open open(context);
  while (!stream.queue.empty()) step(context, stream);
}

void drain_blocking(Context& context) {
  for (const auto& [handle, stream] : context.streams) {
    if (stream->blocking) drain(context, *stream);
  }
  drain(context, *context.legacy);
}

void run_now(Context& context, const char* what, const Work& work) {
  const Running running(what);
  const Open open(context);
  work();
}

void forbid_in_capture(Context& context, const char* who) {
  for (const auto& [handle, stream] : context.streams) {
    const auto& capture = stream->capture;
    if (!capture || capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
    if (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && capture->thread != std::this_thread::get_id()) continue;
    capture->invalid = true;
    fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s: a stream is capturing", who);
  }
}

}  // namespace fake

using namespace fake;

CUresult cuCtxSynchronize() {
  return in_context([](Context& context) {
    for (const auto& [handle, stream] : context.streams) forbid_on_captured(*stream, "cuCtxSynchronize");
    for (const auto& [handle, stream] : context.streams) drain(context, *stream);
    drain(context, *context.legacy);
  });
}

CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  return in_context([&](Context& context) {
    auto made = std::make_shared<Stream>();
    made->blocking = !(flags & CU_STREAM_NON_BLOCKING);
    *stream = context.streams.add<CUstream>(std::move(made));
  });
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  return in_context([&](Context& context) {
    const auto found = context.streams.get(stream);
    if (found->capture) fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "cuStreamDestroy: the stream is capturing");
    drain(context, *found);
    context.streams.remove(stream);
  });
}

CUresult cuStreamSynchronize(CUstream stream) {
  count("cuStreamSynchronize");
  return in_context([&](Context& context) {
    const auto found = find_stream(context, stream);
    forbid_on_captured(*found, "cuStreamSynchronize");
    if (found == context.legacy) drain_blocking(context);
    drain(context, *found);
  });
}

CUresult cuStreamQuery(CUstream stream) {
  return in_context([&](Context& context) {
    const auto found = find_stream(context, stream);
    forbid_on_captured(*found, "cuStreamQuery");
    const bool done = work_is_done(
        found->queries, [&] { return found->queue.empty(); }, [&] { drain(context, *found); });
    if (!done) throw Failure{CUDA_ERROR_NOT_READY};
  });
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  return in_context([&](Context& context) {
    const auto waiting = find_stream(context, stream);
    const auto marker = context.events.get(event)->marker;
    if (!marker) return;
    if (!marker->capture) {
      if (waiting->capture) throw Failure{CUDA_ERROR_STREAM_CAPTURE_ISOLATION};
      push(context, *waiting, [&context, marker] { complete(context, *marker); });
      return;
    }
    if (waiting->capture && waiting->capture != marker->capture) throw Failure{CUDA_ERROR_STREAM_CAPTURE_MERGE};
    waiting->capture = marker->capture;
    merge(waiting->tips, marker->tips);
  });
}

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  return in_context([&](Context& context) {
    auto made = std::make_shared<Event>();
    made->timed = !(flags & CU_EVENT_DISABLE_TIMING);
    *event = context.events.add<CUevent>(std::move(made));
  });
}

CUresult cuEventDestroy_v2(CUevent event) {
  return in_context([&](Context& context) { context.events.remove(event); });
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return in_context([&](Context& context) {
    const auto recorded = context.events.get(event);
    const auto on = find_stream(context, stream);
    auto marker = std::make_shared<Marker>();
    recorded->marker = marker;
    marker->capture = on->capture;
    marker->tips = on->tips;
    if (on->capture) return;
    marker->stream = on;
    push(context, *on, [weak = std::weak_ptr<Marker>(marker)] {
      if (const auto reached = weak.lock()) {  // nobody waits for one that is gone
        reached->done = true;
        reached->time = std::chrono::steady_clock::now();
      }
    });
  });
}

CUresult cuEventQuery(CUevent event) {
  return in_context([&](Context& context) {
    const auto found = context.events.get(event);
    if (found->marker && found->marker->capture) throw Failure{CUDA_ERROR_CAPTURED_EVENT};
    const bool done = work_is_done(
        found->queries, [&] { return !found->marker || found->marker->done; },
        [&] { synchronize_event(context, *found); });
    if (!done) throw Failure{CUDA_ERROR_NOT_READY};
  });
}

CUresult cuEventSynchronize(CUevent event) {
  count("cuEventSynchronize");
  return in_context([&](Context& context) { synchronize_event(context, *context.events.get(event)); });
}

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return in_context([&](Context& context) {
    const auto from = context.events.get(start), to = context.events.get(end);
    if (!from->timed || !to->timed || !from->marker || !to->marker) throw Failure{CUDA_ERROR_INVALID_HANDLE};
    if (!from->marker->done || !to->marker->done) throw Failure{CUDA_ERROR_NOT_READY};
    *milliseconds = std::chrono::duration<float, std::milli>(to->marker->time - from->marker->time).count();
  });
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

CUresult cuStreamBeginCapture_v2(CUstream stream, int mode) {
  return in_context([&](Context& context) {
    const auto origin = find_stream(context, stream);
    if (origin == context.legacy) fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the null stream cannot capture");
    if (origin->capture) fail(CUDA_ERROR_INVALID_VALUE, "cuStreamBeginCapture: the stream is capturing");
    origin->capture = std::make_shared<Capture>();
    origin->capture->mode = mode;
    origin->capture->thread = std::this_thread::get_id();
    origin->capture->origin = origin.get();
  });
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  return in_context([&](Context& context) {
    *graph = nullptr;
    const auto origin = find_stream(context, stream);
    const auto capture = origin->capture;
    if (!capture) fail(CUDA_ERROR_INVALID_VALUE, "cuStreamEndCapture: the stream is not capturing");
    if (capture->origin != origin.get()) throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNMATCHED};
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
      throw Failure{CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD};
    }
    const bool joined = all_lead_to(*capture->graph, origin->tips);
    end_capture(context, capture.get());
    if (capture->invalid) throw Failure{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED};
    if (!joined) fail(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "cuStreamEndCapture: a forked stream was not joined");
    *graph = context.graphs.add<CUgraph>(capture->graph);
  });
}

CUresult cuStreamIsCapturing(CUstream stream, int* status) {
  return in_context([&](Context& context) {
    const auto& capture = find_stream(context, stream)->capture;
    *status = !capture           ? CU_STREAM_CAPTURE_STATUS_NONE
              : capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                 : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  });
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long) {
  count("cuGraphInstantiateWithFlags");
  return in_context([&](Context& context) {
    *exec = context.execs.add<CUgraphExec>(std::make_shared<Graph>(*context.graphs.get(graph)));
  });
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  count("cuGraphLaunch");
  return in_context([&](Context& context) {
    const auto graph = context.execs.get(exec);
    const auto on = find_stream(context, stream);
    enqueue(context, *on, "a graph", [graph] { replay(*graph); });
  });
}

CUresult cuGraphDestroy(CUgraph graph) {
  return in_context([&](Context& context) { context.graphs.remove(graph); });
}

CUresult cuGraphExecDestroy(CUgraphExec exec) {
  return in_context([&](Context& context) { context.execs.remove(exec); });
}

CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return in_context([&](Context& context) {
    const auto found = context.graphs.get(graph);
    const size_t room = *count;
    *count = found->nodes.size();
    for (size_t i = 0; nodes && i < room; ++i) {
      nodes[i] = i < *count ? reinterpret_cast<CUgraphNode>(&found->nodes[i]) : nullptr;
    }
  });
}
