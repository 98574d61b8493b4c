// Control flow over sub-graphs: scan, cond and while_loop. Captured values are explicit inputs; the runtime plans each
// sub-graph as a sub-program (runtime/cpu/build.cpp).
#include "schema/control.hpp"

#include "hornbeam/gradients.hpp"
#include "ops/define.hpp"

namespace hornbeam {
namespace {
void check_body_inputs(const InferContext& c, const Graph& body, const std::vector<ValueType>& given,
                       const char* what) {
  if (!body.variables.empty())
    c.fail(concat_text("the ", what, " reads or assigns variables; they must be inputs and results"));
  if (body.inputs.size() != given.size())
    c.fail(concat_text("the ", what, " takes ", body.inputs.size(), " values, not ", given.size()));
  for (size_t i = 0; i < given.size(); ++i) {
    const ValueType& want = body.node(body.inputs[i]).outputs[0];
    if (want.dtype != given[i].dtype || want.shape.size() != given[i].shape.size())
      c.fail(concat_text("the ", what, " takes ", want.str(), " as value ", i, ", not ", given[i].str()));
    for (size_t k = 0; k < want.shape.size(); ++k)
      c.same(want.shape[k], given[i].shape[k], concat_text("value ", i, " of the ", what));
  }
}

void check_same_type(const InferContext& c, const ValueType& a, const ValueType& b, const std::string& what) {
  if (a.dtype != b.dtype || a.shape.size() != b.shape.size())
    c.fail(concat_text(what, ": ", a.str(), " and ", b.str()));
  for (size_t k = 0; k < a.shape.size(); ++k)
    c.same(a.shape[k], b.shape[k], concat_text(what, ": ", a.str(), " and ", b.str()));
}

Types infer_scan(const InferContext& c) {
  const Graph& body = c.attrs.graph("body");
  if (!ScanLayout::fits(c.attrs, c.inputs.size(), body.outputs.size()))
    c.fail(concat_text("there are not so many: carries=", c.attrs.integer("carries"), " xs=", c.attrs.integer("xs"),
                       " of ", c.inputs.size(), " inputs and ", body.outputs.size(), " results of the body"));
  const ScanLayout l(c.attrs, c.inputs.size(), body.outputs.size());
  const Dim length = c.attrs.dims("length")[0];
  Types given;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    ValueType t = c.type(i);
    if (l.is_x(i)) {
      if (t.shape.empty()) c.fail("scanned values need a leading axis");
      c.same(t.shape[0], length, "scanned values must have one length");
      t.shape.erase(t.shape.begin());
    }
    given.push_back(t);
  }
  given.push_back({DType::i32, {}});
  check_body_inputs(c, body, given, "body");
  Types out;
  for (size_t i = 0; i < l.carries; ++i) {
    check_same_type(c, c.type(l.carry(i)), body.type(body.outputs[i].second),
                    concat_text("carry ", i, " must keep its type"));
    out.push_back(c.type(l.carry(i)));
  }
  auto stacked = [&](ValueType t) {
    t.shape.insert(t.shape.begin(), length);
    return t;
  };
  for (size_t i = 0; i < l.ys; ++i) out.push_back(stacked(body.type(body.outputs[l.y(i)].second)));
  for (size_t i = 0; i < l.carries; ++i) out.push_back(stacked(c.type(l.carry(i))));
  return out;
}

Value zeros_like(Ops& o, Value v) { return o.zeros(o.g.dtype(v), o.g.shape(v)); }

// The backward scan recomputes each step from the carries it began with, and runs the other way.
Values grad_scan(const GradContext& c) {
  Graph& g = c.graph;
  const Attrs attrs = c.attrs();
  const Graph& body = attrs.graph("body");
  const Values ins = g.node(c.node).inputs;
  const ScanLayout l(attrs, ins.size(), body.outputs.size());
  auto floats = [&](Value v) { return is_float(g.dtype(v)); };
  std::vector<size_t> fc, fx, fk, fy;  // which carries, xs, captures and ys are differentiated
  for (size_t i = 0; i < l.carries; ++i)
    if (floats(ins[l.carry(i)])) fc.push_back(i);
  for (size_t i = 0; i < l.xs; ++i)
    if (floats(ins[l.x(i)])) fx.push_back(i);
  for (size_t i = 0; i < l.captures; ++i)
    if (floats(ins[l.capture(i)]) && c.wanted[l.capture(i)]) fk.push_back(i);
  for (size_t i = 0; i < l.ys; ++i)
    if (floats(c.out(l.y(i))) && c.dy(l.y(i)).defined()) fy.push_back(i);
  std::vector<size_t> fs;  // carries whose stacks have a gradient (second order)
  for (size_t i : fc)
    if (c.dy(l.start(i)).defined()) fs.push_back(i);

  auto back = std::make_shared<Graph>();
  Ops o(*back), outer(g);
  auto arg = [&](Value like, bool slice) {
    ValueType t = g.type(like);
    if (slice) t.shape.erase(t.shape.begin());
    return back->input("v" + std::to_string(back->inputs.size()), t.dtype, t.shape);
  };
  Values inputs, d_carry, d_capture, d_y, d_stack, carry, x, capture;
  auto feed = [&](Values& list, Value v, bool slice) {
    inputs.push_back(v);
    list.push_back(arg(v, slice));
  };
  for (size_t i : fc) feed(d_carry, c.dy(i).defined() ? c.dy(i) : zeros_like(outer, ins[l.carry(i)]), false);
  for (size_t i : fk) feed(d_capture, zeros_like(outer, ins[l.capture(i)]), false);
  const size_t back_carries = inputs.size();
  for (size_t i = 0; i < l.carries; ++i) feed(carry, c.out(l.start(i)), true);
  for (size_t i = 0; i < l.xs; ++i) feed(x, ins[l.x(i)], true);
  for (size_t i : fy) feed(d_y, c.dy(l.y(i)), true);
  for (size_t i : fs) feed(d_stack, c.dy(l.start(i)), true);
  const size_t back_xs = inputs.size() - back_carries;
  for (size_t i = 0; i < l.captures; ++i) feed(capture, ins[l.capture(i)], false);
  Value index = back->input("index", DType::i32, {});

  Values forward_in = carry;
  forward_in.insert(forward_in.end(), x.begin(), x.end());
  forward_in.insert(forward_in.end(), capture.begin(), capture.end());
  forward_in.push_back(index);
  Values forward = back->inline_graph(body, forward_in);
  Values targets, seeds, sources;
  for (size_t j = 0; j < fc.size(); ++j) targets.push_back(forward[fc[j]]), seeds.push_back(d_carry[j]);
  for (size_t j = 0; j < fy.size(); ++j) targets.push_back(forward[l.y(fy[j])]), seeds.push_back(d_y[j]);
  for (size_t i : fc) sources.push_back(carry[i]);
  for (size_t i : fk) sources.push_back(capture[i]);
  for (size_t i : fx) sources.push_back(x[i]);
  Values d = targets.empty() ? Values(sources.size()) : gradients(*back, targets, sources, seeds);
  size_t at = 0;
  for (size_t j = 0; j < fc.size(); ++j, ++at) {
    Value v = d[at].defined() ? d[at] : zeros_like(o, sources[at]);
    for (size_t q = 0; q < fs.size(); ++q)
      if (fs[q] == fc[j]) v = o.add(v, d_stack[q]);
    back->outputs.push_back({"carry", v});
  }
  for (size_t j = 0; j < fk.size(); ++j, ++at)
    back->outputs.push_back({"capture", d[at].defined() ? o.add(d_capture[j], d[at]) : d_capture[j]});
  for (size_t j = 0; j < fx.size(); ++j, ++at)
    back->outputs.push_back({"x", d[at].defined() ? d[at] : zeros_like(o, sources[at])});

  std::shared_ptr<const Graph> done = back;
  Values r = g.add("scan", inputs,
                   {{"body", done},
                    {"carries", int64_t(back_carries)},
                    {"xs", int64_t(back_xs)},
                    {"length", attrs.dims("length")},
                    {"reverse", !attrs.flag("reverse")}});
  Values out(ins.size());
  at = 0;
  for (size_t i : fc) out[l.carry(i)] = r[at++];
  for (size_t i : fk) out[l.capture(i)] = r[at++];
  for (size_t i : fx) out[l.x(i)] = r[at++];
  return out;
}

Types infer_cond(const InferContext& c) {
  if (c.dtype(CondLayout::predicate) != DType::boolean || c.rank(CondLayout::predicate) != 0)
    c.fail("the predicate must be a bool scalar");
  const Graph &a = c.attrs.graph("then"), &b = c.attrs.graph("else");
  Types given;
  const CondLayout l(c.inputs.size());
  for (size_t i = 0; i < l.captures; ++i) given.push_back(c.type(l.capture(i)));
  check_body_inputs(c, a, given, "true branch");
  check_body_inputs(c, b, given, "false branch");
  if (a.outputs.size() != b.outputs.size())
    c.fail(concat_text("the branches return ", a.outputs.size(), " and ", b.outputs.size(), " values"));
  Types out;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    check_same_type(c, a.type(a.outputs[i].second), b.type(b.outputs[i].second),
                    concat_text("the branches differ in value ", i));
    out.push_back(a.type(a.outputs[i].second));
  }
  return out;
}

