// One time step of SimpleRNN, LSTM or GRU, and of its gradient: a product with the recurrent kernel and, on what a
// block has of it, the cell. The warps of a block share the sum of the product, not its tile: the batch is small as a
// rule.
#pragma once
#include "core.cuh"

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kUnits = 8;  // neighbouring units in a warp; its other lanes take other rows
constexpr int kRowGroups = 32 / kUnits;
constexpr int kChunk = 32;  // of the axis summed over: what a warp has in shared memory at a time

/// Neighbours that move together.
template <int n>
struct alignas(n * sizeof(float)) Pack {
  float x[n];
};
template <int n>
__device__ __forceinline__ Pack<n>& pack_at(float* p) {
  return *reinterpret_cast<Pack<n>*>(p);
}

__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/// Rows of a matrix; in all steps of a sequence, or in one state.
struct Rows {
  const float* at;
  i64 stride;
};

/// A product's tile: kRows * 4 rows of the batch by kGates * kGroups * 8 columns, namely kGroups groups of neighbouring
/// units in each gate.
template <int kRows, int kGates, int kGroups>
struct StepTile {
  static constexpr int kHeight = kRows * kRowGroups, kNumbers = kGates * kGroups;
  static constexpr int kLine = kHeight + 4;                 // floats from one summed index to the next
  static constexpr int kSumLine = (kNumbers + 1) * kUnits;  // and from one row to the next
  static constexpr int kFactors = kChunk * kLine, kSums = kHeight * kSumLine;
  static constexpr int kAtOnce = kNumbers > 1 ? 8 : 16;  // summed indices whose weights a thread reads together
  static constexpr int kUnitsOfBlock = kGroups * kUnits;
  static constexpr int kElements = kHeight * kUnitsOfBlock;  // of a gate

  struct alignas(16) Shared {
    float x[kWarps * (kFactors > kSums ? kFactors : kSums)];
  };
  Shared& shared;
  i64 batch, units, first_row, first_unit;

  /// Blocks: x goes over rows, y over units.
  __device__ __forceinline__ StepTile(Shared& s, i64 rows, i64 columns)
      : shared(s),
        batch(rows),
        units(columns),
        first_row(i64(blockIdx.x) * kHeight),
        first_unit(i64(blockIdx.y) * kUnitsOfBlock) {}

  /// Sums a[row, k] b[k, gate * units + unit] over k < depth; `at` gives the results.
  __device__ __forceinline__ void multiply(const Rows& a, const float* b, int depth) {
    const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
    const int share = (depth + kWarps - 1) / kWarps, begin = warp * share, end = min(begin + share, depth);
    float* factors = shared.x + warp * kFactors;
    float sum[kRows][kNumbers];
    const float* column[kNumbers];
#pragma unroll
    for (int n = 0; n < kNumbers; ++n) {
      const i64 unit = first_unit + n % kGroups * kUnits + lane % kUnits;
      column[n] = b + n / kGroups * units + (unit < units ? unit : units - 1);
#pragma unroll
      for (int i = 0; i < kRows; ++i) sum[i][n] = 0;
    }
    const i64 line = kGates * units;
    for (int first = begin; first < end; first += kChunk) {
      const int k = first + lane;
#pragma unroll 4
      for (int r = 0; r < kHeight; r += 4) {
        Pack<4> x;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const i64 row = first_row + r + i;
          x.x[i] = k < end && row < batch ? a.at[row * a.stride + k] : 0.0f;
        }
        pack_at<4>(factors + lane * kLine + r) = x;
      }
      __syncwarp();
      auto load = [&](int l, float(&w)[kNumbers]) {
#pragma unroll
        for (int n = 0; n < kNumbers; ++n) w[n] = column[n][(first + l) * line];
      };
      auto add = [&](int l, const float(&w)[kNumbers]) {
        constexpr int kPack = kRows < 4 ? kRows : 4;
#pragma unroll
        for (int i = 0; i < kRows; i += kPack) {
          const Pack<kPack> x = pack_at<kPack>(factors + l * kLine + lane / kUnits * kRows + i);
#pragma unroll
          for (int m = 0; m < kPack; ++m)
#pragma unroll
            for (int n = 0; n < kNumbers; ++n) sum[i + m][n] += x.x[m] * w[n];
        }
      };
      const int summed = min(end - first, kChunk);
      int l = 0;
      for (; l + kAtOnce <= summed; l += kAtOnce) {
        float w[kAtOnce][kNumbers];  // on their way together
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) load(l + i, w[i]);
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) add(l + i, w[i]);
      }
      for (; l < summed; ++l) {
        float w[kNumbers];
        load(l, w);
        add(l, w);
      }
      __syncwarp();
    }
    __syncthreads();  // factors are read: their place takes the sums
