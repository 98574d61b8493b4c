// What the fake driver and the kernels that it loads agree on. Kernels see this file through fake_device.hpp: it
// includes nothing.
#pragma once

namespace fake {

struct Dim {
  unsigned x, y, z;
};

// An operation that threads wait in, and its place in the source.
struct Where {
  const char* operation;
  const char* file;
  int line;
};

// Counts of a block barrier: the threads that came, and those that came with a true predicate.
struct Arrivals {
  unsigned all, true_ones;
};

// Called once for all lanes of an operation; an absent lane is null.
using Combine = void (*)(void* const lanes[32]);

// What a kernel asks of the driver. All of it may switch to another thread of the block.
struct Runtime {
  Arrivals (*barrier)(const Where& where, bool predicate);
  void (*collective)(const Where& where, unsigned mask, void* data, Combine combine);
  unsigned (*live_lanes)();
  void (*trap)(const Where& where);
};

// One in each module; the driver writes it as it moves from thread to thread.
struct ModuleState {
  const Runtime* runtime;
  Dim thread, block, block_dim, grid_dim;
  unsigned lane;
  void* dynamic_shared;
  char *shared_begin, *shared_end;  // the static shared variables of all kernels
};

struct Entry {
  const char* name;
  unsigned long parameter_bytes;
  void (*call)(const char* parameters);
};

// The fake cubin: this, then the bytes of a shared library.
struct CubinHeader {
  char magic[8];
  unsigned long long bytes;  // of the library
  unsigned arch;             // 90 for sm_90
  unsigned unused;
};
inline constexpr char kCubinMagic[8] = {'F', 'A', 'K', 'E', 'C', 'U', 'B', '1'};

}  // namespace fake
