// What has no name in CUDA C++ without the toolkit's headers: numbers of 16 bits, shared memory that a launch asks for,
// tensor cores. All that is written in PTX is here.
#pragma once

/// The shared memory of the launch, aligned to 16 bytes.
__device__ __forceinline__ void* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char hb_dynamic_shared[];
  return hb_dynamic_shared;
}

/// Asks for what will be read soon.
__device__ __forceinline__ void prefetch(const void* p) { asm volatile("prefetch.global.L1 [%0];" ::"l"(p)); }

__device__ __forceinline__ float half_to_float(unsigned short h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}
/// Rounds to the nearest, ties to even.
__device__ __forceinline__ unsigned short float_to_half(float f) {
  unsigned short h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
  return h;
}
__device__ __forceinline__ float bf16_to_float(unsigned short b) { return __uint_as_float((unsigned)b << 16); }
/// Rounds to the nearest, ties to even; a NaN stays one.
__device__ __forceinline__ unsigned short float_to_bf16(float f) {
  unsigned short b;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(b) : "f"(f));
  return b;
}

/// float32 with 10 bits after the point, as tensor cores multiply it: to the nearest, ties away from zero.
__device__ __forceinline__ float round_to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits & 0xffffe000u);
}
/// d += a b for a warp: a is 16x8 by rows, b 8x8 by columns, d 16x8, held as PTX lays out mma.m16n8k8. The factors are
/// rounded ones.
__device__ __forceinline__ void mma_16x8x8_tf32(float d[4], const float a[4], const float b[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
        "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}
