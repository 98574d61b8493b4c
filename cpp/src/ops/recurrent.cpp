// recurrent: SimpleRNN, LSTM or GRU over all steps, from the projected inputs. The decomposition is a scan; it is what
// runs in float64, what second gradients go through, and what the tests hold the kernels against.
#include "schema/recurrent.hpp"

#include "hornbeam/gradients.hpp"
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_recurrent(const KernelRequest&);
KernelPlan plan_recurrent_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_recurrent(const KernelRequest&);
KernelPlan plan_recurrent_grad(const KernelRequest&);
}  // namespace cuda

namespace {
using Layout = RecurrentLayout;

const std::vector<AttrSpec> kAttrs = {
    AttrSpec{"cell", AttrType::text, std::string(), true}.one_of({"lstm", "gru", "tanh", "relu"}),
    {"masked", AttrType::boolean, false},
    {"reverse", AttrType::boolean, false}};

Layout check_inputs(const InferContext& c) {
  const Layout l(c.attrs);
  if (c.inputs.size() != l.inputs())
    c.fail(concat_text("a ", l.masked ? "masked " : "", c.attrs.text("cell"), " takes ", l.inputs(), " inputs"));
  if (c.rank(l.x) != 3 || c.rank(l.kernel) != 2 || c.rank(l.h0) != 2)
    c.fail("inputs must be x_proj [batch, steps, gates * units], kernel [units, gates * units], state [batch, units]");
  if (!is_float(c.dtype(l.x))) c.fail_type("needs float inputs");
  for (size_t i = 0; i < l.mask(); ++i)
    if (c.dtype(i) != c.dtype(l.x)) c.fail_type("inputs must have one dtype");
  const Dim batch = c.shape(l.x)[0], units = c.shape(l.kernel)[0], width = units * Dim(l.gates());
  c.same(c.shape(l.x)[2], width, concat_text("x_proj must have ", l.gates(), " gates of the kernel's units"));
  c.same(c.shape(l.kernel)[1], width, concat_text("the kernel must have ", l.gates(), " gates of its units"));
  auto state = [&](size_t i) {
    if (c.rank(i) != 2) c.fail("states must be [batch, units]");
    c.same(c.shape(i)[0], batch, "states must be [batch, units]");
    c.same(c.shape(i)[1], units, "states must be [batch, units]");
  };
  state(l.h0);
  if (l.lstm) state(l.c0);
  if (l.gru) {
    if (c.rank(l.bias) != 1) c.fail("the bias must be [gates * units]");
    c.same(c.shape(l.bias)[0], width, "the bias must be [gates * units]");
  }
  if (l.masked) {
    if (c.dtype(l.mask()) != DType::boolean) c.fail_type("the mask must be bool");
    if (c.rank(l.mask()) != 2) c.fail("the mask must be [batch, steps]");
    c.same(c.shape(l.mask())[0], batch, "the mask must be [batch, steps]");
    c.same(c.shape(l.mask())[1], c.shape(l.x)[1], "the mask must be [batch, steps]");
  }
  return l;
}

Types infer(const InferContext& c) {
  const Layout l = check_inputs(c);
  const Dim units = c.shape(l.kernel)[0];
  ValueType h = c.type(l.x), gates = h;
  h.shape[2] = units, gates.shape[2] = units * Dim(4);
  if (l.lstm) return {h, h, gates};
  if (l.gru) return {h, gates};
  return {h};
}

// The pointwise part in the ops' own terms: (gates of the inputs, gates of the state, states) -> h, [c], [what is
// kept].
Values cell_step(Ops& o, const std::string& cell, Value xp, Value hp, const Values& states) {
  const SymShape shape = o.g.shape(states[0]);
  auto gate = [&](Value v, int i) {
    const Dim u = shape[1];
    return o.slice(v, {0, u * Dim(i)}, {shape[0], u * Dim(i + 1)});
  };
  auto sum = [&](int i) { return o.add(gate(xp, i), gate(hp, i)); };
  if (cell == "lstm") {
    Value i = o.sigmoid(sum(0)), f = o.sigmoid(sum(1)), g = o.tanh(sum(2)), out = o.sigmoid(sum(3));
    Value c = o.add(o.mul(f, states[1]), o.mul(i, g));
    return {o.mul(out, o.tanh(c)), c, o.concat({i, f, g, out}, 1)};
  }
  if (cell == "gru") {
    Value z = o.sigmoid(sum(0)), r = o.sigmoid(sum(1)), p = gate(hp, 2);
    Value a = o.tanh(o.add(gate(xp, 2), o.mul(r, p)));
    return {o.add(o.mul(z, states[0]), o.mul(o.rsub(1, z), a)), o.concat({z, r, a, p}, 1)};
  }
  Value a = o.add(xp, hp);
  return {cell == "relu" ? o.relu(a) : o.tanh(a)};
}

Values as_scan(Graph& g, const Values& in, const Attrs& attrs) {
  const Layout l(attrs);
  Ops outer(g);
  auto body = std::make_shared<Graph>();
  Ops o(*body);
  Values inputs, states;
  auto feed = [&](Value v, SymShape shape) {
    inputs.push_back(v);
    return body->input("v" + std::to_string(inputs.size()), g.dtype(v), std::move(shape));
  };
  auto time_major = [&](Value v) {
    Ints perm{1, 0};
    if (g.rank(v) == 3) perm.push_back(2);
    return outer.transpose(v, perm);
  };
  auto slice_of = [&](Value v) { return SymShape(g.shape(v).begin() + 1, g.shape(v).end()); };
  states.push_back(feed(in[l.h0], g.shape(in[l.h0])));
  if (l.lstm) states.push_back(feed(in[l.c0], g.shape(in[l.c0])));
  const Value xt = time_major(in[l.x]);
  const Value x = feed(xt, slice_of(xt));
  Value mask;
  if (l.masked) {
    const Value mt = time_major(in[l.mask()]);
    mask = feed(mt, slice_of(mt));
    mask = o.reshape(mask, {g.shape(mt)[1], 1});
  }
  const Value kernel = feed(in[l.kernel], g.shape(in[l.kernel]));
  Value hp = o.matmul(states[0], kernel);
  if (l.gru) hp = o.add(hp, feed(in[l.bias], g.shape(in[l.bias])));
  body->input("index", DType::i32, {});
  Values made = cell_step(o, attrs.text("cell"), x, hp, states);
  for (size_t i = 0; i < states.size(); ++i) {
    if (l.masked) made[i] = o.where(mask, made[i], states[i]);
    body->outputs.push_back({"state", made[i]});
  }
  for (Value v : made) body->outputs.push_back({"y", v});
  std::shared_ptr<const Graph> done = body;
  Values r = g.add("scan", inputs,
                   {{"body", done},
                    {"carries", int64_t(states.size())},
                    {"xs", int64_t(l.masked ? 2 : 1)},
                    {"length", SymShape{g.shape(in[l.x])[1]}},
                    {"reverse", l.reverse}});
  Values out;
  for (size_t i = 0; i < made.size(); ++i) out.push_back(time_major(r[states.size() + i]));
  return out;
}

// The products with the state: as many forward as backward.
double flops(const std::vector<Shape>& in, const std::vector<Shape>&, const Attrs&) {
  return 2.0 * double(shape_product(in[Layout::x])) * double(in[Layout::h0][1]);
}

Value zeros_like(Ops& o, Value v) { return o.zeros(o.g.dtype(v), o.g.shape(v)); }

Values gradient(const GradContext& c) {
  Graph& g = c.graph;
  Ops o(g);
  const Attrs attrs = c.attrs();
  const Layout l(attrs);
  Values in = g.node(c.node).inputs;
  const Values given = in;
  for (size_t i = 0; i < l.outputs(); ++i) in.push_back(c.out(i));
  in.push_back(c.dy(0).defined() ? c.dy(0) : zeros_like(o, c.out(0)));
  if (l.lstm && c.dy(1).defined()) in.push_back(c.dy(1));
  Values d = g.add("recurrent_grad", in, attrs);
  Values out(given.size());
  out[l.x] = d[0], out[l.h0] = d[1];
  if (l.lstm) out[l.c0] = d[2];
  const Value d_state_part = l.gru ? d[2] : d[0];
  if (l.gru && c.wanted[l.bias]) out[l.bias] = o.sum(d_state_part, {0, 1});
  if (c.wanted[l.kernel]) {
    // the states that each step began with, against the gradients of their part of the gates: one product
    const SymShape s = g.shape(c.out(0)), w = g.shape(given[l.kernel]);
    const Dim rows = s[0] * s[1], last = s[1] - Dim(1);
    const Value h0 = o.reshape(given[l.h0], {s[0], 1, s[2]});
    const Value before = l.reverse ? o.concat({o.slice(c.out(0), {0, 1, 0}, s), h0}, 1)
                                   : o.concat({h0, o.slice(c.out(0), {0, 0, 0}, {s[0], last, s[2]})}, 1);
    out[l.kernel] = o.matmul(o.reshape(before, {rows, w[0]}), o.reshape(d_state_part, {rows, w[1]}), true, false);
  }
  return out;
}

Values grad_as_scan(Graph& g, const Values& in, const Attrs& attrs) {
  const Layout l(attrs);
  const Values y = as_scan(g, Values(in.begin(), in.begin() + long(l.inputs())), attrs);
  Values targets{y[0]}, seeds{in[l.dh()]}, sources{in[l.x], in[l.h0]};
  if (l.lstm) {
    sources.push_back(in[l.c0]);
    if (in.size() > l.dc()) targets.push_back(y[1]), seeds.push_back(in[l.dc()]);
  }
  Ops o(g);
  Values d = gradients(g, targets, sources, seeds);
  for (size_t i = 0; i < d.size(); ++i)
    if (!d[i].defined()) d[i] = zeros_like(o, sources[i]);
  if (l.gru) {
    const SymShape s = g.shape(in[l.x]);
    const Dim u = g.shape(in[l.h0])[1];
    const Value r = o.slice(y[1], {0, 0, u}, {s[0], s[1], u * Dim(2)});
    const Value candidate = o.slice(d[0], {0, 0, u * Dim(2)}, s);
    d.push_back(o.concat({o.slice(d[0], {0, 0, 0}, {s[0], s[1], u * Dim(2)}), o.mul(candidate, r)}, 2));
  }
  return d;
}
}  // namespace

