// What many elements are combined with: an operation, and what it gives for none.
#pragma once
#include "core.cuh"

/// The least and the largest number of a type.
template <class T>
struct Limits {
  static __device__ __forceinline__ T least() { return -infinity<T>(); }
  static __device__ __forceinline__ T most() { return infinity<T>(); }
};
template <>
struct Limits<int> {
  static __device__ __forceinline__ int least() { return int(0x80000000u); }
  static __device__ __forceinline__ int most() { return 0x7fffffff; }
};
template <>
struct Limits<i64> {
  static __device__ __forceinline__ i64 least() { return i64(u64(1) << 63); }
  static __device__ __forceinline__ i64 most() { return i64(~u64(0) >> 1); }
};
template <>
struct Limits<u8> {
  static __device__ __forceinline__ u8 least() { return 0; }
  static __device__ __forceinline__ u8 most() { return 255; }
};

struct Sum : Add {
  template <class T>
  static __device__ __forceinline__ T none() {
    return T(0);
  }
};
struct Product : Multiply {
  template <class T>
  static __device__ __forceinline__ T none() {
    return T(1);
  }
};
struct Largest : Max {
  template <class T>
  static __device__ __forceinline__ T none() {
    return Limits<T>::least();
  }
};
struct Smallest : Min {
  template <class T>
  static __device__ __forceinline__ T none() {
    return Limits<T>::most();
  }
};
struct Any {
  template <class T>
  static __device__ __forceinline__ T none() {
    return T(0);
  }
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a || b;
  }
};
struct All {
  template <class T>
  static __device__ __forceinline__ T none() {
    return T(1);
  }
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a && b;
  }
};
