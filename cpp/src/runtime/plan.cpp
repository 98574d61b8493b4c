#include "runtime/plan.hpp"
#include "hornbeam/op.hpp"

#include <algorithm>
#include <set>

namespace hornbeam {
namespace {
constexpr double kNear = 1600 << 10;  // bytes of working memory that stay in a core's L2 and its share of L3
constexpr double kFewWeights = 0.6;   // of a slice's traffic, which reading the weights again may add
constexpr int64_t kFullTile = 48;     // rows of a product, below which it is slow
constexpr double kMostThin = 0.05;    // of the arithmetic, which may be in such products
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

std::unique_ptr<Teams> Plan::make_teams(int threads) const {
  auto made = std::make_unique<Teams>();
  const int n = teams(threads);
  made->threads = program->parallel ? threads : n;
  for (int i = 0; i < n; ++i)
    made->list.push_back(std::make_unique<Teams::Team>(*program, (made->threads + n - 1) / n));
  return made;
}

namespace {
void bind(const PlanRun& r, Scratch& s, int64_t row) {
  const Program& p = *r.plan->program;
  for (size_t i = 0; i < r.inputs->size(); ++i)
    s.bases[size_t(p.input_base(int(i)))] = (*r.inputs)[i] + row * r.plan->input_row[i];
  for (size_t i = 0; i < r.outputs->size(); ++i)
    s.bases[size_t(p.output_base(int(i)))] = (*r.outputs)[i] + row * r.plan->output_row[i];
}
int64_t first_row(const Plan& p, int64_t slice) { return std::min(slice * p.slice, p.rows - p.slice); }

void run_thread(void* context, int thread, int threads) {
  const PlanRun& r = *static_cast<const PlanRun*>(context);
  const Plan& plan = *r.plan;
  const FlushDenormals flush;
  Watch* const watch = Watch::wanted() ? &r.teams->watch : nullptr;
  const WatchedThread watched(watch, thread == 0);
  gather_rows(r.gathers, {&r.teams->barrier, nullptr, thread, threads});
  const int teams = std::min(int(r.teams->list.size()), threads), mine = thread % teams;
  Teams::Team& team = *r.teams->list[size_t(mine)];
  Workspace& w = team.workspace;
  RunContext c{&w.barrier, &w.status, thread / teams, (threads - mine + teams - 1) / teams,
               r.version != team.persistent};
  c.watch = watch, c.caller = thread == 0, c.undo = &r.teams->undo;
  Scratch& s = w.scratch[size_t(c.thread)];
  const int64_t slices = plan.slices(), whole = plan.rows / plan.slice;
  const int64_t begin = whole * mine / teams, end = mine + 1 == teams ? slices : whole * (mine + 1) / teams;
  for (int64_t k = begin; k < end; ++k) {
    if (k > begin && c.meet()) break;  // the others may still be reading
    bind(r, s, first_row(plan, k));
    if (!run_items(*plan.program, s, c)) break;
    c.make_persistent = false;
  }
  if (c.thread == 0 && end > begin) team.ran = true;
}
void bind_variables(const PlanRun& r, const Variables& variables) {
  Teams& teams = *r.teams;
  teams.watch.reset();
  teams.undo.reset();
  for (auto& team : teams.list) team->workspace.status.kind.store(Status::ok);
  const uint64_t moves = Variable::moves();
  if (teams.moves == moves) return;
  teams.storage.clear();
  for (const VariablePtr& v : variables.all) teams.storage.push_back(v->storage());
  for (auto& team : teams.list)
    for (Scratch& s : team->workspace.scratch)
      for (size_t i = 0; i < teams.storage.size(); ++i)
        s.bases[size_t(r.plan->program->variable_base(int(i)))] = static_cast<char*>(teams.storage[i].raw());
  teams.moves = moves;
}
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

const Status* run_plan(PlanRun r, const Variables& variables) {
  bind_variables(r, variables);
  r.version = variables.version();
  run_team(r.teams->threads, run_thread, &r);
  if (r.teams->watch.stopped()) r.teams->undo.restore(*r.plan->program, r.teams->list[0]->workspace.scratch[0]);
  for (Variable* v : variables.written) v->changed();
  const Status* status = stopped(*r.teams);
  for (auto& team : r.teams->list) {
    if (status) team->persistent = 0;  // it may have stopped on its way
    if (!status && team->ran) team->persistent = r.version;
    team->ran = false;
  }
  return status;
}

const Status* profile_plan(const PlanRun& r, const Variables& variables, std::vector<double>& seconds) {
  bind_variables(r, variables);
  const FlushDenormals flush;
  Watch* const watch = Watch::wanted() ? &r.teams->watch : nullptr;
  const WatchedThread watched(watch, true);
  Workspace& w = r.teams->list[0]->workspace;
  for (int64_t k = 0; k < r.plan->slices(); ++k) {
    bind(r, w.scratch[0], first_row(*r.plan, k));
    profile_items(*r.plan->program, w.scratch[0], {&w.barrier, &w.status, 0, 1, k == 0, watch, true, &r.teams->undo},
                  seconds);
  }
  for (Variable* v : variables.written) v->changed();
  return stopped(*r.teams);
}
}  // namespace hornbeam
