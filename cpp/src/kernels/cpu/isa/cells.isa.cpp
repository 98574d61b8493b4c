// The pointwise part of the recurrent cells and of their gradients.
#include "kernels/cpu/isa/cells.hpp"

#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/math.hpp"
#include "kernels/cpu/isa/rows.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
namespace {

void lstm(const CellStep& s) {
  const int64_t n = s.n;
  each(n, [&](int64_t j, int m) {
    const Vec i = sigmoid(get(s.xp + j, m) + get(s.hp + j, m));
    const Vec f = sigmoid(get(s.xp + n + j, m) + get(s.hp + n + j, m));
    const Vec g = tanh(get(s.xp + 2 * n + j, m) + get(s.hp + 2 * n + j, m));
    const Vec o = sigmoid(get(s.xp + 3 * n + j, m) + get(s.hp + 3 * n + j, m));
    const Vec c = f * get(s.c_prev + j, m) + i * g;
    put(s.c + j, c, m);
    put(s.h + j, o * tanh(c), m);
    if (s.gates) {
      put(s.gates + j, i, m);
      put(s.gates + n + j, f, m);
      put(s.gates + 2 * n + j, g, m);
      put(s.gates + 3 * n + j, o, m);
    }
  });
}
void lstm_grad(const CellGrad& s) {
  const int64_t n = s.n;
  each(n, [&](int64_t j, int m) {
    const Vec i = get(s.gates + j, m), f = get(s.gates + n + j, m), g = get(s.gates + 2 * n + j, m),
              o = get(s.gates + 3 * n + j, m);
    const Vec dh = get(s.dh + j, m), t = tanh(get(s.c + j, m));
    const Vec dc = get(s.dc + j, m) + dh * o * (1.0f - t * t);
    put(s.dxp + j, dc * g * i * (1.0f - i), m);
    put(s.dxp + n + j, dc * get(s.c_prev + j, m) * f * (1.0f - f), m);
    put(s.dxp + 2 * n + j, dc * i * (1.0f - g * g), m);
    put(s.dxp + 3 * n + j, dh * t * o * (1.0f - o), m);
    put(s.dc + j, dc * f, m);
    put(s.dh_direct + j, Vec{}, m);
  });
}

void gru(const CellStep& s) {
  const int64_t n = s.n;
  each(n, [&](int64_t j, int m) {
    const Vec z = sigmoid(get(s.xp + j, m) + (get(s.hp + j, m) + get(s.bias + j, m)));
    const Vec r = sigmoid(get(s.xp + n + j, m) + (get(s.hp + n + j, m) + get(s.bias + n + j, m)));
    const Vec p = get(s.hp + 2 * n + j, m) + get(s.bias + 2 * n + j, m);
    const Vec a = tanh(get(s.xp + 2 * n + j, m) + r * p);
    put(s.h + j, z * get(s.h_prev + j, m) + (1.0f - z) * a, m);
    if (s.gates) {
      put(s.gates + j, z, m);
      put(s.gates + n + j, r, m);
      put(s.gates + 2 * n + j, a, m);
      put(s.gates + 3 * n + j, p, m);
    }
  });
}
void gru_grad(const CellGrad& s) {
  const int64_t n = s.n;
  each(n, [&](int64_t j, int m) {
    const Vec z = get(s.gates + j, m), r = get(s.gates + n + j, m), a = get(s.gates + 2 * n + j, m),
              p = get(s.gates + 3 * n + j, m), dh = get(s.dh + j, m);
    const Vec da = dh * (1.0f - z) * (1.0f - a * a);
    const Vec dz = dh * (get(s.h_prev + j, m) - a) * z * (1.0f - z), dr = da * p * r * (1.0f - r);
    put(s.dxp + j, dz, m);
    put(s.dxp + n + j, dr, m);
    put(s.dxp + 2 * n + j, da, m);
    put(s.dhp + j, dz, m);
    put(s.dhp + n + j, dr, m);
    put(s.dhp + 2 * n + j, da * r, m);
    put(s.dh_direct + j, dh * z, m);
  });
}

void simple_tanh(const CellStep& s) {
  each(s.n, [&](int64_t j, int m) { put(s.h + j, tanh(get(s.xp + j, m) + get(s.hp + j, m)), m); });
}
void simple_tanh_grad(const CellGrad& s) {
  each(s.n, [&](int64_t j, int m) {
    const Vec h = get(s.h + j, m);
    put(s.dxp + j, get(s.dh + j, m) * (1.0f - h * h), m);
    put(s.dh_direct + j, Vec{}, m);
  });
}
void simple_relu(const CellStep& s) {
  each(s.n, [&](int64_t j, int m) {
    const Vec a = get(s.xp + j, m) + get(s.hp + j, m);
    put(s.h + j, select(a < Vec{}, Vec{}, a), m);
  });
}
void simple_relu_grad(const CellGrad& s) {
  each(s.n, [&](int64_t j, int m) {
    put(s.dxp + j, select(get(s.h + j, m) > Vec{}, get(s.dh + j, m), Vec{}), m);
    put(s.dh_direct + j, Vec{}, m);
  });
}
}  // namespace

void fill_cells(IsaTable& t) {
  const CellFn cells[] = {lstm, gru, simple_tanh, simple_relu};
  const CellGradFn grads[] = {lstm_grad, gru_grad, simple_tanh_grad, simple_relu_grad};
  for (int i = 0; i < int(Cell::count); ++i) t.cell[i] = cells[i], t.cell_grad[i] = grads[i];
}
}  // namespace hornbeam::isa::HB_ISA_NAME
