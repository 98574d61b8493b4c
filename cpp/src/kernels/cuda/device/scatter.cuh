// Sums of rows by index, always in one order. Many ids are sorted first, by where they point to and then by where they
// stand; then chunks of them are summed, and the runs of equal ids that chunks cut are joined.
#pragma once
#include "core.cuh"

/// Where an id points to, above where it stands: no two are equal. What is refused points behind all that there is.
__device__ __forceinline__ u64 key_of(u64 target, i64 i) { return target << 32 | u64(i); }
__device__ __forceinline__ u64 target_of(u64 key) { return key >> 32; }
__device__ __forceinline__ u64 place_of_key(u64 key) { return key & 0xffffffffu; }
constexpr u64 kRefused = 0xffffffffu;

/// Arithmetic of ints wraps.
template <class T>
__device__ __forceinline__ T add(T a, T b) {
  return a + b;
}
__device__ __forceinline__ int add(int a, int b) { return int(u32(a) + u32(b)); }
__device__ __forceinline__ i64 add(i64 a, i64 b) { return i64(u64(a) + u64(b)); }

/// Keys of ids [.., picks, inner] that point into [.., limit, inner], sorted by tiles, of a power of two, each by a
/// block (Batcher's bitonic network, 1968).
template <class Id>
__global__ void sort_tiles(Run run, const Id* ids, u64* keys, i64 n, i64 limit, i64 picks, i64 inner, i64 tile) {
  if (run.halted()) return;
  u64* const shared = static_cast<u64*>(dynamic_shared());
  const i64 first = blockIdx.x * tile;
  for (i64 k = threadIdx.x; k < tile; k += blockDim.x) {
    const i64 i = first + k;
    u64 target = kRefused;
    if (i < n) {
      const i64 id = ids[i];
      if (id >= 0 && id < limit)
        target = (i / (picks * inner) * limit + id) * inner + i % inner;
      else
        run.fail(i);
    }
    shared[k] = key_of(target, i);
  }
  for (i64 sorted = 2; sorted <= tile; sorted *= 2)
    for (i64 step = sorted / 2; step > 0; step /= 2) {
      __syncthreads();
      for (i64 k = threadIdx.x; k < tile / 2; k += blockDim.x) {
        const i64 a = (k & ~(step - 1)) * 2 | (k & (step - 1)), b = a | step;
        const u64 x = shared[a], y = shared[b];
        if ((x > y) == ((a & sorted) == 0)) shared[a] = y, shared[b] = x;
      }
    }
  __syncthreads();
  for (i64 k = threadIdx.x; k < tile && first + k < n; k += blockDim.x) keys[first + k] = shared[k];
}

/// Every two neighbours of the sorted stretches of `width` become one: each key finds how many of the other go before
/// it.
__global__ void merge_tiles(Run run, const u64* from, u64* to, i64 n, i64 width) {
  if (run.halted()) return;
  for (i64 i = first_index(); i < n; i += index_stride()) {
    const i64 own = i & ~(width - 1), pair = i & ~(2 * width - 1);
    const i64 other = own == pair ? pair + width : pair;
    const u64 key = from[i];
    i64 low = min(other, n), high = min(other + width, n);
    const i64 begin = low;
    while (low < high) {
      const i64 middle = (low + high) / 2;
      if (from[middle] < key)
        low = middle + 1;
      else
        high = middle;
    }
    to[pair + (i - own) + (low - begin)] = key;
  }
}

