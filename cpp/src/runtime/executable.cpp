// Executable: passes once, a plan for each input shape (the last few are kept), workspaces shared by callers.
#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "hornbeam/op.hpp"
#include "passes/passes.hpp"
#include "runtime/executable_impl.hpp"

namespace hornbeam {
namespace {
constexpr size_t kPlansKept = 8;
constexpr size_t kNodeBytes = 1024;  // of a graph, about
constexpr int64_t kSample = 64;      // rows that are planned for to see what a row takes
}  // namespace

Executable::Impl::Impl(const Graph& given, CompileOptions with) : options(std::move(with)) {
  isa = &isa_for(options.isa.c_str());
  HB_CHECK(options.threads >= 0 && options.threads <= 1024,
           "threads must be in [0, 1024]. Received: threads=", options.threads);
  threads = options.threads ? options.threads : default_threads();
  graph = optimize(finite_outputs(given, options.finite), options.disable, evaluator(options));
  variables.emplace(graph);
  if (on("slices")) rowwise = find_rowwise(graph);
}

bool Executable::Impl::on(const char* pass) const {
  return std::find(options.disable.begin(), options.disable.end(), pass) == options.disable.end();
}

std::vector<Shape> Executable::Impl::shapes_of(const std::vector<Tensor>& in) const {
  HB_CHECK(in.size() == graph.inputs.size(), "the graph takes ", graph.inputs.size(), " inputs; got ", in.size());
  std::vector<Shape> shapes;
  for (size_t i = 0; i < in.size(); ++i) {
    HB_CHECK(in[i].defined(), input_name(i), " is an undefined tensor");
    HB_CHECK_TYPE(in[i].dtype() == input_type(i).dtype, input_name(i), " must be ", dtype_name(input_type(i).dtype),
                  "; got ", dtype_name(in[i].dtype()));
    shapes.push_back(in[i].shape());
  }
  return shapes;
}

DimEnv Executable::Impl::bind(const std::vector<Shape>& shapes) const {
  DimEnv env;
  HB_CHECK(shapes.size() == graph.inputs.size(), "the graph takes ", graph.inputs.size(), " inputs; got ",
           shapes.size());
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < shapes.size(); ++i) {
      const SymShape& want = input_type(i).shape;
      tensor_bytes(input_type(i).dtype, shapes[i]);  // throws for negative dimensions and overflows
      HB_CHECK(want.size() == shapes[i].size(), input_name(i), " must have ", want.size(), " axes, shape ",
               shape_text(want), "; got shape ", shape_text(shapes[i]));
      for (size_t k = 0; k < want.size(); ++k) {
        const std::string name = want[k].symbol_name();
        if (pass == 0 && !name.empty()) env.emplace(name, shapes[i][k]);
        if (pass == 1)
          HB_CHECK(want[k].eval(env) == shapes[i][k], input_name(i), " must have shape ", shape_text(want),
                   "; got shape ", shape_text(shapes[i]),
                   name.empty() ? "" : concat_text(" where ", name, "=", env[name]));
      }
    }
  check_dims(graph, env);
  return env;
}

std::shared_ptr<Plan> Executable::Impl::plan(const std::vector<Shape>& shapes) {
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

std::shared_ptr<Plan> Executable::Impl::make_plan(DimEnv env, bool sliced) const {
  auto p = std::make_shared<Plan>();
  auto build = [&](int team) { return build_program(graph, env, {{isa, team, on("winograd")}, on("in_place")}); };
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

std::unique_ptr<Teams> Executable::Impl::take(Plan& p) const {
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

void Executable::Impl::give_back(Plan& p, std::unique_ptr<Teams> w) const noexcept {
  Guard hold(p.lock);
  try {
    p.idle.push_back(std::move(w));
  } catch (const std::bad_alloc&) {  // then it is not kept
  }
}

std::shared_ptr<Plan> Executable::Impl::prepare(const std::vector<Tensor>& in, std::vector<Tensor>& out) {
  auto p = plan(shapes_of(in));
  out.resize(graph.outputs.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const TensorSpec& s = p->outputs[i];
    if (!out[i].defined()) out[i] = Tensor(s.dtype, s.shape);
    HB_CHECK(out[i].dtype() == s.dtype && out[i].shape() == s.shape, "output ", i, " must be ", dtype_name(s.dtype),
             shape_text(s.shape), "; got ", dtype_name(out[i].dtype()), shape_text(out[i].shape()));
  }
  return p;
}

void Executable::Impl::fail(const Status& s) const {
  if (s.kind.load() == Status::interrupted) throw Interrupted("interrupted");
  const Node& n = *s.node;
  const std::string layer = in_layer(n.scope);
  if (s.kind.load() == Status::index_out_of_range)
    throw ValueError(
        concat_text("[", n.op->name, "] index must be in [0, ", s.limit, "); got ", s.index, " at row ", s.row, layer));
  throw NonFiniteError(
      concat_text("[", n.op->name, "] values must be finite; got ", s.value, " at element ", s.row, layer));
}

void Executable::Impl::run(const PlanRun& r) const {
  const Status* s = run_plan(r, *variables);
  if (!s) return;
  if (r.plan->slice == r.plan->rows || s->kind.load() == Status::interrupted) fail(*s);
  // rows in messages count from the batch's start: run it as a whole
  const std::shared_ptr<Plan> whole = make_plan(r.plan->whole, false);
  const std::unique_ptr<Teams> teams = whole->make_teams(threads);
  const Status* again = run_plan({whole.get(), teams.get(), r.inputs, r.outputs, r.gathers}, *variables);
  fail(again ? *again : *s);
}

Executable::Executable(const Graph& graph, CompileOptions options)
    : impl_(within_memory([&] { return std::make_shared<Impl>(graph, std::move(options)); })) {}
Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;

Executable::Impl& Executable::impl() const {
  HB_CHECK(impl_, "this Executable was moved from");
  return *impl_;
}

const Graph& Executable::graph() const { return impl().graph; }
const CompileOptions& Executable::options() const { return impl().options; }

void Executable::check_inputs(const std::vector<Tensor>& inputs) const {
  within_memory([&] { impl().bind(impl().shapes_of(inputs)); });
}

size_t Executable::bytes_kept() const {
  Impl& e = impl();
  Guard hold(e.lock);
  size_t bytes = 0;
  for (const auto& p : e.plans) {
    Guard hold_plan(p->lock);
    bytes += p->program->items.size() * sizeof(Item) + p->program->args.size() * sizeof(Arg);
    for (const auto& teams : p->idle) bytes += teams->list.size() * p->program->arena_bytes;
  }
  for (int id = 0; id < e.graph.size(); ++id)
    for (const auto& [name, value] : e.graph.node(id).attrs.items())
      if (const Tensor* t = std::get_if<Tensor>(&value)) bytes += t->bytes();
  return bytes + size_t(e.graph.size()) * kNodeBytes;
}

std::vector<Tensor> Executable::run(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  run(inputs, outputs);
  return outputs;
}

void Executable::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  within_memory([&] {
    Impl& m = impl();
    auto plan = m.prepare(inputs, outputs);
    auto teams = m.take(*plan);
    const std::vector<char*> in = addresses(inputs), out = addresses(outputs);
    m.run({plan.get(), teams.get(), &in, &out, {}});
    m.give_back(*plan, std::move(teams));
  });
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
