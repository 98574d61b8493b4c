#include "runtime/cpu/plan.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace hornbeam {
namespace {
constexpr double kNear = 1600 << 10;  // bytes of working memory that stay in a core's L2 and its share of L3
constexpr double kFewWeights = 0.6;   // of a slice's traffic, which reading the weights again may add
constexpr int64_t kFullTile = 48;     // rows of a product, below which it is slow
constexpr double kMostThin = 0.05;    // of the arithmetic, which may be in such products
constexpr int64_t kSample = 64;       // rows that are planned for to see what a row takes
}  // namespace

int64_t rows_of_slice(const Graph& g, const Rowwise& rowwise, const DimEnv& env, const Program& sample, int64_t rows) {
  const int64_t planned = env.at(rowwise.symbol);
  const double near = double(sample.arena_bytes - sample.persistent_bytes) / double(std::max<int64_t>(1, planned));
  if (rows < 4 || near * double(rows) <= 2 * kNear) return rows;
  double traffic = 0, weights = 0, all = 0;
  std::set<int> seen;
  std::map<int64_t, double> flops;  // by how many rows of a product a row of the batch makes
  auto bytes = [&](const ValueType& t) { return double(tensor_bytes(t.dtype, eval_shape(t.shape, env))); };
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!rowwise.nodes[size_t(id)] || !n.op->cpu) continue;
    std::vector<Shape> in, out;
    for (const ValueType& t : n.outputs) traffic += 2 * bytes(t), out.push_back(eval_shape(t.shape, env));
    for (Value v : n.inputs) {
      in.push_back(eval_shape(g.shape(v), env));
      if (!rowwise.nodes[size_t(v.node)] && seen.insert(v.node).second) weights += bytes(g.type(v));
    }
    if (!n.op->flops || n.op->product == ProductKind::none) continue;
    const double f = n.op->flops(in, out, n.attrs.evaluated(env));
    flops[n.op->product == ProductKind::steps
              ? 1
              : shape_product(out[0]) / std::max<int64_t>(1, planned * out[0].back())] += f;
    all += f;
  }
  weights = std::max(weights, double(sample.persistent_bytes));
  auto pays = [&](int64_t slice) {
    double thin = 0;
    for (const auto& [each, f] : flops) thin += each * slice < kFullTile ? f : 0;
    return thin <= kMostThin * all && weights <= kFewWeights * traffic / double(planned) * double(slice);
  };
  int64_t slice = std::max<int64_t>(1, int64_t(kNear / near));
  while (2 * slice <= rows && !pays(slice)) ++slice;
  if (2 * slice > rows) return rows;
  // a number near it that divides the rows, so that none is computed twice
  for (int64_t fewer = slice; 3 * fewer >= 2 * slice; --fewer)
    if (rows % fewer == 0 && pays(fewer)) return fewer;
  for (int64_t more = slice; 2 * more <= std::min(rows, 3 * slice); ++more)
    if (rows % more == 0) return more;
  const int64_t slices = (rows + slice - 1) / slice;
  return (rows + slices - 1) / slices;
}

Variables::Variables(const Graph& g) : all(g.variables) {
  std::vector<bool> writes(all.size(), false);
  for (const auto& [index, v] : g.updates) writes[size_t(index)] = true;
  for (size_t i = 0; i < all.size(); ++i) (writes[i] ? written : kept).push_back(all[i].get());
}

uint64_t Variables::version() const {
  uint64_t sum = 1;  // of numbers that only grow: the same again only where none has changed
  for (const Variable* v : kept) sum += v->version();
  return sum;
}

CpuPlan::CpuPlan(const CpuBackend& backend, const DimEnv& env, bool sliced)
    : backend_(backend), threads_(backend.threads()), whole_(env) {
  const Graph& graph = backend.graph();
  const Rowwise& rowwise = backend.rowwise();
  int team = threads_;
  DimEnv part = env;
  if (sliced && rowwise) {
    int64_t& rows = part[rowwise.symbol];
    const int64_t all = rows;
    rows = std::min(all, kSample);
    auto sample = backend.build(part, 1);
    const int64_t slice = rows_of_slice(graph, rowwise, part, *sample, all);
    if (slice == rows && threads_ == 1) program_ = std::move(sample);
    rows = slice;
    if (slice < all) {
      rows_ = all, slice_ = slice;
      team = (threads_ + teams(threads_) - 1) / teams(threads_);
    }
  }
  if (!program_) program_ = backend.build(part, team);
  for (const auto& [name, v] : graph.outputs) outputs_.push_back({graph.dtype(v), eval_shape(graph.shape(v), whole_)});
  auto row_bytes = [&](Value v) {
    const bool rows = this->sliced() && rowwise.nodes[size_t(v.node)];
    return rows ? int64_t(tensor_bytes(graph.dtype(v), eval_shape(graph.shape(v), whole_))) / rows_ : 0;
  };
  for (int id : graph.inputs) input_row_.push_back(row_bytes({id, 0}));
  for (const auto& [name, v] : graph.outputs) output_row_.push_back(row_bytes(v));
}

std::unique_ptr<Teams> CpuPlan::make_teams(int threads) const {
  auto made = std::make_unique<Teams>();
  const int n = teams(threads);
  made->threads = program_->parallel ? threads : n;
  for (int i = 0; i < n; ++i)
    made->list.push_back(std::make_unique<Teams::Team>(*program_, (made->threads + n - 1) / n));
  return made;
}

ProgramStats CpuPlan::stats() const {
  const size_t n = size_t(teams(threads_));
  return {int(program_->items.size()), program_->arena_bytes * n, program_->live * n,   0,
          sliced() ? slice_ : 0,       program_->moved_bytes,     program_->least_bytes};
}

