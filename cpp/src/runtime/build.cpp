// From graph to Program: concrete shapes, a kernel plan for each node, addresses for each value.
#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "base/check.hpp"
#include "graph/lasting.hpp"
#include "runtime/program.hpp"

namespace hornbeam {
namespace {

class Builder {
 public:
  Builder(const Graph& g, const DimEnv& env, const BuildOptions& options, bool keeps)
      : g_(g), env_(env), options_(options), p_(std::make_unique<Program>()) {
    lasting_ = keeps ? lasting_nodes(g) : std::vector<bool>(size_t(g.size()), false);
    for (const auto& [name, v] : g.outputs) lasting_[size_t(root(v).node)] = false;  // written where the caller says
    for (const auto& [index, v] : g.updates) lasting_[size_t(root(v).node)] = false;
    for (int id = 0; id < g.size(); ++id)
      if (!g.node(id).op->cpu && !g.node(id).op->view && !is(id, "constant") && !is(id, "variable"))
        lasting_[size_t(id)] = false;
  }

  std::unique_ptr<Program> build() {
    for (const DimCheck& c : g_.checks)
      if (c.a.eval(env_) != c.b.eval(env_))
        throw ValueError(concat_text(c.what, ": ", c.a.eval(env_), " and ", c.b.eval(env_)));
    p_->inputs = int(g_.inputs.size());
    p_->outputs = int(g_.outputs.size());
    p_->variables = int(g_.variables.size());
    for (int id = 0; id < g_.size(); ++id)
      if (is(id, "constant"))
        constant_index_[id] = int(p_->constants.size()), p_->constants.push_back(g_.node(id).attrs.tensor("value"));
    find_uses();
    schedule();
    for (const auto& [name, v] : g_.outputs) p_->output_specs.push_back(spec(v));
    for (step_ = 0; step_ < int(order_.size()); ++step_) {
      if (step_ == commit_start_) before_commits();
      place(order_[size_t(step_)]);
    }
    if (commit_start_ == int(order_.size())) before_commits();
    copy_outputs(false);
    for (const auto& [index, v] : g_.updates)
      if (!in_place_.count(index)) copy(update_source(index, v), Arg{p_->variable_base(index), 0}, spec(v));
    p_->arena_bytes = plan_arena(buffers_);
    p_->live = live_bytes(buffers_);
    for (const Buffer& b : buffers_)
      if (b.first == 0 && b.last > int(order_.size())) p_->lasting_bytes += b.bytes;
    check_memory(p_->arena_bytes, "the program's working memory");
    for (Arg& a : p_->args)
      if (a.base == 1) a.offset = int64_t(buffers_[size_t(a.offset)].offset);
    mark_barriers();
    return std::move(p_);
  }

 private:
  bool is(int id, const char* op) const { return std::string(g_.node(id).op->name) == op; }
  Value root(Value v) const {
    while (g_.node(v.node).op->view) v = g_.node(v.node).inputs[size_t(v.out)];
    return v;
  }
  TensorSpec spec(Value v) const {
    const ValueType& t = g_.type(v);
    return {t.dtype, eval_shape(t.shape, env_)};
  }
  static size_t bytes(const TensorSpec& s) { return tensor_bytes(s.dtype, s.shape); }

  // ---- who reads what ----
  void find_uses() {
    for (int id = 0; id < g_.size(); ++id) {
      const Node& n = g_.node(id);
      for (size_t i = 0; i < n.inputs.size(); ++i)
        if (reads(n, i)) readers_[root(n.inputs[i])].push_back(id);
      if (is(id, "variable")) variable_nodes_[variable_of(id)].push_back(id);
    }
    for (size_t i = 0; i < g_.outputs.size(); ++i) {
      const Value r = root(g_.outputs[i].second);
      output_count_[r]++;
      output_of_.emplace(r, int(i));
    }
    for (const auto& [index, v] : g_.updates) {
      const Value r = root(v);
      update_of_[r].push_back(index);
      if (is(r.node, "variable")) copied_last_.insert(variable_of(r.node));
    }
  }
  static bool reads(const Node& n, size_t input) { return !n.op->view && int(input) != n.op->unread_input; }
  bool wanted(Value v) const { return readers_.count(v) || output_count_.count(v) || update_of_.count(v); }
  bool has_kernel(int id) const {
    const OpDef& op = *g_.node(id).op;
    return !op.view && !is(id, "input") && !is(id, "variable") && !is(id, "constant");
  }

