// Philox4x32-10 (Salmon et al. 2011) on several counters at once, a word in each 64-bit lane. The numbers are those of
// base/philox.hpp.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/isa_table.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
constexpr int kWords = kLanes / 2;
typedef uint64_t Words __attribute__((vector_size(kLanes * 4)));

// The products of the lower halves of each lane, and the first and the second half of two vectors lane by lane.
#if defined(__AVX512F__)
HB_INLINE Words multiply(Words a, Words b) { return (Words)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b); }
HB_INLINE Words first_half(Words a, Words b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
HB_INLINE Words second_half(Words a, Words b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#elif defined(__AVX2__)
HB_INLINE Words multiply(Words a, Words b) { return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
HB_INLINE Words first_half(Words a, Words b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
HB_INLINE Words second_half(Words a, Words b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#else
HB_INLINE Words multiply(Words a, Words b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
HB_INLINE Words first_half(Words a, Words b) { return __builtin_shufflevector(a, b, 0, 2); }
HB_INLINE Words second_half(Words a, Words b) { return __builtin_shufflevector(a, b, 1, 3); }
#endif

HB_INLINE Words all(uint64_t v) { return Words{} + v; }
HB_INLINE void put(float* y, Words v) {
  store(y, to_float((IVec)(v >> 8 & all(0x00ffffff00ffffff))) * 5.9604644775390625e-8f);  // 2^-24
}

// kWords blocks, four numbers each.
HB_INLINE void blocks_of(float* y, uint64_t key, uint64_t counter, uint64_t first) {
  Words index = all(first);
  for (int i = 0; i < kWords; ++i) index[i] += uint64_t(i);
  Words w0 = index, w1 = index >> 32, w2 = all(counter & 0xffffffffu), w3 = all(counter >> 32);
  const Words m0 = all(0xD2511F53u), m1 = all(0xCD9E8D57u);
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const Words a = multiply(w0, m0), b = multiply(w2, m1);
    w0 = (b >> 32) ^ w1 ^ all(k0), w1 = b;  // upper halves are of no meaning
    w2 = (a >> 32) ^ w3 ^ all(k1), w3 = a;
  }
  const Words low = (w0 & 0xffffffffu) | (w1 << 32), high = (w2 & 0xffffffffu) | (w3 << 32);
  put(y, first_half(low, high));
  put(y + kLanes, second_half(low, high));
}

void uniform(float* y, uint64_t key, uint64_t counter, uint64_t first, int64_t blocks) {
  for (; blocks >= kWords; blocks -= kWords, y += 4 * kWords, first += kWords) blocks_of(y, key, counter, first);
  if (blocks == 0) return;
  float rest[4 * kWords];
  blocks_of(rest, key, counter, first);
  for (int64_t i = 0; i < 4 * blocks; ++i) y[i] = rest[i];
}
}  // namespace

void fill_random(IsaTable& t) { t.uniform = uniform; }
}  // namespace hornbeam::isa::HB_ISA_NAME
