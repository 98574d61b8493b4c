// Convolution straight from the image: tiles of pixels along a line are read in place, or from a padded copy of a few
// lines, so that nothing is gathered tap by tap.
#pragma once

#include "kernels/cpu/convolution/conv_geometry.hpp"

namespace hornbeam {

/// Some pixels of a gather's grid: whole planes, some lines of one, or a piece of a line. Planes are numbered through
/// all images; with two axes each image is one.
struct Chunk {
  int64_t plane, planes, line, lines, pixel, pixels;
};

/// Where a grid of pixels lies in an output.
struct PixelGrid {
  float* at;
  int64_t image, plane, line, pixel;  // floats from one to the next
};

/// How a gather's windows are read: planned once for the shapes.
struct Window {
  bool used = false;
  bool copies = false;          // lines are copied, with their padding, into `scratch` floats
  int64_t line = 0, pixel = 0;  // floats from one to the next where windows are read
  int64_t top = 0, left = 0;    // of the first tap, relative to a pixel's base
  int64_t rows = 0;             // lines of taps
  int64_t apart = 1;            // lines of the source from one to the next
  int64_t spread = 1;           // lines of the source from one copied line to the next
  int64_t reach = 0;            // lines a window spans, in copied lines
  int64_t width = 0;            // pixels a copied line has
  int64_t slot = 0;             // floats of the copied lines of a plane
  int64_t pieces = 1;           // of a line, each of `piece` pixels of the grid
  int64_t piece = 0;
  int64_t chunk_lines = 0;   // lines of the grid taken together
  int64_t chunk_planes = 0;  // or whole planes; 0: a plane is more than a chunk
  int64_t scratch = 0;
  std::vector<int64_t> depths;  // the planes of taps, relative to a pixel's base: each is copied for itself
  std::vector<int64_t> runs;    // where each run of neighbouring floats under a window starts
  int64_t run_length = 0;

