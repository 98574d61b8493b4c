// Uniform numbers from Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011), those of the CPU to the bit, and the check for
// finite values.
#pragma once
#include "core.cuh"

struct PhiloxWords {
  u32 word[4];
};

__device__ __forceinline__ PhiloxWords philox(u64 key, u64 counter, u64 index) {
  u32 c0 = u32(index), c1 = u32(index >> 32), c2 = u32(counter), c3 = u32(counter >> 32);
  u32 k0 = u32(key), k1 = u32(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const u64 a = u64(0xD2511F53u) * c0, b = u64(0xCD9E8D57u) * c2;
    c0 = u32(b >> 32) ^ c1 ^ k0, c1 = u32(b);
    c2 = u32(a >> 32) ^ c3 ^ k1, c3 = u32(a);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

__device__ __forceinline__ float uniform_of(const PhiloxWords& w, int k, float) {
  return float(w.word[k] >> 8) * 5.9604644775390625e-8f;  // 2^-24
}
__device__ __forceinline__ double uniform_of(const PhiloxWords& w, int k, double) {
  return double((u64(w.word[2 * k]) << 32 | w.word[2 * k + 1]) >> 11) * 1.1102230246251565e-16;  // 2^-53
}

/// A block of the generator, 16 bytes, a thread at a time. The stream takes the counter's upper bits.
template <class T>
__global__ void random_uniform(Run run, const i64* seed, T* y, i64 n, i64 stream) {
  if (run.halted()) return;
  constexpr int per = 16 / sizeof(T);
  const u64 key = u64(seed[0]), counter = u64(seed[1]) ^ (u64(stream) << 48);
  for (i64 b = first_index(); b * per < n; b += index_stride()) {
    const PhiloxWords w = philox(key, counter, u64(b));
#pragma unroll
    for (int k = 0; k < per; ++k)
      if (b * per + k < n) y[b * per + k] = uniform_of(w, k, T(0));
  }
}

template <class T>
__global__ void check_finite(Run run, const T* x, T* y, i64 n) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) {
    const T v = x[i];
    if (!(v - v == T(0))) run.fail(i);
    if (y) y[i] = v;
  }
}
