// The transforms of Winograd's convolutions by 3 x 3 kernels (Lavin and Gray 2016, "Fast algorithms for convolutional
// neural networks"): F(2x2, 3x3) takes 16 products where the window has 36, F(4x4, 3x3) 36 where it has 144. Both are
// products of polynomials, taken at 0, 1, -1 and infinity, or at 0, 5/8, -5/8, 25/16, -25/16 and infinity: of the
// points that float32 holds exactly, these rounded least. Channels lie along the registers.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/isa_table.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
// One axis of F(M, 3), for M outputs: vectors to points and back.
template <int M>
struct Axis;

template <>
struct Axis<2> {
  HB_INLINE void input(const Vec* d, Vec* v) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  HB_INLINE void output(const Vec* m, Vec* y) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
  HB_INLINE void output_grad(const Vec* dy, Vec* v) {
    v[0] = dy[0];
    v[1] = dy[0] + dy[1];
    v[2] = dy[0] - dy[1];
    v[3] = -dy[1];
  }
  HB_INLINE void kernel(const Vec* k, Vec* u) {
    const Vec ends = (k[0] + k[2]) * 0.5f, middle = k[1] * 0.5f;
    u[0] = k[0];
    u[1] = ends + middle;
    u[2] = ends - middle;
    u[3] = k[2];
  }
  HB_INLINE void kernel_grad(const Vec* u, Vec* dk) {
    const Vec both = (u[1] + u[2]) * 0.5f;
    dk[0] = u[0] + both;
    dk[1] = (u[1] - u[2]) * 0.5f;
    dk[2] = both + u[3];
  }
};

template <>
struct Axis<4> {
  static constexpr float a = 0.625f, b = 1.5625f, aa = a * a, bb = b * b;
  // what the kernel's values at each point are divided by
  static constexpr float at_zero = 1 / (aa * bb), at_a = 1 / (2 * aa * (aa - bb)), at_b = 1 / (2 * bb * (bb - aa));
  HB_INLINE void input(const Vec* d, Vec* v) {
    const Vec even_a = d[4] - d[2] * bb, odd_a = (d[3] - d[1] * bb) * a;
    const Vec even_b = d[4] - d[2] * aa, odd_b = (d[3] - d[1] * aa) * b;
    v[0] = (d[4] - d[2] * (aa + bb)) + d[0] * (aa * bb);
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = (d[5] - d[3] * (aa + bb)) + d[1] * (aa * bb);
  }
  HB_INLINE void output(const Vec* m, Vec* y) {
    const Vec sum_a = m[1] + m[2], sum_b = m[3] + m[4], odd_a = (m[1] - m[2]) * a, odd_b = (m[3] - m[4]) * b;
    y[0] = m[0] + sum_a + sum_b;
    y[1] = odd_a + odd_b;
    y[2] = sum_a * aa + sum_b * bb;
    y[3] = odd_a * aa + (odd_b * bb + m[5]);
  }
  HB_INLINE void kernel(const Vec* k, Vec* u) {
    const Vec even_a = (k[0] + k[2] * aa) * at_a, odd_a = k[1] * (a * at_a);
    const Vec even_b = (k[0] + k[2] * bb) * at_b, odd_b = k[1] * (b * at_b);
    u[0] = k[0] * at_zero;
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = k[2];
  }
};

struct Whole {
  Vec read(const float* p) const { return load(p); }
  void write(float* p, Vec v) const { store(p, v); }
};
struct Partial {
  int n;
  Vec read(const float* p) const { return load_n(p, n); }
  void write(float* p, Vec v) const { store_n(p, v, n); }
};
// f(first channel, how to read and write) for n channels, a register at a time.
template <class F>
HB_INLINE void each_register(int64_t n, F f) {
  int64_t c = 0;
  for (; c + kLanes <= n; c += kLanes) f(c, Whole{});
  if (c < n) f(c, Partial{int(n - c)});
}