  // ---- order: nodes as they come, but those that do nothing but make new values of variables as soon as nobody reads
  // the old ones any more and nothing can fail any more, while the gradient they take is still in cache ----
  void schedule() {
    std::vector<std::vector<int>> commits(size_t(g_.size()));  // by the node that they follow
    std::unordered_map<int, int> last_reader;                  // of a variable, among the others
    int last_failure = 0;
    for (int id = 0; id < g_.size(); ++id) {
      if (!has_kernel(id)) continue;
      if (only_updates(id)) {
        committed_.insert(id);
        continue;
      }
      for (Value v : g_.node(id).inputs)
        if (is(root(v).node, "variable")) last_reader[variable_of(root(v).node)] = id;
      if (may_fail(id)) last_failure = id;
    }
    for (int id : committed_) {
      int after = std::max(id, last_failure);
      for (size_t i = 0; i < g_.node(id).outputs.size(); ++i) {
        const auto it = last_reader.find(update_of_.at({id, int(i)})[0]);
        if (it != last_reader.end()) after = std::max(after, it->second);
      }
      commits[size_t(after)].push_back(id);
    }
    commit_start_ = -1;
    for (int id = 0; id < g_.size(); ++id) {
      if (has_kernel(id) && !committed_.count(id)) order_.push_back(id);
      std::sort(commits[size_t(id)].begin(), commits[size_t(id)].end());
      for (int c : commits[size_t(id)]) {
        if (commit_start_ < 0) commit_start_ = int(order_.size());
        order_.push_back(c);
      }
    }
    const int end = int(order_.size());
    if (commit_start_ < 0) commit_start_ = end;
    for (int i = 0; i < end; ++i) position_[order_[size_t(i)]] = i;
    for (const auto& [v, ids] : readers_)
      for (int id : ids) last_use_[v] = std::max(last_use_[v], position_.at(id));
    for (const auto& [v, n] : output_count_)
      last_use_[v] = std::max(last_use_[v], made_before_commits(v) ? commit_start_ : end);
    for (const auto& [v, u] : update_of_) last_use_[v] = end + 1;
    for (auto& [v, last] : last_use_)
      if (made_once(v.node)) last = end + 1;
  }
  int variable_of(int id) const { return int(g_.node(id).attrs.integer("index")); }
  bool only_updates(int id) const {
    const Node& n = g_.node(id);
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const Value v{id, int(i)};
      auto u = update_of_.find(v);
      if (u == update_of_.end() || u->second.size() != 1 || readers_.count(v) || output_count_.count(v)) return false;
    }
    return n.op->cpu && !may_fail(id);
  }
  // Whether the status word may be raised: no variable is written before.
  bool may_fail(int id) const {
    const Node& n = g_.node(id);
    if (!n.op->cpu) return true;  // its body may
    const bool scatters = is(id, "scatter_add") || is(id, "unique_rows");
    for (int other = 0; scatters && other < id; ++other) {  // the same ids were good for a table of as many rows
      const Node& o = g_.node(other);
      if (is(other, "gather") && o.inputs[1] == n.inputs[0] && g_.shape(o.inputs[0])[0] == n.attrs.dims("rows")[0])
        return false;
    }
    return n.op->may_fail;
  }
  bool made_before_commits(Value v) const {
    const auto it = position_.find(v.node);
    return it == position_.end() || it->second < commit_start_;
  }

