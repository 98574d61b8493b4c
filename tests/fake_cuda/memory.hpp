// Device memory of the fake: allocations between guard pages in one reserved range of addresses, filled with 0xFF.
#pragma once
#include <cstddef>
#include <map>

#include "cuda_api.hpp"

namespace fake {

class Memory {
 public:
  explicit Memory(size_t total);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  CUdeviceptr allocate(size_t bytes);
  void free(CUdeviceptr pointer);
  void* allocate_host(size_t bytes);
  void free_host(void* pointer);

  // Throw INVALID_VALUE, with a line on stderr, unless the range is one that a copy may touch.
  void check_device(CUdeviceptr pointer, size_t bytes, const char* who) const;
  void check_host(const void* pointer, size_t bytes, const char* who) const;

  size_t total() const { return total_; }
  size_t available() const { return total_ - used_; }

  // With HB_FAKE_CUDA_PROTECT=1 device memory can be touched between open and close alone.
  void open() { protect(true); }
  void close() { protect(false); }

 private:
  struct Allocation {
    size_t bytes;  // as asked for
    char* pages;   // the first page
    size_t mapped;
  };
  char* find_pages(size_t bytes);
  void protect(bool accessible);

  size_t total_;
  size_t used_ = 0;
  bool protect_;
  char* range_;
  size_t range_bytes_;
  char* next_;                              // where the next allocation is looked for
  std::map<CUdeviceptr, Allocation> live_;  // by address
  std::map<const void*, size_t> host_;      // pinned host memory
};

}  // namespace fake
