// attention: softmax(scale * query key^T, where the mask allows) value for all heads, without the scores ever being
// stored whole (Dao et al. 2022 is the idea; here a block of rows is kept). The decomposition is the plain formula.
#include <limits>

#include "hornbeam/gradients.hpp"
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_attention(const KernelRequest&);
KernelPlan plan_attention_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_attention(const KernelRequest&);
KernelPlan plan_attention_grad(const KernelRequest&);
}  // namespace cuda

namespace {
const double kMasked = -std::numeric_limits<double>::infinity();  // a score where attention is not allowed

// Inputs query [batch, T, heads, d], key [batch, S, heads, d], value [batch, S, heads, e], with "masked" a bool mask
// that broadcasts to [batch, heads, T, S].
const std::vector<AttrSpec> kAttrs = {
    {"scale", AttrType::real, false, true}, {"causal", AttrType::boolean, false}, {"masked", AttrType::boolean, false}};

size_t input_count(const Attrs& a) { return a.flag("masked") ? 4 : 3; }

void check_inputs(const InferContext& c) {
  if (c.inputs.size() != input_count(c.attrs)) c.fail(c.attrs.flag("masked") ? "the mask is missing" : "takes no mask");
  for (size_t i = 0; i < 3; ++i) {
    if (c.rank(i) != 4) c.fail("query, key and value must be [batch, positions, heads, size]");
    if (c.dtype(i) != c.dtype(0) || !is_float(c.dtype(0)))
      c.fail_type("query, key and value must be of one float dtype");
    c.same(c.shape(i)[0], c.shape(0)[0], "query, key and value must have one batch size");
    c.same(c.shape(i)[2], c.shape(0)[2], "query, key and value must have the same heads");
  }
  c.same(c.shape(0)[3], c.shape(1)[3], "query and key must have the same size");
  c.same(c.shape(1)[1], c.shape(2)[1], "key and value must have the same positions");
  if (!c.attrs.flag("masked")) return;
  if (c.dtype(3) != DType::boolean) c.fail_type("the mask must be bool");
  if (c.rank(3) != 4) c.fail("the mask must have four axes, of the scores' sizes or 1");
  const Dim full[] = {c.shape(0)[0], c.shape(0)[2], c.shape(0)[1], c.shape(1)[1]};
  for (size_t i = 0; i < 4; ++i)
    if (c.shape(3)[i] != Dim(1))
      c.same(c.shape(3)[i], full[i], "the mask's axes must have the scores' sizes [batch, heads, T, S] or 1");
}

Types infer(const InferContext& c) {
  check_inputs(c);
  ValueType y = c.type(0);
  y.shape[3] = c.shape(2)[3];
  return {y};
}

Value heads_first(Ops& o, Value v) { return o.transpose(v, {0, 2, 1, 3}); }

Values plain(Graph& g, const Values& in, const Attrs& attrs) {
  Ops o(g);
  Value scores = o.mul(o.matmul(heads_first(o, in[0]), heads_first(o, in[1]), false, true), attrs.real("scale"));
  const SymShape shape = g.shape(scores);
  Value allowed;
  if (attrs.flag("causal"))
    allowed =
        o.binary("less_equal", o.iota({1, 1, 1, shape[3]}, 3, DType::i32), o.iota({1, 1, shape[2], 1}, 2, DType::i32));
  if (attrs.flag("masked")) allowed = allowed.defined() ? o.binary("logical_and", in[3], allowed) : in[3];
  if (allowed.defined()) scores = o.where(allowed, scores, o.scalar(kMasked, scores));
  return {heads_first(o, o.matmul(o.softmax(scores), heads_first(o, in[2])))};
}

Values gradient(const GradContext& c) {
  Graph& g = c.graph;
  Values in = g.node(c.node).inputs;
  const size_t given = in.size();
  in.insert(in.end(), {c.out(0), c.dy(0)});
  Values d = g.add("attention_grad", in, c.attrs());
  d.resize(given);
  return d;
}

double products(const std::vector<Shape>& in, double passes) {
  const Shape &q = in[0], &v = in[2];
  return passes * double(q[0]) * double(q[2]) * double(q[1]) * double(v[1]) * double(q[3] + v[3]);
}
}  // namespace

HB_DEFINE_OP(attention) {
  OpDef d;
  d.name = "attention";
  d.min_inputs = 3;
  d.max_inputs = 4;
  d.attrs = kAttrs;
  d.infer = infer;
  d.gradient = gradient;
  d.decompose = plain;
  d.cpu = plan_attention;
  d.cuda = cuda::plan_attention;
  d.halves = true;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>&, const Attrs&) { return products(in, 2); };
  d.float32_only = true;
  d.rowwise = any_rows;
  return d;
}

HB_DEFINE_OP(attention_grad) {  // the inputs, the output, dy
  OpDef d;
  d.name = "attention_grad";
  d.min_inputs = 5;
  d.max_inputs = 6;
  d.attrs = kAttrs;
  d.infer = [](const InferContext& c) -> Types {
    const size_t inputs = input_count(c.attrs);
    if (c.inputs.size() != inputs + 2) c.fail("takes the inputs, the output and the gradient");
    const ValueType y = forward_types(c, inputs, infer)[0];
    check_input(c, inputs, y, "the output");
    check_input(c, inputs + 1, y, "the output's gradient");
    return {c.type(0), c.type(1), c.type(2)};
  };
  d.decompose = [](Graph& g, const Values& in, const Attrs& attrs) -> Values {
    const Values y = plain(g, Values(in.begin(), in.begin() + long(input_count(attrs))), attrs);
    return gradients(g, {y[0]}, {in[0], in[1], in[2]}, {in.back()});
  };
  d.cpu = plan_attention_grad;
  d.cuda = cuda::plan_attention_grad;
  d.halves = true;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>&, const Attrs&) { return products(in, 5); };
  d.float32_only = true;
  return d;
}
}  // namespace hornbeam
