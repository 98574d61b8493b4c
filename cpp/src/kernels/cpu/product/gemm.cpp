#include "kernels/cpu/product/gemm.hpp"

#include "base/half.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kNearFloats = 131072;  // of B that L2 keeps
constexpr int64_t kFewRows = 24;         // below which packing B costs more than reading it badly
constexpr int64_t kSetFloats = 128;      // rows of B so far apart, or a multiple, share sets of L1
constexpr int64_t kTransposed = 64;      // rows of a panel that are turned together, so that they stay in L1
constexpr int64_t kCacheFloats = 98304;  // of B: about three quarters of a 512 KiB L2
constexpr int64_t kMostColumns = 1024;   // taken together: a tile's rows of them are still near when it is finished
}  // namespace

namespace {
// dst[i * to + j] = element (i, j) of what has 16 bits an element.
void widen(const Operand& m, float* dst, int64_t to, int64_t rows, int64_t columns) {
  auto copy = [&](auto zero) {
    using T = decltype(zero);
    const T* from = static_cast<const T*>(m.data);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) dst[i * to + j] = to_float(from[i * m.row_stride + j * m.col_stride]);
  };
  if (m.dtype == DType::f16)
    copy(Half{});
  else
    copy(BFloat16{});
}
}  // namespace

void fill_matrix_rows(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const Operand& m = *static_cast<const Operand*>(source);
  if (m.dtype != DType::f32) return widen(m.at(a).from(row, k), dst, kTileStride, rows, depth);
  for (int i = 0; i < rows; ++i)
    copy_floats(dst + i * kTileStride, static_cast<const float*>(a) + (row + i) * m.row_stride + k, depth);
}
namespace {
// Short rows `stride` apart, side by side: kWhole floats at a time, of which the next row takes what is too much.
template <int64_t kWhole>
void copy_columns(const float* from, int64_t stride, float* dst, int columns, int rows) {
  int i = 0;
  for (; i + 1 < rows && stride >= kWhole; ++i) std::memcpy(dst + i * columns, from + i * stride, kWhole * 4);
  for (; i < rows; ++i) copy_floats(dst + i * columns, from + i * stride, columns);
}
}  // namespace
void fill_matrix_columns(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth) {
  const Operand& m = *static_cast<const Operand*>(source);
  if (m.dtype != DType::f32) {
    const Operand from = m.at(a).from(row, k);
    return widen({from.data, m.col_stride, m.row_stride, m.dtype}, dst, rows, depth, rows);
  }
  const float* from = static_cast<const float*>(a) + k * m.col_stride + row;
  (rows <= 8 ? copy_columns<8> : copy_columns<kTileRows>)(from, m.col_stride, dst, rows, depth);
}

Gemm Gemm::plan_whole(const IsaTable* isa, int64_t m, int64_t n, int64_t k, bool column) {
  Gemm g = plan(isa, m, n, k, column);
  g.row_parts = g.col_parts = 1;
  return g;
}

Gemm Gemm::plan(const IsaTable* isa, int64_t m, int64_t n, int64_t k, bool column, int threads) {
  Gemm g;
  g.isa = isa, g.m = m, g.n = n, g.k = k, g.column = column, g.nv = 0;
  // The panel width that costs least. A step of a tile of h rows takes h * nv multiply-adds (eight at least are in
  // flight), or its loads and prefetches where those are more; the panel's part of them comes from L2.
  const double fetch = n * k > kNearFloats ? 1.3 : 0.7;
  double least = 0;
  for (int nv = 1; nv <= 4; ++nv) {
    const int mr = isa->max_rows[nv];
    if (mr < 1) continue;
    const int64_t columns = std::max<int64_t>(n, 1), width = int64_t(nv) * isa->lanes, panels = columns / width;
    const int64_t tiles = std::max<int64_t>(1, (m + mr - 1) / mr);
    const double height = double(std::max<int64_t>(1, m)) / double(tiles);
    auto step = [&](int64_t v) {
      return std::max({height * double(v), height + 2 * double(v), 8.0}) + fetch * double(v);
    };
    const int64_t rest = (columns % width + isa->lanes - 1) / isa->lanes;  // registers of the last panel
    const double cost = double(tiles) * (step(nv) * double(panels) + (rest ? step(rest) : 0));
    if (g.nv == 0 || cost < least * 0.999) least = cost, g.nv = nv, g.mr = mr;
  }
  // as many tiles, but of one height, so that threads get equal shares of few
  const int64_t fewest = std::max<int64_t>(1, (m + g.mr - 1) / g.mr);
  g.mr = int(std::clamp<int64_t>((m + fewest - 1) / fewest, 1, g.mr));
  // Parts: enough to share among threads, each of a few tiles at least. The result does not depend on them.
  const double work = 2.0 * double(m) * double(n) * double(std::max<int64_t>(k, 1));
  const int most = threads == 0 ? kMaxParts : threads == 1 ? 1 : std::min(kMaxParts, 4 * threads);
  const int want = int(std::max(1.0, std::min(double(most), work / 4e6)));
  const int64_t row_tiles = std::max<int64_t>(1, (m + g.mr - 1) / g.mr);
  g.row_parts = int(std::min<int64_t>(row_tiles, want));
  g.col_parts = int(std::min<int64_t>(std::max<int64_t>(1, g.panels()), std::max(1, want / g.row_parts)));
  return g;
}