size_t CpuPlan::bytes() const { return program_->items.size() * sizeof(Item) + program_->args.size() * sizeof(Arg); }

void CpuPlan::bind(Scratch& s, const RunIo& io, int64_t row) const {
  for (size_t i = 0; i < io.inputs.size(); ++i)
    s.bases[size_t(program_->input_base(int(i)))] = io.inputs[i] + row * input_row_[i];
  for (size_t i = 0; i < io.outputs.size(); ++i)
    s.bases[size_t(program_->output_base(int(i)))] = io.outputs[i] + row * output_row_[i];
}

/// What the threads of a run share.
struct TeamRun {
  const CpuPlan& plan;
  Teams& teams;
  const RunIo& io;
  uint64_t version;  // of the variables

  void run(int thread, int threads) const {
    const FlushDenormals flush;
    Watch* const watch = Watch::wanted() ? &teams.watch : nullptr;
    const WatchedThread watched(watch, thread == 0);
    gather_rows(io.gathers, {&teams.barrier, nullptr, thread, threads});
    const int n = std::min(int(teams.list.size()), threads), mine = thread % n;
    Teams::Team& team = *teams.list[size_t(mine)];
    Workspace& w = team.workspace;
    RunContext c{&w.barrier, &w.status, thread / n, (threads - mine + n - 1) / n, version != team.persistent};
    c.watch = watch, c.caller = thread == 0, c.undo = &teams.undo;
    Scratch& s = w.scratch[size_t(c.thread)];
    const int64_t slices = plan.slices(), whole = plan.rows_ / plan.slice_;
    const int64_t begin = whole * mine / n, end = mine + 1 == n ? slices : whole * (mine + 1) / n;
    for (int64_t k = begin; k < end; ++k) {
      if (k > begin && c.meet()) break;  // the others may still be reading
      plan.bind(s, io, plan.first_row(k));
      if (!run_items(*plan.program_, s, c)) break;
      c.make_persistent = false;
    }
    if (c.thread == 0 && end > begin) team.ran = true;
  }
};

void CpuPlan::bind_variables(Teams& teams) const {
  teams.watch.reset();
  teams.undo.reset();
  for (auto& team : teams.list) team->workspace.status.kind.store(Status::ok);
  const uint64_t moves = Variable::moves();
  if (teams.moves == moves) return;
  teams.storage.clear();
  for (const VariablePtr& v : backend_.variables().all) teams.storage.push_back(v->storage());
  for (auto& team : teams.list)
    for (Scratch& s : team->workspace.scratch)
      for (size_t i = 0; i < teams.storage.size(); ++i)
        s.bases[size_t(program_->variable_base(int(i)))] = static_cast<char*>(teams.storage[i].raw());
  teams.moves = moves;
}

namespace {
const Status* stopped(const Teams& teams) {
  if (teams.watch.stopped()) {  // whatever else was met is of no account
    teams.list[0]->workspace.status.kind.store(Status::interrupted);
    return &teams.list[0]->workspace.status;
  }
  for (const auto& team : teams.list)
    if (team->workspace.status.kind.load() != Status::ok) return &team->workspace.status;
  return nullptr;
}
}  // namespace

const Status* CpuPlan::run_teams(Teams& teams, const RunIo& io) const {
  bind_variables(teams);
  TeamRun r{*this, teams, io, backend_.variables().version()};
  run_team(
      teams.threads, [](void* run, int thread, int threads) { static_cast<const TeamRun*>(run)->run(thread, threads); },
      &r);
  if (teams.watch.stopped()) teams.undo.restore(*program_, teams.list[0]->workspace.scratch[0]);
  for (Variable* v : backend_.variables().written) v->changed();
  const Status* status = stopped(teams);
  for (auto& team : teams.list) {
    if (status) team->persistent = 0;  // it may have stopped on its way
    if (!status && team->ran) team->persistent = r.version;
    team->ran = false;
  }
  return status;
}

void CpuPlan::run(RunMemory& memory, const RunIo& io) {
  const Status* s = run_teams(static_cast<Teams&>(memory), io);
  if (!s) return;
  if (!sliced() || s->kind.load() == Status::interrupted) raise(*s);
  // rows in messages count from the batch's start: run it as a whole
  const CpuPlan whole(backend_, whole_, false);
  const std::unique_ptr<Teams> teams = whole.make_teams(threads_);
  const Status* again = whole.run_teams(*teams, io);
  raise(again ? *again : *s);
}

std::vector<StepTime> CpuPlan::profile(const RunIo& io, int repeats) {
  const auto teams = make_teams(1);
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    bind_variables(*teams);
    const FlushDenormals flush;
    Watch* const watch = Watch::wanted() ? &teams->watch : nullptr;
    const WatchedThread watched(watch, true);
    Workspace& w = teams->list[0]->workspace;
    for (int64_t k = 0; k < slices(); ++k) {
      bind(w.scratch[0], io, first_row(k));
      profile_items(*program_, w.scratch[0], {&w.barrier, &w.status, 0, 1, k == 0, watch, true, &teams->undo}, seconds);
    }
    for (Variable* v : backend_.variables().written) v->changed();
    if (const Status* s = stopped(*teams)) raise(*s);
  }
  std::vector<StepTime> steps;
  for (size_t i = 0; i < program_->items.size(); ++i) {
    const Item& item = program_->items[i];
    steps.push_back({item.node, item.kind == Item::check ? "check" : "copy", seconds[i] / repeats,
                     2.0 * double(item.bytes), item.parts});
  }
  return steps;
}
}  // namespace hornbeam
