// What a plan costs, and where a run spends its time.
#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "runtime/executable_impl.hpp"

namespace hornbeam {
namespace {
// A node's name, shapes and work under `env`.
ProfileRow describe(const Graph& g, const Node& n, const DimEnv& env) {
  ProfileRow row;
  row.op = n.op->name;
  row.layer = n.scope;
  std::vector<Shape> in, out;
  auto take = [&](const ValueType& v, std::vector<Shape>& list) {
    list.push_back(eval_shape(v.shape, env));
    row.bytes += double(tensor_bytes(v.dtype, list.back()));
  };
  for (Value v : n.inputs) take(g.type(v), in);
  for (const auto& o : n.outputs) take(o, out);
  for (const Shape& s : out) row.shape += (row.shape.empty() ? "" : " ") + shape_text(s);
  if (n.op->flops) row.flops = n.op->flops(in, out, n.attrs.evaluated(env));
  return row;
}

ProfileRow describe(const Item& item) {
  ProfileRow row;
  row.op = item.kind == Item::check ? "check" : "copy";
  row.bytes = 2.0 * double(item.bytes);
  return row;
}
}  // namespace

ProgramStats Executable::stats(const std::vector<Shape>& shapes) {
  return within_memory([&] {
    auto p = impl().plan(shapes);
    const size_t teams = size_t(p->teams(impl().threads));
    return ProgramStats{int(p->program->items.size()), p->program->arena_bytes * teams, p->program->live * teams,
                        p->seconds, p->slice < p->rows ? p->slice : 0};
  });
}

std::vector<ProfileRow> Executable::profile(const std::vector<Tensor>& inputs, int repeats) {
  return within_memory([&] { return impl().profile(inputs, repeats); });
}

std::vector<ProfileRow> Executable::Impl::profile(const std::vector<Tensor>& inputs, int repeats) {
  HB_CHECK(repeats >= 1, "repeats must be >= 1. Received: repeats=", repeats);
  std::vector<Tensor> outputs;
  auto made = prepare(inputs, outputs);
  const auto teams = made->make_teams(1);
  const std::vector<char*> in_at = addresses(inputs), out_at = addresses(outputs);
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i)
    if (const Status* s = profile_plan({made.get(), teams.get(), &in_at, &out_at, {}}, *variables, seconds)) fail(*s);
  const DimEnv env = bind(shapes_of(inputs));
  const std::vector<Item>& items = made->program->items;
  std::vector<ProfileRow> rows;
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    const double t = seconds[i] / repeats;
    if (item.node >= 0 && i > 0 && items[i - 1].node == item.node) {  // another stage of one node
      rows.back().seconds += t;
      rows.back().parts = std::max(rows.back().parts, item.parts);
      continue;
    }
    rows.push_back(item.node >= 0 ? describe(graph, graph.node(item.node), env) : describe(item));
    rows.back().seconds = t;
    rows.back().parts = item.parts;
  }
  return rows;
}
}  // namespace hornbeam
