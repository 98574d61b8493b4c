// Ops that read, write or find by index: gather, scatter_add, take/put_along_axis, argsort and searchsorted.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_gather(const KernelRequest&);
KernelPlan plan_scatter_add(const KernelRequest&);
KernelPlan plan_unique_rows(const KernelRequest&);
KernelPlan plan_take_along_axis(const KernelRequest&);
KernelPlan plan_put_along_axis(const KernelRequest&);
KernelPlan plan_argsort(const KernelRequest&);
KernelPlan plan_searchsorted(const KernelRequest&);
namespace cuda {
KernelPlan plan_unique_rows(const KernelRequest&);
KernelPlan plan_argsort(const KernelRequest&);
KernelPlan plan_searchsorted(const KernelRequest&);
KernelPlan plan_gather(const KernelRequest&);
KernelPlan plan_scatter_add(const KernelRequest&);
KernelPlan plan_take_along_axis(const KernelRequest&);
KernelPlan plan_put_along_axis(const KernelRequest&);
}  // namespace cuda

namespace {
const AttrSpec kRows = AttrSpec{"rows", AttrType::dims, false, true}.exactly(1).between(0);

void check_ids(const InferContext& c, size_t i) {
  if (c.dtype(i) != DType::i32 && c.dtype(i) != DType::i64) c.fail_type("indices must be int32 or int64");
}
// The checks of updates [.., inner..] that belong to ids [..], and the type of `rows` of them.
ValueType scattered(const InferContext& c, SymShape rows) {
  check_ids(c, 0);
  if (c.dtype(1) == DType::boolean) c.fail_type("needs numeric updates");
  if (c.rank(1) < c.rank(0)) c.fail("updates must have the ids' axes first");
  for (int i = 0; i < c.rank(0); ++i)
    c.same(c.shape(0)[size_t(i)], c.shape(1)[size_t(i)], "updates must have the ids' axes first");
  rows.insert(rows.end(), c.shape(1).begin() + c.rank(0), c.shape(1).end());
  return {c.dtype(1), rows};
}
CheckedIds scattered_ids(const Graph&, const Node& n) { return {n.inputs[0], n.attrs.dims("rows")[0]}; }
}  // namespace

