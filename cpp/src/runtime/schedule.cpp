#include "runtime/schedule.hpp"

#include <algorithm>

#include "graph/persistent.hpp"

namespace hornbeam {

Schedule::Schedule(const Graph& g, bool keeps, bool early) : g_(g) {
  persistent_ = keeps ? persistent_nodes(g) : std::vector<bool>(size_t(g.size()), false);
  for (const auto& [name, v] : g.outputs) persistent_[size_t(root(v).node)] = false;  // written where the caller says
  for (const auto& [index, v] : g.updates) persistent_[size_t(root(v).node)] = false;
  for (int id = 0; id < g.size(); ++id)
    if (g.node(id).op->has_bodies() || is(id, OpKind::input)) persistent_[size_t(id)] = false;
  find_uses();
  order_nodes(early);
  find_last_uses();
}

Value Schedule::root(Value v) const {
  while (g_.node(v.node).op->view()) v = g_.node(v.node).inputs[size_t(v.out)];
  return v;
}

void Schedule::find_uses() {
  for (int id = 0; id < g_.size(); ++id) {
    const Node& n = g_.node(id);
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (reads(n, i)) readers_[root(n.inputs[i])].push_back(id);
    if (is(id, OpKind::variable)) variable_nodes_[variable_at(id)].push_back(id);
  }
  for (size_t i = 0; i < g_.outputs.size(); ++i) {
    const Value r = root(g_.outputs[i].second);
    output_count_[r]++;
    output_of_.emplace(r, int(i));
  }
  for (const auto& [index, v] : g_.updates) {
    const Value r = root(v);
    update_of_[r].push_back(index);
    if (is(r.node, OpKind::variable)) copied_last_.insert(variable_at(r.node));
  }
}

// Numbers made of variables and constants alone, such as this step's learning rate.
std::vector<bool> Schedule::numbers_of_variables() const {
  std::vector<bool> found(size_t(g_.size()), false);
  for (int id = 0; id < g_.size(); ++id) {
    const Node& n = g_.node(id);
    bool all = runs(id) && !committed_.count(id) && !may_fail(id);
    for (const ValueType& t : n.outputs)
      for (const Dim& d : t.shape) all = all && d == Dim(1);
    for (Value v : n.inputs) {
      const int from = root(v).node;
      all = all && (found[size_t(from)] || is(from, OpKind::variable) || is(from, OpKind::constant));
    }
    found[size_t(id)] = all;
  }
  return found;
}

void Schedule::order_nodes(bool early) {
  std::vector<std::vector<int>> commits(size_t(g_.size()));  // by the node that they follow
  std::unordered_map<int, int> last_reader;                  // of a variable, among the others
  int last_failure = 0;
  for (int id = 0; id < g_.size(); ++id) {
    if (!runs(id)) continue;
    if (only_updates(id)) {
      committed_.insert(id);
      continue;
    }
    for (Value v : g_.node(id).inputs)
      if (is(root(v).node, OpKind::variable)) last_reader[variable_at(root(v).node)] = id;
    if (may_fail(id)) last_failure = id;
  }
  const std::vector<bool> first = numbers_of_variables();
  for (int id : committed_) {
    int after = early ? last_failure : g_.size() - 1;
    for (Value v : g_.node(id).inputs) {
      const int from = root(v).node;
      if (runs(from) && !first[size_t(from)]) after = std::max(after, from);
    }
    for (size_t i = 0; i < g_.node(id).outputs.size(); ++i) {
      const auto it = last_reader.find(variable_of({id, int(i)}));
      if (it != last_reader.end()) after = std::max(after, it->second);
    }
    commits[size_t(after)].push_back(id);
  }
  for (int id = 0; id < g_.size(); ++id)
    if (first[size_t(id)]) order_.push_back(id);
  for (int id = 0; id < g_.size(); ++id) {
    if (runs(id) && !committed_.count(id) && !first[size_t(id)]) order_.push_back(id);
    std::sort(commits[size_t(id)].begin(), commits[size_t(id)].end());
    for (int c : commits[size_t(id)]) {
      if (commit_start_ < 0) commit_start_ = end();
      order_.push_back(c);
    }
  }
  if (commit_start_ < 0) commit_start_ = end();
}

void Schedule::find_last_uses() {
  for (int i = 0; i < end(); ++i) position_[order_[size_t(i)]] = i;
  for (const auto& [v, ids] : readers_)
    for (int id : ids) last_use_[v] = std::max(last_use_[v], position_.at(id));
  for (const auto& [v, n] : output_count_)
    last_use_[v] = std::max(last_use_[v], made_before_commits(v) ? commit_start_ : end());
  for (const auto& [v, u] : update_of_) last_use_[v] = end() + 1;
  for (auto& [v, last] : last_use_)
    if (made_once(v.node)) last = end() + 1;
}

bool Schedule::only_updates(int id) const {
  const Node& n = g_.node(id);
  for (size_t i = 0; i < n.outputs.size(); ++i) {
    const Value v{id, int(i)};
    auto u = update_of_.find(v);
    if (u == update_of_.end() || u->second.size() != 1 || readers_.count(v) || output_count_.count(v)) return false;
  }
  return !n.op->has_bodies() && !may_fail(id);
}

namespace {
// Whether a result may be of no elements.
bool empty(const Node& n) {
  for (const ValueType& t : n.outputs)
    for (const Dim& d : t.shape)
      if (d == Dim(0)) return true;
  return false;
}
}  // namespace

// Whether the status word may be raised: no variable is written before.
bool Schedule::may_fail(int id) const {
  const Node& n = g_.node(id);
  if (n.op->has_bodies()) return true;  // they may
  if (!n.op->may_fail || !n.op->checked_ids) return n.op->may_fail;
  const CheckedIds mine = n.op->checked_ids(g_, n);
  for (int other = 0; other < id; ++other) {  // ids that were good before
    const Node& o = g_.node(other);
    if (!o.op->checked_ids || empty(o)) continue;  // for no elements no kernel runs
    const CheckedIds same = o.op->checked_ids(g_, o);
    if (same.ids == mine.ids && same.rows == mine.rows) return false;
  }
  return true;
}

int Schedule::last_use(Value v, int otherwise) const {
  const auto it = last_use_.find(v);
  return it == last_use_.end() ? otherwise : it->second;
}

int Schedule::output_of(Value v) const {
  const auto it = output_of_.find(v);
  return it == output_of_.end() ? -1 : it->second;
}

bool Schedule::made_before_commits(Value v) const {
  const auto it = position_.find(v.node);
  return it == position_.end() || it->second < commit_start_;
}

bool Schedule::may_write_in_place(int id, int variable) const {
  if (copied_last_.count(variable)) return false;  // it must be found untouched
  const auto nodes = variable_nodes_.find(variable);
  if (nodes == variable_nodes_.end()) return true;
  for (int node : nodes->second) {
    const auto it = readers_.find({node, 0});
    if (it == readers_.end()) continue;
    for (int reader : it->second)
      if (reader != id && committed_.count(reader)) return false;
  }
  return true;
}

bool Schedule::made_once(int id) const {
  if (!persistent_[size_t(id)]) return false;
  for (Value v : g_.node(id).inputs)
    if (!persists(v)) return false;
  return true;
}
}  // namespace hornbeam