  static Window plan(const Gather& g);
  /// Chunks are taken from a range of these.
  int64_t units(const Gather& g, int64_t batch) const { return batch * g.count[0] * g.count[1] * pieces; }
  Chunk next(const Gather& g, int64_t begin, int64_t end) const;
  /// The first window of the chunk; copies its lines when need be. *plane_stride: floats from one plane to the next.
  const float* read(const Gather& g, const Chunk& c, const float* x, float* lines_at, int64_t* plane_stride) const;
  /// Copies the chunk's lines: copy(to, the first of the source's pixels, how many), and zeros where there are none.
  template <class Copy>
  void copy_lines(const Gather& g, const Chunk& c, float* lines_at, Copy copy) const;
  /// The runs that meet the source from a line of the grid; what else is left out meets padding alone.
  Range inside(const Gather& g, int64_t plane, int64_t at) const;
  /// Whether no tap of a chunk meets the source; of several planes some do.
  bool outside(const Gather& g, const Chunk& c) const {
    bool none = c.planes == 1;
    for (int64_t l = 0; none && l < c.lines; ++l) none = inside(g, c.plane, c.line + l).size() <= 0;
    return none;
  }
};

template <class Copy>
void Window::copy_lines(const Gather& g, const Chunk& c, float* lines_at, Copy copy) const {
  auto within = [](int64_t at, int64_t size) { return uint64_t(at) < uint64_t(size); };
  const int64_t planes = int64_t(depths.size()), lines = (c.lines - 1) * g.step[1] + reach;
  const int64_t first = c.line * g.step[1] + top, column = left + c.pixel * g.step[2];
  const int64_t skip = std::clamp<int64_t>(-column, 0, width), from = std::max<int64_t>(0, column);
  const int64_t n = std::max<int64_t>(0, std::min(width - skip, g.size[2] - from));  // pixels that exist
  for (int64_t m = 0; m < c.planes * planes; ++m) {
    const int64_t plane = c.plane + m / planes, image = plane / g.count[0];
    const int64_t d = plane % g.count[0] * g.step[0] + depths[size_t(m % planes)];
    float* dst = lines_at + m * slot;
    for (int64_t l = 0; l < lines; ++l, dst += line) {
      const int64_t h = first + l * spread;
      if (!within(d, g.size[0]) || !within(h, g.size[1]) || n == 0) {
        std::fill(dst, dst + line, 0.0f);
        continue;
      }
      std::fill(dst, dst + skip * pixel, 0.0f);
      copy(dst + skip * pixel, ((image * g.size[0] + d) * g.size[1] + h) * g.size[2] + from, n);
      std::fill(dst + (skip + n) * pixel, dst + line, 0.0f);
    }
  }
}

/// Calls f(a line's first window, where its pixels go, the runs that matter) for the lines of a chunk.
template <class F>
void each_line(const Window& w, const Gather& g, const Chunk& c, const float* first, int64_t plane_stride,
               const PixelGrid& y, F f) {
  for (int64_t m = c.plane; m < c.plane + c.planes; ++m)
    for (int64_t l = 0; l < c.lines; ++l)
      f(first + (m - c.plane) * plane_stride + l * g.step[1] * w.line,
        y.at + m / g.count[0] * y.image + m % g.count[0] * y.plane + (c.line + l) * y.line + c.pixel * y.pixel,
        w.inside(g, m, c.line + l));
}

/// y = windows x packed panels (gemm's) for units [begin, end) of the grid. `finish(chunk)` runs on each finished
/// chunk.
template <class Finish>
void multiply_windows(const Window& w, const Gather& g, const Gemm& gemm, Range units, const float* x,
                      const float* packed, float* scratch, const PixelGrid& y, const TileEnd& end, Finish finish) {
  const int64_t group = std::max<int64_t>(1, 131072 / std::max<int64_t>(1, gemm.k * gemm.panel()));  // panels in cache
  for (int64_t at = units.begin; at < units.end;) {
    const Chunk c = w.next(g, at, units.end);
    int64_t plane_stride;
    const float* first = w.read(g, c, x, scratch, &plane_stride);
    for (int64_t p = 0; p < gemm.panels(); p += group)
      each_line(w, g, c, first, plane_stride, y, [&](const float* a, float* out, const Range& runs) {
        for (int64_t i = 0; i < c.pixels;) {
          const int rows = gemm.tile_height(c.pixels - i);
          for (int64_t q = p; q < std::min(gemm.panels(), p + group); ++q) {
            const int64_t j = q * gemm.panel();
            const int columns = int(std::min<int64_t>(gemm.panel(), gemm.n - j));
            gemm.isa->window[gemm.nv][rows](
                {a + i * g.step[2] * w.pixel,
                 g.step[2] * w.pixel,
                 w.runs.data() + runs.begin,
                 int(runs.size()),
                 int(w.run_length),
                 packed + j * gemm.k + runs.begin * w.run_length * gemm.panel(),
                 {out + i * y.pixel + j, y.pixel, columns, false, end.bias ? end.bias + j : nullptr, end.relu,
                  end.residual ? end.residual + (out - y.at) + i * y.pixel + j : nullptr}});
          }
          i += rows;
        }
      });
    finish(c);
    at += c.planes * c.lines;
  }
}

/// The same for so few columns that a register is filled along k instead: w[f * k + i].
template <class Finish>
void dot_windows(const Window& w, const Gather& g, const Gemm& gemm, Range units, const float* x, const float* weights,
                 float* scratch, const PixelGrid& y, const TileEnd& end, Finish finish) {
  for (int64_t at = units.begin; at < units.end;) {
    const Chunk c = w.next(g, at, units.end);
    int64_t plane_stride;
    const float* first = w.read(g, c, x, scratch, &plane_stride);
    each_line(w, g, c, first, plane_stride, y, [&](const float* a, float* out, const Range& runs) {
      gemm.isa->dot_tile({a, g.step[2] * w.pixel, w.runs.data() + runs.begin, int(runs.size()), int(w.run_length),
                          weights + runs.begin * w.run_length, gemm.k, out, y.pixel, int(c.pixels), int(gemm.n)});
      if (!end.bias && !end.relu && !end.residual) return;
      for (int64_t i = 0; i < c.pixels; ++i)
        for (int64_t f = 0; f < gemm.n; ++f) {
          float& v = out[i * y.pixel + f];
          if (end.bias) v += end.bias[f];
          if (end.residual) v += end.residual[(out - y.at) + i * y.pixel + f];
          if (end.relu && v < 0) v = 0;
        }
    });
    finish(c);
    at += c.planes * c.lines;
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
/// dk = or, from the first chunk on when `add`, += sum over pixels of the window's floats times dy's filters, for units
/// [begin, end) of the grid and a share of the tiles.
void multiply_outer(const Window& w, const Gather& g, const IsaTable* isa, Range units, Share share, const float* x,
                    float* scratch, const float* dy, int64_t ldy, const OuterShape& shape, bool add, float* dk);

}  // namespace hornbeam
