// Groups float32 elementwise ops of one iteration space into single "fused" nodes. A group may have several outputs; it
// never closes a cycle: no path may leave it and come back. Values that only lead to updates of variables are grouped
// apart from the rest, so that updates can be written in place at the end.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "ops/built_in.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace hornbeam {
namespace {

class Fuser {
 public:
  Fuser(const Graph& g, bool halves)
      : g_(g), halves_(halves), group_(size_t(g.size()), -1), late_(size_t(g.size()), false) {}

  Graph run() {
    mark_late();
    for (int id = 0; id < g_.size(); ++id)
      if (fusible(id) && !bytes_alone(id))
        join(id);
      else
        close_inputs(id);
    return emit();
  }

 private:
  struct Group {
    std::vector<int> nodes;
    int first, last;
    SymShape shape;
    bool closed = false;
  };

  bool fusible(int id) const {
    const Node& n = g_.node(id);
    if (n.op->elementwise < 0) return false;
    auto ok = [](DType d) { return d == DType::f32 || d == DType::boolean; };
    auto half = [&](DType d) { return halves_ && (d == DType::f16 || d == DType::bf16); };
    if (is(n, Ew::cast_)) {  // integers are read as floats; other conversions are exact copies, or round to a half
      const DType from = g_.dtype(n.inputs[0]), to = n.outputs[0].dtype;
      return (to == DType::f32 || half(to)) && (ok(from) || is_int(from) || half(from));
    }
    if (!ok(n.outputs[0].dtype)) return false;
    for (Value v : n.inputs)
      if (!ok(g_.dtype(v))) return false;
    return true;
  }

  // Logic on bools that no group makes: on the CPU bytes take less time by themselves than as floats of a group.
  bool bytes_alone(int id) const {
    const Node& n = g_.node(id);
    bool alone = !halves_ && n.outputs[0].dtype == DType::boolean;
    for (Value v : n.inputs) alone = alone && g_.dtype(v) == DType::boolean && group_[size_t(v.node)] < 0;
    return alone;
  }

  // A group that a product or the like reads is closed: what comes after that (relu's gradient, say, which reads relu's
  // result) runs where the graph has it, so that the group can stay behind the product that feeds it.
  void close_inputs(int id) {
    if (g_.node(id).op->view()) return;
    for (Value v : g_.node(id).inputs) {
      while (g_.node(v.node).op->view()) v = g_.node(v.node).inputs[0];
      if (group_[size_t(v.node)] >= 0) groups_[size_t(group_[size_t(v.node)])].closed = true;
    }
  }

  // Nodes all of whose readers are late or updates of variables.
  void mark_late() {
    std::vector<bool> early(size_t(g_.size()), false), updates(size_t(g_.size()), false);
    for (const auto& [name, v] : g_.outputs) early[size_t(v.node)] = true;
    for (const auto& [index, v] : g_.updates) updates[size_t(v.node)] = true;
    std::vector<bool> read(size_t(g_.size()), false);
    for (int id = g_.size() - 1; id >= 0; --id) {
      late_[size_t(id)] = fusible(id) && !early[size_t(id)] && (updates[size_t(id)] || read[size_t(id)]);
      for (Value v : g_.node(id).inputs) {
        read[size_t(v.node)] = true;
        if (!late_[size_t(id)]) early[size_t(v.node)] = true;
      }
    }
  }

  void join(int id) {
    const Node& n = g_.node(id);
    // the latest producer's group first: it is the likeliest to be adjacent
    std::vector<int> candidates;
    for (Value v : n.inputs) {
      const int k = group_[size_t(v.node)];
      if (k >= 0) candidates.push_back(k);
    }
    // for updates, also the groups that read the same inputs (Adam's moments beside the weights)
    if (late_[size_t(id)])
      for (int k = int(groups_.size()) - 1; k >= 0 && k >= int(groups_.size()) - 4; --k) candidates.push_back(k);
    std::sort(candidates.rbegin(), candidates.rend());
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    for (int k : candidates)
      if (can_join(id, k)) {
        Group& group = groups_[size_t(k)];
        group.nodes.push_back(id);
        group.last = id;
        group_[size_t(id)] = k;
        for (int h : candidates)
          if (h != k && feeds(h, id) && can_merge(h, k)) merge(h, k);
        return;
      }
    group_[size_t(id)] = int(groups_.size());
    groups_.push_back({{id}, id, id, n.outputs[0].shape});
  }

