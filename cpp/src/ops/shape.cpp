// Ops that move data without computing: views, copies under other strides, concatenation and padding.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_transpose(const KernelRequest&);
KernelPlan plan_broadcast_to(const KernelRequest&);
KernelPlan plan_slice(const KernelRequest&);
KernelPlan plan_slice_grad(const KernelRequest&);
KernelPlan plan_flip(const KernelRequest&);
KernelPlan plan_concat(const KernelRequest&);
KernelPlan plan_pad(const KernelRequest&);
KernelPlan plan_iota(const KernelRequest&);
KernelPlan plan_dim_value(const KernelRequest&);
namespace cuda {
KernelPlan plan_transpose(const KernelRequest&);
KernelPlan plan_broadcast_to(const KernelRequest&);
KernelPlan plan_slice(const KernelRequest&);
KernelPlan plan_slice_grad(const KernelRequest&);
KernelPlan plan_flip(const KernelRequest&);
KernelPlan plan_concat(const KernelRequest&);
KernelPlan plan_pad(const KernelRequest&);
KernelPlan plan_iota(const KernelRequest&);
KernelPlan plan_dim_value(const KernelRequest&);
}  // namespace cuda

namespace {
const SymShape& dims(const InferContext& c, const char* name) { return c.attrs.dims(name); }

Types infer_reshape(const InferContext& c) {
  SymShape shape = dims(c, "shape");
  int unknown = -1;
  Dim rest = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == Dim(-1)) {
      if (unknown >= 0) c.fail(concat_text("only one dimension may be -1; shape=", shape_text(shape)));
      unknown = int(i);
    } else {
      if (shape[i].is_const() && shape[i].value() < 0)
        c.fail(concat_text("dimensions must be >= 0 or -1; shape=", shape_text(shape)));
      rest = rest * shape[i];
    }
  }
  Dim total = shape_product(c.shape(0));
  if (unknown >= 0) {
    if (rest == Dim(0)) c.fail(concat_text("-1 is ambiguous beside a 0; shape=", shape_text(shape)));
    Dim d = floordiv(total, rest);
    if (total.is_const() && rest.is_const() && total.value() % rest.value() != 0)
      c.fail(concat_text("the size is not divisible by shape=", shape_text(shape)));
    shape[size_t(unknown)] = d;
  }
  c.same(shape_product(shape), total, concat_text("the sizes differ; shape=", shape_text(shape)));
  return {{c.dtype(0), shape}};
}

Types infer_transpose(const InferContext& c) {
  const Ints& perm = c.attrs.ints("perm");
  const size_t rank = size_t(c.rank(0));
  std::vector<bool> seen(rank, false);
  SymShape out;
  bool ok = perm.size() == rank;
  for (int64_t p : perm) {
    ok = ok && p >= 0 && p < int64_t(rank) && !seen[size_t(p)];
    if (!ok) break;
    seen[size_t(p)] = true;
    out.push_back(c.shape(0)[size_t(p)]);
  }
  if (!ok) c.fail(concat_text("perm must be a permutation of the axes; perm=", shape_text(perm)));
  return {{c.dtype(0), out}};
}

Types infer_broadcast(const InferContext& c) {
  const SymShape shape = dims(c, "shape"), &in = c.shape(0);
  if (shape.size() < in.size()) c.fail(concat_text("cannot broadcast to fewer axes; shape=", shape_text(shape)));
  for (size_t i = 0; i < in.size(); ++i) {
    const Dim& have = in[in.size() - 1 - i];
    if (have != Dim(1))
      c.same(have, shape[shape.size() - 1 - i], concat_text("cannot be broadcast to shape=", shape_text(shape)));
  }
  return {{c.dtype(0), shape}};
}

