// CUDA C++ for g++: what NVRTC has built in, for one thread at a time of one block at a time. A tool of the tests.
// Threads are fibres: they change only inside barriers and warp operations, so a loop that spins on memory never ends.
// Zero-initialized variables outside functions count as shared memory and are overwritten: kernels have none.
#pragma once
#include "device_abi.hpp"
#include "fake_math.hpp"
#include "fake_vectors.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static __attribute__((used))  // it changes behind the compiler's back
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict

#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __CUDA_ARCH__ 900

extern "C" int printf(const char*, ...);
extern "C" void* memcpy(void*, const void*, size_t);
extern "C" void* memset(void*, int, size_t);

// The linker's names for the ends of the variables without initial values: here all static shared memory of the module.
extern "C" __attribute__((visibility("hidden"))) char __bss_start[], _end[];

namespace fake {
ModuleState state = {nullptr, {}, {}, {}, {}, 0, nullptr, __bss_start, _end};
}
extern "C" __attribute__((visibility("default"), used)) fake::ModuleState* const fake_module = &fake::state;

#define threadIdx (reinterpret_cast<const uint3&>(fake::state.thread))
#define blockIdx (reinterpret_cast<const uint3&>(fake::state.block))
#define blockDim (reinterpret_cast<const uint3&>(fake::state.block_dim))
#define gridDim (reinterpret_cast<const uint3&>(fake::state.grid_dim))
inline constexpr int warpSize = 32;

// Every waiting operation takes the place of its call, for messages.
#define FAKE_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(FAKE_PLACE) { fake::state.runtime->barrier({"__syncthreads", file, line}, false); }
inline int __syncthreads_count(int predicate, FAKE_PLACE) {
  return fake::state.runtime->barrier({"__syncthreads_count", file, line}, predicate).true_ones;
}
inline int __syncthreads_or(int predicate, FAKE_PLACE) {
  return fake::state.runtime->barrier({"__syncthreads_or", file, line}, predicate).true_ones != 0;
}
inline int __syncthreads_and(int predicate, FAKE_PLACE) {
  const fake::Arrivals arrivals = fake::state.runtime->barrier({"__syncthreads_and", file, line}, predicate);
  return arrivals.true_ones == arrivals.all;
}

namespace fake {

struct Shuffle {
  unsigned long long value;
  unsigned source;
};

// A lane that does not take part gives ones in all bits: NaN.
inline void combine_shuffle(void* const lanes[32]) {
  unsigned long long values[32];
  for (int i = 0; i < 32; ++i) values[i] = lanes[i] ? static_cast<Shuffle*>(lanes[i])->value : ~0ull;
  for (int i = 0; i < 32; ++i) {
    if (lanes[i]) static_cast<Shuffle*>(lanes[i])->value = values[static_cast<Shuffle*>(lanes[i])->source];
  }
}

template <class T>
T shuffle(const char* operation, unsigned mask, T value, int source, const char* file, int line) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles take 32 or 64 bits");
  Shuffle slot = {0, static_cast<unsigned>(source)};
  __builtin_memcpy(&slot.value, &value, sizeof(T));
  state.runtime->collective({operation, file, line}, mask, &slot, combine_shuffle);
  __builtin_memcpy(&value, &slot.value, sizeof(T));
  return value;
}

inline void combine_ballot(void* const lanes[32]) {
  unsigned ballot = 0;
  for (int i = 0; i < 32; ++i) {
    if (lanes[i] && *static_cast<unsigned*>(lanes[i])) ballot |= 1u << i;
  }
  for (int i = 0; i < 32; ++i) {
    if (lanes[i]) *static_cast<unsigned*>(lanes[i]) = ballot;
  }
}

inline unsigned ballot(const char* operation, unsigned mask, int predicate, const char* file, int line) {
  unsigned slot = predicate != 0;
  state.runtime->collective({operation, file, line}, mask, &slot, combine_ballot);
  return slot;
}

inline void combine_nothing(void* const[32]) {}