Values grad_cond(const GradContext& c) {
  Graph& g = c.graph;
  const Attrs attrs = c.attrs();
  const Values ins = g.node(c.node).inputs;
  Values inputs = ins;
  std::vector<size_t> ys, wanted;
  for (size_t i = 0; i < c.out_grads.size(); ++i)
    if (c.dy(i).defined()) ys.push_back(i), inputs.push_back(c.dy(i));
  const CondLayout l(ins.size());
  for (size_t i = 0; i < l.captures; ++i)
    if (c.wanted[l.capture(i)] && is_float(g.dtype(ins[l.capture(i)]))) wanted.push_back(i);
  auto branch = [&](const char* name) -> std::shared_ptr<const Graph> {
    auto b = std::make_shared<Graph>();
    Ops o(*b);
    Values args;
    const CondLayout all(inputs.size());  // the forward captures, then the results' gradients
    for (size_t i = 0; i < all.captures; ++i) {
      const Value v = inputs[all.capture(i)];
      args.push_back(b->input("v" + std::to_string(i), g.dtype(v), g.shape(v)));
    }
    Values captures(args.begin(), args.begin() + long(l.captures));
    Values y = b->inline_graph(attrs.graph(name), captures);
    Values targets, seeds, sources;
    for (size_t j = 0; j < ys.size(); ++j) targets.push_back(y[ys[j]]), seeds.push_back(args[l.captures + j]);
    for (size_t i : wanted) sources.push_back(captures[i]);
    Values d = gradients(*b, targets, sources, seeds);
    for (size_t j = 0; j < d.size(); ++j)
      b->outputs.push_back({"d", d[j].defined() ? d[j] : zeros_like(o, sources[j])});
    return b;
  };
  Values out(ins.size());
  if (wanted.empty() || ys.empty()) return out;
  Values r = g.add("cond", inputs, {{"then", branch("then")}, {"else", branch("else")}});
  for (size_t j = 0; j < wanted.size(); ++j) out[l.capture(wanted[j])] = r[j];
  return out;
}

