// float16 and bfloat16 are storage: these convert one element at a time, rounding to nearest even.
#pragma once

#include <cstdint>
#include <cstring>

namespace hornbeam {

struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

inline uint32_t float_bits(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}
inline float bits_float(uint32_t u) {
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

inline float to_float(BFloat16 b) { return bits_float(uint32_t(b.bits) << 16); }
inline BFloat16 to_bfloat16(float f) {
  uint32_t u = float_bits(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {uint16_t((u >> 16) | 64)};  // NaN stays NaN
  return {uint16_t((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

inline float to_float(Half h) {
  uint32_t sign = uint32_t(h.bits & 0x8000u) << 16, exp = (h.bits >> 10) & 31u, man = h.bits & 0x3ffu;
  if (exp == 31) return bits_float(sign | 0x7f800000u | (man << 13));
  if (exp == 0) {  // zero or subnormal: man * 2^-24
    float f = float(man) * 5.9604644775390625e-8f;
    return sign ? -f : f;
  }
  return bits_float(sign | ((exp + 112) << 23) | (man << 13));
}
inline Half to_half(float f) {
  uint32_t u = float_bits(f), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return {uint16_t(sign | 0x7e00u)};
  if (a >= 0x477ff000u) return {uint16_t(sign | 0x7c00u)};  // rounds to infinity
  if (a < 0x38800000u) {                                    // subnormal: let float addition round
    float r = bits_float(a) + 0.5f;
    return {uint16_t(sign | (float_bits(r) - 0x3f000000u))};
  }
  uint32_t r = a - 0x38000000u + 0xfffu + ((a >> 13) & 1u);
  return {uint16_t(sign | (r >> 13))};
}
}  // namespace hornbeam
