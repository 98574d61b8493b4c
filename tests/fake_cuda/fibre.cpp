#include "fibre.hpp"

#include <cstdint>

#if defined(__x86_64__)

// Saves what a call has to keep, changes stacks, and loads what the other side had saved.
extern "C" void fake_cuda_switch(void** save, void* load);
asm(R"(
.text
.p2align 4
.type fake_cuda_switch, @function
fake_cuda_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size fake_cuda_switch, .-fake_cuda_switch
)");

namespace fake {

void prepare(Resume& resume, char* stack, size_t bytes, void (*entry)()) {
  constexpr int kSaved = 6;
  auto** top = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(stack + bytes) & ~uintptr_t{15});
  *--top = nullptr;  // the caller of entry, in place of a return address
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kSaved; ++i) *--top = nullptr;
  resume.stack_pointer = top;
}

void switch_to(Resume& from, Resume& to) { fake_cuda_switch(&from.stack_pointer, to.stack_pointer); }

}  // namespace fake

#else

namespace fake {

void prepare(Resume& resume, char* stack, size_t bytes, void (*entry)()) {
  getcontext(&resume.context);
  resume.context.uc_stack.ss_sp = stack;
  resume.context.uc_stack.ss_size = bytes;
  resume.context.uc_link = nullptr;
  makecontext(&resume.context, entry, 0);
}

void switch_to(Resume& from, Resume& to) { swapcontext(&from.context, &to.context); }

}  // namespace fake

#endif
