// Puts an elementwise group behind the matrix product, convolution (or gradient of one) or batch normalization that
// feeds it, when nobody else reads that: the group then runs on each block of rows while it is in cache.
#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {

EpilogueRoom room(const Graph& g, const Node& n, bool gpu) {
  if (gpu) return n.op->cuda_epilogue;
  return n.op->epilogue ? n.op->epilogue(g, n) : EpilogueRoom::none;
}
bool takes(DType d, bool gpu) { return d == DType::f32 || (gpu && (d == DType::f16 || d == DType::bf16)); }
bool takes_epilogue(const Graph& g, const Node& n, bool gpu) {
  return takes(n.outputs[0].dtype, gpu) && !n.attrs.has("program") && room(g, n, gpu) != EpilogueRoom::none;
}
// The group's results lie as the product does; not every kernel has room for several.
bool fits(const Graph& g, const Node& product, const Node& group, bool gpu) {
  for (const ValueType& t : group.outputs)
    if ((!takes(t.dtype, gpu) && !(gpu && t.dtype == DType::boolean)) || t.shape != product.outputs[0].shape)
      return false;
  return group.outputs.size() == 1 || room(g, product, gpu) == EpilogueRoom::several;
}
// Others may read a normalization's statistics before the group's place: the two then run at its own, where all that
// the group reads must be there.
bool runs_early(const Node& product) { return product.outputs.size() > 1; }
bool reads_only_before(const Node& group, int product) {
  for (Value v : group.inputs)
    if (v.node > product || (v.node == product && v.out > 0)) return false;
  return true;
}
}  // namespace

Graph fuse_epilogue(const Graph& g, bool gpu) {
  std::vector<int> readers(size_t(g.size()), 0);  // of a node's first output
  auto count = [&](Value v, int more) { readers[size_t(v.node)] += v.out == 0 ? more : 0; };
  for (int id = 0; id < g.size(); ++id)
    for (Value v : g.node(id).inputs) count(v, 1);
  for (const auto& [name, v] : g.outputs) count(v, 2);
  std::vector<bool> updates(size_t(g.size()), false);
  for (const auto& [index, v] : g.updates) count(v, 2), updates[size_t(v.node)] = true;
  std::vector<int> absorbed(size_t(g.size()), -1);  // product -> the group that takes it
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is(n, op::fused) || !n.attrs.ints("sparse").empty()) continue;
    if (gpu && updates[size_t(id)]) continue;  // all updates are one launch
    for (Value v : n.inputs) {
      const Node& p = g.node(v.node);
      if (v.out != 0 || readers[size_t(v.node)] != 1 || !takes_epilogue(g, p, gpu) || !fits(g, p, n, gpu)) continue;
      if (runs_early(p) && !reads_only_before(n, v.node)) continue;
      absorbed[size_t(v.node)] = id;
      break;
    }
  }
  std::vector<int> product(size_t(g.size()), -1);
  for (int id = 0; id < g.size(); ++id)
    if (absorbed[size_t(id)] >= 0) product[size_t(absorbed[size_t(id)])] = id;
  Rewriter w(g);
  auto join = [&](int product_id, int group_id) {
    const Node &n = g.node(group_id), &p = g.node(product_id);
    // the product becomes the group's input 0: renumber the others
    std::vector<int64_t> reg;
    std::vector<Value> inputs = w.at(p.inputs);
    int64_t next = 1;
    for (Value v : n.inputs) {
      if (v.node == product_id) {
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
    if (runs_early(p)) joined.outputs.insert(joined.outputs.end(), p.outputs.begin() + 1, p.outputs.end());
    const int outputs = int(joined.outputs.size()), to = w.out.append(std::move(joined));
    std::vector<Value> values;
    for (int i = 0; i < outputs; ++i) values.push_back({to, i});
    const auto behind = values.begin() + long(n.outputs.size());  // the product's own others
    w.replace(group_id, {values.begin(), behind});
    values.erase(values.begin() + 1, behind);
    w.replace(product_id, values);
  };
  for (int id = 0; id < g.size(); ++id) {
    const int group = absorbed[size_t(id)], source = product[size_t(id)];
    if (group >= 0 && runs_early(g.node(id)))
      join(id, group);
    else if (source >= 0 && !runs_early(g.node(source)))
      join(source, id);
    else if (group < 0 && source < 0)
      w.keep(id);
  }
  return w.finish();
}
}  // namespace hornbeam
