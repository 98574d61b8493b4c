// SimpleRNN, LSTM and GRU over all steps of a sequence, and their gradients: a launch a step (device/recurrent.cuh).
#include "schema/recurrent.hpp"

#include "base/check.hpp"
#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {
namespace {
using Layout = RecurrentLayout;
constexpr int kThreads = 256;  // as in the device's code, and a tile's rows and units for each of a thread
constexpr int64_t kTileRows = 4, kTileUnits = 8;

int64_t tiles(int64_t n, int64_t each) { return (n + each - 1) / each; }

// What a thread takes of a step's product: rows, and groups of units.
struct TileShape {
  int rows, groups;
  Grid grid(int64_t batch, int64_t units) const {
    return {tiles(batch, rows * kTileRows), tiles(units, groups * kTileUnits)};
  }
};

struct Recurrent {
  explicit Recurrent(const KernelRequest& r) : planner(r), layout(r.attrs) {
    const DType dtype = r.inputs[Layout::x].dtype;
    HB_CHECK(dtype == DType::f32, "[recurrent] runs in float32 on a GPU; got ", dtype_name(dtype));
    const Shape& x = r.inputs[Layout::x].shape;
    batch = x[0], steps = x[1], units = r.inputs[Layout::h0].shape[1];
  }

  const char* cell() const {
    return layout.lstm ? "Lstm" : layout.gru ? "Gru" : layout.relu ? "SimpleRelu" : "SimpleTanh";
  }
  /// The step that runs as number s; -1 before the first and after the last.
  int64_t step_at(int64_t s) const { return s < 0 || s >= steps ? -1 : layout.reverse ? steps - 1 - s : s; }
  Address mask() const { return planner.in(layout.masked ? layout.mask() : 0); }  // not read where there is none

  // The largest tile of which there are enough to keep the device busy, else the smallest; none that is half empty.
  TileShape tile(int gates) const {
    TileShape best{1, 1};
    for (const TileShape& t : {TileShape{8, 4}, {8, 1}, {4, 1}, {2, 1}}) {
      const Grid g = t.grid(batch, units);
      if (t.groups * gates > 4 || (t.rows > 1 && batch <= t.rows * kTileRows / 2)) continue;
      if (4 * g.x * g.y >= 3 * planner.target().multiprocessors) return t;
    }
    return best;
  }
  std::string kernel(const char* name, const TileShape& t) const {
    return concat_text(name, "<", cell(), ", ", t.rows, ", ", t.groups, ">");
  }

  Planner planner;
  Layout layout;
  int64_t batch = 0, steps = 0, units = 0;
};
}  // namespace

KernelPlan plan_recurrent(const KernelRequest& r) {
  Recurrent a(r);
  Planner& p = a.planner;
  const Layout& l = a.layout;
  const TileShape tile = a.tile(l.gates());
  const std::string kernel = a.kernel("recurrent_step", tile);
  const bool extra = l.lstm || l.gru;  // c0 or the bias; what a cell has not is not read, nor written
  const Address carry = p.work(l.lstm ? a.batch * a.units * 4 : 0);
  for (int64_t s = 0; s < a.steps; ++s)
    p.launch("recurrent.cuh", kernel, tile.grid(a.batch, a.units), kThreads,
             {p.in(l.x), p.in(l.kernel), p.in(l.h0), p.in(extra ? l.c0 : 0), a.mask(), p.out(0),
              p.out(l.lstm ? l.cell_states() : 0), p.out(extra ? l.reserve() : 0), carry, a.batch, a.steps, a.units,
              l.masked, a.step_at(s), a.step_at(s - 1)});
  if (l.lstm) p.aliases({int(l.x)});
  return p.done();
}

KernelPlan plan_recurrent_grad(const KernelRequest& r) {
  Recurrent a(r);
  Planner& p = a.planner;
  const Layout& l = a.layout;
  const int64_t width = l.gates() * a.units, state_bytes = a.batch * a.units * 4;
  const Address dh0 = p.out(1), dc0 = p.out(l.lstm ? 2 : 1);
  if (a.steps == 0) {
    p.fill(dh0, 0, state_bytes);
    if (l.lstm) p.fill(dc0, 0, state_bytes);
    return p.done();
  }
  const Address transposed = p.work(a.units * width * 4);
  p.launch("recurrent.cuh", "transpose<float>", {tiles(width, 32), tiles(a.units, 32)}, kThreads,
           {p.in(l.kernel), transposed, a.units, width});
  const TileShape tile = a.tile(1);
  const std::string kernel = a.kernel("recurrent_grad_step", tile);
  const bool kept = l.lstm || l.gru, with_dc = r.inputs.size() > l.dc();
  for (int64_t s = a.steps - 1; s >= -1; --s)  // the last launch is for h0 alone
    p.launch("recurrent.cuh", kernel, tile.grid(a.batch, a.units), kThreads,
             {transposed,
              p.in(l.h0),
              p.in(l.lstm ? l.c0 : 0),
              a.mask(),
              p.in(l.saved(0)),
              p.in(l.saved(l.lstm ? l.cell_states() : 0)),
              p.in(l.saved(kept ? l.reserve() : 0)),
              p.in(l.dh()),
              p.in(with_dc ? l.dc() : 0),
              p.out(0),
              p.out(l.gru ? 2 : 0),
              dh0,
              dc0,
              a.batch,
              a.steps,
              a.units,
              l.masked,
              with_dc,
              a.step_at(s),
              a.step_at(s - 1),
              a.step_at(s + 1)});
  if (l.lstm) p.aliases({int(l.saved(l.reserve()))});
  return p.done();
}
}  // namespace hornbeam::cuda
