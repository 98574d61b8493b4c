// Elements that are read and written together.
#pragma once
#include "core.cuh"

/// V elements that lie next to each other, at a multiple of their size. They do in tensors whose last axis has a
/// multiple of V: these begin at such a place even where they are slices of larger ones.
template <class T, int V>
struct alignas(V * sizeof(T)) Pack {
  T v[V];
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