AttrSpec graph_attr(const char* name) { return {name, AttrType::graph, false, true}; }
}  // namespace

HB_DEFINE_OP(scan) {
  OpDef d;
  d.name = "scan";
  d.min_inputs = 0;
  d.max_inputs = -1;
  d.attrs = {graph_attr("body"),
             AttrSpec{"carries", AttrType::integer, false, true}.between(0),
             AttrSpec{"xs", AttrType::integer, false, true}.between(0),
             AttrSpec{"length", AttrType::dims, false, true}.exactly(1).between(0, INT32_MAX),
             {"reverse", AttrType::boolean, false}};
  d.infer = infer_scan;
  d.gradient = grad_scan;
  d.optional_outputs = true;
  d.kind = OpKind::scan;
  return d;
}

HB_DEFINE_OP(cond) {
  OpDef d;
  d.name = "cond";
  d.max_inputs = -1;
  d.attrs = {graph_attr("then"), graph_attr("else")};
  d.infer = infer_cond;
  d.gradient = grad_cond;
  d.kind = OpKind::cond;
  return d;
}

HB_DEFINE_OP(while_loop) {
  OpDef d;
  d.name = "while_loop";
  d.max_inputs = -1;
  d.attrs = {graph_attr("cond"), graph_attr("body"), AttrSpec{"carries", AttrType::integer, false, true}.between(0)};
  d.infer = [](const InferContext& c) -> Types {
    const Graph &test = c.attrs.graph("cond"), &body = c.attrs.graph("body");
    Types given, out;
    for (size_t i = 0; i < c.inputs.size(); ++i) given.push_back(c.type(i));
    check_body_inputs(c, test, given, "condition");
    check_body_inputs(c, body, given, "body");
    if (test.outputs.size() != 1 || test.type(test.outputs[0].second).dtype != DType::boolean ||
        !test.type(test.outputs[0].second).shape.empty())
      c.fail("the condition must return one bool scalar");
    if (!LoopLayout::fits(c.attrs, c.inputs.size(), body.outputs.size()))
      c.fail(concat_text("the body must return the carries; carries=", c.attrs.integer("carries"), " of ",
                         c.inputs.size(), " inputs, and it returns ", body.outputs.size(), " values"));
    const LoopLayout l(c.attrs, c.inputs.size());
    for (size_t i = 0; i < l.carries; ++i) {
      check_same_type(c, c.type(i), body.type(body.outputs[i].second),
                      concat_text("loop value ", i, " must keep its type"));
      out.push_back(c.type(i));
    }
    return out;
  };
  d.kind = OpKind::while_loop;
  d.no_gradient = "; give it maximum_iterations";
  return d;
}
}  // namespace hornbeam