#pragma unroll
    for (int i = 0; i < kRows; ++i)
#pragma unroll
      for (int n = 0; n < kNumbers; ++n)
        shared.x[warp * kSums + (lane / kUnits * kRows + i) * kSumLine + n * kUnits + lane % kUnits] = sum[i][n];
    __syncthreads();
  }

  /// Calls f(e, row, unit) for each element that this thread has of a state; elements are numbered within the tile.
  template <class F>
  __device__ __forceinline__ void each(F f) const {
    for (int e = threadIdx.x; e < kElements; e += kThreads) {
      const i64 row = first_row + e / kUnits % kHeight,
                unit = first_unit + e / (kUnits * kHeight) * kUnits + e % kUnits;
      if (row < batch && unit < units) f(e, row, unit);
    }
  }
  /// The product for a gate of element e.
  __device__ __forceinline__ float at(int e, int gate) const {
    const int number = gate * kGroups + e / (kUnits * kHeight);
    const float* from = shared.x + e / kUnits % kHeight * kSumLine + number * kUnits + e % kUnits;
    float sum = from[0];
    for (int w = 1; w < kWarps; ++w) sum += from[w * kSums];
    return sum;
  }
};

/// What a cell makes of the parts of its gates that come of the inputs (x) and of the state (s).
struct CellStates {
  float h, c;
};
/// The gradients of a step: from that of the state after it, in all, to those of gates and states before.
struct CellSlopes {
  float x[4], s[4];  // of the inputs' part of the gates, and of the state's
  float direct;      // of the state before, but for the product
  float c;           // of the cell state
};

struct Lstm {  // gates i, f, g, o
  static constexpr int kGates = 4, kKept = 4;
  static constexpr bool kCellState = true, kBias = false;
  static __device__ __forceinline__ CellStates step(const float* x, const float* s, CellStates before, float* kept) {
    const float i = sigmoid(x[0] + s[0]), f = sigmoid(x[1] + s[1]), g = tanhf(x[2] + s[2]), o = sigmoid(x[3] + s[3]);
    kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o;
    const float c = f * before.c + i * g;
    return {o * tanhf(c), c};
  }
  static __device__ __forceinline__ CellSlopes slopes(const float* kept, CellStates before, CellStates after, float dh,
                                                      float dc) {
    const float i = kept[0], f = kept[1], g = kept[2], o = kept[3], t = tanhf(after.c);
    const float d = dc + dh * o * (1 - t * t);
    CellSlopes r{};
    r.x[0] = d * g * i * (1 - i);
    r.x[1] = d * before.c * f * (1 - f);
    r.x[2] = d * i * (1 - g * g);
    r.x[3] = dh * t * o * (1 - o);
    r.c = d * f;
    return r;
  }
};