  bool feeds(int h, int id) const {
    for (Value v : g_.node(id).inputs)
      if (group_[size_t(v.node)] == h) return true;
    return false;
  }

  // Two groups that meet in a node become one where no path leaves one of them and comes back to the other.
  bool can_merge(int h, int k) const {
    const Group &a = groups_[size_t(h)], &b = groups_[size_t(k)];
    if (a.shape != b.shape || a.closed || b.closed || late_[size_t(a.first)] != late_[size_t(b.first)]) return false;
    std::set<Value> inputs;
    for (int m : a.nodes) external_inputs(m, h, &inputs);
    for (int m : b.nodes) external_inputs(m, k, &inputs);
    if (inputs.size() + a.nodes.size() + b.nodes.size() > kLargestGroup) return false;
    for (Value v : inputs)
      if (group_[size_t(v.node)] != h && group_[size_t(v.node)] != k &&
          (depends_on(v.node, k) || depends_on(v.node, h)))
        return false;
    return true;
  }
  void merge(int h, int k) {
    Group &from = groups_[size_t(h)], &to = groups_[size_t(k)];
    for (int m : from.nodes) group_[size_t(m)] = k;
    to.nodes.insert(to.nodes.end(), from.nodes.begin(), from.nodes.end());
    std::sort(to.nodes.begin(), to.nodes.end());
    to.first = std::min(to.first, from.first), to.last = std::max(to.last, from.last);
    from.nodes.clear();
  }

  bool can_join(int id, int k) const {
    const Group& group = groups_[size_t(k)];
    const Node& n = g_.node(id);
    if (group.nodes.empty()) return false;  // merged into another
    if (group.closed && !late_[size_t(id)]) return false;
    if (n.outputs[0].shape != group.shape || late_[size_t(id)] != late_[size_t(group.first)]) return false;
    std::set<Value> inputs;
    for (int m : group.nodes) external_inputs(m, k, &inputs);
    external_inputs(id, k, &inputs);
    if (inputs.size() + 2 * (group.nodes.size() + 1) > 2 * kLargestGroup ||
        inputs.size() + group.nodes.size() + 1 > kLargestGroup)
      return false;
    if (late_[size_t(id)]) {  // a group is worth its items only if it shares something
      bool shares = false;
      for (Value v : n.inputs) shares = shares || group_[size_t(v.node)] == k || reads(group, v);
      if (!shares) return false;
    }
    for (Value v : n.inputs)
      if (group_[size_t(v.node)] != k && depends_on(v.node, k)) return false;
    return true;
  }
  bool reads(const Group& group, Value v) const {
    double c;
    if (scalar_constant(g_, v, &c) || g_.shape(v).empty()) return false;
    for (int m : group.nodes)
      for (Value i : g_.node(m).inputs)
        if (i == v) return true;
    return false;
  }

  void external_inputs(int id, int k, std::set<Value>* out) const {
    for (Value v : g_.node(id).inputs)
      if (group_[size_t(v.node)] != k) out->insert(v);
  }

  // Whether node `id` (outside group k) depends on a member of k, when each group runs as one.
  bool depends_on(int id, int k) const {
    const int first = groups_[size_t(k)].first;
    std::vector<int> stack{id};
    std::set<int> seen;
    while (!stack.empty()) {
      const int at = stack.back();
      stack.pop_back();
      const int h = group_[size_t(at)];
      const int mark = h >= 0 ? -1 - h : at;
      if (h == k) return true;
      if (!seen.insert(mark).second) continue;
      if ((h >= 0 ? groups_[size_t(h)].last : at) < first) continue;
      if (h >= 0) {
        for (int m : groups_[size_t(h)].nodes)
          for (Value v : g_.node(m).inputs)
            if (group_[size_t(v.node)] != h) stack.push_back(v.node);
      } else {
        for (Value v : g_.node(at).inputs) stack.push_back(v.node);
      }
    }
    return false;
  }

