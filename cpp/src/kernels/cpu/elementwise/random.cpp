// Uniform numbers from Philox, four floats (or two doubles) a call, and the check for finite values.
#include "base/half.hpp"
#include "base/philox.hpp"
#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {
namespace {

struct RandomParams {
  int64_t n;
  DType dtype;
  uint64_t stream;
  const IsaTable* isa;
};

void run_uniform(const KernelCall& c) {
  const auto& p = params_of<RandomParams>(c);
  const int64_t* seed = buffer<const int64_t>(c, 0);
  // the stream takes the counter's upper bits, so that draws of one step do not meet
  const uint64_t key = uint64_t(seed[0]), counter = uint64_t(seed[1]) ^ (p.stream << 48);
  const int per = p.dtype == DType::f32 ? 4 : 2;
  Range r = part_range(p.n, c.parts, c.part, per);
  if (p.dtype == DType::f32) {
    const int64_t blocks = r.size() / per;
    p.isa->uniform(buffer<float>(c, 1) + r.begin, key, counter, uint64_t(r.begin / per), blocks);
    r.begin += blocks * per;  // what is left is less than a block
  }
  for (int64_t i = r.begin; i < r.end; i += per) {
    const PhiloxWords w = philox(key, counter, uint64_t(i / per));
    const int m = int(std::min<int64_t>(per, r.end - i));
    for (int k = 0; k < m; ++k) {
      if (p.dtype == DType::f32)
        buffer<float>(c, 1)[i + k] = float(w.word[k] >> 8) * 5.9604644775390625e-8f;  // 2^-24
      else
        buffer<double>(c, 1)[i + k] =
            double(((uint64_t(w.word[2 * k]) << 32) | w.word[2 * k + 1]) >> 11) * 1.1102230246251565e-16;  // 2^-53
    }
  }
}

struct FiniteParams {
  int64_t n;
  DType dtype;
};
void run_check_finite(const KernelCall& c) {
  const auto& p = params_of<FiniteParams>(c);
  const Range r = part_range(p.n, c.parts, c.part);
  auto bad = [&](int64_t i, double v) { c.status->raise_value(c.node, i, v); };
  if (p.dtype == DType::f32) {
    const uint32_t* x = buffer<const uint32_t>(c, 0);
    for (int64_t i = r.begin; i < r.end; ++i)
      if ((x[i] & 0x7f800000u) == 0x7f800000u) return bad(i, bits_float(x[i]));
  } else if (p.dtype == DType::f64) {
    const double* x = buffer<const double>(c, 0);
    for (int64_t i = r.begin; i < r.end; ++i)
      if (!(x[i] - x[i] == 0)) return bad(i, x[i]);
  }
  if (c.buffers[1]) {
    const size_t size = dtype_size(p.dtype);
    std::memcpy(buffer<char>(c, 1) + size_t(r.begin) * size, buffer<const char>(c, 0) + size_t(r.begin) * size,
                size_t(r.size()) * size);
  }
}
}  // namespace

KernelPlan plan_random_uniform(const KernelRequest& r) {
  RandomParams p{r.outputs[0].size(), r.outputs[0].dtype, uint64_t(r.attrs.integer("stream")), r.target.isa};
  return make_plan(p, {{run_uniform, parts_for(p.n, 8)}});
}
KernelPlan plan_check_finite(const KernelRequest& r) {
  FiniteParams p{r.inputs[0].size(), r.inputs[0].dtype};
  if (p.dtype != DType::f32 && p.dtype != DType::f64) no_kernel(r);
  return make_plan(p, {{run_check_finite, parts_for(p.n, 2)}});
}
}  // namespace hornbeam
