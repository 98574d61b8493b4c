// SimpleRNN, LSTM and GRU over all steps of a sequence. The batch is cut into parts that run all their steps alone, so
// there is no barrier between steps; each step is a product with the packed recurrent kernel and a pointwise cell.
#include "schema/recurrent.hpp"

#include "kernels/cpu/product/gemm.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kRows = 16;  // of the batch in a part, at least where there are more: each part reads the kernel

struct RecurrentParams {
  explicit RecurrentParams(const Attrs& attrs) : layout(attrs) {}
  RecurrentLayout layout;
  Gemm gemm;
  CellFn cell = nullptr;
  CellGradFn cell_grad = nullptr;
  int64_t batch = 0, steps = 0, units = 0;
  int64_t packed = 0;   // floats of the packed kernel
  int64_t scratch = 0;  // floats of each part
  int parts = 1;
  bool has_dc = false;

  int64_t width() const { return layout.gates() * units; }
  int64_t step_at(int64_t s) const { return layout.reverse ? steps - 1 - s : s; }
  // The step before t in the order they run, or -1.
  int64_t before(int64_t t) const {
    const int64_t p = layout.reverse ? t + 1 : t - 1;
    return p < steps ? p : -1;
  }
  Range rows(const KernelCall& c) const { return part_range(batch, c.parts, c.part); }
  float* part_scratch(const KernelCall& c) const { return buffer<float>(c, c.work) + c.thread * scratch; }
};

void pack_kernel(const KernelCall& c) {
  const auto& p = params_of<RecurrentParams>(c);
  const Range r = part_range(p.gemm.panels(), c.parts, c.part);
  p.gemm.pack({buffer<const float>(c, RecurrentLayout::kernel), p.width(), 1}, prepacked(c), r.begin, r.end);
}
void pack_transposed(const KernelCall& c) {
  const auto& p = params_of<RecurrentParams>(c);
  const Range r = part_range(p.gemm.panels(), c.parts, c.part);
  p.gemm.pack({buffer<const float>(c, RecurrentLayout::kernel), 1, p.width()}, prepacked(c), r.begin, r.end);
}

// A value of all steps and rows, [batch, steps, width].
template <class T>
struct Steps {
  T* data;
  int64_t steps, width;
  T* at(int64_t b, int64_t t) const { return data ? data + (b * steps + t) * width : nullptr; }
};

void run_forward(const KernelCall& c) {
  const auto& p = params_of<RecurrentParams>(c);
  const RecurrentLayout& l = p.layout;
  const int64_t u = p.units, w = p.width();
  const Range rows = p.rows(c);
  auto in = [&](size_t i) { return buffer<const float>(c, int(i)); };
  auto out = [&](size_t i) { return buffer<float>(c, c.out + int(i)); };
  const Steps<const float> xp{in(l.x), p.steps, w};
  const Steps<float> h{out(0), p.steps, u};
  const Steps<float> cs{l.lstm ? out(l.cell_states()) : nullptr, p.steps, u};
  const Steps<float> gates{l.lstm || l.gru ? out(l.reserve()) : nullptr, p.steps, 4 * u};
  const uint8_t* mask = l.masked ? buffer<const uint8_t>(c, int(l.mask())) : nullptr;
  float* hp = p.part_scratch(c);
  float* cell = hp + rows.size() * w;  // the cell states, where nobody keeps them
  if (l.lstm) std::memcpy(cell, in(l.c0) + rows.begin * u, size_t(rows.size() * u) * 4);
  for (int64_t s = 0; s < p.steps && !stop_asked(); ++s) {
    const int64_t t = p.step_at(s), prev = p.before(t);
    const float* h_prev = s ? h.at(rows.begin, prev) : in(l.h0) + rows.begin * u;
    const int64_t h_stride = s ? p.steps * u : u;
    p.gemm.multiply({h_prev, h_stride, 1}, prepacked(c), hp, w, rows.size());
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      const int64_t i = b - rows.begin;
      CellStep step{
          u,          xp.at(b, t), hp + i * w,    l.gru ? in(l.bias) : nullptr, h_prev + i * h_stride, nullptr,
          h.at(b, t), nullptr,     gates.at(b, t)};
      if (l.lstm) {
        step.c = cs.data ? cs.at(b, t) : cell + i * u;
        step.c_prev = cs.data && s ? cs.at(b, prev) : cell + i * u;
      }
      if (mask && !mask[b * p.steps + t]) {  // the states stay; the gates are not read again
        std::memcpy(step.h, step.h_prev, size_t(u) * 4);
        if (step.c != step.c_prev) std::memcpy(step.c, step.c_prev, size_t(u) * 4);
        continue;
      }
      p.cell(step);
    }
  }
}

