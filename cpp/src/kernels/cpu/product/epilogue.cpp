#include "kernels/cpu/product/epilogue.hpp"

namespace hornbeam {
namespace {
// Whether the input is a bias of the result's columns, which are those that the kernel computes: not where it computes
// a column as a row.
bool is_bias(const TensorSpec& t, const TensorSpec& y, int64_t columns) {
  return t.dtype == DType::f32 && !t.shape.empty() && t.shape != y.shape && t.shape.back() == y.shape.back() &&
         t.size() == t.shape.back() && t.size() == columns;
}

// Whether the program is no more than product + bias of the columns + residual of the result's shape, each at most
// once, and then relu.
bool in_registers(const KernelRequest& r, size_t first_input, int64_t columns, Epilogue* e) {
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
      const bool full = t.dtype == DType::f32 && t.shape == y.shape;
      int& place = full ? e->residual : e->bias;
      if (place >= 0 || (!full && !is_bias(t, y, columns))) return false;
      place = input;
    } else {
      return false;
    }
    at = made;
  }
  return steps > 0;
}

// Takes the step off the group that adds a bias to the product, where nothing else reads the product: what that made is
// then its input 0, and the bias is none of its inputs unless others read it.
void take_bias(const KernelRequest& r, size_t first_input, int64_t columns, Ints* program, Ints* results, Epilogue* e) {
  const int64_t inputs = int64_t(r.inputs.size() - first_input) + 1, steps = int64_t(program->size() / 4);
  int64_t readers = std::count(results->begin(), results->end(), 0), reader = -1;
  for (int64_t i = 0; i < steps; ++i)
    for (int64_t k = 1; k < 4; ++k)
      if ((*program)[size_t(4 * i + k)] == 0) ++readers, reader = i;
  if (readers != 1 || reader < 0) return;
  const int64_t* step = program->data() + 4 * reader;
  const int64_t other = step[1] == 0 ? step[2] : step[1];
  if (step[0] != int64_t(Ew::add_) || other < 1 || other >= inputs) return;
  const int input = int(first_input) + int(other) - 1;
  if (!is_bias(r.inputs[size_t(input)], r.outputs[0], columns)) return;
  e->bias = input;
  program->erase(program->begin() + 4 * reader, program->begin() + 4 * reader + 4);
  auto each_register = [&](auto f) {
    for (size_t i = 0; i < program->size(); ++i)
      if (i % 4) f((*program)[i]);
    for (int64_t& reg : *results) f(reg);
  };
  const int64_t made = inputs + reader;
  each_register([&](int64_t& reg) { reg = reg == made ? 0 : reg > made ? reg - 1 : reg; });
  bool read = false;
  each_register([&](int64_t& reg) { read = read || reg == other; });
  if (read) return;
  each_register([&](int64_t& reg) { reg -= reg > other ? 1 : 0; });
  e->inputs.erase(e->inputs.begin() + (other - 1));
}
}  // namespace

Epilogue Epilogue::plan(const KernelRequest& r, size_t first_input, int64_t columns) {
  Epilogue e;
  if (!r.attrs.has("program")) return e;
  const bool registers = columns > 0;
  if (registers && in_registers(r, first_input, columns, &e)) return e;
  e.bias = e.residual = -1;
  e.relu = false;
  e.present = true;
  Ints program = r.attrs.ints("program"), results = r.attrs.ints("results");
  for (size_t i = first_input; i < r.inputs.size(); ++i) e.inputs.push_back(int(i));
  if (registers) take_bias(r, first_input, columns, &program, &results, &e);
  std::vector<TensorSpec> ins{r.outputs[0]};
  for (int i : e.inputs) ins.push_back(r.inputs[size_t(i)]);
  e.fused = make_fused(ins, r.outputs, program, results, r.target.isa, r.op.name);
  return e;
}

Epilogue Epilogue::plan_kernel_grad(const KernelRequest& r) {
  Epilogue e = plan(r, 2, kNotInRegisters);
  if (e.present) e.lie_apart();
  return e;
}

void Epilogue::lie_apart() {
  apart = true;
  for (int i : alias_inputs(fused))
    if (i > 0) aliases.push_back(inputs[size_t(i) - 1]);
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
  void *in[kMostRegisters], *out[kMostRegisters];
  in[0] = nullptr;
  for (size_t i = 1; i < fused.inputs.size(); ++i) in[i] = call.buffers[inputs[i - 1]];
  for (size_t i = 0; i < fused.outputs.size(); ++i) out[i] = c ? c : call.buffers[call.out + int(i)];
  fused.run(in, out, begin, end, 0, product);
}
}  // namespace hornbeam