HB_DEFINE_OP(recurrent) {
  OpDef d;
  d.name = "recurrent";
  d.min_inputs = 3;
  d.max_inputs = 5;
  d.attrs = kAttrs;
  d.infer = infer;
  d.gradient = gradient;
  d.decompose = as_scan;
  d.cpu = plan_recurrent;
  d.cuda = cuda::plan_recurrent;
  d.flops = flops;
  d.float32_only = true;
  d.optional_outputs = true;
  d.rowwise = any_rows;
  d.product = ProductKind::steps;
  return d;
}

HB_DEFINE_OP(recurrent_grad) {
  OpDef d;
  d.name = "recurrent_grad";
  d.min_inputs = 5;
  d.max_inputs = 10;
  d.attrs = kAttrs;
  d.infer = [](const InferContext& c) -> Types {
    const Layout l(c.attrs);
    const size_t given = c.inputs.size();
    if (given != l.dh() + 1 && !(l.lstm && given == l.dc() + 1))
      c.fail("takes the inputs, the outputs and the states' gradients");
    const Types saved = forward_types(c, l.inputs(), infer);
    for (size_t i = 0; i < saved.size(); ++i) check_input(c, l.saved(i), saved[i], "an output");
    check_input(c, l.dh(), saved[0], "the states' gradient");
    if (given > l.dc()) check_input(c, l.dc(), saved[l.cell_states()], "the cell states' gradient");
    if (l.lstm) return {c.type(l.x), c.type(l.h0), c.type(l.c0)};
    if (l.gru) return {c.type(l.x), c.type(l.h0), c.type(l.x)};
    return {c.type(l.x), c.type(l.h0)};
  };
  d.decompose = grad_as_scan;
  d.cpu = plan_recurrent_grad;
  d.cuda = cuda::plan_recurrent_grad;
  d.flops = flops;
  d.float32_only = true;
  d.unread_input = Layout::x;
  return d;
}
}  // namespace hornbeam
