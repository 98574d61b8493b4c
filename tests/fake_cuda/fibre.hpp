// Fibres: stacks of their own, on one OS thread, that hand control to each other.
#pragma once
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace fake {

// Where a stopped flow of control goes on.
struct Resume {
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
};

// Makes `resume` start with entry() on this stack. entry never returns.
void prepare(Resume& resume, char* stack, size_t bytes, void (*entry)());

// Stops here, noting where in `from`, and goes on at `to`.
void switch_to(Resume& from, Resume& to);

}  // namespace fake
