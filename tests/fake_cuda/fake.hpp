// What the fake libcuda offers to the other fake libraries, beside the driver's own interface.
#pragma once
#include "cuda_api.hpp"

extern "C" {
// Queues run(data) on a stream; a stream that captures records it, and each replay runs it. destroy(data) follows when
// it cannot run any more. Device memory may be read and written inside run, and only there.
CUresult fake_cuda_enqueue(CUstream stream, void (*run)(void*), void* data, void (*destroy)(void*));

// Whether the range lies in one live device allocation. If not, a line on stderr says so, and inside run the stream
// fails. After an error, run has to return without touching the range.
CUresult fake_cuda_check(const void* pointer, size_t bytes, const char* who);

// How often an entry point that allocates, launches or waits was called: "cuMemAlloc_v2", say.
unsigned long long fake_cuda_calls(const char* entry);
}