/// The sums of the runs of equal targets in each chunk of keys, a thread a column. What a chunk has of a run that
/// others share goes to `parts`, of two rows a chunk: of a run that began before, and of one that begins here and goes
/// on.
template <class T>
__global__ void sum_chunks(Run run, const u64* keys, const T* x, T* y, Wide<T>* parts, i64 n, i64 rows, i64 inner,
                           i64 chunk) {
  if (run.halted()) return;
  constexpr int kAtOnce = 8;
  const i64 chunks = (n + chunk - 1) / chunk;
  for (i64 t = first_index(); t < chunks * inner; t += index_stride()) {
    const i64 c = t / inner, column = t - c * inner, begin = c * chunk, end = min(begin + chunk, n);
    u64 target = target_of(keys[begin]);
    bool shared = begin > 0 && target_of(keys[begin - 1]) == target;
    Wide<T> sum = 0;
    const auto put = [&] {
      if (shared)
        parts[2 * c * inner + column] = sum;
      else if (target < u64(rows))
        y[target * inner + column] = narrow<T>(sum);
    };
    for (i64 at = begin; at < end; at += kAtOnce) {
      u64 key[kAtOnce];
      Wide<T> value[kAtOnce];
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k)
        if (at + k < end) key[k] = keys[at + k], value[k] = widen(x[place_of_key(key[k]) * inner + column]);
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k)
        if (at + k < end) {
          if (target_of(key[k]) != target) {
            put();
            target = target_of(key[k]), sum = 0, shared = false;
          }
          sum = add(sum, value[k]);
        }
    }
    if (!shared && end < n && target_of(keys[end]) == target)
      parts[(2 * c + 1) * inner + column] = sum;
    else
      put();
  }
}

/// The sums of the runs that chunks share: a block for those that begin in one chunk, eight threads a column.
template <class T>
__global__ void join_chunks(Run run, const u64* keys, const Wide<T>* parts, T* y, i64 n, i64 rows, i64 inner,
                            i64 chunk) {
  constexpr int kColumns = 32, kSlices = 8;
  __shared__ Wide<T> sums[kSlices][kColumns];
  if (run.halted()) return;
  const int lane = threadIdx.x % kColumns, slice = threadIdx.x / kColumns;
  const i64 chunks = (n + chunk - 1) / chunk;
  for (i64 c = blockIdx.x; c + 1 < chunks; c += gridDim.x) {
    const i64 begin = c * chunk, end = begin + chunk;
    const u64 target = target_of(keys[end - 1]);
    const bool began_before = begin > 0 && target_of(keys[begin - 1]) == target;
    if (target >= u64(rows) || target_of(keys[end]) != target || began_before) continue;
    i64 low = end, high = n;  // the run's end is in (low, high]
    while (high - low > 1) {
      const i64 middle = (low + high) / 2;
      (target_of(keys[middle]) == target ? low : high) = middle;
    }
    const i64 last = low / chunk;  // the chunk where it ends
    for (i64 first = blockIdx.y * i64(kColumns); first < inner; first += gridDim.y * i64(kColumns)) {
      const i64 column = first + lane;
      Wide<T> sum = 0;
      if (column < inner) {
#pragma unroll 4
        for (i64 k = c + 1 + slice; k <= last; k += kSlices) sum = add(sum, parts[2 * k * inner + column]);
      }
      sums[slice][lane] = sum;
      __syncthreads();
      if (slice == 0 && column < inner) {
        sum = parts[(2 * c + 1) * inner + column];
        for (int k = 0; k < kSlices; ++k) sum = add(sum, sums[k][lane]);
        y[target * inner + column] = narrow<T>(sum);
      }
      __syncthreads();
    }
  }
}

/// Of ids and x [outer, picks, inner], each adds to an element of y [outer, n, inner]: a thread for all that share a
/// line.
template <class T, class Id>
__global__ void add_along(Run run, const Id* ids, const T* x, T* y, i64 lines, i64 n, i64 picks, i64 inner) {
  if (run.halted()) return;
  for (i64 t = first_index(); t < lines; t += index_stride()) {
    const i64 outer = t / inner, at = t - outer * inner;
    for (i64 p = 0; p < picks; ++p) {
      const i64 i = (outer * picks + p) * inner + at, id = ids[i];
      if (id < 0 || id >= n) {
        run.fail(i);
        continue;
      }
      T& to = y[(outer * n + id) * inner + at];
      to = narrow<T>(add(widen(to), widen(x[i])));
    }
  }
}
