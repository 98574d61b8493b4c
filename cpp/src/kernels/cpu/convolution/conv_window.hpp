// Convolution straight from the image: tiles of pixels along a line are read in place, or from a padded copy of a few
// lines, so that nothing is gathered tap by tap.
#pragma once

#include "kernels/cpu/convolution/conv_geometry.hpp"

namespace hornbeam {

/// Some lines of pixels of a gather's grid: `lines` from `line` on of one image, or all lines of `images` images.
struct Chunk {
  int64_t image, images, line, lines;
};

/// Where a grid of pixels lies in an output.
struct PixelGrid {
  float* at;
  int64_t image, line, pixel;  // floats from one to the next
};

/// How a gather's windows are read: planned once for the shapes.
struct Window {
  bool used = false;
  bool copies = false;          // lines are copied, with their padding, into `scratch` floats
  int64_t line = 0, pixel = 0;  // floats from one to the next where windows are read
  int64_t top = 0, left = 0;    // of the first tap, relative to a pixel's base
  int64_t reach = 0;            // lines a window spans
  int64_t width = 0;            // pixels a copied line has
  int64_t chunk_lines = 0;      // lines of the grid taken together
  int64_t chunk_images = 0;     // or whole images; 0: an image is more than a chunk
  int64_t scratch = 0;
  std::vector<int64_t> runs;  // where each run of neighbouring floats under a window starts
  int64_t run_length = 0;

  /// The window of a gather over lines of pixels; `used` is false where it has more axes than that.
  static Window plan(const Gather& g);
  Chunk next(const Gather& g, int64_t begin, int64_t end) const;
  /// The first window of the chunk; copies its lines when need be. *image_stride: floats from one image to the next.
  const float* read(const Gather& g, const Chunk& c, const float* x, float* lines_at, int64_t* image_stride) const;
};

/// y = windows x packed panels (gemm's) for lines [begin, end) of the grid. `finish(chunk)` runs on each finished
/// chunk.
template <class Finish>
void multiply_windows(const Window& w, const Gather& g, const Gemm& gemm, Range lines, const float* x,
                      const float* packed, float* scratch, const PixelGrid& y, const TileEnd& end, Finish finish) {
  const int64_t group = std::max<int64_t>(1, 131072 / std::max<int64_t>(1, gemm.k * gemm.panel()));  // panels in cache
  for (int64_t at = lines.begin; at < lines.end;) {
    const Chunk c = w.next(g, at, lines.end);
    int64_t image_stride;
    const float* first = w.read(g, c, x, scratch, &image_stride);
    for (int64_t p = 0; p < gemm.panels(); p += group)
      for (int64_t m = 0; m < c.images; ++m)
        for (int64_t l = 0; l < c.lines; ++l) {
          const float* a = first + m * image_stride + l * g.step[1] * w.line;
          float* out = y.at + (c.image + m) * y.image + (c.line + l) * y.line;
          for (int64_t i = 0; i < g.count[2];) {
            const int rows = gemm.tile_height(g.count[2] - i);
            for (int64_t q = p; q < std::min(gemm.panels(), p + group); ++q) {
              const int64_t j = q * gemm.panel();
              const int columns = int(std::min<int64_t>(gemm.panel(), gemm.n - j));
              gemm.isa->window[gemm.nv][rows](
                  {a + i * g.step[2] * w.pixel,
                   g.step[2] * w.pixel,
                   w.runs.data(),
                   int(w.runs.size()),
                   int(w.run_length),
                   packed + j * gemm.k,
                   {out + i * y.pixel + j, y.pixel, columns, false, end.bias ? end.bias + j : nullptr, end.relu,
                    end.residual ? end.residual + (out - y.at) + i * y.pixel + j : nullptr}});
            }
            i += rows;
          }
        }
    finish(c);
    at += c.images * c.lines;
  }
}

/// The same for so few columns that a register is filled along k instead: w[f * k + i].
template <class Finish>
void dot_windows(const Window& w, const Gather& g, const Gemm& gemm, Range lines, const float* x, const float* weights,
                 float* scratch, const PixelGrid& y, const TileEnd& end, Finish finish) {
  for (int64_t at = lines.begin; at < lines.end;) {
    const Chunk c = w.next(g, at, lines.end);
    int64_t image_stride;
    const float* first = w.read(g, c, x, scratch, &image_stride);
    for (int64_t m = 0; m < c.images; ++m)
      for (int64_t l = 0; l < c.lines; ++l) {
        float* out = y.at + (c.image + m) * y.image + (c.line + l) * y.line;
        gemm.isa->dot_tile({first + m * image_stride + l * g.step[1] * w.line, g.step[2] * w.pixel, w.runs.data(),
                            int(w.runs.size()), int(w.run_length), weights, gemm.k, out, y.pixel, int(g.count[2]),
                            int(gemm.n)});
        if (!end.bias && !end.relu && !end.residual) continue;
        for (int64_t i = 0; i < g.count[2]; ++i)
          for (int64_t f = 0; f < gemm.n; ++f) {
            float& v = out[i * y.pixel + f];
            if (end.bias) v += end.bias[f];
            if (end.residual) v += end.residual[(out - y.at) + i * y.pixel + f];
            if (end.relu && v < 0) v = 0;
          }
      }
    finish(c);
    at += c.images * c.lines;
  }
}

/// How a kernel gradient lies: [run][i][filter], or `swapped` [run][filter][i], which fills registers where there are
/// few filters; `stride` floats from one row to the next.
struct OuterShape {
  int64_t filters;
  bool swapped;
  int64_t stride;
};
/// One share of several.
struct Share {
  int index, of;
};
/// Tiles of rows, which can be shared out.
int64_t outer_tiles(const Window& w, const IsaTable* isa, int64_t filters, bool swapped);
/// dk (+)= sum over pixels of the window's floats times dy's filters, for lines [begin, end) of the grid and a share of
/// the tiles.
void multiply_outer(const Window& w, const Gather& g, const IsaTable* isa, Range lines, Share share, const float* x,
                    float* scratch, const float* dy, int64_t ldy, const OuterShape& shape, float* dk);

}  // namespace hornbeam
