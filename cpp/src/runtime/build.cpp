// From graph to Program: concrete shapes, a kernel plan for each node, addresses for each value.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "memory/planner.hpp"
#include "runtime/backend.hpp"
#include "runtime/program.hpp"
#include "runtime/schedule.hpp"
#include "schema/control.hpp"

namespace hornbeam {

namespace {
constexpr size_t kLarge = size_t(1) << 30;  // a result that is worth asking for before its kernel is planned

class Builder {
 public:
  Builder(const Graph& g, const DimEnv& env, const BuildOptions& options, Part part)
      : g_(g),
        env_(env),
        options_(options),
        schedule_(g, part == Part::step && options.kernels.keeps(), options.kernels.writes_early()),
        branch_(part == Part::branch),
        p_(std::make_unique<Program>()) {}

  std::unique_ptr<Program> build() {
    check_dims(g_, env_);
    p_->inputs = int(g_.inputs.size());
    p_->outputs = int(g_.outputs.size());
    p_->variables = int(g_.variables.size());
    for (int id = 0; id < g_.size(); ++id)
      if (is(id, OpKind::constant))
        constant_index_[id] = int(p_->constants.size()), p_->constants.push_back(g_.node(id).attrs.tensor("value"));
    for (const auto& [name, v] : g_.outputs) p_->output_specs.push_back(spec(v));
    for (step_ = 0; step_ < schedule_.end(); ++step_) {
      if (step_ == schedule_.commit_start()) before_commits();
      place(schedule_.order()[size_t(step_)]);
    }
    if (schedule_.commit_start() == schedule_.end()) before_commits();
    copy_outputs(false);
    for (const auto& [index, v] : g_.updates)
      if (!in_place_.count(index)) copy(update_source(index, v), Arg{p_->variable_base(index), 0}, spec(v));
    p_->arena_bytes = plan_arena(buffers_);
    p_->live = live_bytes(buffers_);
    for (const Buffer& b : buffers_)
      if (b.first == 0 && b.last > schedule_.end()) p_->persistent_bytes += b.bytes;
    options_.kernels.check_memory(p_->arena_bytes, "the program's working memory");
    for (Arg& a : p_->args)
      if (a.base == 1) a.offset = int64_t(buffers_[size_t(a.offset)].offset);
    mark_barriers();
    return std::move(p_);
  }

 private:
  bool is(int id, OpKind kind) const { return schedule_.is(id, kind); }
  Value root(Value v) const { return schedule_.root(v); }
  TensorSpec spec(Value v) const {
    const ValueType& t = g_.type(v);
    return {t.dtype, eval_shape(t.shape, env_)};
  }
  static size_t bytes(const TensorSpec& s) { return tensor_bytes(s.dtype, s.shape); }

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
    if (is(v.node, OpKind::input))
      a = {p_->input_base(int(n.attrs.integer("index"))), 0};
    else if (is(v.node, OpKind::variable))
      a = {p_->variable_base(int(n.attrs.integer("index"))), 0};
    else if (is(v.node, OpKind::constant))
      a = {p_->constant_base(constant_index_.at(v.node)), 0};
    else
      throw InternalError("a value is read before it is made");
    where_[v] = a;
    return a;
  }

