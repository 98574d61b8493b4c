#include "memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "state.hpp"

namespace fake {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kAlignment = 256;
constexpr unsigned char kFresh = 0xFF;  // NaN in all float formats

size_t round_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

char* map(void* at, size_t bytes, int protection, int more) {
  void* pages = mmap(at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | more, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}

bool fresh(const char* begin, const char* end) {
  return std::all_of(begin, end, [](char c) { return static_cast<unsigned char>(c) == kFresh; });
}

}  // namespace

Memory::Memory(size_t total) : total_(total), protect_(flag("HB_FAKE_CUDA_PROTECT")) {
  range_ = nullptr;
  for (range_bytes_ = size_t{1} << 40; !range_ && range_bytes_ > total; range_bytes_ /= 2) {
    range_ = map(nullptr, range_bytes_, PROT_NONE, 0);
    if (range_) break;
  }
  if (!range_) fail(CUDA_ERROR_OUT_OF_MEMORY, "no addresses for %zu bytes of device memory", total);
  next_ = range_;
}

Memory::~Memory() {
  munmap(range_, range_bytes_);
  for (const auto& [pointer, bytes] : host_) munmap(const_cast<void*>(pointer), bytes);
}

// Goes on from the last allocation, so that addresses come back as late as possible. One page before each is a guard.
char* Memory::find_pages(size_t bytes) {
  const size_t needed = bytes + kPage;
  for (int attempt = 0; attempt < 2; ++attempt, next_ = range_) {
    char* at = next_;
    auto above = live_.upper_bound(reinterpret_cast<CUdeviceptr>(at));
    if (above != live_.begin()) {
      const Allocation& below = std::prev(above)->second;
      at = std::max(at, below.pages + below.mapped);
    }
    for (; above != live_.end() && static_cast<size_t>(above->second.pages - at) < needed + kPage; ++above) {
      at = above->second.pages + above->second.mapped;
    }
    if (static_cast<size_t>(range_ + range_bytes_ - at) >= needed + kPage) {
      next_ = at + needed;
      return at + kPage;
    }
  }
  return nullptr;
}

CUdeviceptr Memory::allocate(size_t bytes) {
  if (bytes == 0) fail(CUDA_ERROR_INVALID_VALUE, "cuMemAlloc: zero bytes");
  if (bytes > available()) throw Failure{CUDA_ERROR_OUT_OF_MEMORY};
  const size_t rounded = round_up(bytes, kAlignment);
  const size_t mapped = round_up(rounded, kPage);
  char* pages = find_pages(mapped);
  if (!pages || !map(pages, mapped, PROT_READ | PROT_WRITE, MAP_FIXED)) throw Failure{CUDA_ERROR_OUT_OF_MEMORY};
  std::memset(pages, kFresh, mapped);
  if (protect_) mprotect(pages, mapped, PROT_NONE);
  const auto pointer = reinterpret_cast<CUdeviceptr>(pages + mapped - rounded);
  live_[pointer] = {bytes, pages, mapped};
  used_ += bytes;
  return pointer;
}

void Memory::free(CUdeviceptr pointer) {
  if (pointer == 0) return;
  const auto found = live_.find(pointer);
  if (found == live_.end()) {
    fail(CUDA_ERROR_INVALID_VALUE, "cuMemFree: %#llx is not a live allocation (freed before?)", pointer);
  }
  const Allocation allocation = found->second;
  if (protect_) mprotect(allocation.pages, allocation.mapped, PROT_READ);
  const char* begin = reinterpret_cast<const char*>(pointer);
  const bool intact =
      fresh(allocation.pages, begin) && fresh(begin + allocation.bytes, allocation.pages + allocation.mapped);
  map(allocation.pages, allocation.mapped, PROT_NONE, MAP_FIXED);
  used_ -= allocation.bytes;
  live_.erase(found);
  if (!intact) {
    fail(CUDA_ERROR_ILLEGAL_ADDRESS, "cuMemFree: something wrote outside the allocation %#llx of %zu bytes", pointer,
         allocation.bytes);
  }
}

void* Memory::allocate_host(size_t bytes) {
  if (bytes == 0) fail(CUDA_ERROR_INVALID_VALUE, "cuMemHostAlloc: zero bytes");
  const size_t mapped = round_up(bytes, kPage);
  char* pages = map(nullptr, mapped, PROT_READ | PROT_WRITE, 0);
  if (!pages) throw Failure{CUDA_ERROR_OUT_OF_MEMORY};
  std::memset(pages, kFresh, mapped);
  host_[pages] = mapped;
  return pages;
}

void Memory::free_host(void* pointer) {
  const auto found = host_.find(pointer);
  if (found == host_.end()) fail(CUDA_ERROR_INVALID_VALUE, "cuMemFreeHost: %p is not pinned memory", pointer);
  munmap(pointer, found->second);
  host_.erase(found);
}

void Memory::check_device(CUdeviceptr pointer, size_t bytes, const char* who) const {
  const auto* address = reinterpret_cast<const char*>(pointer);
  if (address < range_ || address >= range_ + range_bytes_) {
    fail(CUDA_ERROR_INVALID_VALUE, "%s: %#llx is not a device pointer", who, pointer);
  }
  auto found = live_.upper_bound(pointer);
  if (found == live_.begin() || pointer >= (--found)->first + found->second.bytes) {
    fail(CUDA_ERROR_INVALID_VALUE, "%s: %#llx is in no live allocation", who, pointer);
  }
  const size_t offset = pointer - found->first;
  if (bytes > found->second.bytes - offset) {
    fail(CUDA_ERROR_INVALID_VALUE, "%s: %zu bytes from offset %zu leave the allocation of %zu bytes", who, bytes,
         offset, found->second.bytes);
  }
}

void Memory::check_host(const void* pointer, size_t bytes, const char* who) const {
  const auto* address = static_cast<const char*>(pointer);
  if (!address) fail(CUDA_ERROR_INVALID_VALUE, "%s: the host pointer is null", who);
  if (address + bytes > range_ && address < range_ + range_bytes_) {
    fail(CUDA_ERROR_INVALID_VALUE, "%s: %p is a device pointer, not host memory", who, pointer);
  }
}

void Memory::protect(bool accessible) {
  if (!protect_) return;
  for (const auto& [pointer, allocation] : live_) {
    mprotect(allocation.pages, allocation.mapped, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
}

}  // namespace fake
