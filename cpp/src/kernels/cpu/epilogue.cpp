#include "kernels/cpu/epilogue.hpp"

namespace hornbeam {
namespace {
// Whether the program is no more than product + bias of the columns + residual of the result's shape, each at most
// once, and then relu.
bool in_registers(const KernelRequest& r, size_t first_input, Epilogue* e) {
  const Ints &program = r.attrs.ints("program"), &results = r.attrs.ints("results");
  const int64_t inputs = int64_t(r.inputs.size() - first_input) + 1, steps = int64_t(program.size() / 4);
  if (results.size() != 1 || results[0] != inputs + steps - 1) return false;
  int64_t at = 0;  // the register that holds the value so far
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t *step = program.data() + 4 * i, made = inputs + i;
    if (step[0] == int64_t(Ew::relu_) && step[1] == at && i + 1 == steps) {
      e->relu = true;
    } else if (step[0] == int64_t(Ew::add_) && step[1] != step[2] && (step[1] == at || step[2] == at)) {
      const int64_t other = step[1] == at ? step[2] : step[1];
      if (other < 1 || other >= inputs) return false;
      const int input = int(first_input) + int(other) - 1;
      const TensorSpec &t = r.inputs[size_t(input)], &y = r.outputs[0];
      if (t.dtype != DType::f32 || t.shape.empty() || t.shape.back() != y.shape.back()) return false;
      const bool full = t.shape == y.shape;
      int& place = full ? e->residual : e->bias;
      if (place >= 0 || (!full && t.size() != t.shape.back())) return false;
      place = input;
    } else {
      return false;
    }
    at = made;
  }
  return steps > 0;
}
}  // namespace

Epilogue Epilogue::plan(const KernelRequest& r, size_t first_input, bool registers) {
  Epilogue e;
  if (!r.attrs.has("program")) return e;
  e.first_input = first_input;
  if (registers && in_registers(r, first_input, &e)) return e;
  e.bias = e.residual = -1;
  e.relu = false;
  e.present = true;
  std::vector<TensorSpec> ins{r.outputs[0]};
  ins.insert(ins.end(), r.inputs.begin() + long(first_input), r.inputs.end());
  e.fused = make_fused(ins, r.outputs, r.attrs.ints("program"), r.attrs.ints("results"), r.isa, r.op);
  return e;
}

void Epilogue::lie_apart() {
  apart = true;
  for (int i : alias_inputs(fused))
    if (i > 0) aliases.push_back(int(first_input) + i - 1);
}

TileEnd Epilogue::end(const KernelCall& call, int64_t column) const {
  TileEnd e;
  e.relu = relu;
  if (bias >= 0) e.bias = buffer<const float>(call, bias) + column;
  if (residual >= 0) e.residual = buffer<const float>(call, residual) + column;
  size_t n = 0;
  for (int i : aliases)
    if (n < 4) e.fetch[n++] = buffer<const float>(call, i) + column;
  return e;
}

void Epilogue::run(const KernelCall& call, const float* product, float* c, int64_t begin, int64_t end) const {
  void *in[64], *out[64];
  in[0] = nullptr;
  for (size_t i = 1; i < fused.inputs.size(); ++i) in[i] = call.buffers[first_input + i - 1];
  for (size_t i = 0; i < fused.outputs.size(); ++i) out[i] = c ? c : call.buffers[call.out + int(i)];
  fused.run(in, out, begin, end, 0, product);
}
}  // namespace hornbeam
