// Byte strings numbered in the order in which they came: all bytes in one arena, found by open addressing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/hash.hpp"

namespace hornbeam {

class TermIndex {
 public:
  static constexpr size_t kMost = UINT32_MAX - 1;  // terms

  size_t size() const { return ends_.size(); }
  std::string_view term(size_t number) const {
    const uint64_t begin = number ? ends_[number - 1] : 0;
    return {bytes_.data() + begin, size_t(ends_[number] - begin)};
  }
  const std::string& bytes() const { return bytes_; }
  const std::vector<uint64_t>& ends() const { return ends_; }

  /// The term's number, -1 when it is not there; `hash` is its fingerprint64.
  int64_t find(std::string_view text, uint64_t hash) const {
    return slots_.empty() ? -1 : slots_[slot(text, hash)].number();
  }
  int64_t find(std::string_view text) const { return find(text, fingerprint64(text)); }
  /// The term's number; it is added when it is not there. Throws ValueError when there is no room for more.
  int64_t insert(std::string_view text, uint64_t hash);
  /// Makes room for terms and all their bytes.
  void reserve(size_t terms, size_t bytes);

 private:
  struct Slot {
    uint32_t tag = 0;      // bits of the hash, to tell most strings apart without reading them
    uint32_t number1 = 0;  // the term's number and 1; 0: empty
    int64_t number() const { return int64_t(number1) - 1; }
  };
  // Where the term is, or would be put.
  size_t slot(std::string_view text, uint64_t hash) const {
    const auto tag = uint32_t(hash >> 32);
    const size_t mask = slots_.size() - 1;
    size_t i = size_t(hash) & mask;
    while (slots_[i].number1 && !(slots_[i].tag == tag && term(slots_[i].number1 - 1) == text)) i = (i + 1) & mask;
    return i;
  }
  void grow(size_t slots);

  std::string bytes_;
  std::vector<uint64_t> ends_;  // of each term's bytes
  std::vector<Slot> slots_;     // a power of two of them, at most half of them taken
};

}  // namespace hornbeam
