// The gradient of a table that is read by ids stays ids and rows: where only updates read a scatter_add, the sum of the
// rows of each id takes its place, and the update's sweep reads zeros between them. When nothing changes where the
// gradient is zero (SGD without momentum, Adagrad, lazy updates), just those rows are computed.
#include <algorithm>
#include <map>

#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {

class SparseUpdates {
 public:
  explicit SparseUpdates(const Graph& g) : g_(g), w_(g), readers_(size_t(g.size())), update_(size_t(g.size())) {}

  Graph run() {
    for (int id = 0; id < g_.size(); ++id)
      for (Value v : g_.node(id).inputs) readers_[size_t(v.node)].push_back(id);
    for (const auto& [name, v] : g_.outputs) readers_[size_t(v.node)].push_back(-1);
    for (const auto& [index, v] : g_.updates) update_[size_t(v.node)][v.out] = index;
    for (int id = 0; id < g_.size(); ++id) {
      if (is_gradient(id))
        make_rows(id);
      else if (sums_rows(id))
        sum_rows(id);
      else if (reads_rows(id))
        w_.replace(id, update(id));
      else
        w_.keep(id);
    }
    return w_.finish();
  }

 private:
  using Found = std::map<int, std::pair<Value, Value>>;  // scatter_add -> ids, rows

  // A scatter_add that only updates, or sums of what is zero where it is, read.
  bool is_gradient(int id) const {
    const Node& n = g_.node(id);
    if (!is(n, op::scatter_add) || n.outputs[0].dtype != DType::f32 || n.outputs[0].shape.size() < 2 ||
        !update_[size_t(id)].empty() || readers_[size_t(id)].empty())
      return false;
    for (int reader : readers_[size_t(id)])
      if (reader < 0 || (!is_update(reader) && !is_sum(reader, id))) return false;
    return true;
  }
  bool full(Value v, const SymShape& shape) const { return g_.shape(v) == shape; }

  // An elementwise group whose results are all new values of variables.
  bool is_update(int id) const {
    const Node& n = g_.node(id);
    if (!is(n, op::fused) || update_[size_t(id)].size() != n.outputs.size()) return false;
    for (int reader : readers_[size_t(id)])
      if (reader >= 0) return false;
    bool others = false;  // that give the shape
    for (Value v : n.inputs) others = others || (full(v, n.outputs[0].shape) && !is(g_.node(v.node), op::scatter_add));
    for (const ValueType& t : n.outputs) others = others && t.dtype == DType::f32 && t.shape == n.outputs[0].shape;
    return others;
  }

  // A group that is zero where the gradient is, with scalars for other inputs, and that only full sums read: its norm.
  bool is_sum(int id, int gradient) const {
    const Node& n = g_.node(id);
    if (!is(n, op::fused) || n.outputs.size() != 1 || !update_[size_t(id)].empty()) return false;
    for (Value v : n.inputs)
      if (v.node != gradient && !g_.shape(v).empty()) return false;
    if (zeros(n, gradient)[size_t(n.attrs.ints("results")[0])] != kZero) return false;
    for (int reader : readers_[size_t(id)])
      if (reader < 0 || !is(g_.node(reader), op::sum) || !g_.node(reader).outputs[0].shape.empty()) return false;
    return true;
  }

  // What each register is where the gradient is zero: zero, the same as an input, or something else.
  static constexpr int kZero = -1, kOther = -2;
  std::vector<int> zeros(const Node& n, int gradient) const {
    std::vector<int> reg;
    for (size_t i = 0; i < n.inputs.size(); ++i) reg.push_back(n.inputs[i].node == gradient ? kZero : int(i));
    const Ints& program = n.attrs.ints("program");
    for (size_t i = 0; i + 3 < program.size(); i += 4) {
      const int a = reg[size_t(program[i + 1])], b = program[i + 2] < 0 ? kOther : reg[size_t(program[i + 2])];
      switch (Ew(program[i])) {
        case Ew::multiply_:
          reg.push_back(a == kZero || b == kZero ? kZero : kOther);
          break;
        case Ew::add_:
          reg.push_back(a == kZero ? b : b == kZero ? a : kOther);
          break;
        case Ew::subtract_:
          reg.push_back(b == kZero ? a : kOther);
          break;
        case Ew::divide_:
        case Ew::square_:
        case Ew::neg_:
        case Ew::abs_:
        case Ew::sqrt_:
        case Ew::cast_:
          reg.push_back(a == kZero ? kZero : kOther);
          break;
        default:
          reg.push_back(kOther);
      }
    }
    return reg;
  }

