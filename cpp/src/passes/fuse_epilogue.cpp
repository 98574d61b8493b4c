// Puts an elementwise group behind the matrix product or convolution that feeds it, when nobody else reads the product:
// the group then runs on each block of rows while it is in cache.
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {

bool takes_epilogue(const Graph& g, const Node& n) {
  if (n.outputs[0].dtype != DType::f32 || n.attrs.has("program")) return false;
  if (op_is(n, "matmul")) return true;
  if (!op_is(n, "conv") && !op_is(n, "conv_input_grad")) return false;
  const int64_t groups = n.attrs.integer("groups");
  const SymShape& kernel = g.shape(n.inputs[1]);
  const bool depthwise = kernel[kernel.size() - 2] == Dim(1) && kernel.back() == Dim(groups);
  return groups == 1 || depthwise;
}
// The group's results lie as the product does; several of them go behind a product of two matrices alone.
bool fits(const Graph& g, const Node& product, const Node& group) {
  for (const ValueType& t : group.outputs)
    if (t.dtype != DType::f32 || t.shape != product.outputs[0].shape) return false;
  return group.outputs.size() == 1 ||
         (op_is(product, "matmul") && g.rank(product.inputs[0]) == 2 && g.rank(product.inputs[1]) == 2);
}
}  // namespace

Graph fuse_epilogue(const Graph& g) {
  std::vector<int> readers(size_t(g.size()), 0);
  for (int id = 0; id < g.size(); ++id)
    for (Value v : g.node(id).inputs) readers[size_t(v.node)]++;
  for (const auto& [name, v] : g.outputs) readers[size_t(v.node)] += 2;
  for (const auto& [index, v] : g.updates) readers[size_t(v.node)] += 2;
  std::vector<int> absorbed(size_t(g.size()), -1);  // product -> the group that takes it
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!op_is(n, "fused") || !n.attrs.ints("sparse").empty()) continue;
    for (Value v : n.inputs) {
      const Node& p = g.node(v.node);
      if (readers[size_t(v.node)] != 1 || !takes_epilogue(g, p) || !fits(g, p, n)) continue;
      absorbed[size_t(v.node)] = id;
      break;
    }
  }
  std::vector<int> product(size_t(g.size()), -1);
  for (int id = 0; id < g.size(); ++id)
    if (absorbed[size_t(id)] >= 0) product[size_t(absorbed[size_t(id)])] = id;
  Rewriter w(g);
  for (int id = 0; id < g.size(); ++id) {
    if (absorbed[size_t(id)] >= 0) continue;
    if (product[size_t(id)] < 0) {
      w.keep(id);
      continue;
    }
    const Node &n = g.node(id), &p = g.node(product[size_t(id)]);
    // the product becomes the group's input 0: renumber the others
    std::vector<int64_t> reg;
    std::vector<Value> inputs = w.at(p.inputs);
    int64_t next = 1;
    for (Value v : n.inputs) {
      if (v.node == product[size_t(id)]) {
        reg.push_back(0);
      } else {
        reg.push_back(next++);
        inputs.push_back(w.at(v));
      }
    }
    Ints program = n.attrs.ints("program"), results = n.attrs.ints("results");
    auto renumber = [&](int64_t r) { return r < 0 || r >= int64_t(reg.size()) ? r : reg[size_t(r)]; };
    for (size_t i = 0; i < program.size(); ++i)
      if (i % 4) program[i] = renumber(program[i]);
    for (int64_t& r : results) r = renumber(r);
    Node joined = p;
    joined.attrs.set("program", program);
    joined.attrs.set("results", results);
    joined.inputs = inputs;
    joined.outputs = n.outputs;
    const int to = w.out.append(std::move(joined));
    std::vector<Value> values;
    for (size_t i = 0; i < n.outputs.size(); ++i) values.push_back({to, int(i)});
    w.replace(id, values);
  }
  return w.finish();
}
}  // namespace hornbeam
