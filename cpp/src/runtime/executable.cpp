// Executable: passes once, a plan for each input shape (the last few are kept), workspaces shared by callers.
#include "hornbeam/executable.hpp"

#include <algorithm>
#include <chrono>
#include <list>
#include <optional>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "runtime/plan.hpp"

namespace hornbeam {
namespace {
constexpr size_t kPlansKept = 8;
constexpr size_t kNodeBytes = 1024;  // of a graph, about
constexpr int64_t kSample = 64;      // rows that are planned for to see what a row takes

std::vector<char*> addresses(const std::vector<Tensor>& tensors) {
  std::vector<char*> at;
  for (const Tensor& t : tensors) at.push_back(static_cast<char*>(t.raw()));
  return at;
}
std::string input_name(const Graph& g, size_t i) {
  return "input " + std::to_string(i) + " \"" + g.input_names[i] + "\"";
}
}  // namespace

struct Executable::Impl {
  Graph graph;
  Rowwise rowwise;
  CompileOptions options;
  const IsaTable* isa = nullptr;
  int threads = 1;
  std::mutex lock;
  std::list<std::shared_ptr<Plan>> plans;  // most recently used first
  std::optional<Variables> variables;      // of the graph

  // The dimensions these shapes stand for.
  DimEnv bind(const std::vector<Shape>& shapes) const {
    DimEnv env;
    HB_CHECK(shapes.size() == graph.inputs.size(), "the graph takes ", graph.inputs.size(), " inputs; got ",
             shapes.size());
    for (int pass = 0; pass < 2; ++pass)
      for (size_t i = 0; i < shapes.size(); ++i) {
        const SymShape& want = graph.node(graph.inputs[i]).outputs[0].shape;
        HB_CHECK(want.size() == shapes[i].size(), input_name(graph, i), " must have ", want.size(), " axes, shape ",
                 shape_text(want), "; got shape ", shape_text(shapes[i]));
        for (size_t k = 0; k < want.size(); ++k) {
          const std::string name = want[k].symbol_name();
          if (pass == 0 && !name.empty()) env.emplace(name, shapes[i][k]);
          if (pass == 1)
            HB_CHECK(want[k].eval(env) == shapes[i][k], input_name(graph, i), " must have shape ", shape_text(want),
                     "; got shape ", shape_text(shapes[i]),
                     name.empty() ? "" : concat_text(" where ", name, "=", env[name]));
        }
      }
    return env;
  }

  std::shared_ptr<Plan> plan(const std::vector<Shape>& shapes) {
    std::vector<int64_t> key;
    for (const Shape& s : shapes) {
      key.push_back(int64_t(s.size()));
      key.insert(key.end(), s.begin(), s.end());
    }
    Guard hold(lock);
    for (auto it = plans.begin(); it != plans.end(); ++it)
      if ((*it)->key == key) {
        if (it != plans.begin()) plans.splice(plans.begin(), plans, it);
        return plans.front();
      }
    const auto start = std::chrono::steady_clock::now();
    std::shared_ptr<Plan> p = make_plan(bind(shapes), true);
    p->key = std::move(key);
    p->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    plans.push_front(p);
    if (plans.size() > kPlansKept) plans.pop_back();
    return p;
  }
  bool on(const char* name) const {
    return std::find(options.disable.begin(), options.disable.end(), name) == options.disable.end();
  }
  std::shared_ptr<Plan> make_plan(DimEnv env, bool sliced) const {
    auto p = std::make_shared<Plan>();
    auto build = [&](int team) { return build_program(graph, env, {isa, team, on("in_place"), on("winograd")}); };
    p->whole = env;
    int team = threads;
    if (sliced && rowwise) {
      int64_t& rows = env[rowwise.symbol];
      const int64_t all = rows;
      rows = std::min(all, kSample);
      auto sample = build(1);
      const int64_t slice = rows_of_slice(graph, rowwise, env, *sample, all);
      if (slice == rows && threads == 1) p->program = std::move(sample);
      rows = slice;
      if (slice < all) {
        p->rows = all, p->slice = slice;
        team = (threads + p->teams(threads) - 1) / p->teams(threads);
      }
    }
    if (!p->program) p->program = build(team);
    for (const auto& [name, v] : graph.outputs)
      p->outputs.push_back({graph.dtype(v), eval_shape(graph.shape(v), p->whole)});
    auto row_bytes = [&](Value v) {
      const bool rows = p->slice < p->rows && rowwise.nodes[size_t(v.node)];
      return rows ? int64_t(tensor_bytes(graph.dtype(v), eval_shape(graph.shape(v), p->whole))) / p->rows : 0;
    };
    for (int id : graph.inputs) p->input_row.push_back(row_bytes({id, 0}));
    for (const auto& [name, v] : graph.outputs) p->output_row.push_back(row_bytes(v));
    return p;
  }