  // A committed node may write its variable's own storage when no other committed node reads that variable.
  bool may_write_in_place(int id, int variable) const {
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

  // ---- addresses ----
  Arg new_buffer(size_t n, int first, int last) {
    buffers_.push_back({n, first, last, 0});
    return {1, int64_t(buffers_.size()) - 1};
  }

  Arg address(Value v) {
    v = root(v);
    auto it = where_.find(v);
    if (it != where_.end()) return it->second;
    const Node& n = g_.node(v.node);
    Arg a;
    if (is(v.node, "input"))
      a = {p_->input_base(int(n.attrs.integer("index"))), 0};
    else if (is(v.node, "variable"))
      a = {p_->variable_base(int(n.attrs.integer("index"))), 0};
    else if (is(v.node, "constant"))
      a = {p_->constant_base(constant_index_.at(v.node)), 0};
    else
      throw std::logic_error("a value is read before it is made");
    where_[v] = a;
    return a;
  }

  // Where output `v` of the node at this step goes. `aliases`: inputs whose memory it may take over.
  Arg target(Value v, const std::vector<int>& aliases, std::vector<int>& taken) {
    const TensorSpec s = spec(v);
    const Node& n = g_.node(v.node);
    if (!wanted(v) && n.op->optional_outputs && v.out >= (n.op->cpu ? 1 : control_outputs(v.node))) return {};
    if (options_.in_place && committed_.count(v.node)) {
      const int variable = update_of_.at(v)[0];
      if (may_write_in_place(v.node, variable) && reads_safely(v.node, variable, aliases)) {
        in_place_.insert(variable);
        return {p_->variable_base(variable), 0};
      }
    }
    auto out = output_of_.find(v);
    if (out != output_of_.end()) return {p_->output_base(out->second), 0};
    const int last = last_use_.count(v) ? last_use_.at(v) : step_;
    for (int i : options_.in_place && !made_once(v.node) ? aliases : std::vector<int>{}) {
      const Value in = root(n.inputs[size_t(i)]);
      const Arg a = address(in);
      if (a.base != 1 || last_use_.at(in) != step_ || bytes(spec(in)) != bytes(s) || count_reads(v.node, in) != 1)
        continue;
      if (std::find(taken.begin(), taken.end(), int(a.offset)) != taken.end()) continue;
      taken.push_back(int(a.offset));
      Buffer& b = buffers_[size_t(a.offset)];
      b.last = std::max(b.last, last);
      return a;
    }
    if (made_once(v.node)) return new_buffer(bytes(s), 0, int(order_.size()) + 1);
    return new_buffer(bytes(s), step_, last);
  }
  int count_reads(int id, Value v) const {
    int n = 0;
    for (Value in : g_.node(id).inputs) n += root(in) == v;
    return n;
  }
  // The node reads the variable only through inputs that may share memory with what it writes.
  bool reads_safely(int id, int variable, const std::vector<int>& aliases) {
    const auto& inputs = g_.node(id).inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Value r = root(inputs[i]);
      if (is(r.node, "variable") && variable_of(r.node) == variable &&
          std::find(aliases.begin(), aliases.end(), int(i)) == aliases.end())
        return false;
    }
    return true;
  }

  int push_args(const std::vector<Arg>& args) {
    const int first = int(p_->args.size());
    p_->args.insert(p_->args.end(), args.begin(), args.end());
    return first;
  }

  void copy(Arg from, Arg to, const TensorSpec& s) {
    Item item;
    item.kind = Item::copy;
    item.args = push_args({from, to});
    item.arg_count = 2;
    item.bytes = int64_t(bytes(s));
    p_->items.push_back(item);
  }

  // ---- items ----
  void place(int id) {
    const Node& n = g_.node(id);
    if (n.op->cpu)
      place_kernel(id, n);
    else
      place_control(id, n);
  }

  bool lasts(Value v) const { return lasting_[size_t(root(v).node)]; }
  // A kernel node whose result lasts runs only when the program prepares.
  bool made_once(int id) const {
    if (!lasting_[size_t(id)]) return false;
    for (Value v : g_.node(id).inputs)
      if (!lasts(v)) return false;
    return true;
  }

