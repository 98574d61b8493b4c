// A depthwise convolution whose only reader is a 1x1 convolution becomes one op with it, which computes the pixels of a
// tile when the product needs them: they never leave the cache. Runs last, when both have their bias and relu.
#include "hornbeam/ops.hpp"
#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {
bool only(const SymShape& dims, int64_t value) {
  for (const Dim& d : dims)
    if (d != Dim(value)) return false;
  return true;
}
bool is_pointwise(const Graph& g, const Node& n) {
  if (!is(n, op::conv) || n.outputs[0].dtype != DType::f32 || n.attrs.integer("groups") != 1) return false;
  const SymShape& k = g.shape(n.inputs[1]);
  const Ints& strides = n.attrs.ints("strides");
  return only(SymShape(k.begin(), k.end() - 2), 1) && only(SymShape(strides.begin(), strides.end()), 1) &&
         only(n.attrs.dims("low"), 0) && only(n.attrs.dims("high"), 0);
}

// What follows a depthwise convolution: nothing, a bias, relu, or both in that order.
struct Follows {
  bool fits = true, bias = false, relu = false;
};
Follows what_follows(const Graph& g, const Node& n) {
  Follows f;
  if (!n.attrs.has("program")) return f;
  const Ints& program = n.attrs.ints("program");
  const int64_t inputs = int64_t(n.inputs.size()) - 1;  // the product and the others
  int64_t at = 0;
  f.fits = inputs <= 2 && program.size() <= 8;
  for (size_t i = 0; f.fits && i < program.size(); i += 4) {
    const int64_t *step = program.data() + i, made = inputs + int64_t(i) / 4;
    if (step[0] == int64_t(Ew::relu_) && step[1] == at && i + 4 == program.size())
      f.relu = true;
    else if (step[0] == int64_t(Ew::add_) && i == 0 && inputs == 2 && step[1] + step[2] == 1)
      f.bias = true;
    else
      f.fits = false;
    at = made;
  }
  if (f.bias) {
    const SymShape& bias = g.shape(n.inputs[2]);
    f.fits = f.fits && !bias.empty() && shape_product(bias) == n.outputs[0].shape.back() &&
             bias.back() == shape_product(bias);
  }
  f.fits = f.fits && f.bias == (inputs == 2) && n.attrs.ints("results") == Ints{at};
  return f;
}
bool is_depthwise(const Graph& g, const Node& n) {
  if (!is(n, op::conv) || n.outputs[0].dtype != DType::f32) return false;
  const SymShape& k = g.shape(n.inputs[1]);
  const Dim groups = n.attrs.integer("groups");
  return k[k.size() - 2] == Dim(1) && k.back() == groups && groups != Dim(1) && what_follows(g, n).fits;
}
}  // namespace

Graph fuse_separable(const Graph& g) {
  std::vector<int> readers(size_t(g.size()), 0);
  for (int id = 0; id < g.size(); ++id)
    for (Value v : g.node(id).inputs) readers[size_t(v.node)]++;
  for (const auto& [name, v] : g.outputs) readers[size_t(v.node)]++;
  for (const auto& [index, v] : g.updates) readers[size_t(v.node)]++;
  Rewriter w(g);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    const Value source = n.inputs.empty() ? Value{} : n.inputs[0];
    if (!source.defined() || readers[size_t(source.node)] != 1 || !is_pointwise(g, n) ||
        !is_depthwise(g, g.node(source.node))) {
      w.keep(id);
      continue;
    }
    const Node& first = g.node(source.node);
    const Follows f = what_follows(g, first);
    Node joined = n;
    joined.op = &op::separable_conv();
    joined.attrs = first.attrs;
    joined.attrs.erase("program");
    joined.attrs.erase("results");
    joined.attrs.set("bias", f.bias);
    joined.attrs.set("relu", f.relu);
    for (const char* name : {"program", "results"})
      if (n.attrs.has(name)) joined.attrs.set(name, n.attrs.ints(name));
    joined.inputs = {w.at(first.inputs[0]), w.at(first.inputs[1]), w.at(n.inputs[1])};
    if (f.bias) joined.inputs.push_back(Ops(w.out).reshape(w.at(first.inputs[2]), {first.outputs[0].shape.back()}));
    for (size_t i = 2; i < n.inputs.size(); ++i) joined.inputs.push_back(w.at(n.inputs[i]));
    w.replace(id, {Value{w.out.append(std::move(joined)), 0}});
  }
  return w.finish();
}
}  // namespace hornbeam
