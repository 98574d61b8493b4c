#include "text/hash.hpp"

#include <cstring>
#include <utility>

#include "base/check.hpp"

namespace hornbeam {
namespace {
constexpr uint64_t k0 = 0xc3a5c85c97cb3127u, k1 = 0xb492b66fbe98f273u, k2 = 0x9ae16a3b2f90404fu;
using Pair = std::pair<uint64_t, uint64_t>;

template <class T>
T load(const char* p) {  // little endian, as the machines are whose files' tensors are read as they lie
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
uint64_t load64(const char* p) { return load<uint64_t>(p); }
uint64_t right(uint64_t x, int bits) { return (x >> bits) | (x << (64 - bits)); }
uint64_t left(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }
uint64_t shift_mix(uint64_t x) { return x ^ (x >> 47); }

uint64_t mix(uint64_t u, uint64_t v, uint64_t factor) {
  const uint64_t a = shift_mix((u ^ v) * factor);
  return shift_mix((v ^ a) * factor) * factor;
}

uint64_t up_to_16(const char* s, size_t n) {
  if (n >= 8) {
    const uint64_t factor = k2 + n * 2, a = load64(s) + k2, b = load64(s + n - 8);
    return mix(right(b, 37) * factor + a, (right(a, 25) + b) * factor, factor);
  }
  if (n >= 4) return mix(n + (uint64_t(load<uint32_t>(s)) << 3), load<uint32_t>(s + n - 4), k2 + n * 2);
  if (n == 0) return k2;
  const auto byte = [&](size_t i) { return uint32_t(static_cast<unsigned char>(s[i])); };
  const uint32_t y = byte(0) + (byte(n >> 1) << 8), z = uint32_t(n) + (byte(n - 1) << 2);
  return shift_mix(y * k2 ^ z * k0) * k2;
}

uint64_t up_to_32(const char* s, size_t n) {
  const uint64_t factor = k2 + n * 2, a = load64(s) * k1, b = load64(s + 8), c = load64(s + n - 8) * factor,
                 d = load64(s + n - 16) * k2;
  return mix(right(a + b, 43) + right(c, 30) + d, a + right(b + k2, 18) + c, factor);
}

uint64_t up_to_64(const char* s, size_t n) {
  const uint64_t factor = k2 + n * 2, a = load64(s) * k2, b = load64(s + 8), c = load64(s + n - 8) * factor,
                 d = load64(s + n - 16) * k2;
  const uint64_t y = right(a + b, 43) + right(c, 30) + d, z = mix(y, a + right(b + k2, 18) + c, factor);
  const uint64_t e = load64(s + 16) * factor, f = load64(s + 24), g = (y + load64(s + n - 32)) * factor,
                 h = (z + load64(s + n - 24)) * factor;
  return mix(right(e + f, 43) + right(g, 30) + h, e + right(f + a, 18) + g, factor);
}

Pair weak(const char* s, uint64_t a, uint64_t b) {  // of 32 bytes
  const uint64_t z = load64(s + 24);
  a += load64(s);
  b = right(b + a + z, 21);
  const uint64_t c = a;
  a += load64(s + 8);
  a += load64(s + 16);
  b += right(a, 44);
  return {a + z, b + c};
}

// What a long string's 64-byte blocks are taken into; the last one's factors differ.
struct State {
  uint64_t x, y, z;
  Pair v{0, 0}, w{0, 0};

  void block(const char* s, uint64_t factor, uint64_t times) {
    x = right(x + y + v.first + load64(s + 8), 37) * factor;
    y = right(y + v.second + load64(s + 48), 42) * factor;
    x ^= w.second * times;
    y += v.first * times + load64(s + 40);
    z = right(z + w.first, 33) * factor;
    v = weak(s, v.second * factor, x + w.first);
    w = weak(s + 32, z + w.second, y + load64(s + 16));
    std::swap(z, x);
  }
};

struct Sip {
  uint64_t a, b, c, d;

  void rounds(int n) {
    for (; n; --n) {
      a += b;
      b = left(b, 13) ^ a;
      a = left(a, 32);
      c += d;
      d = left(d, 16) ^ c;
      a += d;
      d = left(d, 21) ^ a;
      c += b;
      b = left(b, 17) ^ c;
      c = left(c, 32);
    }
  }
  void take(uint64_t word) {
    d ^= word;
    rounds(2);
    a ^= word;
  }
};
}  // namespace

uint64_t fingerprint64(std::string_view text) {
  const char* s = text.data();
  const size_t n = text.size();
  if (n <= 16) return up_to_16(s, n);
  if (n <= 32) return up_to_32(s, n);
  if (n <= 64) return up_to_64(s, n);
  constexpr uint64_t kSeed = 81;
  State t{kSeed * k2 + load64(s), kSeed * k1 + 113, shift_mix((kSeed * k1 + 113) * k2 + 113) * k2};
  const char* const last = s + n - 64;  // the last block overlaps the one before
  for (const char* const end = s + (n - 1) / 64 * 64; s != end; s += 64) t.block(s, k1, 1);
  const uint64_t factor = k1 + ((t.z & 255) << 1);
  t.w.first += (n - 1) & 63;
  t.v.first += t.w.first;
  t.w.first += t.v.first;
  t.block(last, factor, 9);
  return mix(mix(t.v.first, t.w.first, factor) + shift_mix(t.y) * k0 + t.z, mix(t.v.second, t.w.second, factor) + t.x,
             factor);
}

uint64_t siphash24(std::string_view text, const HashKey& key) {
  Sip t{key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
        key[1] ^ 0x7465646279746573u};
  const size_t whole = text.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) t.take(load64(text.data() + i));
  char last[8] = {};
  if (text.size() > whole) std::memcpy(last, text.data() + whole, text.size() - whole);
  last[7] = char(text.size());
  t.take(load64(last));
  t.c ^= 255;
  t.rounds(4);
  return t.a ^ t.b ^ t.c ^ t.d;
}

int64_t hash_bucket(std::string_view text, int64_t buckets, const HashKey* key) {
  HB_CHECK(buckets > 0, "the number of buckets must be positive. Received: ", buckets);
  return int64_t((key ? siphash24(text, *key) : fingerprint64(text)) % uint64_t(buckets));
}
}  // namespace hornbeam
