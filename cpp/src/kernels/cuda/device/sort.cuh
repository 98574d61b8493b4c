// Stable sorting of rows: tiles in shared memory, then merges of sorted runs; and searching what is sorted. Elements
// are ordered by unsigned keys, those of one key by their places.
#pragma once
#include "core.cuh"

/// Keys in the order of numbers, NaN above all.
template <class T>
struct KeyOf {
  using type = u32;
};
template <>
struct KeyOf<double> {
  using type = u64;
};
template <>
struct KeyOf<i64> {
  using type = u64;
};
__device__ __forceinline__ u32 key_of(u8 x) { return x; }
__device__ __forceinline__ u32 key_of(int x) { return u32(x) ^ 0x80000000u; }
__device__ __forceinline__ u64 key_of(i64 x) { return u64(x) ^ u64(1) << 63; }
__device__ __forceinline__ u32 key_of(float x) {
  if (x != x) return ~u32(0);
  const u32 bits = __float_as_uint(x == 0 ? 0.0f : x), sign = 0x80000000u;
  return bits & sign ? ~bits : bits | sign;
}
__device__ __forceinline__ u64 key_of(double x) {
  if (x != x) return ~u64(0);
  const u64 bits = u64(__double_as_longlong(x == 0 ? 0.0 : x)), sign = u64(1) << 63;
  return bits & sign ? ~bits : bits | sign;
}

/// Sources of keys: numbers, from the least or, with how = {1}, from the largest on.
template <class T>
struct Numbers {
  using Element = T;
  using Key = typename KeyOf<T>::type;
  static __device__ __forceinline__ Key key(const Run&, const T* x, i64 i, const Dims& how) {
    const Key key = key_of(widen(x[i]));
    return how.n[0] ? ~key : key;
  }
};
/// Indices [.., picks, inner] along an axis of what is [.., limit, inner], by where they point there; how = {limit,
/// picks, inner}.
template <class T>
struct Indices {
  using Element = T;
  using Key = u32;
  static __device__ __forceinline__ Key key(const Run& run, const T* x, i64 i, const Dims& how) {
    const i64 id = x[i], limit = how.n[0], picks = how.n[1], inner = how.n[2];
    if (id >= 0 && id < limit) return Key((i / (picks * inner) * limit + id) * inner + i % inner);
    run.fail(i);
    return ~Key(0);
  }
};

/// Sorts each tile of `size` (a power of two) elements of rows by a bitonic network; a block takes `held` elements, of
/// several tiles where those are small. keys may be null.
template <class Source>
__global__ void sort_tiles(Run run, const typename Source::Element* x, typename Source::Key* keys, int* order, i64 rows,
                           i64 n, i64 size, i64 held, Dims how) {
  if (run.halted()) return;
  using Key = typename Source::Key;
  Key* key = static_cast<Key*>(dynamic_shared());
  int* place = reinterpret_cast<int*>(key + held);
  const i64 tiles = (n + size - 1) / size, units = rows * tiles, together = held / size;
  for (i64 first = blockIdx.x * together; first < units; first += gridDim.x * together) {
    for (int e = threadIdx.x; e < held; e += blockDim.x) {
      const i64 unit = first + e / size, at = unit % tiles * size + e % size;
      const bool there = unit < units && at < n;
      key[e] = there ? Source::key(run, x, unit / tiles * n + at, how) : ~Key(0);
      place[e] = int(at);  // what is not there comes last by it
    }
    for (int width = 2; width <= size; width *= 2) {
      for (int step = width / 2; step > 0; step /= 2) {
        __syncthreads();
        for (int pair = threadIdx.x; pair < held / 2; pair += blockDim.x) {
          const int a = (pair & ~(step - 1)) * 2 + (pair & (step - 1)), b = a + step;
          const bool ascending = (a & (size - 1) & width) == 0;
          const Key key_a = key[a], key_b = key[b];
          const int place_a = place[a], place_b = place[b];
          const bool after = key_a != key_b ? key_a > key_b : place_a > place_b;
          if (after != ascending) continue;
          key[a] = key_b, key[b] = key_a;
          place[a] = place_b, place[b] = place_a;
        }
      }
    }
    __syncthreads();
    for (int e = threadIdx.x; e < held; e += blockDim.x) {
      const i64 unit = first + e / size, at = unit % tiles * size + e % size;
      if (unit >= units || at >= n) continue;
      order[unit / tiles * n + at] = place[e];
      if (keys) keys[unit / tiles * n + at] = key[e];
    }
    __syncthreads();
  }
}

/// How many of `n` sorted elements come before those for which `before` is false.
template <class Before>
__device__ __forceinline__ i64 count_before(i64 n, Before before) {
  i64 low = 0;
  while (low < n) {
    const i64 middle = (low + n) / 2;
    if (before(middle))
      low = middle + 1;
    else
      n = middle;
  }
  return low;
}

/// Merges sorted runs of `width` elements of rows, two and two: each element finds its place by those of the other run
/// that come before it. keys_to may be null.
template <class Key>
__global__ void merge_runs(Run run, const Key* keys, const int* order, Key* keys_to, int* order_to, i64 rows, i64 n,
                           i64 width) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < rows * n; i += index_stride()) {
    const i64 row = i / n * n, at = i - row, own = at / width * width, both = own / (2 * width) * (2 * width);
    const bool left = own == both;
    const i64 other = min(n, left ? own + width : both), count = min(n, other + width) - other;
    const Key key = keys[i];
    const Key* others = keys + row + other;
    const i64 before = count_before(count, [&](i64 k) { return left ? others[k] < key : others[k] <= key; });
    const i64 to = row + both + (at - own) + before;
    order_to[to] = order[i];
    if (keys_to) keys_to[to] = key;
  }
}

/// Before which of the n sorted elements each value belongs, or behind its equals.
template <class T, bool kRight>
__global__ void search_sorted(Run run, const T* sorted, const T* values, int* y, i64 n, i64 count) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < count; i += index_stride()) {
    const auto key = key_of(widen(values[i]));
    y[i] = int(count_before(n, [&](i64 k) {
      const auto at = key_of(widen(sorted[k]));
      return kRight ? at <= key : at < key;
    }));
  }
}

/// The first of each row of n, all `count` of them.
__global__ void take_first(Run run, const int* order, int* y, i64 count, i64 n, i64 first) {
  if (run.halted()) return;
  for (i64 t = first_index(); t < count; t += index_stride()) y[t] = order[t / first * n + t % first];
}