void run_backward(const KernelCall& c) {
  const auto& p = params_of<RecurrentParams>(c);
  const RecurrentLayout& l = p.layout;
  const int64_t u = p.units, w = p.width();
  const Range rows = p.rows(c);
  const int64_t n = rows.size();
  auto in = [&](size_t i) { return buffer<const float>(c, int(i)); };
  auto out = [&](size_t i) { return buffer<float>(c, c.out + int(i)); };
  const Steps<const float> h{in(l.saved(0)), p.steps, u};
  const Steps<const float> cs{l.lstm ? in(l.saved(l.cell_states())) : nullptr, p.steps, u};
  const Steps<const float> gates{l.lstm || l.gru ? in(l.saved(l.reserve())) : nullptr, p.steps, 4 * u};
  const Steps<const float> dhs{in(l.dh()), p.steps, u};
  const Steps<const float> dcs{p.has_dc ? in(l.dc()) : nullptr, p.steps, u};
  const Steps<float> dxp{out(0), p.steps, w};
  const Steps<float> dhp{l.gru ? out(2) : out(0), p.steps, w};
  const uint8_t* mask = l.masked ? buffer<const uint8_t>(c, int(l.mask())) : nullptr;
  float* dh = p.part_scratch(c);
  float* dc = dh + n * u;
  std::fill(dh, dh + 2 * n * u, 0.0f);
  for (int64_t s = p.steps - 1; s >= 0 && !stop_asked(); --s) {
    const int64_t t = p.step_at(s), prev = p.before(t);
    float* direct = dc + n * u;
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      const int64_t i = b - rows.begin;
      float *dh_row = dh + i * u, *dc_row = dc + i * u;
      const float* dy = dhs.at(b, t);
      for (int64_t j = 0; j < u; ++j) dh_row[j] += dy[j];
      if (const float* extra = dcs.at(b, t))
        for (int64_t j = 0; j < u; ++j) dc_row[j] += extra[j];
      if (mask && !mask[b * p.steps + t]) {
        std::fill(dxp.at(b, t), dxp.at(b, t) + w, 0.0f);
        std::fill(dhp.at(b, t), dhp.at(b, t) + w, 0.0f);
        std::memcpy(direct + i * u, dh_row, size_t(u) * 4);
        continue;
      }
      p.cell_grad({u, s ? h.at(b, prev) : in(l.h0) + b * u,
                   !l.lstm ? nullptr
                   : s     ? cs.at(b, prev)
                           : in(l.c0) + b * u,
                   h.at(b, t), cs.at(b, t), gates.at(b, t), dh_row, dc_row, dxp.at(b, t), dhp.at(b, t),
                   direct + i * u});
    }
    p.gemm.multiply({dhp.at(rows.begin, t), p.steps * w, 1}, prepacked(c), dh, u, n);
    for (int64_t i = 0; i < n * u; ++i) dh[i] += direct[i];
  }
  std::memcpy(out(1) + rows.begin * u, dh, size_t(n * u) * 4);
  if (l.lstm) std::memcpy(out(2) + rows.begin * u, dc, size_t(n * u) * 4);
}
}  // namespace

static KernelPlan plan(const KernelRequest& r, bool backward) {
  if (r.inputs[0].dtype != DType::f32) no_kernel(r);
  const Shape &x = r.inputs[RecurrentLayout::x].shape, &h0 = r.inputs[RecurrentLayout::h0].shape;
  RecurrentParams p(r.attrs);
  const Cell cell = p.layout.lstm ? Cell::lstm : p.layout.gru ? Cell::gru : p.layout.relu ? Cell::relu : Cell::tanh;
  p.cell = r.target.isa->cell[int(cell)], p.cell_grad = r.target.isa->cell_grad[int(cell)];
  p.batch = x[0], p.steps = x[1], p.units = h0[1];
  p.has_dc = backward && r.inputs.size() > p.layout.dc();
  p.parts = int(
      std::max<int64_t>(1, std::min<int64_t>(std::min(kMaxParts, r.target.threads), (p.batch + kRows - 1) / kRows)));
  const int64_t rows = (p.batch + p.parts - 1) / p.parts;
  p.gemm = backward ? Gemm::plan_whole(r.target.isa, rows, p.units, p.width(), false)
                    : Gemm::plan_whole(r.target.isa, rows, p.width(), p.units, false);
  p.packed = p.gemm.packed_size();
  p.scratch = rows * (backward ? 3 * p.units : p.width() + p.units);
  const size_t bytes = size_t(at_once(r, p.parts) * p.scratch) * 4, packed = size_t(p.packed) * 4;
  const int parts = p.parts, pack_parts = parts == 1 ? 1 : parts_for(p.packed, 1.0);
  KernelPlan made = make_plan(std::move(p),
                              {{backward ? pack_transposed : pack_kernel, pack_parts, RecurrentLayout::kernel},
                               {backward ? run_backward : run_forward, parts}},
                              bytes, packed);
  const RecurrentLayout layout(r.attrs);
  if (layout.lstm) made.alias_inputs = {backward ? int(layout.saved(layout.reserve())) : int(RecurrentLayout::x)};
  return made;
}
KernelPlan plan_recurrent(const KernelRequest& r) { return plan(r, false); }
KernelPlan plan_recurrent_grad(const KernelRequest& r) { return plan(r, true); }
}  // namespace hornbeam