  // Where output `v` of the node at this step goes. `aliases`: inputs whose memory it may take over.
  // `stops`: it writes nothing once a run has failed.
  Arg target(Value v, const std::vector<int>& aliases, bool stops, std::vector<int>& taken) {
    const TensorSpec s = spec(v);
    const Node& n = g_.node(v.node);
    if (!schedule_.wanted(v) && n.op->optional_outputs && v.out >= outputs_always_made(n)) return {};
    if (options_.in_place && stops && schedule_.commits(v.node)) {
      const int variable = schedule_.variable_of(v);
      if (schedule_.may_write_in_place(v.node, variable) && reads_safely(v.node, variable, aliases)) {
        in_place_.insert(variable);
        return {p_->variable_base(variable), 0};
      }
    }
    const int output = schedule_.output_of(v);
    if (output >= 0 && (stops || !branch_)) return {p_->output_base(output), 0};
    const int last = schedule_.last_use(v, step_);
    for (int i : options_.in_place && !schedule_.made_once(v.node) ? aliases : std::vector<int>{}) {
      const Value in = root(n.inputs[size_t(i)]);
      const Arg a = address(in);
      if (a.base != 1 || schedule_.last_use(in, step_) != step_ || bytes(spec(in)) != bytes(s) ||
          count_reads(v.node, in) != 1)
        continue;
      if (std::find(taken.begin(), taken.end(), int(a.offset)) != taken.end()) continue;
      taken.push_back(int(a.offset));
      Buffer& b = buffers_[size_t(a.offset)];
      b.last = std::max(b.last, last);
      return a;
    }
    if (schedule_.made_once(v.node)) return new_buffer(bytes(s), 0, schedule_.end() + 1);
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
      if (is(r.node, OpKind::variable) && schedule_.variable_at(r.node) == variable &&
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

  // ---- what is moved ----
  void reads(Value v) {
    const double n = double(bytes(spec(v)));
    p_->moved_bytes += n;
    if (read_.insert(root(v)).second) p_->least_bytes += n;
  }
  void writes(Value v) {
    p_->moved_bytes += double(bytes(spec(v)));
    p_->least_bytes += double(bytes(spec(v)));
  }

  void copy(Arg from, Arg to, const TensorSpec& s) {
    p_->moved_bytes += 2 * double(bytes(s));
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
    if (n.op->has_bodies())
      place_control(id, n);
    else
      place_kernel(id, n);
  }

  // A node's attributes with their dimensions known, which are what its op asks for.
  Attrs attrs_of(const Node& n) const {
    Attrs attrs = n.attrs.evaluated(env_);
    for (const AttrSpec& spec : n.op->attrs) {
      if (spec.type != AttrType::dims) continue;
      const std::string problem = attr_problem(spec, attrs.items().at(spec.name));
      HB_CHECK(problem.empty(), "[", n.op->name, "] parameter `", spec.name, "` ", problem, in_layer(n.scope));
    }
    return attrs;
  }

  void place_kernel(int id, const Node& n) {
    const Attrs attrs = attrs_of(n);
    KernelRequest r{*n.op, attrs, {}, {}, options_.kernels.target(), {}};
    std::vector<Arg> args;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      r.inputs.push_back(spec(n.inputs[i]));
      r.persistent.push_back(schedule_.persists(n.inputs[i]));
      args.push_back(Schedule::reads(n, i) ? address(n.inputs[i]) : Arg{});
      if (Schedule::reads(n, i)) reads(n.inputs[i]);
    }
    KernelPlan plan;
    try {
      bool empty = !n.outputs.empty();
      for (size_t i = 0; i < n.outputs.size(); ++i) {  // before a kernel is planned for it
        r.outputs.push_back(spec({id, int(i)}));
        const TensorSpec& s = r.outputs.back();
        if (bytes(s) >= kLarge)
          options_.kernels.check_memory(
              bytes(s), concat_text("[", n.op->name, "] the result ", shape_text(s.shape), in_layer(n.scope)));
        empty = empty && s.size() == 0;
      }
      if (!empty) plan = options_.kernels.plan(r);
    } catch (const ValueError& e) {
      const std::string text = e.what();
      throw ValueError(concat_text(text[0] == '[' ? "" : concat_text("[", n.op->name, "] "), text, in_layer(n.scope)));
    }
    std::vector<int> taken;
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const Value v{id, int(i)};
      const Arg a = target(v, plan.alias_inputs, plan.stops, taken);
      where_[v] = a;
      args.push_back(a);
      if (a.base != 0) writes(v);
    }
    if (plan.workspace + plan.prepacked > 0)
      options_.kernels.check_memory(plan.workspace + plan.prepacked,
                                    concat_text("the workspace of ", n.op->name, in_layer(n.scope)));
    args.push_back(plan.workspace ? new_buffer(plan.workspace, step_, step_) : Arg{});
    bool persistent = false;
    for (const Stage& stage : plan.stages)
      persistent = persistent || (stage.prepacks >= 0 && r.persists(size_t(stage.prepacks)));
    args.push_back(!plan.prepacked ? Arg{}
                   : persistent    ? new_buffer(plan.prepacked, 0, schedule_.end() + 1)
                                   : new_buffer(plan.prepacked, step_, step_));
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
      item.source = &n;
      item.persistent = schedule_.made_once(id) || (stage.prepacks >= 0 && r.persists(size_t(stage.prepacks)));
      p_->parallel = p_->parallel || stage.parts > 1;
      p_->items.push_back(item);
    }
  }

  // How many outputs an op with optional ones makes even when nobody reads them.
  static int outputs_always_made(const Node& n) {
    return n.op->kind == OpKind::scan ? int(scan_layout(n).made_always()) : 1;
  }
  static ScanLayout scan_layout(const Node& n) {
    return ScanLayout(n.attrs, n.inputs.size(), n.attrs.graph("body").outputs.size());
  }

