// Who reads what in a graph, the order in which its nodes run, and how long each value is needed.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hornbeam/op.hpp"

namespace hornbeam {

/// Nodes run as they come in the graph, with two exceptions. Those that do nothing but make new values of variables
/// ("commits") run as soon as what they take is there, nobody reads the old values any more and nothing can fail any
/// more: the gradient they take is still in cache, and what only they need is given up early. Numbers made of variables
/// alone, which commits take, run first. Values are named by what holds them: views by what they are views of.
class Schedule {
 public:
  /// `keeps`: what is made of unwritten variables alone may last from run to run. `early`: commits do not wait for the
  /// end of all else.
  Schedule(const Graph& g, bool keeps, bool early = true);

  /// The nodes that do something, in order; steps are places in it.
  const std::vector<int>& order() const { return order_; }
  int end() const { return int(order_.size()); }
  /// The first step that may write a variable.
  int commit_start() const { return commit_start_; }

  bool is(int id, OpKind kind) const { return g_.node(id).op->kind == kind; }
  /// The value that `v` is a view of, or itself.
  Value root(Value v) const;
  /// Whether the node reads the elements of this input.
  static bool reads(const Node& n, size_t input) { return !n.op->view() && int(input) != n.op->unread_input; }
  /// Whether anybody reads `v`.
  bool wanted(Value v) const { return readers_.count(v) || output_count_.count(v) || update_of_.count(v); }
  /// The last step at which `v` is needed: past the end where it is longer than a run; `otherwise` if nobody reads it.
  int last_use(Value v, int otherwise) const;
  /// The output that `v` is (the first of several), or -1.
  int output_of(Value v) const;
  bool made_before_commits(Value v) const;

  /// Whether the node is a commit, and which variable its output `v` is a new value of.
  bool commits(int id) const { return committed_.count(id) > 0; }
  int variable_of(Value v) const { return update_of_.at(v)[0]; }
  /// The variable that a variable node reads.
  int variable_at(int id) const { return int(g_.node(id).attrs.integer("index")); }
  /// A commit may write its variable's own storage when no other commit reads that variable.
  bool may_write_in_place(int id, int variable) const;

  /// Whether `v` is the same from run to run until a variable changes.
  bool persists(Value v) const { return persistent_[size_t(root(v).node)]; }
  /// A kernel node whose result persists runs only when what persists is made.
  bool made_once(int id) const;

 private:
  void find_uses();
  std::vector<bool> numbers_of_variables() const;
  void order_nodes(bool early);
  void find_last_uses();
  bool runs(int id) const { return g_.node(id).op->runs(); }
  bool only_updates(int id) const;
  bool may_fail(int id) const;

  const Graph& g_;
  std::vector<bool> persistent_;  // by node
  std::vector<int> order_;
  int commit_start_ = -1;
  std::unordered_map<int, int> position_;  // of a node, in the order
  std::unordered_map<Value, std::vector<int>, ValueHash> readers_, update_of_;
  std::unordered_map<Value, int, ValueHash> output_count_, output_of_, last_use_;
  std::unordered_set<int> committed_;
  std::unordered_map<int, std::vector<int>> variable_nodes_;  // by variable
  std::unordered_set<int> copied_last_;                       // variables whose storage is another's new value
};
}  // namespace hornbeam
