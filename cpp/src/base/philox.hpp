// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011): four random words as a pure function of a counter and a key.
#pragma once

#include <cstdint>

namespace hornbeam {

struct PhiloxWords {
  uint32_t word[4];
};

inline PhiloxWords philox(uint64_t key, uint64_t counter, uint64_t index) {
  uint32_t c[4] = {uint32_t(index), uint32_t(index >> 32), uint32_t(counter), uint32_t(counter >> 32)};
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * c[0], b = uint64_t(0xCD9E8D57u) * c[2];
    const uint32_t next[4] = {uint32_t(b >> 32) ^ c[1] ^ k0, uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ k1, uint32_t(a)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c[0], c[1], c[2], c[3]}};
}
}  // namespace hornbeam
