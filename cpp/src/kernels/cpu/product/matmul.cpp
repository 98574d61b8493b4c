// matmul: float32 on the blocked product, float64 and ints by plain loops. The batch is broadcast by strides.
#include "kernels/cpu/product/epilogue.hpp"

namespace hornbeam {
namespace {

constexpr int64_t kDotRows = 64;          // rows of dots that are finished together
constexpr int64_t kMostDots = 1 << 20;    // elements of a dot
constexpr int64_t kStreamRows = 4;        // of A, with which B is read as streams
constexpr int64_t kStreamColumns = 2048;  // of B that are read together, and
constexpr int64_t kStreams = 8;           // rows

struct MatmulParams {
  Gemm gemm;
  int left = 0, right = 1;  // the inputs that are A and B
  bool by_blocks = false;   // B is packed on the way
  Epilogue epilogue;
  int64_t apart = 0, apart_step = 0;  // where the product lies apart: floats before it in the workspace, and a thread's
  int64_t batch = 1, m = 0, n = 0, k = 0;
  std::vector<int64_t> a_offset, b_offset;  // of each batch entry, in elements
  std::vector<int64_t> b_unique;            // the entries of B that are packed
  std::vector<int> b_index;                 // batch entry -> packed entry
  Operand a, b;                             // but for where they are
};

void pack_b(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  const float* b = buffer<const float>(c, p.right);
  float* packed = prepacked(c);
  const int64_t total = int64_t(p.b_unique.size()) * p.gemm.panels();
  const Range r = part_range(total, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end;) {
    const int64_t entry = i / p.gemm.panels(), first = i % p.gemm.panels();
    const int64_t last = std::min(p.gemm.panels(), first + r.end - i);
    p.gemm.pack(p.b.at(b + p.b_unique[size_t(entry)]), packed + entry * p.gemm.packed_size(), first, last);
    i += last - first;
  }
}

// Columns of B as rows.
void pack_dots(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  transpose_floats(buffer<const float>(c, 1), p.b.row_stride, prepacked(c), p.k, p.k, p.n);
}
void multiply_dots(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  const float* w = p.b.row_stride == 1 ? buffer<const float>(c, 1) : prepacked(c);
  float* out = buffer<float>(c, c.out);
  const int64_t start = 0;
  const Range r = part_range(p.m, c.parts, c.part);
  for (int64_t row = r.begin; row < r.end; row += kDotRows) {
    const int64_t rows = std::min(kDotRows, r.end - row);
    float* to = p.epilogue.apart ? buffer<float>(c, c.work) + c.thread * p.apart_step : out + row * p.n;
    p.gemm.isa->dot_tile({buffer<const float>(c, 0) + row * p.a.row_stride, p.a.row_stride, &start, 1, int(p.k), w, p.k,
                          to, p.n, int(rows), int(p.n)});
    if (p.epilogue.apart)
      p.epilogue.apply_apart(c, to, p.n, row, rows, 0, p.n);
    else
      p.epilogue.apply_rows(c, out, 0, p.n, row, rows, 0, p.n);
  }
}

// Each entry of a batch by itself, its columns of B lying as rows.
void multiply_batch_dots(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  float* out = buffer<float>(c, c.out);
  const int64_t start = 0, size = p.m * p.n;
  const Range r = part_range(p.batch, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end && (i % kDotRows != 0 || !stop_asked()); ++i)
    p.gemm.isa->dot_tile({buffer<const float>(c, 0) + p.a_offset[size_t(i)], p.a.row_stride, &start, 1, int(p.k),
                          buffer<const float>(c, 1) + p.b_offset[size_t(i)], p.b.col_stride, out + i * size, p.n,
                          int(p.m), int(p.n)});
  if (r.size() > 0) p.epilogue.apply_rows(c, out, 0, size, r.begin, r.size(), 0, size);
}

// Whether sums along k, a register at a time, are quicker than a register of columns that would be mostly empty. A
// step of either takes a multiply-add and the loads it waits for; each sum along k is folded at its end.
bool dots_pay(const MatmulParams& p, int lanes) {
  if (p.n == 0 || p.n >= lanes || p.k > kMostDots || p.a.col_stride != 1) return false;
  const double folded = 15, steps = double((p.k + lanes - 1) / lanes);
  return double(p.n) * (1.25 * steps + folded) < 1.5 * double(p.k);
}

void finish_columns(const KernelCall& c, const MatmulParams& p, float* product, int64_t column, int64_t columns) {
  if (p.epilogue.apart)
    p.epilogue.apply_apart(c, product, p.n, 0, p.m, column, columns);
  else
    p.epilogue.apply_rows(c, product, 0, p.n, 0, p.m, column, columns);
}
// Few rows of A. B is read once and where it lies: as streams of some of its rows,
void multiply_streams(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  const float *a = buffer<const float>(c, p.left), *b = buffer<const float>(c, p.right);
  float* out = buffer<float>(c, p.epilogue.apart ? c.work : c.out);
  const Range r = part_range(p.n, c.parts, c.part, 16);
  for (int64_t j = r.begin; j < r.end && !stop_asked(); j += kStreamColumns) {
    const int64_t columns = std::min(kStreamColumns, r.end - j);
    for (int64_t i = 0; i < p.m; ++i) std::fill_n(out + i * p.n + j, columns, 0.0f);
    for (int64_t k = 0; k < p.k; k += kStreams)
      for (int64_t i = 0; i < p.m; ++i)
        p.gemm.isa->add_products(out + i * p.n + j, a + i * p.a.row_stride + k, b + k * p.b.row_stride + j,
                                 p.b.row_stride, std::min(kStreams, p.k - k), columns);
    finish_columns(c, p, out, j, columns);
  }
}
// or, transposed in memory, as its columns.
void multiply_columns(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  const float *a = buffer<const float>(c, 0), *b = buffer<const float>(c, 1);
  float* out = buffer<float>(c, p.epilogue.apart ? c.work : c.out);
  const int64_t start = 0;
  const Range r = part_range(p.n, c.parts, c.part, 16);
  for (int64_t j = r.begin; j < r.end && !stop_asked(); j += kDotRows) {
    const int64_t columns = std::min(kDotRows, r.end - j);
    p.gemm.isa->dot_tile({b + j * p.b.col_stride, p.b.col_stride, &start, 1, int(p.k), a, p.a.row_stride, out + j, 1,
                          int(columns), int(p.m), p.n});
    finish_columns(c, p, out, j, columns);
  }
}

void multiply(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  const int inner = p.gemm.parts();
  const Range r = part_range(p.batch * inner, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t b = i / inner;
    float* out = buffer<float>(c, c.out) + b * p.m * p.n;
    const float* packed = p.gemm.b_stride ? buffer<const float>(c, p.right) + p.b_offset[size_t(b)]
                                          : prepacked(c) + p.b_index[size_t(b)] * p.gemm.packed_size();
    const float* a = buffer<const float>(c, p.left) + p.a_offset[size_t(b)];
    const int64_t base = b * p.m * p.n;
    if (p.epilogue.apart) out = buffer<float>(c, c.work) + p.apart + c.thread * p.apart_step;
    auto finish = [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
      if (p.epilogue.apart)
        return p.epilogue.apply_apart(c, p.gemm.rolling ? out : out + row * p.n, p.n, row, rows, column, columns);
      p.epilogue.apply_rows(c, buffer<float>(c, c.out), base, p.n, row, rows, column, columns);
    };
    const FillTile fill = p.gemm.column ? fill_matrix_columns : fill_matrix_rows;
    const int part = int(i % inner);
    TileEnd end = p.epilogue.end(c);
    if (end.residual) end.residual += base;
    if (p.by_blocks)
      p.gemm.run_blocks(part, &p.a, fill, a, p.b.at(buffer<const float>(c, p.right)),
                        buffer<float>(c, c.work) + c.thread * p.gemm.block_floats(), out, p.n, end, finish);
    else
      p.gemm.run(part, &p.a, fill, a, packed, out, p.n, end, finish);
  }
}

template <class T>
void multiply_plainly(const KernelCall& c) {
  const auto& p = params_of<MatmulParams>(c);
  const Range r = part_range(p.batch * p.m, c.parts, c.part);
  for (int64_t i = r.begin; i < r.end; ++i) {
    if (i % 64 == 0 && stop_asked()) return;
    const int64_t b = i / p.m, row = i % p.m;
    const T* a = buffer<const T>(c, 0) + p.a_offset[size_t(b)] + row * p.a.row_stride;
    const T* w = buffer<const T>(c, 1) + p.b_offset[size_t(b)];
    T* out = buffer<T>(c, c.out) + i * p.n;
    std::fill(out, out + p.n, T(0));
    for (int64_t k = 0; k < p.k; ++k) {
      const T x = a[k * p.a.col_stride];
      for (int64_t j = 0; j < p.n; ++j)
        out[j] = wrapping_add(out[j], wrapping_multiply(x, w[k * p.b.row_stride + j * p.b.col_stride]));
    }
  }
}

// Whatever reads more than the product may write its results over that; so do several results.
bool reads_more(const Epilogue& e, const KernelRequest& r) {
  if (!e.present) return false;
  const std::vector<int> inputs = alias_inputs(e.fused);
  return r.outputs.size() > 1 || std::any_of(inputs.begin(), inputs.end(), [](int i) { return i > 0; });
}

KernelPlan plan_dots(const KernelRequest& r, MatmulParams p) {
  p.epilogue = Epilogue::plan(r, 2, Epilogue::kNotInRegisters);
  if (p.batch > 1) {
    const int shares = parts_for(p.batch, 2.0 * double(p.m * p.n * p.k));
    return make_plan_with_epilogue(std::move(p), {{multiply_batch_dots, shares}}, 0);
  }
  const int parts = parts_for(p.m, 2.0 * double(p.n * p.k));
  if (reads_more(p.epilogue, r)) p.epilogue.lie_apart(), p.apart_step = kDotRows * p.n;
  const size_t workspace = size_t(at_once(r, parts) * p.apart_step) * 4, packed = size_t(p.n * p.k) * 4;
  if (p.b.row_stride == 1) return make_plan_with_epilogue(std::move(p), {{multiply_dots, parts}}, workspace);
  return make_plan_with_epilogue(std::move(p), {{pack_dots, 1, 1}, {multiply_dots, parts}}, workspace, packed);
}
// For few rows of A: `run` reads B where it lies.
KernelPlan plan_few_rows(const KernelRequest& r, MatmulParams p, void (*run)(const KernelCall&)) {
  p.epilogue = Epilogue::plan(r, 2, Epilogue::kNotInRegisters);
  if (reads_more(p.epilogue, r)) p.epilogue.lie_apart();
  const size_t workspace = p.epilogue.apart ? size_t(p.m * p.n) * 4 : 0;
  const int parts = parts_for((p.n + 15) / 16, 32.0 * double(p.m) * double(p.k), 262144);
  return make_plan_with_epilogue(std::move(p), {{run, parts}}, workspace);
}
}  // namespace

KernelPlan plan_matmul(const KernelRequest& r) {
  const Shape &a = r.inputs[0].shape, &b = r.inputs[1].shape, &y = r.outputs[0].shape;
  const bool ta = r.attrs.flag("transpose_a"), tb = r.attrs.flag("transpose_b");
  const bool f32 = r.inputs[0].dtype == DType::f32;
  MatmulParams p;
  p.m = y[y.size() - 2], p.n = y.back();
  p.k = ta ? a[a.size() - 2] : a.back();
  p.a = ta ? Operand{nullptr, 1, a.back()} : Operand{nullptr, a.back(), 1};
  p.b = tb ? Operand{nullptr, 1, b.back()} : Operand{nullptr, b.back(), 1};
  const Shape batch(y.begin(), y.end() - 2);
  p.batch = shape_product(batch);
  Walk walk = Walk::broadcast(batch, {Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2)});
  const int64_t a_size = p.m * p.k, b_size = p.k * p.n;
  auto offsets = [&](size_t operand, int64_t size, std::vector<int64_t>* out) {
    if (p.batch > 0)
      walk.runs(operand, 0, p.batch, [&](int64_t offset, int64_t, int64_t len, int64_t stride) {
        for (int64_t i = 0; i < len; ++i) out->push_back((offset + i * stride) * size);
      });
  };
  // One matrix on the right for every row of the batch: one tall product.
  if (b.size() == 2 && !ta) {
    p.m *= p.batch;
    p.batch = p.m > 0 ? 1 : 0;
    p.a_offset = p.b_offset = {0};
  } else {
    offsets(0, a_size, &p.a_offset);
    offsets(1, b_size, &p.b_offset);
  }
  // A column is as well the row (A B)^T = B^T A^T, for which A lies as the right side should.
  const bool turned = f32 && p.n == 1 && (p.batch == 1 ? ta : p.k == 1);
  if (turned) {
    std::swap(p.left, p.right);
    std::swap(p.m, p.n);
    std::swap(p.a_offset, p.b_offset);
    p.a = {nullptr, p.k, 1}, p.b = {nullptr, p.n, 1};
  }
  for (int64_t o : p.b_offset) {
    auto it = std::find(p.b_unique.begin(), p.b_unique.end(), o);
    p.b_index.push_back(int(it - p.b_unique.begin()));
    if (it == p.b_unique.end()) p.b_unique.push_back(o);
  }
  if (!f32) {
    void (*plainly)(const KernelCall&) = nullptr;
    if (!with_type(r.inputs[0].dtype, [&](auto zero) { plainly = multiply_plainly<decltype(zero)>; })) no_kernel(r);
    return make_plan(std::move(p), {{plainly, parts_for(p.batch * p.m, 2.0 * double(p.n) * double(p.k))}});
  }
  p.gemm = Gemm::plan(r.target.isa, p.m, p.n, p.k, ta && !turned, r.target.threads);
  const bool dots = p.batch == 1 || (p.batch > 1 && p.b.row_stride == 1);
  if (dots && !turned && dots_pay(p, r.target.isa->lanes)) return plan_dots(r, std::move(p));
  // Where the right side lasts, a row's bits do not depend on how many there are.
  const bool few =
      p.batch == 1 && p.m <= kStreamRows && p.a.col_stride == 1 && p.k <= kMostDots && !r.persists(size_t(p.right));
  if (few && p.b.col_stride == 1) return plan_few_rows(r, std::move(p), multiply_streams);
  if (few && !turned && p.b.row_stride == 1) return plan_few_rows(r, std::move(p), multiply_columns);
  p.gemm.read_in_place(p.b, r.persists(size_t(p.right)));
  p.by_blocks = p.batch == 1 && !r.persists(size_t(p.right)) && p.gemm.pack_by_blocks();
  p.epilogue = Epilogue::plan(r, 2, p.n);
  const int64_t pack_units = int64_t(p.b_unique.size()) * p.gemm.panels();
  const size_t bytes = size_t(p.gemm.packed_size()) * 4 * p.b_unique.size();
  const double work = 2.0 * double(p.m) * double(p.n) * double(p.k);
  const int parts = int(std::max<int64_t>(1, std::min<int64_t>({p.batch * p.gemm.parts(), int64_t(kMaxParts) * 2,
                                                                int64_t(double(p.batch) * work / 2e6) + 1})));
  const int shares = p.by_blocks ? std::min(parts, p.gemm.parts()) : parts;
  int64_t floats = p.by_blocks ? at_once(r, shares) * p.gemm.block_floats() : 0;
  const bool one_depth = p.k <= kTileDepth;
  if (p.batch == 1 && reads_more(p.epilogue, r) && (one_depth || r.outputs.size() > 1)) {
    p.epilogue.lie_apart();
    p.gemm.rolling = one_depth;
    p.apart = floats;
    p.apart_step = one_depth ? kTileRows * p.n : 0;
    floats += one_depth ? at_once(r, shares) * p.apart_step : p.m * p.n;
  }
  const int pack_parts = parts == 1 ? 1 : parts_for(pack_units, double(p.gemm.panel()) * double(p.k), 65536);
  std::vector<Stage> stages{{multiply, shares}};
  if (!p.gemm.b_stride && !p.by_blocks) stages.insert(stages.begin(), {pack_b, pack_parts, p.right});
  const size_t prepacked = p.by_blocks ? 0 : bytes;
  return make_plan_with_epilogue(std::move(p), std::move(stages), size_t(floats) * 4, prepacked);
}
}  // namespace hornbeam