  // Memory that an earlier run has given back, if any, with what it keeps: to find new pages, or to pack weights again,
  // takes longer than many a step.
  std::unique_ptr<Teams> take(Plan& p) const {
    {
      Guard hold(p.lock);
      if (!p.idle.empty()) {
        auto w = std::move(p.idle.back());
        p.idle.pop_back();
        return w;
      }
    }
    return p.make_teams(threads);
  }
  void give_back(Plan& p, std::unique_ptr<Teams> w) const {
    Guard hold(p.lock);
    p.idle.push_back(std::move(w));
  }

  std::shared_ptr<Plan> prepare(const std::vector<Tensor>& in, std::vector<Tensor>& out) {
    HB_CHECK(in.size() == graph.inputs.size(), "the graph takes ", graph.inputs.size(), " inputs; got ", in.size());
    std::vector<Shape> shapes;
    for (size_t i = 0; i < in.size(); ++i) {
      const DType want = graph.node(graph.inputs[i]).outputs[0].dtype;
      HB_CHECK_TYPE(in[i].dtype() == want, input_name(graph, i), " must be ", dtype_name(want), "; got ",
                    dtype_name(in[i].dtype()));
      shapes.push_back(in[i].shape());
    }
    auto p = plan(shapes);
    out.resize(graph.outputs.size());
    for (size_t i = 0; i < out.size(); ++i) {
      const TensorSpec& s = p->outputs[i];
      if (!out[i].defined()) out[i] = Tensor(s.dtype, s.shape);
      HB_CHECK(out[i].dtype() == s.dtype && out[i].shape() == s.shape, "output ", i, " must be ", dtype_name(s.dtype),
               shape_text(s.shape), "; got ", dtype_name(out[i].dtype()), shape_text(out[i].shape()));
    }
    return p;
  }

  [[noreturn]] void fail(const Status& s) const {
    if (s.kind.load() == Status::interrupted) throw Interrupted("interrupted");
    const Node& n = graph.node(s.node);
    const std::string layer = n.scope.empty() ? "" : " (layer \"" + n.scope + "\")";
    const auto value = (long long)s.value, limit = (long long)s.limit;
    if (s.kind.load() == Status::index_out_of_range)
      throw ValueError(
          concat_text("[", n.op->name, "] index must be in [0, ", limit, "); got ", value, " at row ", s.row, layer));
    throw ValueError(
        concat_text("[", n.op->name, "] values must be finite; got ", s.value, " at element ", s.row, layer));
  }

