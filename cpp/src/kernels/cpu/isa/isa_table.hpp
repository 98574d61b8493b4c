// The functions each ISA provides. Frames in kernels/cpu call them through a table and contain no ISA code.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/isa/cells.hpp"
#include "schema/elementwise.hpp"

namespace hornbeam {

// dst[i] = op(a[i], b[i], c[i]) for n floats; pointers may be equal, not otherwise overlap.
using TileFn = void (*)(float* dst, const float* a, const float* b, const float* c, int n);

// Where a tile of MR rows x (nv * lanes) columns of products goes.
struct TileTarget {
  float* c;
  int64_t ldc;
  int columns;                      // of the tile that exist
  bool accumulate;                  // C += rather than C =
  const float* bias = nullptr;      // of these columns, added last
  bool relu = false;                // then applied
  const float* residual = nullptr;  // laid out as C is, added before that
};

// C (+)= A B, over k, with A copied into a tile.
struct GemmTile {
  const float* a;  // row form: a[i * kTileStride + k]; column form: a[k * rows + i]
  const float* b;  // a panel, packed or where it lies: b[k * b_step + j]
  int64_t b_step;
  int k;
  TileTarget to;
};
// The same with A read where it lies: row i, element k of run s at a[i * row_stride + runs[s] + k].
struct WindowTile {
  const float* a;
  int64_t row_stride;
  const int64_t* runs;
  int run_count;
  int run_length;
  const float* b;  // packed panel: b[(s * run_length + k) * nv * lanes + j]
  TileTarget to;
};
// C (+)= A^T B over the pixels of some images: rows i at a[i], columns j at b[j] of each pixel.
struct OuterTile {
  const float *a, *b;
  int images, lines, pixels;
  int64_t a_image, a_line, a_pixel;  // floats from one to the next
  int64_t b_image, b_line, b_pixel;
  TileTarget to;
};
// y[i * ldy + f * filter_step] = sum over runs and k of a[i * row_stride + runs[s] + k] * w[f * w_stride + s *
// run_length + k], for `rows` i and `filters` f: for so few filters that they would not fill a register.
struct DotTile {
  const float* a;
  int64_t row_stride;
  const int64_t* runs;
  int run_count;
  int run_length;
  const float* w;
  int64_t w_stride;
  float* y;
  int64_t ldy;
  int rows, filters;
  int64_t filter_step = 1;
};
// to[pixel][k][lane] = x[pixel * step + index[k][lane]] for k < count: at most a register of each pixel is read, `span`
// floats of it.
struct SpreadPixels {
  float* to;
  const float* x;
  int64_t step, pixels;
  int span;
  const int32_t* index;
  int count;
};
// Tiles of a Winograd convolution, side by side: pixels read from x, points written from v on, `step` floats apart.
struct WinogradInput {
  const float* x;
  int64_t line, pixel;     // floats from one to the next
  const float* const* at;  // where each pixel lies, line by line, of a tile that crosses the image's edge; else null
  float* v;
  int64_t step;
  int64_t tiles, next_x, next_v;
};
// The pixels of tiles side by side, from the products at their points.
struct WinogradOutput {
  const float* m;  // point p begins at m + p * step
  int64_t step;
  float* y;
  int64_t line, pixel;    // floats from one to the next
  int lines, pixels;      // of each tile that lie in the image
  const float* bias;      // null: none
  const float* residual;  // lies as y does, added before relu; null: none
  bool relu;
  int64_t tiles, next_m, next_y;
};
// The transforms of F(2x2, 3x3) or F(4x4, 3x3), n channels each: a tile of pixels, of gradients, a kernel (its taps
// `tap` floats apart) to its points, which lie `step` floats apart, and back.
struct Winograd {
  void (*input)(const WinogradInput& t, int64_t n);
  void (*output)(const WinogradOutput& t, int64_t n);
  void (*kernel)(float* u, int64_t step, const float* k, int64_t tap, int64_t n);
  void (*output_grad)(const WinogradInput& t, int64_t n);  // F(2x2) alone, as the next
  void (*kernel_grad)(float* dk, int64_t tap, const float* u, int64_t step, int64_t n);
};
// A fold over the taps of some pixels, n channels each: y[pixel * y_step + i] from x[pixel * step + cells[t] + i], tap
// by tap. Fetches x and y so many floats on meanwhile: channels are walked in strides that the hardware does not
// foresee.
struct FoldCells {
  float* y;
  int64_t y_step;
  const float* x;
  const int64_t* cells;
  int count;
  int64_t step, pixels, n;
  bool first, last;  // unless first, goes on from y; when last, finishes it
  int64_t fetch_x = 0, fetch_y = 0;
};
// The sum of products with w[taps[t] + i], in the end a bias (null: none) and relu.
struct DotCells : FoldCells {
  const float* w;
  const int64_t* taps;
  const float* bias;
  bool relu;
};
// dk[taps[t] + i] += sum over pixels of x[pixel * step + cells[t] + i] dy[pixel * n + i]
struct OuterCells {
  float* dk;
  const int64_t* taps;
  const float* x;
  const int64_t* cells;
  int count;
  int64_t step;
  const float* dy;
  int64_t pixels, n;
  int64_t fetch_x = 0, fetch_dy = 0;
};
// The largest, and at[pixel * y_step + i] (null: not wanted) = its number, counted from `base` before x[0].
struct MaxCells : FoldCells {
  int32_t* at;
  int64_t base;
};
// Gives dy[pixel * n + i] to the cell that `at` names, and zero to the others; `add`: to what is in dx already.
struct MaxCellsGrad {
  float* dx;
  int64_t base;
  const int64_t* cells;
  int count;
  int64_t step, pixels, n;
  const int32_t* at;
  const float* dy;
  bool add;
};
// y[i] = sum over k of weights[k] rows[k][i]
template <class T>
struct MixRowsOf {
  T* y;
  const T* const* rows;
  const T* weights;
  int count;
  int64_t n;
};
// y[p * channels + i] = sum over k of weights[k] x[(first[p] + k - begin[p]) * channels + i], for k from begin[p] on to
// before begin[p + 1]; x has `width` pixels.
template <class T>
struct MixPixelsOf {
  T* y;
  const T* x;
  const int32_t *first, *begin;
  const T* weights;
  int64_t pixels, channels, width;
};
using MixRows = MixRowsOf<float>;
using MixPixels = MixPixelsOf<float>;
constexpr int kTileDepth = 400;               // K is taken in blocks of this many
constexpr int kTileStride = kTileDepth + 16;  // row form: padded, so that rows do not share a cache set
constexpr int kTileRows = 16;                 // of the tallest tile
using GemmFn = void (*)(const GemmTile&);
using WindowFn = void (*)(const WindowTile&);
using OuterFn = void (*)(const OuterTile&);

// Of a row: what is not at most a bound, not at least (NaN is neither), or equal to it.
enum class Find { above, below, equal };

struct IsaTable {
  const char* name;
  int lanes;
  TileFn elementwise[int(TileOp::count)];
  int max_rows[5];                    // tallest tile for a panel of nv registers, nv = 1..4; 0: none
  GemmFn gemm[2][5][kTileRows + 1];   // [column form][nv][rows]
  WindowFn window[5][kTileRows + 1];  // [nv][rows]
  OuterFn outer[5][kTileRows + 1];
  void (*dot_tile)(const DotTile& t);
  void (*spread_pixels)(const SpreadPixels& t);
  // y[j] += sum of x[k] b[k * stride + j] over the rows of b, for n columns.
  void (*add_products)(float* y, const float* x, const float* b, int64_t stride, int64_t rows, int64_t n);
  Winograd winograd[2];           // of tiles of 2 x 2 and of 4 x 4 outputs
  float (*fma_probe)(int64_t n);  // n x 12 x lanes multiply-adds in registers
  // Uniform numbers in [0, 1): four a block of Philox, for `blocks` blocks from `first` on.
  void (*uniform)(float* y, uint64_t key, uint64_t counter, uint64_t first, int64_t blocks);
  // Floats of float16 [0] and bfloat16 [1], and back, rounded to nearest even.
  void (*widen[2])(float* y, const uint16_t* x, int64_t n);
  void (*narrow[2])(uint16_t* y, const float* x, int64_t n);
  CellFn cell[int(Cell::count)];
  CellGradFn cell_grad[int(Cell::count)];
  // Rows: n floats each.
  float (*sum)(const float* x, int64_t n);
  float (*max)(const float* x, int64_t n);
  float (*min)(const float* x, int64_t n);
  float (*product)(const float* x, int64_t n);
  int64_t (*find)(const float* x, int64_t n, float bound, Find what);  // the first such element; n: there is none
  float (*dot)(const float* x, const float* y, int64_t n);
  float (*sum_squares)(const float* x, int64_t n, float mean);  // of x - mean
  float (*exp_sum)(float* y, const float* x, int64_t n,
                   float shift);  // y = exp(x - shift); returns the sum; y may be null
  void (*scale_shift)(float* y, const float* x, int64_t n, float scale, float shift);  // y = x * scale + shift
  // Columns: rows x n, added to / combined into acc[n].
  void (*add_rows)(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride);
  void (*max_rows_into)(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride);
  void (*min_rows_into)(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride);
  void (*multiply_rows)(float* acc, const float* x, int64_t rows, int64_t n, int64_t stride);
  // Of each column the first of the largest elements and its row, the first NaN before all (of the smallest, negated).
  void (*arg_columns)(float* best, int32_t* at, const float* x, int64_t rows, int64_t n, int64_t stride, bool largest);
  // sums += d, squares += d * d with d = x - shift; sums += dy, dots += dy * (x - mean).
  void (*add_moments)(float* sums, float* squares, const float* x, const float* shift, int64_t rows, int64_t n);
  void (*add_norm_grads)(float* sums, float* dots, const float* x, const float* dy, const float* mean, int64_t rows,
                         int64_t n);
  void (*norm_grad_row)(float* sums, const float* x, const float* dy, int64_t n, float mean);  // both sums of a row
  void (*max_cells)(const MaxCells& q);
  void (*max_cells_grad)(const MaxCellsGrad& q);
  void (*dot_cells)(const DotCells& q);
  void (*sum_cells)(const FoldCells& q, float scale);  // scaled in the end
  void (*outer_cells)(const OuterCells& q);
  void (*mix_rows)(const MixRows& q);
  void (*mix_pixels)(const MixPixels& q);
  void (*affine_columns)(float* y, const float* x, const float* scale, const float* shift, int64_t rows, int64_t n);
  void (*affine2_columns)(float* out, const float* x, const float* dy, const float* a, const float* b, const float* c,
                          int64_t rows, int64_t n);  // out = dy*a + x*b + c
  void (*affine2_row)(float* out, const float* x, const float* dy, int64_t n, float a, float b, float c);
  void (*short_softmax)(float* y, const float* x, int64_t rows, int64_t n, bool logarithm);    // n <= lanes
  void (*log_softmax_grad)(float* dx, const float* y, const float* dy, int64_t n, float sum);  // dy - exp(y) * sum
  void (*softmax_grad)(float* dx, const float* y, const float* dy, int64_t n, float shift,
                       float scale);  // dx = y * (dy - shift) * scale
  void (*layer_norm_row)(float* y, const float* x, const float* gamma, const float* beta, int64_t n, float mean,
                         float rstd);
  void (*layer_norm_grad_row)(float* dx, float* dgamma, float* dbeta, const float* x, const float* dy,
                              const float* gamma, int64_t n, float mean, float rstd, bool centred);
};

/// The table for a name ("avx512", "avx2", "scalar"); null when this build or CPU has none.
const IsaTable* find_isa(const char* name);
/// The same; throws ValueError where there is none. An empty name: the default.
const IsaTable& isa_for(const char* name);
/// The best table of this CPU, or the one HB_ISA names.
const IsaTable& default_isa();
/// Names of the tables this CPU can run, best first; null-terminated.
const char* const* available_isas();

}  // namespace hornbeam
