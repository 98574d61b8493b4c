// Images at any places, between their pixels and beyond their edges.
#include "schema/sampling.hpp"

#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_sample(const KernelRequest&);
KernelPlan plan_sample_grad(const KernelRequest&);
namespace cuda {
KernelPlan plan_sample(const KernelRequest&);
KernelPlan plan_sample_grad(const KernelRequest&);
}  // namespace cuda

namespace {
const std::vector<AttrSpec> kSampleAttrs = {{"linear", AttrType::boolean, true},
                                            AttrSpec{"mode", AttrType::text, std::string(kBeyondNames[0])}.one_of(
                                                {std::begin(kBeyondNames), std::end(kBeyondNames)}),
                                            {"value", AttrType::real, 0.0}};  // of the mode "constant"

// The shape of what is seen of images of a shape at coordinates, input `at`.
SymShape seen(const InferContext& c, const SymShape& x, size_t at) {
  const int axes = int(x.size()) - 2;
  if (axes < 1 || axes > Sampling::kMostAxes)
    c.fail(concat_text("needs images of 1 to ", Sampling::kMostAxes, " axes beside the batch and the channels"));
  if (c.dtype(at) != DType::f32 && c.dtype(at) != DType::f64) c.fail_type("coordinates must be float32 or float64");
  if (c.rank(at) < 2 || c.shape(at)[0] != Dim(axes))
    c.fail(concat_text("needs coordinates [", axes, ", batch or 1, places..]"));
  SymShape y{x[0]};
  if (c.shape(at)[1] != Dim(1)) c.same(x[0], c.shape(at)[1], "coordinates must be one image's or each image's own");
  y.insert(y.end(), c.shape(at).begin() + 2, c.shape(at).end());
  y.push_back(x.back());
  return y;
}

// The gradient of the coordinates `at` of what is sampled of x: along each axis a place moves between two neighbours.
Value moved(Graph& g, Value x, Value at, Value dy, const Attrs& attrs) {
  Ops o(g);
  const SymShape shape = g.shape(at);
  const int64_t axes = shape[0].value();
  SymShape column(shape.size(), 1), row = shape;
  column[0] = axes, row[0] = 1;
  const Value below = o.unary("floor", at), axis = o.iota(column, 0, DType::i32);
  std::vector<Value> rows;
  for (int64_t i = 0; i < axes; ++i) {
    const Value here = o.compare("equal", axis, double(i));
    const auto seen_at = [&](Value place) { return g.add1("sample", {x, o.where(here, place, at)}, attrs); };
    const Value step = o.sub(seen_at(o.add(below, 1)), seen_at(below));
    const Value d = o.sum(o.mul(dy, step), {int64_t(shape.size()) - 1});
    rows.push_back(o.reshape(o.cast(o.sum_to(d, SymShape(shape.begin() + 1, shape.end())), g.dtype(at)), row));
  }
  return o.concat(rows, 0);
}
}  // namespace

// Inputs x [batch, sizes.., channels], coordinates [axes, batch or 1, places..] in pixels: [batch, places.., channels],
// of the nearest pixels, or, "linear", between them; uint8 gives float32 then.
HB_DEFINE_OP(sample) {
  OpDef d;
  d.name = "sample";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = kSampleAttrs;
  d.infer = [](const InferContext& c) -> Types {
    DType y = c.dtype(0);
    if (c.attrs.flag("linear")) {
      if (y != DType::f32 && y != DType::f64 && y != DType::u8) c.fail_type("must be float32, float64 or uint8");
      if (y == DType::u8) y = DType::f32;
      if (c.dtype(1) != y) c.fail_type("must be interpolated in the coordinates' dtype");
    }
    return {{y, seen(c, c.shape(0), 1)}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    const SymShape& x = c.graph.shape(c.in(0));
    Attrs a = c.attrs();
    a.set("sizes", SymShape(x.begin() + 1, x.end() - 1));
    return {c.wanted[0] ? c.graph.add1("sample_grad", {c.dy(), c.in(1)}, a) : Value{},
            c.wanted[1] && a.flag("linear") ? moved(c.graph, c.in(0), c.in(1), c.dy(), c.attrs()) : Value{}};
  };
  d.cpu = plan_sample;
  d.cuda = cuda::plan_sample;
  d.any_dtype = true;
  d.rowwise = [](const RowContext& c) { return c.has_rows(0); };
  return d;
}

HB_DEFINE_OP(sample_grad) {  // inputs dy, coordinates: the gradient of x
  OpDef d;
  d.name = "sample_grad";
  d.min_inputs = d.max_inputs = 2;
  d.attrs = kSampleAttrs;
  d.attrs.push_back(AttrSpec{"sizes", AttrType::dims, false, true}.between(0));
  d.infer = [](const InferContext& c) -> Types {
    if (!is_float(c.dtype(0))) c.fail_type("needs a float gradient");
    if (c.rank(0) < 2) c.fail("needs a gradient [batch, places.., channels]");
    SymShape x{c.shape(0)[0]};
    const SymShape& sizes = c.attrs.dims("sizes");
    x.insert(x.end(), sizes.begin(), sizes.end());
    x.push_back(c.shape(0).back());
    check_input(c, 0, {c.dtype(0), seen(c, x, 1)}, "the result's gradient");
    return {{c.dtype(0), x}};
  };
  d.gradient = [](const GradContext& c) -> Values {
    Attrs a = c.attrs();
    a.erase("sizes");
    a.set("value", 0.0);
    // <dy, sample_grad(y, at)> is <sample(dy, at), y>, so its gradients are that one's.
    return {c.wanted[0] ? c.graph.add1("sample", {c.dy(), c.in(1)}, a) : Value{},
            c.wanted[1] && a.flag("linear") ? moved(c.graph, c.dy(), c.in(1), c.in(0), a) : Value{}};
  };
  d.cpu = plan_sample_grad;
  d.cuda = cuda::plan_sample_grad;
  return d;
}
}  // namespace hornbeam
