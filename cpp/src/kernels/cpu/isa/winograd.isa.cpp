// The transforms of Winograd's F(2x2, 3x3) (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks"):
// a 2 x 2 tile of a 3 x 3 convolution takes 16 products instead of 36. Channels lie along the registers.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/isa_table.hpp"
#include "kernels/cpu/isa/vec.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {
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

// Writes the 16 points one after another. The compiler must not see that their addresses are known beforehand: it would
// keep all of them, in more registers than there are.
template <class Io>
struct Points {
  float* at;
  int64_t step;
  Io io;
  inline __attribute__((always_inline)) void write(Vec v) {
    io.write(at, v);
    at += step;
    asm("" : "+r"(at));
  }
};

// B^T d B
void input(const WinogradInput& t, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        Vec r[4][4];
        const float *x0 = t.x + c, *x1 = x0 + t.line, *x2 = x1 + t.line, *x3 = x2 + t.line;
        for (int j = 0; j < 4; ++j) {
          const int64_t at = j * t.pixel;
          const Vec a = io.read(x0 + at), b = io.read(x1 + at), d = io.read(x2 + at), e = io.read(x3 + at);
          r[0][j] = a - d;
          r[1][j] = b + d;
          r[2][j] = d - b;
          r[3][j] = b - e;
        }
        Points<decltype(io)> v{t.v + c, t.step, io};
        for (int i = 0; i < 4; ++i) {
          v.write(r[i][0] - r[i][2]);
          v.write(r[i][1] + r[i][2]);
          v.write(r[i][2] - r[i][1]);
          v.write(r[i][1] - r[i][3]);
        }
      });
}

// A dy A^T
void output_grad(const WinogradInput& t, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        const float *x0 = t.x + c, *x1 = x0 + t.line;
        const Vec a = io.read(x0), b = io.read(x0 + t.pixel), d = io.read(x1), e = io.read(x1 + t.pixel);
        const Vec rows[4][2] = {{a, b}, {a + d, b + e}, {a - d, b - e}, {-d, -e}};
        Points<decltype(io)> v{t.v + c, t.step, io};
        for (const auto& r : rows) {
          v.write(r[0]);
          v.write(r[0] + r[1]);
          v.write(r[0] - r[1]);
          v.write(-r[1]);
        }
      });
}

// A^T m A
void output(const WinogradOutput& t, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        Vec rows[2][4];
        for (int j = 0; j < 4; ++j) {
          const float* at = t.m + j * t.step + c;
          const Vec b = io.read(at + 4 * t.step), d = io.read(at + 8 * t.step);
          rows[0][j] = io.read(at) + b + d;
          rows[1][j] = b - d - io.read(at + 12 * t.step);
        }
        for (int i = 0; i < 4; ++i) {
          if (!t.y[i]) continue;
          const Vec* r = rows[i / 2];
          Vec y = i % 2 == 0 ? r[0] + r[1] + r[2] : r[1] - r[2] - r[3];
          if (t.bias) y = y + io.read(t.bias + c);
          if (t.residual[i]) y = y + io.read(t.residual[i] + c);
          if (t.relu) y = select(y < Vec{}, Vec{}, y);
          io.write(t.y[i] + c, y);
        }
      });
}

// G k G^T
void kernel(float* u, int64_t step, const float* k, int64_t tap, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        Vec t[4][3];
        for (int j = 0; j < 3; ++j) {
          const float* at = k + j * tap + c;
          const Vec a = io.read(at), b = io.read(at + 3 * tap), d = io.read(at + 6 * tap);
          const Vec ends = (a + d) * 0.5f, middle = b * 0.5f;
          t[0][j] = a;
          t[1][j] = ends + middle;
          t[2][j] = ends - middle;
          t[3][j] = d;
        }
        for (int i = 0; i < 4; ++i) {
          float* at = u + 4 * i * step + c;
          const Vec ends = (t[i][0] + t[i][2]) * 0.5f, middle = t[i][1] * 0.5f;
          io.write(at, t[i][0]);
          io.write(at + step, ends + middle);
          io.write(at + 2 * step, ends - middle);
          io.write(at + 3 * step, t[i][2]);
        }
      });
}

// G^T u G
void kernel_grad(float* dk, int64_t tap, const float* u, int64_t step, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        Vec t[3][4];
        for (int j = 0; j < 4; ++j) {
          const float* at = u + j * step + c;
          const Vec b = io.read(at + 4 * step), d = io.read(at + 8 * step), both = (b + d) * 0.5f;
          t[0][j] = io.read(at) + both;
          t[1][j] = (b - d) * 0.5f;
          t[2][j] = both + io.read(at + 12 * step);
        }
        for (int i = 0; i < 3; ++i) {
          float* at = dk + 3 * i * tap + c;
          const Vec both = (t[i][1] + t[i][2]) * 0.5f;
          io.write(at, t[i][0] + both);
          io.write(at + tap, (t[i][1] - t[i][2]) * 0.5f);
          io.write(at + 2 * tap, both + t[i][3]);
        }
      });
}
}  // namespace

void fill_winograd(IsaTable& t) {
  t.winograd_input = input;
  t.winograd_output_grad = output_grad;
  t.winograd_output = output;
  t.winograd_kernel = kernel;
  t.winograd_kernel_grad = kernel_grad;
}
}  // namespace hornbeam::isa::HB_ISA_NAME