  // Throws when the status word says so.
  void run(const PlanRun& r) const {
    const Status* s = run_plan(r, *variables);
    if (!s) return;
    if (r.plan->slice == r.plan->rows || s->kind.load() == Status::interrupted) fail(*s);
    // rows in messages count from the batch's start: run it as a whole
    const std::shared_ptr<Plan> whole = make_plan(r.plan->whole, false);
    const std::unique_ptr<Teams> teams = whole->make_teams(threads);
    const Status* again = run_plan({whole.get(), teams.get(), r.inputs, r.outputs, r.gathers}, *variables);
    fail(again ? *again : *s);
  }
};

Executable::Executable(const Graph& graph, CompileOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  if (options.isa.empty()) {
    impl_->isa = &default_isa();
  } else {
    impl_->isa = find_isa(options.isa.c_str());
    HB_CHECK(impl_->isa, "this CPU or build has no kernels for isa=\"", options.isa, "\"");
  }
  HB_CHECK(options.threads >= 0 && options.threads <= 1024,
           "threads must be in [0, 1024]. Received: threads=", options.threads);
  impl_->threads = options.threads ? options.threads : default_threads();
  impl_->graph = optimize(graph, options.disable);
  impl_->variables.emplace(impl_->graph);
  if (impl_->on("slices")) impl_->rowwise = find_rowwise(impl_->graph);
}
Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;

const Graph& Executable::graph() const { return impl_->graph; }
const CompileOptions& Executable::options() const { return impl_->options; }

std::vector<Tensor> Executable::run(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  run(inputs, outputs);
  return outputs;
}

void Executable::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  auto plan = impl_->prepare(inputs, outputs);
  auto teams = impl_->take(*plan);
  const std::vector<char*> in = addresses(inputs), out = addresses(outputs);
  impl_->run({plan.get(), teams.get(), &in, &out, {}});
  impl_->give_back(*plan, std::move(teams));
}

struct Runner::State {
  std::shared_ptr<Executable> executable;
  std::shared_ptr<Plan> plan;
  std::unique_ptr<Teams> teams;
  std::vector<char*> inputs, outputs;
  std::vector<Tensor> staging;  // of gathered inputs
  std::vector<size_t> bytes;    // of each input
  std::vector<int64_t> rows;
  std::vector<RowGather> gathers;
  std::vector<int> gathered;  // inputs, in the order of `gathers`
};

Runner::Runner(std::shared_ptr<Executable> executable, const std::vector<Shape>& shapes) {
  Executable::Impl& impl = *executable->impl_;
  state_ = std::make_unique<State>();
  state_->plan = impl.plan(shapes);
  state_->teams = impl.take(*state_->plan);
  state_->inputs.resize(shapes.size());
  state_->outputs.resize(state_->plan->outputs.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    const DType dtype = impl.graph.node(impl.graph.inputs[i]).outputs[0].dtype;
    state_->bytes.push_back(tensor_bytes(dtype, shapes[i]));
    state_->rows.push_back(shapes[i].empty() ? 1 : shapes[i][0]);
  }
  state_->staging.resize(shapes.size());
  state_->executable = std::move(executable);
}
Runner::~Runner() { state_->executable->impl_->give_back(*state_->plan, std::move(state_->teams)); }

void Runner::set_input(size_t i, const void* data) { state_->inputs[i] = static_cast<char*>(const_cast<void*>(data)); }

void Runner::set_input(size_t i, const void* data, const int64_t* rows) {
  State& s = *state_;
  size_t at = 0;
  while (at < s.gathered.size() && s.gathered[at] != int(i)) ++at;
  if (at == s.gathered.size()) {
    s.staging[i] = Tensor(DType::u8, {int64_t(s.bytes[i])});
    s.gathered.push_back(int(i));
    s.gathers.push_back({});
    set_input(i, s.staging[i].raw());
  }
  const int64_t n = s.rows[i];
  s.gathers[at] = {static_cast<const char*>(data), rows, s.staging[i].data<char>(), n, n ? s.bytes[i] / size_t(n) : 0};
}

void Runner::set_output(size_t i, void* data) { state_->outputs[i] = static_cast<char*>(data); }
size_t Runner::outputs() const { return state_->plan->outputs.size(); }
DType Runner::output_dtype(size_t i) const { return state_->plan->outputs[i].dtype; }
const Shape& Runner::output_shape(size_t i) const { return state_->plan->outputs[i].shape; }