// Applies `axis`, which makes To of From values, to the columns and then to the rows of a square: read(i, j) gives its
// values, write(i, j, v) takes the results in order.
template <int From, int To, class Transform, class Read, class Write>
HB_INLINE void two_axes(Transform axis, Read read, Write write) {
  Vec half[To][From];
#pragma GCC unroll 6
  for (int j = 0; j < From; ++j) {
    Vec in[From], out[To];
#pragma GCC unroll 6
    for (int i = 0; i < From; ++i) in[i] = read(i, j);
    axis(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < To; ++i) half[i][j] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < To; ++i) {
    Vec out[To];
    axis(half[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < To; ++j) write(i, j, out[j]);
  }
}

// Writes points one after another. The compiler must not see that their addresses are known beforehand: it would keep
// all of them, in more registers than there are.
template <class Io>
struct Points {
  float* at;
  int64_t step;
  Io io;
  inline __attribute__((always_inline)) void operator()(int, int, Vec v) {
    io.write(at, v);
    at += step;
    asm("" : "+r"(at));
  }
};

#define HB_AXIS(name) \
  [](const Vec* in, Vec* out) __attribute__((always_inline)) { Axis<M>::name(in, out); }

// Tiles of From x From pixels, M apart, to points. Fetches what the tiles below will read that these do not.
template <int M, int From, class Transform>
HB_INLINE void take_tiles(Transform axis, const WinogradInput& t, int64_t n) {
  const float* x = t.x;
  float* v = t.v;
  for (int64_t k = 0; k < t.tiles; ++k, x += t.next_x, v += t.next_v)
    each_register(
        n, [&](int64_t c, auto io) __attribute__((always_inline)) {
          const Points<decltype(io)> points{v + c, t.step, io};
          if (t.at) {
            two_axes<From, M + 2>(
                axis, [&](int i, int j) __attribute__((always_inline)) { return io.read(t.at[i * From + j] + c); },
                points);
            return;
          }
          const float* below = x + c + (From - M) * t.pixel + From * t.line;
          for (int i = 0; i < M; ++i, below += t.line)
            for (int j = 0; j < M; ++j) __builtin_prefetch(below + j * t.pixel);
          two_axes<From, M + 2>(
              axis,
              [&](int i, int j) __attribute__((always_inline)) { return io.read(x + c + i * t.line + j * t.pixel); },
              points);
        });
}

// B^T d B
template <int M>
void input(const WinogradInput& t, int64_t n) {
  take_tiles<M, M + 2>(HB_AXIS(input), t, n);
}
// A dy A^T
template <int M>
void output_grad(const WinogradInput& t, int64_t n) {
  take_tiles<M, M>(HB_AXIS(output_grad), t, n);
}
// A^T m A
template <int M>
void output(const WinogradOutput& t, int64_t n) {
  const float *m = t.m, *residual = t.residual;
  float* y = t.y;
  const Vec low = set1(t.relu ? 0.0f : -__builtin_inff());
  for (int64_t k = 0; k < t.tiles; ++k, m += t.next_m, y += t.next_y, residual += residual ? t.next_y : 0)
    each_register(
        n, [&](int64_t c, auto io) __attribute__((always_inline)) {
          const Vec bias = t.bias ? io.read(t.bias + c) : Vec{};
          two_axes<M + 2, M>(
              HB_AXIS(output),
              [&](int i, int j) __attribute__((always_inline)) { return io.read(m + c + (i * (M + 2) + j) * t.step); },
              [&](int i, int j, Vec v) __attribute__((always_inline)) {
                if (i >= t.lines || j >= t.pixels) return;
                const int64_t at = c + i * t.line + j * t.pixel;
                v = v + bias;
                if (residual) v = v + io.read(residual + at);
                io.write(y + at, select(v < low, low, v));
              });
        });
}
// G k G^T
template <int M>
void kernel(float* u, int64_t step, const float* k, int64_t tap, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        two_axes<3, M + 2>(
            HB_AXIS(kernel),
            [&](int i, int j) __attribute__((always_inline)) { return io.read(k + (3 * i + j) * tap + c); },
            Points<decltype(io)>{u + c, step, io});
      });
}
// G^T u G
template <int M>
void kernel_grad(float* dk, int64_t tap, const float* u, int64_t step, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        two_axes<M + 2, 3>(
            HB_AXIS(kernel_grad),
            [&](int i, int j) __attribute__((always_inline)) { return io.read(u + (i * (M + 2) + j) * step + c); },
            [&](int i, int j, Vec v) __attribute__((always_inline)) { io.write(dk + (3 * i + j) * tap + c, v); });
      });
}
}  // namespace

void fill_winograd(IsaTable& t) {
  t.winograd[0] = {input<2>, output<2>, kernel<2>, output_grad<2>, kernel_grad<2>};
  t.winograd[1] = {input<4>, output<4>, kernel<4>, nullptr, nullptr};
}
}  // namespace hornbeam::isa::HB_ISA_NAME
