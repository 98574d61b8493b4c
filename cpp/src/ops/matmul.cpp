// matmul: NumPy's rules with batch broadcasting, and transpose flags so that no gradient needs a transpose node.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_matmul(const KernelRequest&);
namespace cuda {
KernelPlan plan_matmul(const KernelRequest&);
}

namespace {
Types infer(const InferContext& c) {
  if (c.dtype(0) != c.dtype(1) || c.dtype(0) == DType::boolean)
    c.fail_type("inputs must be of one numeric dtype, not bool");
  if (c.rank(0) < 2 || c.rank(1) < 2) c.fail("inputs need at least two axes");
  const SymShape &a = c.shape(0), &b = c.shape(1);
  const bool ta = c.attrs.flag("transpose_a"), tb = c.attrs.flag("transpose_b");
  const size_t ra = a.size(), rb = b.size();
  c.same(ta ? a[ra - 2] : a[ra - 1], tb ? b[rb - 1] : b[rb - 2], "inner dimensions must match");
  SymShape out = broadcast_shapes(c, SymShape(a.begin(), a.end() - 2), SymShape(b.begin(), b.end() - 2));
  out.push_back(ta ? a[ra - 1] : a[ra - 2]);
  out.push_back(tb ? b[rb - 2] : b[rb - 1]);
  return {{c.dtype(0), out}};
}

Values gradient(const GradContext& c) {
  Ops o(c.graph);
  Value a = c.in(0), b = c.in(1), dy = c.dy();
  const bool ta = c.attrs().flag("transpose_a"), tb = c.attrs().flag("transpose_b");
  // One weight for many rows: fold the batch axes into rows, so that the gradient is one product.
  if (c.graph.rank(a) > 2 && c.graph.rank(b) == 2 && !ta) {
    const SymShape sa = c.graph.shape(a), sy = c.graph.shape(dy);
    Value da = o.matmul(dy, b, false, !tb);
    Dim rows = shape_product(SymShape(sa.begin(), sa.end() - 1));
    Value a2 = o.reshape(a, {rows, sa.back()}), dy2 = o.reshape(dy, {rows, sy.back()});
    return {da, tb ? o.matmul(dy2, a2, true, false) : o.matmul(a2, dy2, true, false)};
  }
  Value da = ta ? o.matmul(b, dy, tb, true) : o.matmul(dy, b, false, !tb);
  Value db = tb ? o.matmul(dy, a, true, ta) : o.matmul(a, dy, !ta, false);
  return {o.sum_to(da, c.graph.shape(a)), o.sum_to(db, c.graph.shape(b))};
}
}  // namespace

HB_DEFINE_OP(matmul) {
  OpDef d;
  d.name = "matmul";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = {{"transpose_a", AttrType::boolean, false}, {"transpose_b", AttrType::boolean, false}};
  d.infer = infer;
  d.gradient = gradient;
  d.cpu = plan_matmul;
  d.cuda = cuda::plan_matmul;
  d.flops = [](const std::vector<Shape>& in, const std::vector<Shape>& out, const Attrs& a) {
    const Shape& x = in[0];
    return 2.0 * double(a.flag("transpose_a") ? x[x.size() - 2] : x.back()) * double(shape_product(out[0]));
  };
  d.rowwise = [](const RowContext& c) {  // neither summed over nor a matrix on the right
    const int a = c.graph.rank(c.node.inputs[0]), b = c.graph.rank(c.node.inputs[1]);
    return !(c.has_rows(0) && a == 2 && c.node.attrs.flag("transpose_a")) && !(c.has_rows(1) && b == 2);
  };
  d.halves = true;
  d.product = ProductKind::rows;
  d.epilogue = [](const Graph& g, const Node& n) {
    return g.rank(n.inputs[0]) == 2 && g.rank(n.inputs[1]) == 2 ? EpilogueRoom::several : EpilogueRoom::one;
  };
  d.cuda_epilogue = EpilogueRoom::several;
  d.scaled_axis = [](const Graph& g, const Node& n) {
    return g.rank(n.inputs[1]) == 2 && !n.attrs.flag("transpose_b") ? 1 : -1;
  };
  return d;
}
}  // namespace hornbeam