Types infer_concat(const InferContext& c) {
  if (c.rank(0) == 0) c.fail("needs at least one axis");
  int axis = c.axis(c.attrs.integer("axis"), c.rank(0));
  const SymShape &begin = dims(c, "begin"), &end = dims(c, "end");
  if (begin.size() != end.size() || (!begin.empty() && begin.size() != c.inputs.size()))
    c.fail("needs a range for each input, or none");
  auto taken = [&](size_t i) {
    const Dim n = c.shape(i)[size_t(axis)];
    if (begin.empty()) return n;
    if (begin[i].is_const() && end[i].is_const() && n.is_const() &&
        !(begin[i].value() <= end[i].value() && end[i].value() <= n.value()))
      c.fail(concat_text("a range is outside the axis; begin=", shape_text(begin), " end=", shape_text(end)));
    return end[i] - begin[i];
  };
  SymShape out = c.shape(0);
  out[size_t(axis)] = taken(0);
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    if (c.dtype(i) != c.dtype(0)) c.fail_type("inputs must have one dtype");
    if (c.rank(i) != c.rank(0)) c.fail("inputs must have the same number of axes");
    for (int k = 0; k < c.rank(0); ++k)
      if (k == axis)
        out[size_t(k)] = out[size_t(k)] + taken(i);
      else
        out[size_t(k)] = c.same(out[size_t(k)], c.shape(i)[size_t(k)],
                                concat_text("dimensions other than axis ", axis, " must match"));
  }
  return {{c.dtype(0), out}};
}

// The type of a slice of x.
ValueType sliced(const InferContext& c, const ValueType& x) {
  const SymShape &b = dims(c, "begin"), &e = dims(c, "end");
  const Ints& s = c.attrs.ints("strides");
  if (b.size() != x.shape.size() || e.size() != b.size() || s.size() != b.size())
    c.fail("needs begin, end and stride for each axis");
  SymShape out;
  for (size_t i = 0; i < b.size(); ++i) {
    const Dim n = x.shape[i];
    if (b[i].is_const() && e[i].is_const() && n.is_const() &&
        !(0 <= b[i].value() && b[i].value() <= e[i].value() && e[i].value() <= n.value()))
      c.fail(concat_text("the range is outside the axis; begin=", shape_text(b), " end=", shape_text(e)));
    out.push_back(ceildiv(e[i] - b[i], s[i]));
  }
  return {x.dtype, out};
}
Types infer_slice(const InferContext& c) { return {sliced(c, c.type(0))}; }

Types infer_pad(const InferContext& c) {
  const SymShape &lo = dims(c, "low"), &hi = dims(c, "high");
  if (lo.size() != size_t(c.rank(0)) || hi.size() != lo.size()) c.fail("needs low and high padding for each axis");
  SymShape out;
  for (size_t i = 0; i < lo.size(); ++i) out.push_back(c.shape(0)[i] + lo[i] + hi[i]);
  return {{c.dtype(0), out}};
}

Types same_as_input(const InferContext& c) { return {c.type(0)}; }

OpDef make(const char* name, std::vector<AttrSpec> attrs, Types (*infer)(const InferContext&), PlanKernel cpu = nullptr,
           PlanCudaKernel cuda = nullptr) {
  OpDef d;
  d.any_dtype = true;
  d.name = name;
  d.attrs = std::move(attrs);
  d.infer = infer;
  d.cpu = cpu;
  d.cuda = cuda;
  return d;
}
AttrSpec need(const char* name, AttrType t) { return {name, t, false, true}; }
// Required sizes or places; steps.
AttrSpec sizes(const char* name) { return need(name, AttrType::dims).between(0); }
AttrSpec steps(const char* name) { return need(name, AttrType::ints).between(1, kMostExtent); }
}  // namespace

HB_DEFINE_OP(reshape) {
  OpDef d = make("reshape", {need("shape", AttrType::dims).between(-1)}, infer_reshape);
  d.kind = OpKind::view;
  d.rowwise = any_rows;
  d.gradient = [](const GradContext& c) -> Values { return {Ops(c.graph).reshape(c.dy(), c.graph.shape(c.in(0)))}; };
  return d;
}

HB_DEFINE_OP(transpose) {
  OpDef d = make("transpose", {need("perm", AttrType::ints)}, infer_transpose, plan_transpose, cuda::plan_transpose);
  d.gradient = [](const GradContext& c) -> Values {
    const Ints& perm = c.attrs().ints("perm");
    Ints inverse(perm.size());
    for (size_t i = 0; i < perm.size(); ++i) inverse[size_t(perm[i])] = int64_t(i);
    return {Ops(c.graph).transpose(c.dy(), inverse)};
  };
  d.rowwise = [](const RowContext& c) { return c.node.attrs.ints("perm")[0] == 0; };
  return d;
}