  void make_rows(int id) {
    const Node& n = g_.node(id);
    w_.out.set_scope(n.scope);
    const auto rows = w_.out.add(op::unique_rows(), w_.at(n.inputs), {{"rows", n.attrs.dims("rows")}});
    found_[id] = {rows[0], rows[1]};
    w_.replace(id, {Value{}});
  }
  bool reads_rows(int id) const {
    for (Value v : g_.node(id).inputs)
      if (found_.count(v.node)) return true;
    return false;
  }
  bool sums_rows(int id) const { return reads_rows(id) && update_[size_t(id)].empty(); }

  // The group over the rows at hand alone; the others add nothing to its sums.
  void sum_rows(int id) {
    const Node& n = g_.node(id);
    std::vector<Value> inputs;
    for (Value v : n.inputs) inputs.push_back(found_.count(v.node) ? found_[v.node].second : w_.at(v));
    w_.replace(id, w_.out.add(*n.op, inputs, n.attrs));
  }

  std::vector<Value> update(int id) {
    const Node& n = g_.node(id);
    std::vector<Value> inputs, ids;
    Ints sparse;
    bool lazy = true;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const auto it = found_.find(n.inputs[i].node);
      inputs.push_back(it == found_.end() ? w_.at(n.inputs[i]) : it->second.second);
      if (it == found_.end()) continue;
      sparse.push_back(int64_t(i));
      ids.push_back(it->second.first);
      lazy = lazy && g_.node(it->first).attrs.flag("lazy");
    }
    inputs.insert(inputs.end(), ids.begin(), ids.end());
    Attrs attrs = n.attrs;
    attrs.set("sparse", sparse);
    attrs.set("keeps", kept(id, n, sparse, lazy));
    w_.out.set_scope(n.scope);
    return w_.out.add(*n.op, inputs, attrs);
  }

  // For each result the input that holds its variable's old value, when that is what it is where the gradient is zero
  // or may be taken for it; else nothing.
  Ints kept(int id, const Node& n, const Ints& sparse, bool lazy) const {
    Ints keeps;
    if (sparse.size() != 1) return {};
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (int64_t(i) != sparse[0] && !g_.shape(n.inputs[i]).empty() && !is(g_.node(n.inputs[i].node), op::variable))
        return {};
    const std::vector<int> zero = zeros(n, n.inputs[size_t(sparse[0])].node);
    for (size_t j = 0; j < n.outputs.size(); ++j) {
      const int variable = update_[size_t(id)].at(int(j));
      int input = -1;
      for (size_t i = 0; i < n.inputs.size(); ++i) {
        const Node& v = g_.node(n.inputs[i].node);
        if (is(v, op::variable) && v.attrs.integer("index") == variable) input = int(i);
      }
      if (input < 0 || (!lazy && zero[size_t(n.attrs.ints("results")[j])] != input)) return {};
      keeps.push_back(input);
    }
    return keeps;
  }

  const Graph& g_;
  Rewriter w_;
  std::vector<std::vector<int>> readers_;   // by node; -1: an output
  std::vector<std::map<int, int>> update_;  // by node: output -> variable
  Found found_;
};
}  // namespace

Graph sparse_updates(const Graph& g) { return SparseUpdates(g).run(); }
}  // namespace hornbeam