struct Gru {  // gates z, r, candidate; its state's part is kept, too
  static constexpr int kGates = 3, kKept = 4;
  static constexpr bool kCellState = false, kBias = true;
  static __device__ __forceinline__ CellStates step(const float* x, const float* s, CellStates before, float* kept) {
    const float z = sigmoid(x[0] + s[0]), r = sigmoid(x[1] + s[1]), a = tanhf(x[2] + r * s[2]);
    kept[0] = z, kept[1] = r, kept[2] = a, kept[3] = s[2];
    return {z * before.h + (1 - z) * a, 0};
  }
  static __device__ __forceinline__ CellSlopes slopes(const float* kept, CellStates before, CellStates, float dh,
                                                      float) {
    const float z = kept[0], r = kept[1], a = kept[2], da = dh * (1 - z) * (1 - a * a);
    CellSlopes d{};
    d.x[0] = d.s[0] = dh * (before.h - a) * z * (1 - z);
    d.x[1] = d.s[1] = da * kept[3] * r * (1 - r);
    d.x[2] = da, d.s[2] = da * r;
    d.direct = dh * z;
    return d;
  }
};

struct SimpleTanh {
  static constexpr int kGates = 1, kKept = 0;
  static constexpr bool kCellState = false, kBias = false;
  static __device__ __forceinline__ CellStates step(const float* x, const float* s, CellStates, float*) {
    return {tanhf(x[0] + s[0]), 0};
  }
  static __device__ __forceinline__ CellSlopes slopes(const float*, CellStates, CellStates after, float dh, float) {
    CellSlopes d{};
    d.x[0] = dh * (1 - after.h * after.h);
    return d;
  }
};

struct SimpleRelu {
  static constexpr int kGates = 1, kKept = 0;
  static constexpr bool kCellState = false, kBias = false;
  static __device__ __forceinline__ CellStates step(const float* x, const float* s, CellStates, float*) {
    const float a = x[0] + s[0];
    return {a < 0 ? 0.0f : a, 0};
  }
  static __device__ __forceinline__ CellSlopes slopes(const float*, CellStates, CellStates after, float dh, float) {
    CellSlopes d{};
    d.x[0] = after.h > 0 ? dh : 0.0f;
    return d;
  }
};

/// Step t of the sequence; `before`: the one that ran before it, or -1. Of gates, [batch, steps, gates * units], and
/// states of all steps. h0, c0 and carry are [batch, units]; where nobody keeps c, which is then null, it is in carry.
/// `extra` is c0 or the bias.
template <class Cell, int kRows, int kGroups>
__global__ void __launch_bounds__(kThreads, 2)
    recurrent_step(Run run, const float* x, const float* kernel, const float* h0, const float* extra, const bool* mask,
                   float* h, float* c, float* kept, float* carry, i64 batch, i64 steps, i64 units, i64 masked, i64 t,
                   i64 before) {
  if (run.halted()) return;
  using Tile = StepTile<kRows, Cell::kGates, kGroups>;
  __shared__ typename Tile::Shared shared;
  Tile tile(shared, batch, units);
  const Rows state = before < 0 ? Rows{h0, units} : Rows{h + before * units, steps * units};
  tile.each([&](int, i64 row, i64 unit) {
    for (int g = 0; g < Cell::kGates; ++g) prefetch(x + ((row * steps + t) * Cell::kGates + g) * units + unit);
  });
  tile.multiply(state, kernel, int(units));
  tile.each([&](int e, i64 row, i64 unit) {
    const i64 step = row * steps + t, place = step * units + unit, in_state = row * units + unit;
    const i64 place_before = (row * steps + before) * units + unit;
    CellStates s{state.at[row * state.stride + unit], 0};
    if (Cell::kCellState) s.c = before < 0 ? extra[in_state] : c ? c[place_before] : carry[in_state];
    if (!masked || mask[step]) {
      float from_x[Cell::kGates], from_state[Cell::kGates], gates[4];
#pragma unroll
      for (int g = 0; g < Cell::kGates; ++g) {
        from_x[g] = x[(step * Cell::kGates + g) * units + unit];
        from_state[g] = tile.at(e, g);
        if (Cell::kBias) from_state[g] += extra[g * units + unit];
      }
      s = Cell::step(from_x, from_state, s, gates);
      if (kept)
#pragma unroll
        for (int g = 0; g < Cell::kKept; ++g) kept[(step * Cell::kKept + g) * units + unit] = gates[g];
    }
    h[place] = s.h;
    if (Cell::kCellState) (c ? c[place] : carry[in_state]) = s.c;
  });
}