bool Gemm::pack_by_blocks() {
  if (b_stride || n * k <= kNearFloats || n < 4 * panel()) return false;
  // Each part packs the columns it has and reads the rows it has: the division that does least of both.
  const int64_t want = int64_t(row_parts) * col_parts, row_tiles = std::max<int64_t>(1, (m + mr - 1) / mr);
  double least = 0;
  for (int64_t columns = 1; columns <= std::min(want, std::max<int64_t>(1, panels() / 2)); ++columns) {
    const int64_t rows = std::min(row_tiles, (want + columns - 1) / columns);
    const double cost = double(columns) * double(m) + double(rows) * double(n);
    if (columns == 1 || cost < least) least = cost, row_parts = int(rows), col_parts = int(columns);
  }
  return true;
}

int64_t Gemm::block_floats() const {
  const int64_t depth = depth_step(k), wide = (panels() + col_parts - 1) / col_parts;
  return std::min(wide, most_panels(depth)) * panel() * depth;
}

void Gemm::read_in_place(const Operand& b, bool persistent) {
  const bool well = m <= kFewRows || (n * k <= kNearFloats && b.row_stride % kSetFloats != 0);
  if (b.dtype == DType::f32 && b.col_stride == 1 && n % isa->lanes == 0 && well && !persistent) b_stride = b.row_stride;
}

int64_t Gemm::depth_step(int64_t depths) {
  const int64_t blocks = std::max<int64_t>(1, (depths + kTileDepth - 1) / kTileDepth);
  return std::max<int64_t>(1, ((depths + blocks - 1) / blocks + 3) / 4 * 4);
}

int64_t Gemm::most_panels(int64_t depth) const {
  return std::max<int64_t>(1, std::min(kMostColumns, kCacheFloats / depth) / panel());
}

int64_t Gemm::column_step(int64_t columns, int64_t depth) const {
  const int64_t wide = (columns + panel() - 1) / panel(), steps = (wide - 1) / most_panels(depth) + 1;
  return (wide + steps - 1) / steps * panel();
}

int Gemm::tile_height(int64_t left) const {
  if (left >= 2 * mr) return mr;
  if (left <= mr) return int(left);
  return int((left + 1) / 2);
}

void Gemm::pack(const Operand& b, float* out, int64_t first, int64_t last) const {
  for (int64_t p = first; p < last; ++p) pack_panel(b, out + p * panel() * k, p * panel(), 0, k);
}

void Gemm::pack_panel(const Operand& operand, float* dst, int64_t j, int64_t k0, int64_t depth) const {
  const int w = panel();
  const int cols = int(std::min<int64_t>(w, n - j));
  const Operand first = operand.from(k0, j);
  if (first.dtype != DType::f32) {
    if (cols < w) std::fill(dst, dst + depth * w, 0.0f);
    return widen(first, dst, w, depth, cols);
  }
  const float* b = first.floats();
  const int64_t row_stride = first.row_stride, col_stride = first.col_stride;
  if (col_stride == 1) {
    for (int64_t i = 0; i < depth; ++i, dst += w) {
      for (int at = 0; at < cols; at += 16) __builtin_prefetch(b + (i + 32) * row_stride + at);
      copy_floats(dst, b + i * row_stride, cols);
      for (int c = cols; c < w; ++c) dst[c] = 0;
    }
    return;
  }
  if (row_stride == 1) {  // B is transposed in memory
    for (int64_t i = 0; i < depth; i += kTransposed, dst += kTransposed * w) {
      const int64_t rows = std::min(kTransposed, depth - i);
      transpose_floats(b + i, col_stride, dst, w, cols, rows);
      for (int64_t r = 0; r < rows && cols < w; ++r) std::fill(dst + r * w + cols, dst + (r + 1) * w, 0.0f);
    }
    return;
  }
  for (int64_t i = 0; i < depth; ++i, dst += w)
    for (int c = 0; c < w; ++c) dst[c] = c < cols ? b[i * row_stride + c * col_stride] : 0;
}

