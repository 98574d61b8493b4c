// Computing one node at once, for constants that a pass folds.
#include <algorithm>

#include "base/parallel.hpp"
#include "hornbeam/executable.hpp"
#include "hornbeam/op.hpp"
#include "kernels/cpu/isa/isa_table.hpp"

namespace hornbeam {
namespace {
// Runs one node on constant inputs; false when it cannot.
bool evaluate(const Node& n, const std::vector<Tensor>& inputs, const Target& target, std::vector<Tensor>* outputs) {
  if (!n.op->cpu) return false;
  std::vector<void*> buffers;
  const Attrs attrs = n.attrs.evaluated({});
  KernelRequest request{*n.op, attrs, {}, {}, target, {}};
  for (const Tensor& t : inputs) {
    request.inputs.push_back({t.dtype(), t.shape()});
    buffers.push_back(t.raw());
  }
  for (const ValueType& t : n.outputs) {
    outputs->push_back(Tensor(t.dtype, eval_shape(t.shape, {})));
    request.outputs.push_back({t.dtype, outputs->back().shape()});
    buffers.push_back(outputs->back().raw());
  }
  KernelPlan plan = n.op->cpu(request);
  Tensor work(DType::u8, {int64_t(plan.workspace)}), prepacked(DType::u8, {int64_t(plan.prepacked)});
  buffers.push_back(work.raw());
  buffers.push_back(prepacked.raw());
  Status status;
  FlushDenormals flush;  // as when the program runs
  for (const Stage& s : plan.stages)
    for (int part = 0; part < s.parts; ++part)
      s.fn(KernelCall{plan.params.get(), buffers.data(), int(inputs.size()), int(buffers.size()) - 2, part, s.parts, 0,
                      &status, 0});
  return status.kind.load() == Status::ok;
}
}  // namespace

Evaluate evaluator(const CompileOptions& options) {
  const bool winograd = std::find(options.disable.begin(), options.disable.end(), "winograd") == options.disable.end();
  const Target target{&isa_for(options.isa.c_str()), 1, winograd};
  return [=](const Node& n, const std::vector<Tensor>& inputs, std::vector<Tensor>* outputs) {
    return evaluate(n, inputs, target, outputs);
  };
}
}  // namespace hornbeam
