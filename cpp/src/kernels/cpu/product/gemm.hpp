// The blocked matrix product behind matmul and convolution: C[m, n] = sum_k A[m, k] B[k, n]. B is packed into panels by
// a first stage; A comes tile by tile from a source (rows of a matrix, or pixels gathered under a window), so that
// convolution needs no im2col buffer. Blocking depends on the shape and the ISA alone.
#pragma once

#include "base/interrupt.hpp"
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {

/// Copies `rows` x `depth` of A into a tile. Row form: dst[i * kTileStride + k]; column form: dst[k * rows + i].
using FillTile = void (*)(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth);

/// A matrix in memory: element (i, j) is data[i * row_stride + j * col_stride]. Products are of float32: float16 and
/// bfloat16 are widened where they are packed, or copied into tiles.
struct Operand {
  const void* data = nullptr;  // null where it is known as the kernel runs alone
  int64_t row_stride = 0, col_stride = 0;
  DType dtype = DType::f32;

  /// The same matrix elsewhere.
  Operand at(const void* other) const { return {other, row_stride, col_stride, dtype}; }
  /// From another of its elements on.
  Operand from(int64_t row, int64_t column) const {
    return at(static_cast<const char*>(data) + (row * row_stride + column * col_stride) * int64_t(dtype_size(dtype)));
  }
  const float* floats() const { return static_cast<const float*>(data); }
};
/// Tiles of an Operand `source` that lies at `a`: rows contiguous, or columns.
void fill_matrix_rows(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth);
void fill_matrix_columns(const void* source, const void* a, float* dst, int64_t row, int rows, int64_t k, int depth);

/// What is done to a finished product in registers: a bias added (null: none), a residual that lies as the result does
/// (null: none), relu.
struct TileEnd {
  const float* bias = nullptr;
  bool relu = false;
  const float* residual = nullptr;  // of the result's first element
  // What is read beside the product once it is done, lying as it does: fetched while it is computed (null: nothing).
  const float* fetch[4] = {};

  /// Fetches it for some rows, `stride` floats apart, of `columns` columns.
  void fetch_rows(int64_t row, int64_t rows, int64_t stride, int64_t column, int64_t columns) const {
    for (const float* from : fetch)
      for (int64_t i = row; from && i < row + rows; ++i)
        for (int64_t at = 0; at < columns; at += 16) __builtin_prefetch(from + i * stride + column + at, 1, 2);
  }
};

struct Gemm {
  const IsaTable* isa = nullptr;
  int64_t m = 0, n = 0, k = 0;
  int nv = 1;            // registers a panel is wide
  int mr = 1;            // rows a full tile has
  bool column = false;   // A tiles in column form
  bool add = false;      // C += A B
  bool rolling = false;  // C has room for a tile's rows alone, which `finish` takes away; for one block of depths
  int64_t b_stride = 0;  // B is read where it lies, with this row stride, rather than packed; 0: packed
  int row_parts = 1, col_parts = 1;

  /// `threads` bounds the parts; 0: there may be any number of threads.
  static Gemm plan(const IsaTable* isa, int64_t m, int64_t n, int64_t k, bool column, int threads = 0);
  /// The same as one part: a product inside a kernel that cuts its own work.
  static Gemm plan_whole(const IsaTable* isa, int64_t m, int64_t n, int64_t k, bool column);
  int panel() const { return nv * isa->lanes; }
  int64_t panels() const { return (n + panel() - 1) / panel(); }
  int64_t packed_size() const { return b_stride ? 0 : panels() * panel() * k; }  // floats
  /// Reads B unpacked when that is the better way: few rows would not pay for the packing, and it costs little where
  /// B is small and its rows spread over the cache. A B whose packed form persists is better packed, and what is not
  /// float32 must be.
  void read_in_place(const Operand& b, bool persistent);
  /// Whether B is large enough to be packed block by block, by the part that reads the block next (see run_blocks).
  bool pack_by_blocks();
  int64_t block_floats() const;  // that such a part needs
  int parts() const { return row_parts * col_parts; }
  int registers_for(int columns) const { return (columns + isa->lanes - 1) / isa->lanes; }

  /// Packs panels [first, last) of B into `out`.
  void pack(const Operand& b, float* out, int64_t first, int64_t last) const;
  /// The same for the depths [k0, k0 + depth) and `width` columns from j on.
  void pack_block(const Operand& b, float* out, int64_t j, int64_t width, int64_t k0, int depth) const;
  /// The same for all panels.
  void pack_all(const Operand& b, float* out) const { pack(b, out, 0, panels()); }

  /// Computes the block of C that belongs to `part`. `finish(row, rows, column, columns)` runs on each finished
  /// block of rows while it is in cache.
  template <class Finish>
  void run(int part, const void* source, FillTile fill, const void* a, const float* packed, float* c, int64_t ldc,
           const TileEnd& end, Finish finish) const {
    run_range(part, {0, k}, source, fill, a, packed, c, ldc, end, finish);
  }
  /// All of C = A B; a smaller `rows` than planned takes the first ones.
  void multiply(const Operand& a, const float* packed, float* c, int64_t ldc, int64_t rows) const {
    multiply_depth(k, a, packed, c, ldc, rows);
  }
  /// The same over the first `depth` of k.
  void multiply_depth(int64_t depth, const Operand& a, const float* packed, float* c, int64_t ldc, int64_t rows) const {
    Gemm g = *this;
    g.m = rows;
    g.run_range(0, {0, depth}, &a, column ? fill_matrix_columns : fill_matrix_rows, a.data, packed, c, ldc, {},
                [](int64_t, int64_t, int64_t, int64_t) {});
  }
  /// The same with A's rows read in place, `row_stride` apart, rather than copied: for rows that stay in L1.
  void multiply_rows(int64_t depth, const float* a, int64_t row_stride, const float* packed, float* c, int64_t ldc,
                     int64_t rows) const {
    multiply_rows(depth, a, row_stride, packed, c, ldc, rows, {0, n}, {});
  }
  /// The same for the columns of some panels alone, finished in registers; a residual lies as C does.
  void multiply_rows(int64_t depth, const float* a, int64_t row_stride, const float* packed, float* c, int64_t ldc,
                     int64_t rows, const Range& of, const TileEnd& end) const;
  /// The same with B packed on the way, `work` being the part's own block_floats().
  template <class Finish>
  void run_blocks(int part, const void* source, FillTile fill, const void* a, const Operand& b, float* work, float* c,
                  int64_t ldc, const TileEnd& end, Finish finish) const {
    each_block(part, {0, k}, [&](const Range& rows, int64_t j, int64_t width, int64_t p, int depth, bool last) {
      pack_block(b, work, j, width, p, depth);
      run_rows(rows, source, fill, a, {work, j, depth}, c, ldc, j, width, p, depth, add || p > 0, last, end, finish);
    });
  }
  /// The same over a range of k alone.
  template <class Finish>
  void run_range(int part, Range depths, const void* source, FillTile fill, const void* a, const float* packed,
                 float* c, int64_t ldc, const TileEnd& end, Finish finish) const {
    each_block(part, depths, [&](const Range& rows, int64_t j, int64_t width, int64_t p, int depth, bool last) {
      const PanelSource at =
          b_stride ? PanelSource{packed + p * b_stride, 0, 1} : PanelSource{packed + p * panel(), 0, k};
      run_rows(rows, source, fill, a, at, c, ldc, j, width, p, depth, add || p > depths.begin, last, end, finish);
    });
  }

  static constexpr int kTilesUnasked = 256;  // some 0.03 s at most
  int tile_height(int64_t rows_left) const;  // equalised, so that no tile is left tiny

 private:
  // Where the panel of column j begins: at + (j - first) * step.
  struct PanelSource {
    const float* at;
    int64_t first, step;
  };
  // Depths taken together, none left tiny; panels of so many depths that stay in L2; columns of C taken together.
  static int64_t depth_step(int64_t depths);
  int64_t most_panels(int64_t depth) const;
  int64_t column_step(int64_t columns, int64_t depth) const;
  void pack_panel(const Operand& b, float* dst, int64_t j, int64_t k0, int64_t depth) const;

  // The blocks of a part: f(rows, first column, columns, first depth, depths, whether it is the last depth).
  template <class F>
  void each_block(int part, Range depths, F f) const {
    const Range rows = part_range(m, row_parts, part % row_parts, mr);
    const Range cols = part_range(n, col_parts, part / row_parts, panel());
    if (rows.size() <= 0 || cols.size() <= 0) return;
    const int64_t deep = depth_step(depths.size()), step = column_step(cols.size(), deep);
    for (int64_t j = cols.begin; j < cols.end; j += step)
      for (int64_t p = depths.begin; p < depths.end || p == depths.begin; p += deep) {
        if ((j > cols.begin || p > depths.begin) && stop_asked()) return;
        f(rows, j, std::min(step, cols.end - j), p, int(std::min<int64_t>(deep, depths.end - p)),
          p + deep >= depths.end);
      }
  }
  template <class Finish>
  void run_rows(const Range& rows, const void* source, FillTile fill, const void* a, const PanelSource& panels_at,
                float* c, int64_t ldc, int64_t j, int64_t width, int64_t p, int depth, bool accumulate, bool last,
                const TileEnd& end, Finish finish) const {
    int tiles = 0;
    for (int64_t i = rows.begin; i < rows.end;) {
      if (++tiles % kTilesUnasked == 0 && stop_asked()) return;
      const int h = tile_height(rows.end - i);
      block(source, fill, a, panels_at, c, ldc, i, h, j, width, p, depth, accumulate, last ? end : TileEnd{});
      if (last) finish(i, h, j, width);
      i += h;
    }
  }
  void block(const void* source, FillTile fill, const void* a, const PanelSource& panels_at, float* c, int64_t ldc,
             int64_t row, int rows, int64_t first, int64_t width, int64_t k0, int depth, bool accumulate,
             const TileEnd& end) const;
};

/// C[m, n] (+)= sum over `count` of a[s * a_step + i] b[s * b_step + j], both read in place.
struct OuterProduct {
  int64_t m, n;
  const float* a;
  int64_t a_step;
  const float* b;
  int64_t b_step;
  int64_t count;
  float* c;
  int64_t ldc;
  bool accumulate;
};
void multiply_outer(const IsaTable* isa, const OuterProduct& p);
}  // namespace hornbeam