void Gemm::pack_block(const Operand& b, float* out, int64_t j, int64_t width, int64_t k0, int depth) const {
  for (int64_t at = j; at < j + width; at += panel()) {
    pack_panel(b, out, at, k0, depth);
    out += int64_t(panel()) * depth;
  }
}

void Gemm::block(const void* source, FillTile fill, const void* a, const PanelSource& panels_at, float* c, int64_t ldc,
                 int64_t row, int rows, int64_t first, int64_t width, int64_t k0, int depth, bool accumulate,
                 const TileEnd& end) const {
  alignas(64) float tile[kTileRows * kTileStride];
  fill(source, a, tile, row, rows, k0, depth);
  const int w = panel();
  float* to = rolling ? c : c + row * ldc;
  // The next tile's rows come while this one's products are made: some of each with every panel.
  const Operand* matrix = fill == fill_matrix_rows ? static_cast<const Operand*>(source) : nullptr;
  const bool ahead = matrix && matrix->dtype == DType::f32 && row + 2 * rows <= m;
  const int64_t share = (depth * panel() + width - 1) / width;
  int64_t at = 0;
  for (int64_t j = first; j < first + width; j += w) {
    const int columns = int(std::min<int64_t>(w, first + width - j));
    const float* b = panels_at.at + (j - panels_at.first) * panels_at.step;
    for (const int64_t end_at = std::min<int64_t>(depth, at + share); ahead && at < end_at; at += 16)
      for (int i = 0; i < rows; ++i)
        __builtin_prefetch(static_cast<const float*>(a) + (row + rows + i) * matrix->row_stride + k0 + at, 0, 2);
    GemmTile t{tile,
               b,
               b_stride ? b_stride : w,
               depth,
               {to + j, ldc, columns, accumulate, end.bias ? end.bias + j : nullptr, end.relu,
                end.residual ? end.residual + row * ldc + j : nullptr}};
    end.fetch_rows(row, rows, ldc, j, columns);
    isa->gemm[column][registers_for(columns)][rows](t);
  }
}

void Gemm::multiply_rows(int64_t depth, const float* a, int64_t row_stride, const float* packed, float* c, int64_t ldc,
                         int64_t rows, const Range& of, const TileEnd& end) const {
  const int64_t start = 0;
  for (int64_t i = 0; i < rows;) {
    const int height = tile_height(rows - i);
    for (int64_t j = of.begin; j < of.end; j += panel()) {
      const int64_t at = i * ldc + j;
      TileTarget to{c + at, ldc, int(std::min<int64_t>(panel(), of.end - j)), add};
      to.bias = end.bias ? end.bias + j : nullptr, to.relu = end.relu;
      to.residual = end.residual ? end.residual + at : nullptr;
      isa->window[nv][height]({a + i * row_stride, row_stride, &start, 1, int(depth), packed + j * k, to});
    }
    i += height;
  }
}

void multiply_outer(const IsaTable* isa, const OuterProduct& p) {
  const Gemm shape = Gemm::plan_whole(isa, p.m, p.n, 1, true);  // the tile that wastes least
  for (int64_t i = 0; i < p.m;) {
    const int height = shape.tile_height(p.m - i);
    for (int64_t j = 0; j < p.n; j += shape.panel()) {
      const int columns = int(std::min<int64_t>(shape.panel(), p.n - j));
      float* c = p.c + i * p.ldc + j;
      if (p.accumulate)  // the rows below are there when their turn comes
        for (int64_t r = height; r < std::min<int64_t>(2 * height, p.m - i); ++r)
          for (int at = 0; at < columns; at += 16) __builtin_prefetch(c + r * p.ldc + at, 1, 2);
      OuterTile t{p.a + i, p.b + j,  1, 1, int(p.count), 0,
                  0,       p.a_step, 0, 0, p.b_step,     {c, p.ldc, columns, p.accumulate}};
      isa->outer[columns == shape.panel() ? shape.nv : shape.registers_for(columns)][height](t);
    }
    i += height;
  }
}
}  // namespace hornbeam