  void place_kernel(int id, const Node& n) {
    const Attrs attrs = n.attrs.evaluated(env_);
    KernelRequest r{n.op->name, attrs, {}, {}, options_.isa, options_.threads, {}, options_.winograd};
    std::vector<Arg> args;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      r.inputs.push_back(spec(n.inputs[i]));
      r.lasting.push_back(lasts(n.inputs[i]));
      args.push_back(reads(n, i) ? address(n.inputs[i]) : Arg{});
    }
    for (size_t i = 0; i < n.outputs.size(); ++i) r.outputs.push_back(spec({id, int(i)}));
    bool empty = !r.outputs.empty();
    for (const auto& s : r.outputs) empty = empty && s.size() == 0;
    KernelPlan plan;
    try {
      if (!empty) plan = n.op->cpu(r);
    } catch (const ValueError& e) {
      throw ValueError(n.scope.empty() ? e.what() : concat_text(e.what(), " (layer \"", n.scope, "\")"));
    }
    std::vector<int> taken;
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const Value v{id, int(i)};
      const Arg a = target(v, plan.alias_inputs, taken);
      where_[v] = a;
      args.push_back(a);
    }
    if (plan.workspace + plan.prepared > 0)
      check_memory(plan.workspace + plan.prepared,
                   concat_text("the workspace of ", n.op->name, n.scope.empty() ? "" : " of layer " + n.scope));
    args.push_back(plan.workspace ? new_buffer(plan.workspace, step_, step_) : Arg{});
    bool lasting = false;
    for (const Stage& stage : plan.stages)
      lasting = lasting || (stage.prepares >= 0 && r.lasts(size_t(stage.prepares)));
    args.push_back(!plan.prepared ? Arg{}
                   : lasting      ? new_buffer(plan.prepared, 0, int(order_.size()) + 1)
                                  : new_buffer(plan.prepared, step_, step_));
    if (plan.params) p_->params.push_back(plan.params);
    const int first = push_args(args);
    for (const Stage& stage : plan.stages) {
      Item item;
      item.fn = stage.fn;
      item.params = plan.params.get();
      item.parts = stage.parts;
      item.args = first;
      item.arg_count = int(args.size());
      item.out = int(n.inputs.size());
      item.work = int(args.size()) - 2;
      item.node = id;
      item.prepares = made_once(id) || (stage.prepares >= 0 && r.lasts(size_t(stage.prepares)));
      p_->parallel = p_->parallel || stage.parts > 1;
      p_->items.push_back(item);
    }
  }

  int control_outputs(int id) const {  // outputs that are always made
    const Node& n = g_.node(id);
    if (!is(id, "scan")) return int(n.outputs.size());
    return int(n.outputs.size()) - int(n.attrs.integer("carries"));
  }

  void place_control(int id, const Node& n) {
    Control c;
    Item item;
    std::vector<Arg> args, extra;
    for (Value v : n.inputs) args.push_back(address(v));
    std::vector<int> taken;
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const Value v{id, int(i)};
      where_[v] = target(v, {}, taken);
      args.push_back(where_[v]);
    }
    auto add_sub = [&](const char* name) {
      c.subs.push_back(build_program(n.attrs.graph(name), env_, options_, false));
      p_->parallel = p_->parallel || c.subs.back()->parallel;
    };
    auto carry_buffers = [&](int count) {
      for (int i = 0; i < count; ++i) {
        const TensorSpec s = spec({id, i});
        c.bytes.push_back(int64_t(bytes(s)));
        extra.push_back(new_buffer(bytes(s), step_, step_));
      }
    };
    const int inputs = int(n.inputs.size());
    if (is(id, "scan")) {
      item.kind = Item::scan;
      add_sub("body");
      c.carries = int(n.attrs.integer("carries"));
      c.xs = int(n.attrs.integer("xs"));
      c.captures = inputs - c.carries - c.xs;
      c.ys = int(n.outputs.size()) - 2 * c.carries;
      c.length = n.attrs.evaluated(env_).ints("length")[0];
      HB_CHECK(c.length >= 0, "[scan] the length must be >= 0; got ", c.length);
      c.reverse = n.attrs.flag("reverse");
      carry_buffers(c.carries);
      auto slice = [&](Value v) { c.bytes.push_back(c.length ? int64_t(bytes(spec(v))) / c.length : 0); };
      for (int i = 0; i < c.xs; ++i) slice(n.inputs[size_t(c.carries + i)]);
      for (int i = 0; i < c.ys; ++i) slice({id, c.carries + i});
      c.counter = std::make_shared<std::vector<int32_t>>(size_t(c.length));
      for (int64_t i = 0; i < c.length; ++i) (*c.counter)[size_t(i)] = int32_t(i);
    } else if (is(id, "cond")) {
      item.kind = Item::cond;
      add_sub("then");
      add_sub("else");
      c.captures = inputs - 1;
    } else if (is(id, "while_loop")) {
      item.kind = Item::loop;
      add_sub("cond");
      add_sub("body");
      c.carries = int(n.attrs.integer("carries"));
      c.captures = inputs - c.carries;
      carry_buffers(c.carries);
      extra.push_back(new_buffer(64, step_, step_));  // the condition's result
    } else {
      throw ValueError(concat_text("[", n.op->name, "] has no CPU kernel"));
    }
    size_t arena = 64;
    for (const auto& s : c.subs) arena = std::max(arena, s->arena_bytes);
    extra.push_back(new_buffer(arena, step_, step_));
    item.work = int(args.size());
    args.insert(args.end(), extra.begin(), extra.end());
    item.args = push_args(args);
    item.arg_count = int(args.size());
    item.out = inputs;
    item.node = id;
    item.parts = 2;  // the whole team takes part
    item.control = int(p_->controls.size());
    p_->controls.push_back(std::move(c));
    p_->items.push_back(item);
  }

  // Copies outputs that no kernel wrote in place: those that are there before variables are written, or the others.
  void copy_outputs(bool before) {
    for (size_t i = 0; i < g_.outputs.size(); ++i) {
      const Value v = g_.outputs[i].second;
      if (made_before_commits(root(v)) != before) continue;
      const Arg from = address(v), to{p_->output_base(int(i)), 0};
      if (from.base != to.base) copy(from, to, spec(v));
    }
  }
  // What has to be done before the first variable is written; the status check is the last of it.
  void before_commits() {
    copy_outputs(true);
    if (g_.updates.empty()) return;
    for (const auto& [index, v] : g_.updates)  // a variable given another's old value
      if (is(root(v).node, "variable")) {
        const Arg temp = new_buffer(bytes(spec(v)), 0, int(order_.size()) + 1);
        copy(address(v), temp, spec(v));
        moved_[index] = temp;
      }
    Item item;
    item.kind = Item::check;
    item.parts = 2;
    p_->items.push_back(item);
  }
  Arg update_source(int index, Value v) {
    auto it = moved_.find(index);
    return it == moved_.end() ? address(v) : it->second;
  }

  // Single-part items in a row all run on thread 0 and need no barrier between them.
  void mark_barriers() {
    bool shared = false;
    for (Item& item : p_->items) {
      const bool wide = item.parts > 1;
      item.sync = wide || shared;
      shared = wide;
    }
    if (!p_->items.empty()) p_->items[0].sync = false;
  }

  const Graph& g_;
  const DimEnv& env_;
  const BuildOptions options_;
  std::vector<bool> lasting_;  // by node
  std::unique_ptr<Program> p_;
  int step_ = 0, commit_start_ = 0;
  std::vector<int> order_;
  std::vector<Buffer> buffers_;
  std::unordered_map<int, int> constant_index_, position_;
  std::unordered_map<Value, std::vector<int>, ValueHash> readers_, update_of_;
  std::unordered_map<Value, int, ValueHash> output_count_, output_of_, last_use_;
  std::unordered_map<Value, Arg, ValueHash> where_;
  std::unordered_map<int, Arg> moved_;
  std::unordered_set<int> committed_, in_place_;
  std::unordered_map<int, std::vector<int>> variable_nodes_;  // by variable
  std::unordered_set<int> copied_last_;                       // variables whose storage is another's new value
};
}  // namespace

std::unique_ptr<Program> build_program(const Graph& g, const DimEnv& env, const BuildOptions& options, bool keeps) {
  return Builder(g, env, options, keeps).build();
}
}  // namespace hornbeam