  void place_control(int id, const Node& n) {
    Control c;
    Item item;
    std::vector<Arg> args, extra;
    for (Value v : n.inputs) args.push_back(address(v));
    std::vector<int> taken;
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const Value v{id, int(i)};
      where_[v] = target(v, {}, false, taken);
      args.push_back(where_[v]);
    }
    const bool branches = is(id, OpKind::cond) && options_.kernels.runs_both_branches();
    auto add_sub = [&](const char* name) {
      const Part part = branches || branch_ ? Part::branch : Part::body;
      c.subs.push_back(build_program(n.attrs.graph(name), env_, options_, part));
      p_->parallel = p_->parallel || c.subs.back()->parallel;
    };
    auto carry_buffers = [&](size_t count) {
      c.carries = int(count);
      for (int i = 0; i < c.carries; ++i) {
        const TensorSpec s = spec({id, i});
        c.bytes.push_back(int64_t(bytes(s)));
        extra.push_back(new_buffer(bytes(s), step_, step_));
      }
    };
    const int inputs = int(n.inputs.size());
    if (is(id, OpKind::scan)) {
      item.kind = Item::scan;
      add_sub("body");
      const ScanLayout l = scan_layout(n);
      c.xs = int(l.xs), c.captures = int(l.captures), c.ys = int(l.ys);
      c.length = attrs_of(n).ints("length")[0];
      c.reverse = n.attrs.flag("reverse");
      carry_buffers(l.carries);
      auto slice = [&](Value v) { c.bytes.push_back(c.length ? int64_t(bytes(spec(v))) / c.length : 0); };
      for (size_t i = 0; i < l.xs; ++i) slice(n.inputs[l.x(i)]);
      for (size_t i = 0; i < l.ys; ++i) slice({id, int(l.y(i))});
      const Tensor counter(DType::i32, {c.length});  // the index that the body reads
      for (int64_t i = 0; i < c.length; ++i) counter.data<int32_t>()[i] = int32_t(i);
      extra.push_back({p_->constant_base(int(p_->constants.size())), 0});
      p_->constants.push_back(counter);
    } else if (is(id, OpKind::cond)) {
      item.kind = Item::cond;
      add_sub("then");
      add_sub("else");
      c.captures = int(CondLayout(n.inputs.size()).captures);
    } else {
      item.kind = Item::loop;
      add_sub("cond");
      add_sub("body");
      const LoopLayout l(n.attrs, n.inputs.size());
      c.captures = int(l.captures);
      carry_buffers(l.carries);
      extra.push_back(new_buffer(64, step_, step_));  // the condition's result
    }
    size_t arena = 64;
    for (const auto& s : c.subs) {
      const double turns = is(id, OpKind::scan) ? double(c.length) : 1;
      arena = std::max(arena, s->arena_bytes);
      p_->moved_bytes += turns * s->moved_bytes;
      p_->least_bytes += turns * s->least_bytes;
    }
    extra.push_back(new_buffer(arena, step_, step_));
    if (branches) extra.push_back(new_buffer(64, step_, step_));  // which is taken
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
      if (schedule_.made_before_commits(root(v)) != before) continue;
      const Arg from = address(v), to{p_->output_base(int(i)), 0};
      if (from.base != to.base) copy(from, to, spec(v));
    }
  }
  // What has to be done before the first variable is written; the status check is the last of it.
  void before_commits() {
    copy_outputs(true);
    if (g_.updates.empty()) return;
    for (const auto& [index, v] : g_.updates)  // a variable given another's old value
      if (is(root(v).node, OpKind::variable)) {
        const Arg temp = new_buffer(bytes(spec(v)), 0, schedule_.end() + 1);
        copy(address(v), temp, spec(v));
        moved_[index] = temp;
      }
    for (const auto& [index, v] : g_.updates) p_->written.push_back({index, bytes(spec(v))});
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
  const BuildOptions& options_;
  const Schedule schedule_;
  const bool branch_;  // it may run without being taken
  std::unique_ptr<Program> p_;
  int step_ = 0;
  std::vector<Buffer> buffers_;
  std::unordered_set<Value, ValueHash> read_;
  std::unordered_map<int, int> constant_index_;
  std::unordered_map<Value, Arg, ValueHash> where_;
  std::unordered_map<int, Arg> moved_;  // variables' values that are other variables' old ones
  std::unordered_set<int> in_place_;    // variables that a kernel writes itself
};
}  // namespace

std::unique_ptr<Program> build_program(const Graph& g, const DimEnv& env, const BuildOptions& options, Part part) {
  return Builder(g, env, options, part).build();
}
}  // namespace hornbeam
