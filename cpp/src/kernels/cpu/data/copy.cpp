// Copies under other strides: transposes, slices, flips and broadcasts. By element size.
#include "kernels/cpu/data/elements.hpp"
#include "kernels/cpu/data/walks.hpp"

namespace hornbeam {
namespace {

struct CopyParams {
  Walk walk;           // operand 0: the source
  Walk rows;           // the same without its last axis
  int64_t offset = 0;  // of the source's first element
  size_t size = 4;
};

// Rows of n elements, `step` apart in the source, its rows `row_step`.
template <class T>
void copy_rows(T* __restrict dst, const T* __restrict src, int64_t rows, int64_t row_step, int64_t n, int64_t step) {
  if (step == 1)
    with_row_bytes(n * int64_t(sizeof(T)), [&](auto bytes) {
      for (int64_t j = 0; j < rows; ++j)
        copy_row(reinterpret_cast<char*>(dst + j * n), reinterpret_cast<const char*>(src + j * row_step), bytes);
    });
  else if (n <= 4)
    with_few(n, [&](auto count) {
      for (int64_t j = 0; j < rows; ++j)
        for (int64_t i = 0; i < count; ++i) dst[j * count + i] = src[j * row_step + i * step];
    });
  else
    for (int64_t j = 0; j < rows; ++j, dst += n, src += row_step) {
      if (step == 0)
        std::fill(dst, dst + n, *src);
      else if (step == -1)
        reverse_row(dst, src, n);
      else
        for (int64_t i = 0; i < n; ++i) dst[i] = src[i * step];
    }
}

void run_copy(const KernelCall& c) {
  const auto& p = params_of<CopyParams>(c);
  const Range r = part_range(p.walk.total, c.parts, c.part);
  if (r.size() == 0) return;
  const int64_t n = p.walk.sizes.back(), step = p.walk.strides[0].back();
  const int64_t first = std::min(r.end, (r.begin + n - 1) / n * n),
                last = std::max(first, r.end / n * n);  // whole rows
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    const T* src = buffer<const T>(c, 0) + p.offset;
    T* dst = buffer<T>(c, 1);
    auto run = [&](int64_t offset, int64_t at, int64_t length, int64_t stride) {
      copy_rows(dst + at, src + offset, 1, 0, length, stride);
    };
    if (r.begin < first) p.walk.runs(0, r.begin, first, run);
    if (first < last)
      p.rows.runs(0, first / n, last / n, [&](int64_t offset, int64_t at, int64_t rows, int64_t stride) {
        copy_rows(dst + at * n, src + offset, rows, stride, n, step);
      });
    if (last < r.end) p.walk.runs(0, last, r.end, run);
  });
}

// Two axes that change places: `rows` lie next to each other in the source, `columns` in the result.
struct TransposeParams {
  Walk others;                      // the source's and the result's strides of the other axes
  int64_t rows, columns, from, to;  // `from` and `to`: from a column to the next in the source, a row in the result
  int64_t offset;
  size_t size;
  int64_t strip() const { return int64_t(kLine / size); }
  int64_t strips() const { return (rows + strip() - 1) / strip(); }

 private:
  static constexpr size_t kLine = 64;  // a strip's rows are a cache line of a column, read once
};

// A strip: its columns follow at steps that the hardware does not foresee, so they are fetched in time.
template <class T>
void turn_strip(T* __restrict dst, const T* __restrict src, int64_t rows, int64_t columns, int64_t from, int64_t to) {
  constexpr int64_t kBlock = Lanes<T>::kCount, kAhead = 24;
  for (int64_t column = 0; column < columns; column += kBlock) {
    for (int64_t j = column + kAhead; j < std::min(columns, column + kAhead + kBlock); ++j)
      __builtin_prefetch(src + j * from);
    for (int64_t row = 0; row < rows; row += kBlock)
      if (row + kBlock <= rows && column + kBlock <= columns)
        Lanes<T>::turn(src + column * from + row, from, dst + row * to + column, to);
      else
        for (int64_t i = row; i < std::min(row + kBlock, rows); ++i)
          for (int64_t j = column; j < std::min(column + kBlock, columns); ++j) dst[i * to + j] = src[j * from + i];
  }
}

void run_transpose(const KernelCall& c) {
  const auto& p = params_of<TransposeParams>(c);
  const int64_t strip = p.strip(), strips = p.strips();
  const Range r = part_range(p.others.total * strips, c.parts, c.part);
  with_size(p.size, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t unit = r.begin; unit < r.end; ++unit) {
      const int64_t row = unit % strips * strip;
      const T* src = buffer<const T>(c, 0) + p.offset + row;
      T* dst = buffer<T>(c, 1) + row * p.to;
      int64_t rest = unit / strips;
      for (size_t a = p.others.sizes.size(); a-- > 0; rest /= p.others.sizes[a]) {
        const int64_t at = rest % p.others.sizes[a];
        src += at * p.others.strides[0][a], dst += at * p.others.strides[1][a];
      }
      turn_strip(dst, src, std::min(strip, p.rows - row), p.columns, p.from, p.to);
    }
  });
}

// Whether the copy has a pair of axes that change places, both of them long.
bool turns(const CopyParams& p, TransposeParams& t) {
  constexpr int64_t kWorthwhile = 8;
  const Shape& sizes = p.walk.sizes;
  const Ints& strides = p.walk.strides[0];
  const size_t last = sizes.size() - 1, row = size_t(std::find(strides.begin(), strides.end(), 1) - strides.begin());
  if (row >= last || sizes[row] < kWorthwhile || sizes[last] < kWorthwhile || strides[last] == 0) return false;
  const Ints to = row_major(sizes);
  t = {{}, sizes[row], sizes[last], strides[last], to[row], p.offset, p.size};
  t.others.strides.resize(2);
  for (size_t a = 0; a < last; ++a)
    if (a != row) {
      t.others.sizes.push_back(sizes[a]);
      t.others.strides[0].push_back(strides[a]), t.others.strides[1].push_back(to[a]);
    }
  t.others.total = shape_product(t.others.sizes);
  return true;
}

KernelPlan plan_view(const KernelRequest& r, const View& x) {
  check_rank(r.outputs[0].shape, r.op.name);
  CopyParams p;
  p.size = dtype_size(r.inputs[0].dtype);
  p.walk = walk_of(r.outputs[0].shape, x.strides);
  p.offset = x.offset;
  if (TransposeParams t; turns(p, t)) {
    const int64_t units = std::max<int64_t>(1, t.others.total * t.strips());
    const int parts = parts_for(units, double(p.walk.total) / double(units));
    return make_plan(std::move(t), {{run_transpose, parts}});
  }
  const Shape& sizes = p.walk.sizes;
  p.rows = walk_of({1}, {0});
  if (sizes.size() > 1) {
    p.rows.sizes.assign(sizes.begin(), sizes.end() - 1);
    p.rows.strides[0].assign(p.walk.strides[0].begin(), p.walk.strides[0].end() - 1);
    p.rows.total = shape_product(p.rows.sizes);
  }
  const int parts = parts_for(p.walk.total, 1);
  return make_plan(std::move(p), {{run_copy, parts}});
}
}  // namespace

KernelPlan plan_transpose(const KernelRequest& r) { return plan_view(r, transposed(r)); }
KernelPlan plan_slice(const KernelRequest& r) { return plan_view(r, sliced(r)); }
KernelPlan plan_flip(const KernelRequest& r) { return plan_view(r, flipped(r)); }
KernelPlan plan_broadcast_to(const KernelRequest& r) { return plan_view(r, broadcast(r)); }
}  // namespace hornbeam
