// Elements that are read and written together.
#pragma once
#include "core.cuh"

/// V elements that lie next to each other, at a multiple of their size. They do in tensors whose last axis has a
/// multiple of V: these begin at such a place even where they are slices of larger ones.
template <class T, int V>
struct alignas(V * sizeof(T)) Pack {
  T v[V];

  static __device__ __forceinline__ bool aligned(const T* at) {
    return V == 1 || reinterpret_cast<u64>(at) % sizeof(Pack) == 0;
  }
  /// From and to wherever elements may lie: at once where that is `aligned`.
  static __device__ __forceinline__ Pack load(const T* at, bool aligned) {
    if (aligned) return *reinterpret_cast<const Pack*>(at);
    Pack p;
#pragma unroll
    for (int k = 0; k < V; ++k) p.v[k] = at[k];
    return p;
  }
  static __device__ __forceinline__ Pack load(const T* at) { return load(at, aligned(at)); }
  __device__ __forceinline__ void store(T* at, bool aligned) const {
    if (aligned) {
      *reinterpret_cast<Pack*>(at) = *this;
      return;
    }
#pragma unroll
    for (int k = 0; k < V; ++k) at[k] = v[k];
  }
  __device__ __forceinline__ void store(T* at) const { store(at, aligned(at)); }
};
template <int V, class T>
__device__ __forceinline__ Pack<T, V> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, V>*>(from);
}
template <class T, int V>
__device__ __forceinline__ void store_pack(T* to, const Pack<T, V>& pack) {
  *reinterpret_cast<Pack<T, V>*>(to) = pack;
}
/// The same of numbers, rounded to elements.
template <class T, class W, int V>
__device__ __forceinline__ void write_pack(T* to, const W (&numbers)[V]) {
  Pack<T, V> pack;
  for (int j = 0; j < V; ++j) pack.v[j] = narrow<T>(numbers[j]);
  store_pack(to, pack);
}

/// The end of a kernel that writes its numbers. A printed Group may stand in its place.
template <class T>
struct Write {
  T* to;
  template <int V, class W>
  __device__ __forceinline__ void apply(i64 at, const W (&numbers)[V]) const {
    Pack<T, V> pack;
#pragma unroll
    for (int k = 0; k < V; ++k) pack.v[k] = narrow<T>(numbers[k]);
    pack.store(to + at);
  }
};
