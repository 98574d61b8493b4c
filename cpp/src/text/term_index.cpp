#include "text/term_index.hpp"

#include "base/check.hpp"

namespace hornbeam {

int64_t TermIndex::insert(std::string_view text, uint64_t hash) {
  if (2 * (size() + 1) > slots_.size()) grow(slots_.empty() ? 16 : 2 * slots_.size());
  Slot& s = slots_[slot(text, hash)];
  if (!s.number1) {
    HB_CHECK(size() < kMost, "a table may have ", kMost, " terms");
    if (ends_.size() == ends_.capacity()) ends_.reserve(2 * ends_.size() + 16);  // what may fail comes first
    bytes_ += text;
    ends_.push_back(bytes_.size());
    s = {uint32_t(hash >> 32), uint32_t(size())};
  }
  return s.number();
}

void TermIndex::reserve(size_t terms, size_t bytes) {
  size_t slots = 16;
  while (slots < 2 * (terms + 1)) slots *= 2;
  if (slots > slots_.size()) grow(slots);
  ends_.reserve(terms);
  bytes_.reserve(bytes);
}

void TermIndex::grow(size_t slots) {
  slots_.assign(slots, {});
  for (size_t n = 0; n < size(); ++n) {
    const uint64_t hash = fingerprint64(term(n));
    size_t i = size_t(hash) & (slots - 1);
    while (slots_[i].number1) i = (i + 1) & (slots - 1);
    slots_[i] = {uint32_t(hash >> 32), uint32_t(n + 1)};
  }
}
}  // namespace hornbeam