void Runner::run() {
  State& s = *state_;
  s.executable->impl_->run({s.plan.get(), s.teams.get(), &s.inputs, &s.outputs, s.gathers});
}

ProgramStats Executable::stats(const std::vector<Shape>& shapes) {
  auto p = impl_->plan(shapes);
  const size_t teams = size_t(p->teams(impl_->threads));
  return {int(p->program->items.size()), p->program->arena_bytes * teams, p->program->live * teams, p->seconds,
          p->slice < p->rows ? p->slice : 0};
}

size_t Executable::bytes_kept() const {
  Guard hold(impl_->lock);
  size_t bytes = 0;
  for (const auto& p : impl_->plans) {
    Guard hold_plan(p->lock);
    bytes += p->program->items.size() * sizeof(Item) + p->program->args.size() * sizeof(Arg);
    for (const auto& teams : p->idle) bytes += teams->list.size() * p->program->arena_bytes;
  }
  for (int id = 0; id < impl_->graph.size(); ++id)
    for (const auto& [name, value] : impl_->graph.node(id).attrs.items())
      if (const Tensor* t = std::get_if<Tensor>(&value)) bytes += t->bytes();
  return bytes + size_t(impl_->graph.size()) * kNodeBytes;
}

std::vector<ProfileRow> Executable::profile(const std::vector<Tensor>& inputs, int repeats) {
  HB_CHECK(repeats >= 1, "repeats must be >= 1. Received: repeats=", repeats);
  std::vector<Tensor> outputs;
  auto plan = impl_->prepare(inputs, outputs);
  const Program& p = *plan->program;
  const auto teams = plan->make_teams(1);
  const std::vector<char*> in_at = addresses(inputs), out_at = addresses(outputs);
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i)
    if (const Status* s = profile_plan({plan.get(), teams.get(), &in_at, &out_at, {}}, *impl_->variables, seconds))
      impl_->fail(*s);
  std::vector<Shape> shapes;
  for (const Tensor& t : inputs) shapes.push_back(t.shape());
  const DimEnv env = impl_->bind(shapes);
  std::vector<ProfileRow> rows;
  for (size_t i = 0; i < p.items.size(); ++i) {
    const Item& item = p.items[i];
    const double t = seconds[i] / repeats;
    if (item.node >= 0 && !rows.empty() && i > 0 && p.items[i - 1].node == item.node) {  // another stage of one node
      rows.back().seconds += t;
      rows.back().parts = std::max(rows.back().parts, item.parts);
      continue;
    }
    ProfileRow row;
    row.seconds = t;
    row.parts = item.parts;
    if (item.node >= 0) {
      const Node& n = impl_->graph.node(item.node);
      row.op = n.op->name;
      row.layer = n.scope;
      std::vector<Shape> in, out;
      auto take = [&](const ValueType& v, std::vector<Shape>& list) {
        list.push_back(eval_shape(v.shape, env));
        row.bytes += double(tensor_bytes(v.dtype, list.back()));
      };
      for (Value v : n.inputs) take(impl_->graph.type(v), in);
      for (const auto& o : n.outputs) take(o, out);
      for (const Shape& s : out) row.shape += (row.shape.empty() ? "" : " ") + shape_text(s);
      if (n.op->flops) row.flops = n.op->flops(in, out, n.attrs.evaluated(env));
    } else {
      row.op = item.kind == Item::check ? "check" : "copy";
      row.bytes = 2.0 * double(item.bytes);
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const char* const* p = available_isas(); *p; ++p) names.push_back(*p);
  return names;
}
std::string default_isa_name() { return default_isa().name; }
int thread_count() { return default_threads(); }
std::string thread_kind() { return team_kind(); }
}  // namespace hornbeam