/// The gradient of step t, which ran after `before` and before `after` (or -1); with t = -1 only what the first step
/// leaves to h0. dh_carry and dc_carry, [batch, units], hold what reaches the states but through no product; in the end
/// they are the gradients of h0 and c0. `dstate`, of the state's part of the gates, may be dx.
template <class Cell, int kRows, int kGroups>
__global__ void __launch_bounds__(kThreads, 2)
    recurrent_grad_step(Run run, const float* transposed, const float* h0, const float* c0, const bool* mask,
                        const float* h, const float* c, const float* kept, const float* dh, const float* dc, float* dx,
                        float* dstate, float* dh_carry, float* dc_carry, i64 batch, i64 steps, i64 units, i64 masked,
                        i64 with_dc, i64 t, i64 before, i64 after) {
  if (run.halted()) return;
  using Tile = StepTile<kRows, 1, kGroups>;
  __shared__ typename Tile::Shared shared;
  Tile tile(shared, batch, units);
  const i64 width = Cell::kGates * units;
  if (t >= 0)
    tile.each([&](int, i64 row, i64 unit) {
      for (int g = 0; g < Cell::kKept; ++g) prefetch(kept + ((row * steps + t) * Cell::kKept + g) * units + unit);
      prefetch(dh + (row * steps + t) * units + unit);
    });
  if (after >= 0) tile.multiply({dstate + after * width, steps * width}, transposed, int(width));
  tile.each([&](int e, i64 row, i64 unit) {
    const i64 in_state = row * units + unit;
    float d = after < 0 ? 0.0f : tile.at(e, 0) + dh_carry[in_state];
    if (t < 0) {
      dh_carry[in_state] = d;
      return;
    }
    const i64 step = row * steps + t, place = step * units + unit;
    d += dh[place];
    float cell = 0;
    if (Cell::kCellState) {
      cell = after < 0 ? 0.0f : dc_carry[in_state];
      if (with_dc) cell += dc[place];
    }
    CellSlopes r{};
    r.direct = d, r.c = cell;
    if (!masked || mask[step]) {
      const i64 place_before = (row * steps + before) * units + unit;
      CellStates from{before < 0 ? h0[in_state] : h[place_before], 0}, to{h[place], 0};
      if (Cell::kCellState) from.c = before < 0 ? c0[in_state] : c[place_before], to.c = c[place];
      float gates[4];
#pragma unroll
      for (int g = 0; g < Cell::kKept; ++g) gates[g] = kept[(step * Cell::kKept + g) * units + unit];
      r = Cell::slopes(gates, from, to, d, cell);
    }
#pragma unroll
    for (int g = 0; g < Cell::kGates; ++g) {
      const i64 at = (step * Cell::kGates + g) * units + unit;
      dx[at] = r.x[g];
      if (Cell::kBias) dstate[at] = r.s[g];  // of the others the parts are one
    }
    dh_carry[in_state] = r.direct;
    if (Cell::kCellState) dc_carry[in_state] = r.c;
  });
}

/// y [columns, rows] = x^T. A block has 32x32 elements at a time, its threads 8 rows of 32.
template <class T>
__global__ void transpose(Run run, const T* x, T* y, i64 rows, i64 columns) {
  if (run.halted()) return;
  __shared__ T tile[32][33];
  const i64 row = i64(blockIdx.y) * 32, column = i64(blockIdx.x) * 32;
  const int a = threadIdx.x % 32, b = threadIdx.x / 32;
  for (int i = b; i < 32; i += kWarps)
    if (row + i < rows && column + a < columns) tile[i][a] = x[(row + i) * columns + column + a];
  __syncthreads();
  for (int i = b; i < 32; i += kWarps)
    if (column + i < columns && row + a < rows) y[(column + i) * rows + row + a] = tile[a][i];
}
