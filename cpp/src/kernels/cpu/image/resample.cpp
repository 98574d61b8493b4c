// Images at another size. Each line of the result is made in one go: what is made of the axis that comes first stays in
// cache for the other.
#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/image/taps.hpp"
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

template <class T>
struct ResampleParams {
  int64_t batch = 0, channels = 0;
  Taps<T> rows, columns;
  bool rows_first = true;  // what makes fewer pixels comes first
  const IsaTable* isa = nullptr;

  int64_t in_line() const { return columns.from * channels; }
  int64_t out_line() const { return columns.to * channels; }
  /// Lines that wait for the other axis.
  int64_t kept() const { return rows.same || columns.same ? 0 : rows_first ? 1 : rows.most(); }
};

void mix_rows(const IsaTable& isa, const MixRows& q) { isa.mix_rows(q); }
void mix_pixels(const IsaTable& isa, const MixPixels& q) { isa.mix_pixels(q); }
// For float64.
template <class T>
void mix_rows(const IsaTable&, const MixRowsOf<T>& q) {
  std::fill(q.y, q.y + q.n, T(0));
  for (int k = 0; k < q.count; ++k)
    for (int64_t i = 0; i < q.n; ++i) q.y[i] += q.weights[k] * q.rows[k][i];
}
template <class T>
void mix_pixels(const IsaTable&, const MixPixelsOf<T>& q) {
  std::fill(q.y, q.y + q.pixels * q.channels, T(0));
  for (int64_t p = 0; p < q.pixels; ++p)
    for (int k = q.begin[p]; k < q.begin[p + 1]; ++k) {
      const T* x = q.x + (q.first[p] + k - q.begin[p]) * q.channels;
      for (int64_t i = 0; i < q.channels; ++i) q.y[p * q.channels + i] += q.weights[k] * x[i];
    }
}

/// A thread's memory.
template <class T>
struct Scratch {
  const T** sources;  // of a line of the result, among rows or kept lines
  int64_t* holds;     // the row that each kept line was made of
  T* lines;

  static size_t bytes(const ResampleParams<T>& p) {
    const int64_t most = p.rows.most(), line = p.rows_first ? p.in_line() : p.out_line();
    return (size_t(most) * (sizeof(T*) + sizeof(int64_t)) + size_t(p.kept() * line) * sizeof(T) + 63) / 64 * 64;
  }
  Scratch(char* at, const ResampleParams<T>& p) {
    const int64_t most = p.rows.most();
    sources = reinterpret_cast<const T**>(at);
    holds = reinterpret_cast<int64_t*>(sources + most);
    lines = reinterpret_cast<T*>(holds + most);
  }
};

template <class T>
void run_lines(const KernelCall& c) {
  const auto& p = params_of<ResampleParams<T>>(c);
  const Taps<T>&rows = p.rows, &columns = p.columns;
  const T* x = buffer<const T>(c, 0);
  T* y = buffer<T>(c, c.out);
  const Scratch<T> own(buffer<char>(c, c.work) + size_t(c.thread) * Scratch<T>::bytes(p), p);
  auto resized = [&](T* to, const T* from) {
    mix_pixels(*p.isa, MixPixelsOf<T>{to, from, columns.first.data(), columns.begin.data(), columns.weights.data(),
                                      columns.to, p.channels, columns.from});
  };
  const int kept = int(p.kept());
  int64_t image = -1;
  const Range r = part_range(p.batch * rows.to, c.parts, c.part);
  for (int64_t l = r.begin; l < r.end; ++l) {
    const int64_t b = l / rows.to, i = l % rows.to;
    T* line = y + l * p.out_line();
    if (b != image) std::fill(own.holds, own.holds + (p.rows_first ? 0 : kept), int64_t(-1));
    image = b;
    const T* source = x + (b * rows.from + rows.first[size_t(i)]) * p.in_line();
    if (rows.same) {
      resized(line, source);
      continue;
    }
    for (int k = 0; k < rows.count(i); ++k, source += p.in_line()) {
      own.sources[k] = source;
      if (columns.same || p.rows_first) continue;
      const int64_t row = rows.first[size_t(i)] + k;
      T* made = own.lines + row % kept * p.out_line();
      if (own.holds[row % kept] != row) resized(made, source);
      own.holds[row % kept] = row;
      own.sources[k] = made;
    }
    const bool then = p.rows_first && !columns.same;
    mix_rows(*p.isa, MixRowsOf<T>{then ? own.lines : line, own.sources, &rows.weights[size_t(rows.begin[size_t(i)])],
                                  rows.count(i), then ? p.in_line() : p.out_line()});
    if (then) resized(line, own.lines);
  }
}