HB_DEFINE_OP(broadcast_to) {
  OpDef d = make("broadcast_to", {sizes("shape")}, infer_broadcast, plan_broadcast_to, cuda::plan_broadcast_to);
  d.gradient = [](const GradContext& c) -> Values { return {Ops(c.graph).sum_to(c.dy(), c.graph.shape(c.in(0)))}; };
  d.rowwise = [](const RowContext&) { return true; };
  return d;
}

HB_DEFINE_OP(flip) {
  OpDef d = make(
      "flip", {need("axis", AttrType::integer)},
      [](const InferContext& c) -> Types {
        c.axis(c.attrs.integer("axis"), c.rank(0));
        return {c.type(0)};
      },
      plan_flip, cuda::plan_flip);
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("flip", {c.dy()}, {{"axis", c.attrs().integer("axis")}})};
  };
  d.rowwise = rows_off_axis;
  return d;
}

HB_DEFINE_OP(slice) {
  OpDef d = make("slice", {sizes("begin"), sizes("end"), steps("strides")}, infer_slice, plan_slice, cuda::plan_slice);
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.set("shape", c.graph.shape(c.in(0)));
    return {c.graph.add1("slice_grad", {c.dy()}, a)};
  };
  d.rowwise = [](const RowContext& c) {  // the first axis is taken from its start, one by one
    return c.has_rows(0) && c.node.attrs.dims("begin")[0] == Dim(0) && c.node.attrs.ints("strides")[0] == 1;
  };
  return d;
}

HB_DEFINE_OP(slice_grad) {  // zeros of `shape`, with the input at [begin:end:strides]
  OpDef d = make(
      "slice_grad", {sizes("begin"), sizes("end"), steps("strides"), sizes("shape")},
      [](const InferContext& c) -> Types {
        const ValueType x{c.dtype(0), c.attrs.dims("shape")};
        check_input(c, 0, sliced(c, x), "the result's gradient");
        return {x};
      },
      plan_slice_grad, cuda::plan_slice_grad);
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.erase("shape");
    return {c.graph.add1("slice", {c.dy()}, a)};
  };
  return d;
}

HB_DEFINE_OP(pad) {
  OpDef d =
      make("pad", {sizes("low"), sizes("high"), {"value", AttrType::real, 0.0}}, infer_pad, plan_pad, cuda::plan_pad);
  d.gradient = [](const GradContext& c) -> Values {
    const SymShape lo = c.attrs().dims("low");
    SymShape end = c.graph.shape(c.in(0));
    for (size_t i = 0; i < end.size(); ++i) end[i] = end[i] + lo[i];
    return {Ops(c.graph).slice(c.dy(), lo, end)};
  };
  d.rowwise = any_rows;
  return d;
}

// The inputs side by side; with `begin` and `end`, which passes set, these ranges of theirs along the axis.
HB_DEFINE_OP(concat) {
  OpDef d = make("concat",
                 {need("axis", AttrType::integer), AttrSpec{"begin", AttrType::dims, SymShape{}}.between(0),
                  AttrSpec{"end", AttrType::dims, SymShape{}}.between(0)},
                 infer_concat, plan_concat, cuda::plan_concat);
  d.max_inputs = -1;
  d.gradient = [](const GradContext& c) -> Values {
    Ops o(c.graph);
    const size_t n = c.graph.node(c.node).inputs.size();
    const SymShape full = c.graph.shape(c.out(0)), from = c.attrs().dims("begin"), to = c.attrs().dims("end");
    int64_t axis = c.attrs().integer("axis");
    if (axis < 0) axis += int64_t(full.size());
    Values out;
    Dim at = 0;
    for (size_t i = 0; i < n; ++i) {
      const SymShape x = c.graph.shape(c.in(i));
      SymShape begin(full.size(), Dim(0)), end = full;
      begin[size_t(axis)] = at;
      at = at + (from.empty() ? x[size_t(axis)] : to[i] - from[i]);
      end[size_t(axis)] = at;
      Value dx = c.wanted[i] ? o.slice(c.dy(), begin, end) : Value{};
      if (dx.defined() && !from.empty()) {
        SymShape low(full.size(), Dim(0)), high = x;
        low[size_t(axis)] = from[i], high[size_t(axis)] = to[i];
        dx = c.graph.add1("slice_grad", {dx},
                          {{"begin", low}, {"end", high}, {"strides", Ints(full.size(), 1)}, {"shape", x}});
      }
      out.push_back(dx);
    }
    return out;
  };
  d.rowwise = rows_off_axis;
  return d;
}

