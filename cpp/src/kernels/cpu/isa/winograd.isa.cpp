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

// B^T d B
void input(float* v, int64_t step, const float* const* x, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        Vec t[4][4];
        for (int j = 0; j < 4; ++j) {
          const Vec a = io.read(x[j] + c), b = io.read(x[4 + j] + c), d = io.read(x[8 + j] + c),
                    e = io.read(x[12 + j] + c);
          t[0][j] = a - d;
          t[1][j] = b + d;
          t[2][j] = d - b;
          t[3][j] = b - e;
        }
        for (int i = 0; i < 4; ++i) {
          float* at = v + 4 * i * step + c;
          io.write(at, t[i][0] - t[i][2]);
          io.write(at + step, t[i][1] + t[i][2]);
          io.write(at + 2 * step, t[i][2] - t[i][1]);
          io.write(at + 3 * step, t[i][1] - t[i][3]);
        }
      });
}

// A dy A^T
void output_grad(float* v, int64_t step, const float* const* dy, int64_t n) {
  each_register(
      n, [&](int64_t c, auto io) __attribute__((always_inline)) {
        const Vec a = io.read(dy[0] + c), b = io.read(dy[1] + c), d = io.read(dy[2] + c), e = io.read(dy[3] + c);
        const Vec rows[4][2] = {{a, b}, {a + d, b + e}, {a - d, b - e}, {-d, -e}};
        for (int i = 0; i < 4; ++i) {
          float* at = v + 4 * i * step + c;
          io.write(at, rows[i][0]);
          io.write(at + step, rows[i][0] + rows[i][1]);
          io.write(at + 2 * step, rows[i][0] - rows[i][1]);
          io.write(at + 3 * step, -rows[i][1]);
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