template <class T>
KernelPlan plan_lines(const KernelRequest& r, const Resampling& g, bool transposed) {
  ResampleParams<T> p{g.batch, g.channels, Taps<T>::of(g.rows), Taps<T>::of(g.columns)};
  if (transposed) p.rows = p.rows.transposed(), p.columns = p.columns.transposed();
  p.rows_first = p.rows.to <= p.rows.from;
  p.isa = r.target.isa;
  const double cost = double(p.out_line()) * (p.rows.most() + p.columns.most());
  const int parts = parts_for(p.batch * p.rows.to, cost);
  const size_t bytes = Scratch<T>::bytes(p) * size_t(at_once(r, parts));
  return make_plan(std::move(p), {{run_lines<T>, parts}}, bytes);
}

struct NearestParams {
  int64_t batch, pixel;  // bytes
  std::vector<int32_t> rows, columns;
  int64_t in_rows, in_columns;
};
void run_nearest(const KernelCall& c) {
  const auto& p = params_of<NearestParams>(c);
  const int64_t rows = int64_t(p.rows.size()), in_line = p.in_columns * p.pixel,
                line = int64_t(p.columns.size()) * p.pixel;
  const bool whole = in_line == line;
  const char* x = buffer<const char>(c, 0);
  char* y = buffer<char>(c, c.out);
  const Range r = part_range(p.batch * rows, c.parts, c.part);
  with_row_bytes(p.pixel, [&](auto pixel) {
    for (int64_t l = r.begin; l < r.end; ++l) {
      const int64_t b = l / rows, i = l % rows, row = p.rows[size_t(i)];
      char* to = y + l * line;
      const char* from = x + (b * p.in_rows + row) * in_line;
      const bool again = l > r.begin && i > 0 && p.rows[size_t(i) - 1] == row;
      if (whole || again)
        std::memcpy(to, again ? to - line : from, size_t(line));
      else
        for (int32_t column : p.columns) std::memcpy(to, from + size_t(column) * pixel, pixel), to += pixel;
    }
  });
}
}  // namespace

KernelPlan plan_resample(const KernelRequest& r) {
  const Resampling g = Resampling::make(r, r.inputs[0].shape, r.outputs[0].shape);
  if (g.rows.kind == Interpolation::nearest) {
    NearestParams p{g.batch, g.channels * int64_t(dtype_size(r.inputs[0].dtype)), {}, {}, g.rows.from, g.columns.from};
    for (int64_t i = 0; i < g.rows.to; ++i) p.rows.push_back(int32_t(g.rows.nearest(i)));
    for (int64_t i = 0; i < g.columns.to; ++i) p.columns.push_back(int32_t(g.columns.nearest(i)));
    const int parts = parts_for(g.batch * g.rows.to, double(g.columns.to * g.channels));
    return make_plan(std::move(p), {{run_nearest, parts}});
  }
  KernelPlan plan;
  with_float(r, r.inputs[0].dtype, [&](auto zero) { plan = plan_lines<decltype(zero)>(r, g, false); });
  return plan;
}

KernelPlan plan_resample_grad(const KernelRequest& r) {
  const Resampling g = Resampling::make(r, r.outputs[0].shape, r.inputs[0].shape);
  KernelPlan plan;
  with_float(r, r.inputs[0].dtype, [&](auto zero) { plan = plan_lines<decltype(zero)>(r, g, true); });
  return plan;
}
}  // namespace hornbeam
