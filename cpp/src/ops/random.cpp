// random_uniform: a pure function of a seed and the element's index (Philox 4x32-10, Salmon et al. 2011). Every other
// distribution is built on it. check_finite: raises the status word.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_random_uniform(const KernelRequest&);
KernelPlan plan_check_finite(const KernelRequest&);
namespace cuda {
KernelPlan plan_random_uniform(const KernelRequest&);
KernelPlan plan_check_finite(const KernelRequest&);
}  // namespace cuda

HB_DEFINE_OP(random_uniform) {  // input seed i64[2] (key, counter); values in [0, 1)
  OpDef d;
  d.name = "random_uniform";
  d.attrs = {AttrSpec{"shape", AttrType::dims, false, true}.between(0),
             {"dtype", AttrType::dtype, DType::f32},
             {"stream", AttrType::integer, int64_t(0)}};  // independent draws from one counter
  d.infer = [](const InferContext& c) -> Types {
    if (c.dtype(0) != DType::i64 || c.shape(0) != SymShape{Dim(2)}) c.fail("the seed must be i64[2]");
    DType t = c.attrs.dtype("dtype");
    if (!is_float(t)) c.fail_type(concat_text("needs a float dtype, not ", dtype_name(t)));
    return {{t, c.attrs.dims("shape")}};
  };
  d.differentiable = false;
  d.cpu = plan_random_uniform;
  d.cuda = cuda::plan_random_uniform;
  return d;
}

HB_DEFINE_OP(check_finite) {  // output: the input; a NaN or infinity stops the run before any state is written
  OpDef d;
  d.name = "check_finite";
  d.may_fail = true;
  d.infer = [](const InferContext& c) -> Types {
    if (!is_float(c.dtype(0))) c.fail_type("needs a float input");
    return {c.type(0)};
  };
  d.gradient = [](const GradContext& c) -> Values { return {c.dy()}; };
  d.cpu = plan_check_finite;
  d.cuda = cuda::plan_check_finite;
  d.pure = false;
  d.optional_outputs = true;
  return d;
}
}  // namespace hornbeam
