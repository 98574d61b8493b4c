// Batch and layer normalization, and their gradients.
#include "kernels/cuda/elementwise/group.hpp"
#include "kernels/cuda/rows/shares.hpp"

namespace hornbeam::cuda {
namespace {

struct Norm {
  int64_t rows, n, size;  // x is [rows, n], its elements so many bytes
  std::string type;       // of elements
  double epsilon;
  int64_t wide;  // bytes of a number that is computed with
};
Norm norm_of(const KernelRequest& r) {
  const TensorSpec& x = r.inputs[0];
  const int64_t size = int64_t(dtype_size(x.dtype));
  return {row_count(x.shape), x.shape.back(),          size,
          type_name(x.dtype), r.attrs.real("epsilon"), std::max<int64_t>(size, 4)};
}

constexpr const char* kBatch = "batch_norm.cuh";
constexpr int kJoinThreads = 512;  // of kernels that join what chunks gave

// A kernel over [rows, n] with nothing to join, 16 bytes at a time where rows allow. What `end` says comes after the
// first parameters.
void launch_apply(Planner& p, const Norm& m, const std::string& name, std::vector<Param> params, const End& end = {}) {
  const int64_t pack = m.n * m.size % 16 == 0 ? 16 / m.size : 1;
  const Shares s = share(p.target(), 1, m.rows, m.n / pack, true, 2);
  params.insert(params.end(), end.params.begin(), end.params.end());
  params.push_back(s.dims());
  p.launch_source(concat_text("#include \"", kBatch, "\"\n", end.source),
                  concat_text(name, "<", m.type, ", ", pack, end.type.empty() ? "" : ", ", end.type, ">"), s.grid(),
                  s.threads, std::move(params));
}
}  // namespace

KernelPlan plan_batch_norm(const KernelRequest& r) {
  Planner p(r);
  const Norm m = norm_of(r);
  const Epilogue then(p, r, 3, r.inputs[0].dtype);
  const Address mean = p.out(then.outputs()), variance = p.out(then.outputs() + 1);
  const std::string of_type = concat_text("<", m.type, ">");
  const Shares chunks = share(p.target(), 1, m.rows, m.n, true, 8);
  const Address means = p.work(chunks.results() * m.wide), squares = p.work(chunks.results() * m.wide);
  p.launch(kBatch, "batch_norm_moments" + of_type, chunks.grid(), chunks.threads,
           {p.in(0), means, squares, chunks.dims()});
  const Shares join = share(p.target(), 1, chunks.chunks, m.n, false, 1, kJoinThreads);
  const Address scale = p.work(2 * m.n * m.wide);
  p.launch(kBatch, "batch_norm_scale" + of_type, join.grid(), join.threads,
           {means, squares, p.in(1), p.in(2), mean, variance, scale, m.rows, chunks.length, m.epsilon, join.dims()});
  const End end = then.end();
  if (m.rows > 1) p.aliases(end.aliases);  // of one row the statistics have as many bytes, and come first
  if (m.rows > 0) launch_apply(p, m, "batch_norm_apply", {p.in(0), scale}, end);
  return p.done();
}

KernelPlan plan_batch_norm_grad(const KernelRequest& r) {
  Planner p(r);
  const Norm m = norm_of(r);
  const std::string of_type = concat_text("<", m.type, ">");
  const Shares chunks = share(p.target(), 1, m.rows, m.n, true, 8);
  const Address sums = p.work(chunks.results() * m.wide), dots = p.work(chunks.results() * m.wide);
  p.launch(kBatch, "batch_norm_grad_sums" + of_type, chunks.grid(), chunks.threads,
           {p.in(0), p.in(2), p.in(4), sums, dots, chunks.dims()});
  const Shares join = share(p.target(), 1, chunks.chunks, m.n, false, 1, kJoinThreads);
  const Address scale = p.work(3 * m.n * m.wide);
  p.launch(kBatch, "batch_norm_grad_scale" + of_type, join.grid(), join.threads,
           {sums, dots, p.in(1), p.in(2), p.in(3), p.out(1), p.out(2), scale, m.rows, m.epsilon, join.dims()});
  if (m.rows > 0) launch_apply(p, m, "batch_norm_grad_apply", {p.in(0), p.in(4), scale, p.out()});
  return p.done();
}

KernelPlan plan_layer_norm(const KernelRequest& r) {
  Planner p(r);
  const Norm m = norm_of(r);
  const RowTeam team = row_team(m.n, 16);
  p.launch("layer_norm.cuh", concat_text("layer_norm_rows<", m.type, ", ", team.lanes, ", ", team.each, ">"),
           {std::min<int64_t>(divide_up(m.rows, team.teams()), 1 << 20)}, team.threads,
           {p.in(0), p.in(1), p.in(2), p.out(), p.out(1), p.out(2), m.rows, m.n, m.epsilon,
            int64_t(r.attrs.flag("centred"))});
  return p.done();
}

KernelPlan plan_layer_norm_grad(const KernelRequest& r) {
  Planner p(r);
  const Norm m = norm_of(r);
  const RowTeam team = row_team(m.n, 8);
  const int64_t blocks = std::clamp<int64_t>(divide_up(m.rows, team.teams()), 1, 4 * p.target().multiprocessors);
  const Address gammas = p.work(blocks * m.n * m.wide), betas = p.work(blocks * m.n * m.wide);
  p.launch("layer_norm.cuh", concat_text("layer_norm_grad_rows<", m.type, ", ", team.lanes, ", ", team.each, ">"),
           {blocks}, team.threads,
           {p.in(0), p.in(1), p.in(2), p.in(3), p.in(4), p.out(), gammas, betas, m.rows, m.n,
            int64_t(r.attrs.flag("centred"))});
  const Shares join = share(p.target(), 1, blocks, m.n, false, 1, kJoinThreads);
  p.launch("layer_norm.cuh", concat_text("layer_norm_totals<", m.type, ">"), join.grid(), join.threads,
           {gammas, betas, p.out(1), p.out(2), join.dims()});
  return p.done();
}
}  // namespace hornbeam::cuda