inline int segment_begin(int width) { return static_cast<int>(state.lane) & ~(width - 1); }

}  // namespace fake

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, FAKE_PLACE) {
  return fake::shuffle("__shfl_sync", mask, value, fake::segment_begin(width) | (source & (width - 1)), file, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, FAKE_PLACE) {
  const int lane = fake::state.lane, source = lane - static_cast<int>(delta);
  return fake::shuffle("__shfl_up_sync", mask, value, source < fake::segment_begin(width) ? lane : source, file, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, FAKE_PLACE) {
  const int lane = fake::state.lane, source = lane + static_cast<int>(delta);
  const bool outside = source >= fake::segment_begin(width) + width;
  return fake::shuffle("__shfl_down_sync", mask, value, outside ? lane : source, file, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, FAKE_PLACE) {
  const int lane = fake::state.lane, source = lane ^ lanes;
  const bool outside = source >= fake::segment_begin(width) + width;
  return fake::shuffle("__shfl_xor_sync", mask, value, outside ? lane : source, file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, FAKE_PLACE) {
  return fake::ballot("__ballot_sync", mask, predicate, file, line);
}
inline int __any_sync(unsigned mask, int predicate, FAKE_PLACE) {
  return fake::ballot("__any_sync", mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, FAKE_PLACE) {
  return fake::ballot("__all_sync", mask, !predicate, file, line) == 0;
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, FAKE_PLACE) {
  unsigned slot = 0;
  fake::state.runtime->collective({"__syncwarp", file, line}, mask, &slot, fake::combine_nothing);
}
// All lanes that have not returned: which of them go the same way is not known here.
inline unsigned __activemask() { return fake::state.runtime->live_lanes(); }

inline void __trap(FAKE_PLACE) { fake::state.runtime->trap({"__trap", file, line}); }
inline void __threadfence() {}
inline void __threadfence_block() {}
template <class T>
T __ldg(const T* p) {
  return *p;
}

// Atomics of integers only: sums of floats would depend on the order of threads.
namespace fake {
template <class T, class F>
T update(T* p, F f) {
  const T old = *p;
  *p = f(old);
  return old;
}
}  // namespace fake
float atomicAdd(float*, float) = delete;
double atomicAdd(double*, double) = delete;
#define FAKE_ATOMIC(NAME, T, VALUE)                                       \
  inline T NAME(T* p, T v) {                                              \
    return fake::update(p, [v](T old) { return static_cast<T>(VALUE); }); \
  }
#define FAKE_ATOMICS_EACH(T)                                                  \
  FAKE_ATOMIC(atomicExch, T, v)                                               \
  FAKE_ATOMIC(atomicMin, T, old < v ? old : v)                                \
  FAKE_ATOMIC(atomicMax, T, old > v ? old : v)                                \
  FAKE_ATOMIC(atomicAnd, T, old& v)                                           \
  FAKE_ATOMIC(atomicOr, T, old | v)                                           \
  FAKE_ATOMIC(atomicXor, T, old ^ v)                                          \
  inline T atomicCAS(T* p, T expected, T v) {                                 \
    return fake::update(p, [=](T old) { return old == expected ? v : old; }); \
  }
FAKE_ATOMICS_EACH(int)
FAKE_ATOMICS_EACH(unsigned)
FAKE_ATOMICS_EACH(unsigned long long)
FAKE_ATOMIC(atomicAdd, int, static_cast<unsigned>(old) + static_cast<unsigned>(v))
FAKE_ATOMIC(atomicAdd, unsigned, old + v)
FAKE_ATOMIC(atomicAdd, unsigned long long, old + v)
FAKE_ATOMIC(atomicSub, int, static_cast<unsigned>(old) - static_cast<unsigned>(v))
FAKE_ATOMIC(atomicSub, unsigned, old - v)
FAKE_ATOMIC(atomicInc, unsigned, old >= v ? 0 : old + 1)
FAKE_ATOMIC(atomicMin, long long, old < v ? old : v)
FAKE_ATOMIC(atomicMax, long long, old > v ? old : v)

// What a launch calls: takes the parameters from their buffer, each at its own alignment.
namespace fake {

template <class... Parameters>
struct Layout {
  static constexpr size_t kCount = sizeof...(Parameters);
  size_t offsets[kCount + 1] = {};
  size_t bytes = 0;
  constexpr Layout() {
    const size_t sizes[] = {sizeof(Parameters)..., 0}, alignments[] = {alignof(Parameters)..., 1};
    for (size_t i = 0; i < kCount; ++i) {
      offsets[i] = (bytes + alignments[i] - 1) / alignments[i] * alignments[i];
      bytes = offsets[i] + sizes[i];
    }
  }
};

template <size_t... index>
struct Indices {};
#if defined(__clang__)
template <class T, T... index>
using IndicesOf = Indices<index...>;
template <size_t n>
using CountTo = __make_integer_seq<IndicesOf, size_t, n>;
#else
template <size_t n>
using CountTo = Indices<__integer_pack(n)...>;
#endif

template <auto kernel, class... Parameters, size_t... index>
constexpr Entry make_entry(const char* name, void (*)(Parameters...), Indices<index...>) {
  return {name, Layout<Parameters...>().bytes, [](const char* parameters) {
            constexpr Layout<Parameters...> kLayout;
            kernel(*reinterpret_cast<const Parameters*>(parameters + kLayout.offsets[index])...);
          }};
}

template <auto kernel, class... Parameters>
constexpr Entry make_entry(const char* name, void (*function)(Parameters...)) {
  return make_entry<kernel>(name, function, CountTo<sizeof...(Parameters)>());
}

}  // namespace fake
