// Elementwise ops: NumPy broadcasting, dtype rules by kind, and one gradient rule a row. Kernels:
// kernels/cpu/elementwise and the fused groups of kernels/cpu/isa.
#include "schema/elementwise.hpp"

#include <cmath>

#include "ops/define.hpp"

namespace hornbeam {

namespace {
Types infer_elementwise(const InferContext& c) {
  const EwInfo& info = kEwInfo[c.op.elementwise];
  size_t first = info.kind == EwKind::select ? 1 : 0;
  DType d = c.dtype(first);
  for (size_t i = first; i < c.inputs.size(); ++i)
    if (c.dtype(i) != d) c.fail_type("inputs must have one dtype");
  switch (info.kind) {
    case EwKind::floats:
    case EwKind::test:
      if (!is_float(d)) c.fail_type("needs a float dtype");
      break;
    case EwKind::numbers:
      if (d == DType::boolean) c.fail_type("needs a numeric dtype, not bool");
      break;
    case EwKind::logic:
      if (d != DType::boolean) c.fail_type("needs bool inputs");
      break;
    case EwKind::select:
      if (c.dtype(0) != DType::boolean) c.fail_type("the condition must be bool");
      break;
    case EwKind::compare:
    case EwKind::convert:
      break;
  }
  SymShape shape = c.shape(0);
  for (size_t i = 1; i < c.inputs.size(); ++i) shape = broadcast_shapes(c, shape, c.shape(i));
  if (info.kind == EwKind::compare || info.kind == EwKind::test) d = DType::boolean;
  if (info.kind == EwKind::convert) d = c.attrs.dtype("dtype");
  return {{d, shape}};
}

// d output / d input_i times dy, before undoing the broadcast. Undefined where it is zero.
using Rule = Values (*)(Ops&, const GradContext&);

const double kTwoOverSqrtPi = 2 / std::sqrt(std::acos(-1.0));
const double kNormalPeak = kTwoOverSqrtPi / std::sqrt(8.0);  // of the normal density, 1 / sqrt(2 pi)

Value sign_mask(Ops& o, const char* cmp, Value a, Value b, Value dy) {
  return o.where(o.binary(cmp, a, b), dy, o.scalar(0, dy));
}
// maximum / minimum: ties share the gradient, as JAX and NumPy's derivatives do.
Values extremum(Ops& o, const GradContext& c, const char* wins) {
  Value a = c.in(0), b = c.in(1), half = o.mul(c.dy(), 0.5), eq = o.binary("equal", a, b);
  Value zero = o.scalar(0, c.dy());
  return {o.where(eq, half, o.where(o.binary(wins, a, b), c.dy(), zero)),
          o.where(eq, half, o.where(o.binary(wins, b, a), c.dy(), zero))};
}

// Null: the gradient is zero by definition. Every op has its case, or this does not compile.
Rule rule_of(Ew op) {
  switch (op) {
#define HB_RULE(opname, ...)                            \
  case Ew::opname##_:                                   \
    return [](Ops& o, const GradContext& c) -> Values { \
      Value x = c.in(0), y = c.out(0), dy = c.dy();     \
      (void)o, (void)x, (void)y, (void)dy;              \
      return {__VA_ARGS__};                             \
    };
    HB_RULE(neg, o.neg(dy))
    HB_RULE(abs, o.mul(dy, o.unary("sign", x)))
    HB_RULE(square, o.mul(dy, o.mul(x, 2)))
    HB_RULE(relu, sign_mask(o, "greater", y, o.scalar(0, y), dy))
    HB_RULE(exp, o.mul(dy, y))
    HB_RULE(expm1, o.mul(dy, o.add(y, 1)))
    HB_RULE(log, o.div(dy, x))
    HB_RULE(log1p, o.div(dy, o.add(x, 1)))
    HB_RULE(sqrt, o.div(o.mul(dy, 0.5), y))
    HB_RULE(rsqrt, o.mul(o.mul(dy, -0.5), o.mul(y, o.square(y))))
    HB_RULE(reciprocal, o.neg(o.mul(dy, o.square(y))))
    HB_RULE(sin, o.mul(dy, o.unary("cos", x)))
    HB_RULE(cos, o.neg(o.mul(dy, o.unary("sin", x))))
    HB_RULE(tan, o.mul(dy, o.add(o.square(y), 1)))
    HB_RULE(asin, o.mul(dy, o.rsqrt(o.rsub(1, o.square(x)))))
    HB_RULE(acos, o.neg(o.mul(dy, o.rsqrt(o.rsub(1, o.square(x))))))
    HB_RULE(atan, o.div(dy, o.add(o.square(x), 1)))
    HB_RULE(sinh, o.mul(dy, o.unary("cosh", x)))
    HB_RULE(cosh, o.mul(dy, o.unary("sinh", x)))
    HB_RULE(tanh, o.mul(dy, o.rsub(1, o.square(y))))
    HB_RULE(asinh, o.mul(dy, o.rsqrt(o.add(o.square(x), 1))))
    HB_RULE(acosh, o.mul(dy, o.rsqrt(o.sub(o.square(x), 1))))
    HB_RULE(atanh, o.div(dy, o.rsub(1, o.square(x))))
    HB_RULE(sigmoid, o.mul(dy, o.mul(y, o.rsub(1, y))))
    HB_RULE(softplus, o.mul(dy, o.sigmoid(x)))
    HB_RULE(erf, o.mul(dy, o.mul(o.exp(o.neg(o.square(x))), kTwoOverSqrtPi)))
    HB_RULE(gelu, o.binary("gelu_grad", x, dy))
    // linear in what it multiplies; the slope's own derivative is (2 - x^2) times the normal density
    HB_RULE(
        gelu_grad,
        o.mul(dy, o.mul(c.in(1), o.mul(o.rsub(2, o.square(x)), o.mul(o.exp(o.mul(o.square(x), -0.5)), kNormalPeak)))),
        o.binary("gelu_grad", x, dy))
    HB_RULE(erfc, o.mul(dy, o.mul(o.exp(o.neg(o.square(x))), -kTwoOverSqrtPi)))
    HB_RULE(erfinv, o.mul(dy, o.mul(o.exp(o.square(y)), 1 / kTwoOverSqrtPi)))
    HB_RULE(add, dy, dy)
    HB_RULE(subtract, dy, o.neg(dy))
    HB_RULE(multiply, o.mul(dy, c.in(1)), o.mul(dy, x))
    HB_RULE(divide, o.div(dy, c.in(1)), o.neg(o.mul(dy, o.div(y, c.in(1)))))
    HB_RULE(mod, dy, o.neg(o.mul(dy, o.unary("floor", o.div(x, c.in(1))))))
    // x^0 is constant, even at 0
    HB_RULE(power,
            o.where(o.compare("equal", c.in(1), 0), o.scalar(0, dy),
                    o.mul(dy, o.mul(c.in(1), o.binary("power", x, o.sub(c.in(1), 1))))),
            // x <= 0 has no real logarithm: its term is zero, as in NumPy-like frameworks
            o.mul(dy, o.mul(y, o.where(o.compare("greater", x, 0),
                                       o.log(o.where(o.compare("greater", x, 0), x, o.scalar(1, x))), o.scalar(0, x)))))
    HB_RULE(arctan2, o.div(o.mul(dy, c.in(1)), o.add(o.square(x), o.square(c.in(1)))),
            o.neg(o.div(o.mul(dy, x), o.add(o.square(x), o.square(c.in(1))))))
    HB_RULE(where, Value{}, o.where(x, dy, o.scalar(0, dy)), o.where(x, o.scalar(0, dy), dy))
#undef HB_RULE
    case Ew::maximum_:
      return [](Ops& o, const GradContext& c) { return extremum(o, c, "greater"); };
    case Ew::minimum_:
      return [](Ops& o, const GradContext& c) { return extremum(o, c, "less"); };
    case Ew::cast_:
      return [](Ops& o, const GradContext& c) -> Values {
        const DType d = c.graph.dtype(c.in(0));
        return {is_float(d) ? o.cast(c.dy(), d) : Value{}};
      };
    case Ew::sign_:
    case Ew::floor_:
    case Ew::ceil_:
    case Ew::round_:
    case Ew::isnan_:
    case Ew::isinf_:
    case Ew::isfinite_:
    case Ew::logical_not_:
    case Ew::floor_divide_:
    case Ew::equal_:
    case Ew::not_equal_:
    case Ew::less_:
    case Ew::less_equal_:
    case Ew::greater_:
    case Ew::greater_equal_:
    case Ew::logical_and_:
    case Ew::logical_or_:
    case Ew::logical_xor_:
    case Ew::count:
      return nullptr;
  }
  return nullptr;
}

Values elementwise_gradient(const GradContext& c) {
  Ops o(c.graph);
  const Node& n = c.graph.node(c.node);
  const size_t inputs = n.inputs.size();
  Values d = rule_of(Ew(n.op->elementwise))(o, c);
  for (size_t i = 0; i < inputs; ++i)
    if (d[i].defined() && c.wanted[i]) d[i] = o.sum_to(d[i], c.graph.shape(c.in(i)));
  return d;
}
}  // namespace

std::vector<OpDef> define_elementwise_ops() {
  std::vector<OpDef> defs;
  for (int i = 0; i < int(Ew::count); ++i) {
    const EwInfo& info = kEwInfo[i];
    OpDef d;
    d.name = info.name;
    d.min_inputs = d.max_inputs = info.arity;
    d.infer = infer_elementwise;
    d.cpu = plan_elementwise;
    d.cuda = cuda::plan_elementwise;
    d.elementwise = i;
    d.rowwise = any_rows;
    d.any_dtype = info.kind == EwKind::select || info.kind == EwKind::convert;
    const bool smooth = rule_of(Ew(i)) != nullptr;
    if (smooth) d.gradient = elementwise_gradient;
    d.differentiable = smooth;
    if (info.kind == EwKind::convert) d.attrs = {{"dtype", AttrType::dtype, DType::f32, true}};
    defs.push_back(d);
  }
  return defs;
}
}  // namespace hornbeam