HB_DEFINE_OP(stop_gradient) {
  OpDef d = make("stop_gradient", {}, same_as_input);
  d.kind = OpKind::view;
  d.rowwise = any_rows;
  d.differentiable = false;
  return d;
}

HB_DEFINE_OP(custom_gradient) {
  // Inputs: the forward outputs, then the function's inputs. Outputs: the forward outputs, unchanged.
  OpDef d = make("custom_gradient", {need("outputs", AttrType::integer).between(0), need("rule", AttrType::gradient)},
                 [](const InferContext& c) -> Types {
                   Types t;
                   if (size_t(c.attrs.integer("outputs")) > c.inputs.size()) c.fail("bad number of outputs");
                   for (size_t i = 0; i < size_t(c.attrs.integer("outputs")); ++i) t.push_back(c.type(i));
                   return t;
                 });
  d.kind = OpKind::view;
  d.max_inputs = -1;
  d.gradient = [](const GradContext& c) -> Values {
    Ops o(c.graph);
    const size_t n = size_t(c.attrs().integer("outputs"));
    const Values all = c.graph.node(c.node).inputs;
    Values outs, dys, ins(all.begin() + long(n), all.end());
    for (size_t i = 0; i < n; ++i) {
      outs.push_back(c.out(i));
      dys.push_back(c.dy(i).defined() ? c.dy(i) : o.full_like(c.out(i), 0));
    }
    auto rule = c.attrs().get<std::shared_ptr<const CustomGradient>>("rule");
    Values d_ins = rule->rule(c.graph, ins, outs, dys);
    HB_CHECK(d_ins.size() == ins.size(), "[custom_gradient] the gradient of \"", rule->name, "\" must return ",
             ins.size(), " values, one for each input; got ", d_ins.size());
    for (size_t i = 0; i < ins.size(); ++i)
      if (d_ins[i].defined())
        HB_CHECK(c.graph.shape(d_ins[i]).size() == c.graph.shape(ins[i]).size(), "[custom_gradient] gradient ", i,
                 " of \"", rule->name, "\" must have its input's shape; got ", c.graph.type(d_ins[i]).str(), " for ",
                 c.graph.type(ins[i]).str());
    Values result(n);  // the forward outputs' own path is cut
    result.insert(result.end(), d_ins.begin(), d_ins.end());
    return result;
  };
  return d;
}

HB_DEFINE_OP(iota) {  // counts along `axis`, constant along the others
  OpDef d = make(
      "iota", {sizes("shape"), {"axis", AttrType::integer, int64_t(0)}, {"dtype", AttrType::dtype, DType::i32}},
      [](const InferContext& c) -> Types {
        const int rank = int(c.attrs.dims("shape").size());
        if (rank > 0) c.axis(c.attrs.integer("axis"), rank);
        return {{c.attrs.dtype("dtype"), c.attrs.dims("shape")}};
      },
      plan_iota, cuda::plan_iota);
  d.min_inputs = d.max_inputs = 0;
  d.differentiable = false;
  d.rowwise = rows_off_axis;
  return d;
}

HB_DEFINE_OP(dim_value) {
  OpDef d = make(
      "dim_value", {need("dim", AttrType::dims).exactly(1), {"dtype", AttrType::dtype, DType::i32}},
      [](const InferContext& c) -> Types {
        return {{c.attrs.dtype("dtype"), {}}};
      },
      plan_dim_value, cuda::plan_dim_value);
  d.min_inputs = d.max_inputs = 0;
  d.differentiable = false;
  return d;
}

HB_DEFINE_OP(input) {
  OpDef d = make("input", {need("index", AttrType::integer)}, nullptr);
  d.min_inputs = d.max_inputs = 0;
  d.pure = false;
  d.kind = OpKind::input;
  return d;
}
HB_DEFINE_OP(variable) {
  OpDef d = make("variable", {need("index", AttrType::integer)}, nullptr);
  d.min_inputs = d.max_inputs = 0;
  d.kind = OpKind::variable;
  return d;
}
HB_DEFINE_OP(constant) {
  OpDef d = make("constant", {need("value", AttrType::tensor)}, nullptr);
  d.min_inputs = d.max_inputs = 0;
  d.kind = OpKind::constant;
  return d;
}
}  // namespace hornbeam
