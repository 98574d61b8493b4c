// How the threads of a grid share [outer, n, inner] where the axis in the middle is taken together.
#pragma once
#include "core.cuh"

constexpr int kShareThreads = 512;  // at most, of a block

/// A thread's place: one of [outer, inner], and every `ty`th element of [begin, end) from begin + lane on.
struct Place {
  i64 outer, chunk, inner, begin, end;
  int lane;
  bool inside;  // there is such a place
};

/// Of a block's threads tx are side by side on `inner`, ty along n, the rest on `outer`. n is cut into chunks.
struct Shares {
  i64 outer, n, inner, length, chunks;
  int tx, ty;

  __device__ __forceinline__ explicit Shares(const Dims& d)
      : outer(d.n[0]), n(d.n[1]), inner(d.n[2]), length(d.n[3]), chunks(d.n[4]), tx(d.n[5]), ty(d.n[6]) {}
  __device__ __forceinline__ i64 tiles() const { return (inner + tx - 1) / tx; }
  __device__ __forceinline__ int rows() const { return blockDim.x / (tx * ty); }  // of outer
  __device__ __forceinline__ i64 blocks() const { return tiles() * chunks * ((outer + rows() - 1) / rows()); }

  __device__ __forceinline__ Place place(i64 block) const {
    const i64 wide = tiles(), rest = block / wide;
    const int t = threadIdx.x;
    Place p;
    p.inner = block % wide * tx + t % tx;
    p.chunk = rest % chunks;
    p.outer = rest / chunks * rows() + t / (tx * ty);
    p.lane = t / tx % ty;
    p.inside = p.inner < inner && p.outer < outer;
    p.begin = p.chunk * length;
    p.end = p.inside ? min(n, p.begin + length) : p.begin;
    return p;
  }
  /// The element i of n at the thread's place, in [outer, n, inner].
  __device__ __forceinline__ i64 element(const Place& p, i64 i) const { return (p.outer * n + i) * inner + p.inner; }
  /// Where the result of a chunk at the thread's place goes, in [outer, chunks, inner].
  __device__ __forceinline__ i64 result(const Place& p) const { return (p.outer * chunks + p.chunk) * inner + p.inner; }
  /// Combines what the lanes of a place have, in an order that is always the same, for lane 0. All threads of the block
  /// call it; it begins with a barrier, so that one call may follow another.
  template <class T, class Op>
  __device__ __forceinline__ T join_lanes(T x, Op op) const {
    if (ty == 1) return x;
    __shared__ T part[kShareThreads];
    const int t = threadIdx.x, lane = t / tx % ty;
    __syncthreads();
    part[t] = x;
    for (int step = ty / 2; step > 0; step /= 2) {
      __syncthreads();
      if (lane < step) part[t] = x = op(x, part[t + step * tx]);
    }
    return x;
  }
};