HB_DEFINE_OP(gather) {  // inputs table [R, inner..], ids [..]: rows of the table
  OpDef d;
  d.name = "gather";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 2;
  d.infer = [](const InferContext& c) -> Types {
    check_ids(c, 1);
    if (c.rank(0) < 1) c.fail("the table needs at least one axis");
    SymShape out = c.shape(1);
    out.insert(out.end(), c.shape(0).begin() + 1, c.shape(0).end());
    return {{c.dtype(0), out}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    return {c.graph.add1("scatter_add", {c.in(1), c.dy()}, {{"rows", SymShape{c.graph.shape(c.in(0))[0]}}}), Value{}};
  };
  d.cpu = plan_gather;
  d.cuda = cuda::plan_gather;
  d.any_dtype = true;
  d.rowwise = rows_of_second;
  d.checked_ids = [](const Graph& g, const Node& n) { return CheckedIds{n.inputs[1], g.shape(n.inputs[0])[0]}; };
  return d;
}

HB_DEFINE_OP(
    scatter_add) {  // inputs ids [..], updates [.., inner..]: a [rows, inner..] of sums, zero where no id points
  OpDef d;
  d.name = "scatter_add";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 2;
  // lazy: an optimizer's promise that rows no id points to need no update
  d.attrs = {kRows, {"lazy", AttrType::boolean, false}};
  d.infer = [](const InferContext& c) -> Types { return {scattered(c, c.attrs.dims("rows"))}; };
  d.gradient = [](const GradContext& c) -> Values { return {Value{}, c.graph.add1("gather", {c.dy(), c.in(0)})}; };
  d.cpu = plan_scatter_add;
  d.cuda = cuda::plan_scatter_add;
  d.checked_ids = scattered_ids;
  return d;
}

// Inputs ids [..], updates [.., inner..] as scatter_add's: the ids that occur, sorted, then `rows` for as many places
// as are left, as int32 [n]; and [n, inner..] the sum of each one's updates, then zeros. The gradient of a large table.
HB_DEFINE_OP(unique_rows) {
  OpDef d;
  d.name = "unique_rows";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 2;
  d.attrs = {kRows};
  d.infer = [](const InferContext& c) -> Types {
    scattered(c, c.attrs.dims("rows"));
    const Dim n = shape_product(c.shape(0));
    return {{DType::i32, {n}}, scattered(c, {n})};
  };
  d.cpu = plan_unique_rows;
  d.cuda = cuda::plan_unique_rows;
  d.differentiable = false;
  d.checked_ids = scattered_ids;
  return d;
}

HB_DEFINE_OP(take_along_axis) {  // inputs x, ids: same shape but on `axis`
  OpDef d;
  d.name = "take_along_axis";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 2;
  d.attrs = {{"axis", AttrType::integer, int64_t(-1)}};
  d.infer = [](const InferContext& c) -> Types {
    check_ids(c, 1);
    if (c.rank(0) != c.rank(1)) c.fail("inputs must have the same number of axes");
    int axis = c.axis(c.attrs.integer("axis"), c.rank(0));
    for (int i = 0; i < c.rank(0); ++i)
      if (i != axis) c.same(c.shape(0)[size_t(i)], c.shape(1)[size_t(i)], "dimensions other than the axis must match");
    return {{c.dtype(0), c.shape(1)}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    const int64_t axis = c.attrs().integer("axis");
    const SymShape& x = c.graph.shape(c.in(0));
    Dim n = x[size_t(axis < 0 ? axis + int64_t(x.size()) : axis)];
    return {c.graph.add1("put_along_axis", {c.in(1), c.dy()}, {{"axis", axis}, {"size", SymShape{n}}}), Value{}};
  };
  d.cpu = plan_take_along_axis;
  d.cuda = cuda::plan_take_along_axis;
  d.any_dtype = true;
  return d;
}

HB_DEFINE_OP(put_along_axis) {  // inputs ids, updates: zeros with the updates added, `size` long on `axis`
  OpDef d;
  d.name = "put_along_axis";
  d.may_fail = true;
  d.min_inputs = d.max_inputs = 2;
  d.attrs = {{"axis", AttrType::integer, int64_t(-1)},
             AttrSpec{"size", AttrType::dims, false, true}.exactly(1).between(0)};
  d.infer = [](const InferContext& c) -> Types {
    check_ids(c, 0);
    if (c.rank(0) != c.rank(1)) c.fail("updates must have the ids' shape");
    for (int i = 0; i < c.rank(0); ++i)
      c.same(c.shape(0)[size_t(i)], c.shape(1)[size_t(i)], "updates must have the ids' shape");
    SymShape out = c.shape(1);
    out[size_t(c.axis(c.attrs.integer("axis"), c.rank(1)))] = c.attrs.dims("size")[0];
    return {{c.dtype(1), out}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    return {Value{}, c.graph.add1("take_along_axis", {c.dy(), c.in(0)}, {{"axis", c.attrs().integer("axis")}})};
  };
  d.cpu = plan_put_along_axis;
  d.cuda = cuda::plan_put_along_axis;
  return d;
}

HB_DEFINE_OP(argsort) {  // stable, along the last axis; NaN is above every number
  OpDef d;
  d.name = "argsort";
  d.attrs = {{"descending", AttrType::boolean, false},
             AttrSpec{"first", AttrType::integer, int64_t(-1)}.between(-1)};  // so many of the order; -1: all of it
  d.infer = [](const InferContext& c) -> Types {
    if (c.rank(0) < 1) c.fail("needs at least one axis");
    SymShape y = c.shape(0);
    if (const int64_t first = c.attrs.integer("first"); first >= 0) {
      if (y.back().is_const() && first > y.back().value()) c.fail("needs as many elements as are asked for");
      y.back() = first;
    }
    return {{DType::i32, y}};
  };
  d.differentiable = false;
  d.cpu = plan_argsort;
  d.cuda = cuda::plan_argsort;
  d.positions = true;
  return d;
}

// Inputs sorted [n], values of any shape: before which element of the first each value belongs, "right": behind its
// equals. NaN is above every number.
HB_DEFINE_OP(searchsorted) {
  OpDef d;
  d.name = "searchsorted";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = {AttrSpec{"side", AttrType::text, std::string("left")}.one_of({"left", "right"})};
  d.infer = [](const InferContext& c) -> Types {
    if (c.rank(0) != 1) c.fail("the sorted sequence must have one axis");
    if (c.dtype(0) != c.dtype(1)) c.fail_type("inputs must have one dtype");
    return {{DType::i32, c.shape(1)}};
  };
  d.rowwise = rows_of_second;
  d.positions = true;
  d.differentiable = false;
  d.cpu = plan_searchsorted;
  d.cuda = cuda::plan_searchsorted;
  return d;
}
}  // namespace hornbeam
