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
}  // namespace

ProgramStats Executable::stats(const std::vector<Shape>& shapes) {
  return within_memory([&] {
    double seconds = 0;
    const auto plan = impl().plan(shapes, &seconds);
    ProgramStats stats = plan->stats();
    stats.plan_seconds = seconds;
    return stats;
  });
}

std::vector<ProfileRow> Executable::profile(const std::vector<Tensor>& inputs, int repeats) {
  return within_memory([&] {
    HB_CHECK(repeats >= 1, "repeats must be >= 1. Received: repeats=", repeats);
    Impl& m = impl();
    std::vector<Tensor> outputs;
    const auto plan = m.prepare(inputs, outputs);
    const std::vector<char*> in = addresses(inputs), out = addresses(outputs);
    const DimEnv env = m.bind(shapes_of(inputs));
    std::vector<ProfileRow> rows;
    int before = -1;
    for (const StepTime& step : plan->profile({in, out, {}}, repeats)) {
      if (step.node < 0 || step.node != before) {  // else another stage of one node
        rows.push_back(step.node < 0 ? ProfileRow{} : describe(m.graph, m.graph.node(step.node), env));
        if (step.node < 0) rows.back().op = step.name, rows.back().bytes = step.bytes;
      }
      rows.back().seconds += step.seconds;
      rows.back().parts = std::max(rows.back().parts, step.parts);
      before = step.node;
    }
    return rows;
  });
}
}  // namespace hornbeam
