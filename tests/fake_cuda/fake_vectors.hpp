// CUDA's vector types, aligned as CUDA aligns them.
#pragma once

using size_t = decltype(sizeof 0);

#define FAKE_VECTORS(T, NAME, ALIGN2, ALIGN4)                        \
  struct NAME##1 {                                                   \
    T x;                                                             \
  };                                                                 \
  struct alignas(ALIGN2) NAME##2 {                                   \
    T x, y;                                                          \
  };                                                                 \
  struct NAME##3 {                                                   \
    T x, y, z;                                                       \
  };                                                                 \
  struct alignas(ALIGN4) NAME##4 {                                   \
    T x, y, z, w;                                                    \
  };                                                                 \
  inline NAME##1 make_##NAME##1(T x) { return {x}; }                 \
  inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; }         \
  inline NAME##3 make_##NAME##3(T x, T y, T z) { return {x, y, z}; } \
  inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }

FAKE_VECTORS(signed char, char, 2, 4)
FAKE_VECTORS(unsigned char, uchar, 2, 4)
FAKE_VECTORS(short, short, 4, 8)
FAKE_VECTORS(unsigned short, ushort, 4, 8)
FAKE_VECTORS(int, int, 8, 16)
FAKE_VECTORS(unsigned, uint, 8, 16)
FAKE_VECTORS(long long, longlong, 16, 16)
FAKE_VECTORS(unsigned long long, ulonglong, 16, 16)
FAKE_VECTORS(float, float, 8, 16)
FAKE_VECTORS(double, double, 16, 16)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(const uint3& d) : x(d.x), y(d.y), z(d.z) {}
};