  // Groups and single nodes in an order that respects the groups' joint dependencies.
  Graph emit() {
    std::set<Value> outside;  // values somebody outside their group reads
    for (const auto& [name, v] : g_.outputs) outside.insert(v);
    for (const auto& [index, v] : g_.updates) outside.insert(v);
    for (int id = 0; id < g_.size(); ++id)
      for (Value v : g_.node(id).inputs)
        if (group_[size_t(id)] < 0 || group_[size_t(v.node)] != group_[size_t(id)]) outside.insert(v);
    Rewriter w(g_);
    std::vector<bool> done(size_t(g_.size()), false);
    for (int id = 0; id < g_.size(); ++id) place(id, w, done, outside);
    return w.finish();
  }

  void place(int root, Rewriter& w, std::vector<bool>& done, const std::set<Value>& outside) {
    std::vector<int> stack{root};
    while (!stack.empty()) {
      const int id = stack.back();
      if (done[size_t(id)]) {
        stack.pop_back();
        continue;
      }
      const int k = group_[size_t(id)];
      const std::vector<int> members = k >= 0 ? groups_[size_t(k)].nodes : std::vector<int>{id};
      bool ready = true;
      for (int m : members)
        for (Value v : g_.node(m).inputs)
          if (!done[size_t(v.node)] && (k < 0 || group_[size_t(v.node)] != k)) stack.push_back(v.node), ready = false;
      if (!ready) continue;
      stack.pop_back();
      if (k >= 0)
        emit_group(groups_[size_t(k)], k, w, outside);
      else
        w.keep(id);
      for (int m : members) done[size_t(m)] = true;
    }
  }

  void emit_group(const Group& group, int k, Rewriter& w, const std::set<Value>& outside) {
    std::vector<Value> inputs;
    std::unordered_map<Value, int64_t, ValueHash> reg;
    for (int m : group.nodes)
      for (Value v : g_.node(m).inputs)
        if (group_[size_t(v.node)] != k && reg.emplace(v, int64_t(inputs.size())).second) inputs.push_back(v);
    Ints program, results;
    std::vector<Value> outs;
    int64_t next = int64_t(inputs.size());
    std::string scope;
    for (int m : group.nodes) {
      const Node& n = g_.node(m);
      auto operand = [&](size_t i) { return i < n.inputs.size() ? reg.at(n.inputs[i]) : int64_t(-1); };
      const DType to = n.outputs[0].dtype;
      const bool rounds = to == DType::f16 || to == DType::bf16;  // a cast: its second operand says to what
      const int64_t code[4] = {n.op->elementwise, operand(0), rounds ? int64_t(to) : operand(1), operand(2)};
      program.insert(program.end(), code, code + 4);
      reg[Value{m, 0}] = next;
      if (outside.count({m, 0})) {
        results.push_back(next);
        outs.push_back({m, 0});
      }
      ++next;
      if (scope.empty()) scope = n.scope;
    }
    for (int m : group.nodes) w.replace(m, {Value{}});
    if (outs.empty()) return;  // dead
    Node fused{&op::fused(),
               {{"program", program}, {"results", results}, {"sparse", Ints{}}, {"keeps", Ints{}}},
               w.at(inputs),
               {},
               scope};
    for (Value v : outs) fused.outputs.push_back(g_.type(v));
    const int id = w.out.append(std::move(fused));
    for (size_t i = 0; i < outs.size(); ++i) w.replace(outs[i].node, {Value{id, int(i)}});
  }

  const Graph& g_;
  const bool halves_;
  std::vector<int> group_;
  std::vector<bool> late_;
  std::vector<Group> groups_;
};
}  // namespace

Graph fuse_elementwise(const Graph& g, bool halves) { return Fuser(g, halves).run(); }
}  // namespace hornbeam
