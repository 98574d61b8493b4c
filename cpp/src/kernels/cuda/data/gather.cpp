// Kernels that read by index: gather and take_along_axis.
#include "base/check.hpp"
#include "kernels/cuda/data/walk.hpp"

namespace hornbeam::cuda {

KernelPlan plan_gather(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &table = r.inputs[0], &ids = r.inputs[1];
  const int64_t rows = table.shape[0], size = int64_t(dtype_size(table.dtype));
  const int64_t row = r.outputs[0].size() / ids.size() * size;
  const size_t word = word_bytes({row});
  const int64_t inner = row / int64_t(word), n = ids.size() * inner;
  p.checks_index(1, rows);
  p.launch("gather.cuh",
           concat_text("gather_rows<", word_name(word), ", ", type_name(ids.dtype), ", ", index_name(n), ">"),
           word_grid(p, n), kWordThreads, {p.in(0), p.in(1), p.out(), n, rows, inner, divisor(inner)});
  return p.done();
}

KernelPlan plan_take_along_axis(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &x = r.inputs[0], &ids = r.inputs[1];
  const IdsAlong a = ids_along(r, ids.shape, x.shape);
  const int64_t n = ids.size(), line = a.picks * a.inner;
  p.checks_index(1, a.n);
  p.launch(
      "gather.cuh",
      concat_text("take_along<", word_name(dtype_size(x.dtype)), ", ", type_name(ids.dtype), ", ", index_name(n), ">"),
      word_grid(p, n), kWordThreads,
      {p.in(0), p.in(1), p.out(), n, a.n, a.inner, divisor(a.inner), line, divisor(line)});
  return p.done();
}
}  // namespace hornbeam::cuda
