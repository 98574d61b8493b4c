// softmax and log_softmax along the last axis, and the cross-entropy of classes given by number. A row of -inf gives
// zeros, whose logarithm is -inf.
#pragma once
#include "rows.cuh"

/// The largest element of a row, and the sum of exp(x - top), which is NaN where an element is NaN or +inf. With
/// kReplace, registers hold these exponentials afterwards.
template <class T, int kLanes, int kEach, bool kReplace>
struct Exponentials : Elements<T, kLanes, kEach> {
  using W = Wide<T>;
  W top = -infinity<W>(), sum = 0;

  __device__ __forceinline__ Exponentials(const T* row, i64 n) : Elements<T, kLanes, kEach>(row, n) {
    if constexpr (kEach != 0)
      sum_held(n);
    else
      sum_read(n);
  }
  __device__ __forceinline__ bool nothing() const { return top == -infinity<W>(); }
  __device__ __forceinline__ W exponential(int k, i64 i) const {
    return kReplace && kEach != 0 ? this->held[k] : exp((*this)(k, i) - top);
  }

 private:
  __device__ __forceinline__ void sum_held(i64 n) {
    for_columns<kLanes, kEach>(n, [&](int k, i64) { top = Max()(top, this->held[k]); });
    top = Team<kLanes>::reduce(top, Max());
    for_columns<kLanes, kEach>(n, [&](int k, i64) {
      const W e = exp(this->held[k] - top);
      if (kReplace) this->held[k] = e;
      sum += e;
    });
    sum = Team<kLanes>::reduce(sum, Add());
  }
  // Reads the row once: each larger element scales the sum before it (Milakov and Gimelshein 2018).
  __device__ __forceinline__ void sum_read(i64 n) {
    for_columns<kLanes, kEach>(n, [&](int, i64 i) {
      const W v = widen(this->x[i]);
      const bool more = v > top || v != v;
      const W e = v == -infinity<W>() ? W(0) : exp(more ? top - v : v - top);
      sum = more ? sum * e + 1 : sum + e;
      if (more) top = v;
    });
    const W mine = top;
    top = Team<kLanes>::reduce(top, Max());
    if (mine != top) sum *= exp(mine - top);
    sum = Team<kLanes>::reduce(sum, Add());
    if (top == infinity<W>()) sum = not_a_number<W>();
  }
};

template <class T, int kLanes, int kEach>
__global__ void __launch_bounds__(kRowThreads) softmax_rows(Run run, const T* x, T* y, i64 rows, i64 n) {
  if (run.halted()) return;
  Team<kLanes>::for_rows(rows, [&](i64 r, bool inside) {
    const i64 columns = inside ? n : 0;
    const Exponentials<T, kLanes, kEach, true> row(x + r * n, columns);
    const Wide<T> scale = 1 / row.sum;
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) {
      y[r * n + i] = narrow<T>(row.nothing() ? Wide<T>(0) : row.exponential(k, i) * scale);
    });
  });
}

template <class T, int kLanes, int kEach>
__global__ void __launch_bounds__(kRowThreads) log_softmax_rows(Run run, const T* x, T* y, i64 rows, i64 n) {
  if (run.halted()) return;
  Team<kLanes>::for_rows(rows, [&](i64 r, bool inside) {
    const i64 columns = inside ? n : 0;
    const Exponentials<T, kLanes, kEach, false> row(x + r * n, columns);
    const Wide<T> shift = row.nothing() ? Wide<T>(0) : row.top + log(row.sum);
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) { y[r * n + i] = narrow<T>(row(k, i) - shift); });
  });
}

/// The row's label, or -1 where there is no row or its label is refused.
template <class I>
__device__ __forceinline__ i64 label_at(const Run& run, const I* labels, i64 r, bool inside, i64 n, int lane) {
  if (!inside) return -1;
  const i64 label = labels[r];
  if (label >= 0 && label < n) return label;
  if (lane == 0) run.fail(r);
  return -1;
}

template <class T, class I, int kLanes, int kEach>
__global__ void __launch_bounds__(kRowThreads)
    cross_entropy_rows(Run run, const T* x, const I* labels, T* y, i64 rows, i64 n) {
  if (run.halted()) return;
  Team<kLanes>::for_rows(rows, [&](i64 r, bool inside) {
    const int lane = Team<kLanes>::lane();
    const i64 label = label_at(run, labels, r, inside, n, lane);
    const Exponentials<T, kLanes, kEach, false> row(x + r * n, label < 0 ? 0 : n);
    if (label < 0 || lane != 0) return;
    const Wide<T> loss = row.top + log(row.sum) - widen(x[r * n + label]);
    y[r] = narrow<T>(row.nothing() ? infinity<Wide<T>>() : loss);
  });
}

template <class T, class I, int kLanes, int kEach>
__global__ void __launch_bounds__(kRowThreads)
    cross_entropy_grad_rows(Run run, const T* x, const I* labels, const T* dy, T* dx, i64 rows, i64 n) {
  if (run.halted()) return;
  Team<kLanes>::for_rows(rows, [&](i64 r, bool inside) {
    const i64 label = label_at(run, labels, r, inside, n, Team<kLanes>::lane());
    const i64 columns = label < 0 ? 0 : n;
    const Exponentials<T, kLanes, kEach, true> row(x + r * n, columns);
    const Wide<T> slope = inside ? widen(dy[r]) : Wide<T>(0), scale = slope / row.sum;
    for_columns<kLanes, kEach>(columns, [&](int k, i64 i) {
      const Wide<T> p = row.nothing() ? Wide<T>(0) : row.exponential(k, i) * scale;
      dx[r * n + i] = narrow<T>(i == label ? p - slope : p);
    });
  });
}
