// What the fuzzers do with a graph once it stands: plan it and, unless it may take long, run it with small inputs.
#pragma once

#include <string>

#include "hornbeam/hornbeam.hpp"

namespace hornbeam::fuzz {
constexpr size_t kMostBytes = size_t(32) << 20;  // of one array, and of a program's working memory

/// Whether a run ends soon: no loop as long as its condition likes, no scan of more than some steps.
inline bool ends_soon(const Graph& g, const DimEnv& env) {
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (std::string(n.op->name) == "while_loop") return false;
    if (std::string(n.op->name) == "scan" && n.attrs.dims("length")[0].eval(env) > 100) return false;
    for (const AttrSpec& spec : n.op->attrs)
      if (spec.type == AttrType::graph && !ends_soon(n.attrs.graph(spec.name), env)) return false;
  }
  return true;
}

/// Values of an array: small integers, so that they serve as indices, with a few that do not.
inline Tensor filled(DType dtype, const Shape& shape, unsigned seed) {
  Tensor t = Tensor::zeros(dtype, shape);
  for (int64_t i = 0; i < t.size(); ++i) {
    const int v = int((unsigned(i) * 7 + seed) % 5) - (seed % 4 == 3 ? 1 : 0);
    if (dtype == DType::f32) t.data<float>()[i] = float(v) / 2;
    if (dtype == DType::f64) t.data<double>()[i] = v / 2.0;
    if (dtype == DType::i32) t.data<int32_t>()[i] = v;
    if (dtype == DType::i64) t.data<int64_t>()[i] = v;
    if (dtype == DType::u8) t.data<uint8_t>()[i] = uint8_t(v);
    if (dtype == DType::boolean) t.data<uint8_t>()[i] = v > 1;
  }
  return t;
}

/// Plans `g` for dimensions of `size` and runs it; whatever is wrong with it is an Error.
inline void run_graph(const Graph& g, int64_t size, const CompileOptions& options = {"", 1, {}, {}}) {
  std::vector<Shape> shapes;
  std::vector<DType> types;
  for (int id : g.inputs) {
    const ValueType& t = g.node(id).outputs[0];
    Shape shape;
    for (const Dim& d : t.shape) shape.push_back(d.is_const() ? d.value() : size);
    if (tensor_bytes(t.dtype, shape) > kMostBytes) return;
    shapes.push_back(shape);
    types.push_back(t.dtype);
  }
  Executable e(g, options);
  if (e.stats(shapes).arena_bytes > kMostBytes) return;
  DimEnv env;
  for (int id : g.inputs)
    for (const Dim& d : g.node(id).outputs[0].shape)
      if (!d.symbol_name().empty()) env[d.symbol_name()] = size;
  if (!ends_soon(g, env)) return;
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) inputs.push_back(filled(types[i], shapes[i], unsigned(i) + 1));
  e.run(inputs);
}
}  // namespace hornbeam::fuzz
