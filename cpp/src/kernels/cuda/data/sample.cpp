// Images at any places, and the gradient.
#include <cstring>

#include "kernels/cuda/data/walk.hpp"
#include "schema/sampling.hpp"

namespace hornbeam::cuda {
namespace {
std::string kernel_of(const char* name, const Sampling& s) {
  return concat_text(name, "<", s.axes(), ", Beyond::", kBeyondNames[int(s.beyond)], ", ", s.linear ? "true" : "false",
                     ", ");
}
}  // namespace

KernelPlan plan_sample(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &x = r.inputs[0], &at = r.inputs[1], &y = r.outputs[0];
  const Sampling s = Sampling::of(r, x.shape, at.shape);
  const char* word = word_name(dtype_size(x.dtype));  // whose nearest is taken, whatever it is
  int64_t fill = 0;
  std::memcpy(&fill, Tensor::scalar(x.dtype, r.attrs.real("value")).raw(), dtype_size(x.dtype));
  p.launch(
      "sample.cuh",
      concat_text(kernel_of("sample", s), s.linear ? type_name(x.dtype) : word, ", ",
                  s.linear ? type_name(y.dtype) : word, ", ", type_name(at.dtype), ", ", index_name(y.size()), ">"),
      word_grid(p, y.size()), kWordThreads,
      {p.in(0), p.in(1), p.out(), y.size(), s.places, s.pixels(), s.channels, divisor(s.channels),
       s.shared ? int64_t(1) : s.batch, fill, r.attrs.real("value"), Dims(s.sizes)});
  return p.done();
}

KernelPlan plan_sample_grad(const KernelRequest& r) {
  Planner p(r);
  const TensorSpec &dy = r.inputs[0], &at = r.inputs[1], &dx = r.outputs[0];
  const Sampling s = Sampling::of(r, dx.shape, at.shape);
  p.fill(p.out(), 0, dx.size() * int64_t(dtype_size(dx.dtype)));
  p.launch("sample.cuh", concat_text(kernel_of("sample_grad", s), type_name(dy.dtype), ", ", type_name(at.dtype), ">"),
           {p.blocks(s.batch * s.channels)}, 256,
           {p.in(0), p.in(1), p.out(), s.batch, s.places, s.pixels(), s.channels, s.shared ? int64_t(1) : s.batch,
            Dims(s.sizes)});
  return p.done();
}
}  // namespace hornbeam::cuda
