// Takes the place of the device's intrinsics.cuh, which is written in PTX, when kernels are compiled for the fake
// device.
#pragma once

inline void* dynamic_shared() { return fake::state.dynamic_shared; }

inline void prefetch(const void*) {}

inline float half_to_float(unsigned short h) {
  const unsigned sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3FFu;
  if (exponent == 31) return __uint_as_float(sign | 0x7F800000u | fraction << 13);
  const float magnitude =
      exponent == 0 ? ldexpf(fraction, -24) : ldexpf(fraction | 0x400u, static_cast<int>(exponent) - 25);
  return __uint_as_float(sign | __float_as_uint(magnitude));
}

// Rounds to nearest, ties to even.
inline unsigned short float_to_half(float x) {
  const unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u;
  const float magnitude = fabsf(x);
  if (magnitude != magnitude) return 0x7FFF;
  if (magnitude >= 65520.0f) return sign | 0x7C00u;
  if (magnitude < 6.103515625e-05f) return sign | static_cast<unsigned>(rintf(ldexpf(magnitude, 24)));
  const unsigned m = __float_as_uint(magnitude);
  return sign | (((m + 0xFFFu + (m >> 13 & 1)) >> 13) - (112u << 10));
}

inline float bf16_to_float(unsigned short b) { return __uint_as_float(static_cast<unsigned>(b) << 16); }

inline unsigned short float_to_bf16(float x) {
  const unsigned bits = __float_as_uint(x);
  if (x != x) return 0x7FFF;
  return (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
}

namespace fake {

struct FloatFragments {
  float* d;
  const float *a, *b;
};

// mma.sync.m16n8k8.row.col of tf32: A is 16 x 8, B 8 x 8, D 16 x 8. The hardware leaves out what tf32 has no bits for.
inline void combine_mma_tf32(void* const lanes[32]) {
  const auto cut = [](float x) { return __uint_as_float(__float_as_uint(x) & 0xFFFFE000u); };
  float a[16][8], b[8][8];
  for (int lane = 0; lane < 32; ++lane) {
    if (!lanes[lane]) continue;
    const FloatFragments& mine = *static_cast<const FloatFragments*>(lanes[lane]);
    const int group = lane / 4, one = lane % 4;
    for (int reg = 0; reg < 4; ++reg) a[group + reg % 2 * 8][one + reg / 2 * 4] = cut(mine.a[reg]);
    for (int reg = 0; reg < 2; ++reg) b[one + reg * 4][group] = cut(mine.b[reg]);
  }
  for (int lane = 0; lane < 32; ++lane) {
    if (!lanes[lane]) continue;
    float* d = static_cast<const FloatFragments*>(lanes[lane])->d;
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      double sum = d[i];
      for (int k = 0; k < 8; ++k) sum += static_cast<double>(a[row][k]) * b[k][column];
      d[i] = static_cast<float>(sum);
    }
  }
}

}  // namespace fake

// Rounds to nearest, ties away from zero.
inline float round_to_tf32(float x) {
  const unsigned bits = __float_as_uint(x);
  return x != x ? x : __uint_as_float((bits + (isfinite(x) ? 0x1000u : 0u)) & 0xFFFFE000u);
}
inline void mma_16x8x8_tf32(float d[4], const float a[4], const float b[2], FAKE_PLACE) {
  fake::FloatFragments mine{d, a, b};
  fake::state.runtime->collective({"mma_16x8x8_tf32", file, line}, 0xFFFFFFFFu, &mine, fake::combine_mma_tf32);
}
