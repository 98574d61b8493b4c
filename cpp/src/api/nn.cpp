#include "hornbeam/nn.hpp"

#include <cmath>
#include <limits>
#include <set>

#include "base/check.hpp"
#include "base/philox.hpp"
#include "hornbeam/gradients.hpp"
#include "hornbeam/ops.hpp"

namespace hornbeam::nn {
namespace {
int64_t positive(const char* what, int64_t n) {
  HB_CHECK(n >= 1, what, " must be >= 1. Received: ", what, "=", n);
  return n;
}

void check_number(const char* what, double x, double low, double end) {
  HB_CHECK(x >= low && x < end, what, " must be in [", low, ", ", end, "). Received: ", what, "=", x);
}
constexpr double kNoEnd = std::numeric_limits<double>::infinity();

// What a step of descent changes: variables, and their gradients where the loss depends on them.
struct Descent {
  std::vector<Value> now, gradient;
  Descent(Graph& g, Value loss, const std::vector<VariablePtr>& variables) {
    HB_CHECK_TYPE(g.dtype(loss) == DType::f32, "minimize: the loss must be float32; got ", g.type(loss).str());
    HB_CHECK(g.rank(loss) == 0, "minimize: the loss must be a scalar; got ", g.type(loss).str());
    std::set<const Variable*> seen;
    for (const VariablePtr& v : variables) {
      HB_CHECK(v, "minimize: a variable is null");
      HB_CHECK_TYPE(v->value().dtype() == DType::f32, "minimize: variables must be float32; \"", v->name(), "\" is ",
                    dtype_name(v->value().dtype()));
      HB_CHECK(seen.insert(v.get()).second, "minimize: variable \"", v->name(), "\" is given twice");
    }
    for (const VariablePtr& v : variables) now.push_back(g.read(v));
    gradient = gradients(g, {loss}, now);
    bool any = false;
    for (Value d : gradient) any = any || d.defined();
    HB_CHECK(any, "minimize: the loss depends on none of the ", variables.size(), " variables");
  }
};
}  // namespace

VariablePtr Parameters::glorot_uniform(const std::string& name, Shape shape) {
  HB_CHECK(shape.size() >= 2, "glorot_uniform needs at least two axes; got ", shape_text(shape));
  double window = 1;
  for (int64_t d : shape) positive("a dimension of a weight", d);
  for (size_t i = 0; i + 2 < shape.size(); ++i) window *= double(shape[i]);
  const double limit = std::sqrt(6.0 / (window * (double(shape[shape.size() - 2]) + double(shape.back()))));
  Tensor t(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i)
    t.data<float>()[i] = float((double(philox(seed_, made_, uint64_t(i)).word[0]) / 4294967296.0 * 2 - 1) * limit);
  ++made_;
  all_.push_back(std::make_shared<Variable>(name, t));
  return all_.back();
}
VariablePtr Parameters::zeros(const std::string& name, Shape shape) {
  all_.push_back(std::make_shared<Variable>(name, Tensor::zeros(DType::f32, std::move(shape))));
  return all_.back();
}

Dense::Dense(Parameters& p, const std::string& name, int64_t in, int64_t out)
    : kernel(p.glorot_uniform(name + "/kernel", {positive("in", in), positive("out", out)})),
      bias(p.zeros(name + "/bias", {out})) {}
Value Dense::operator()(Ops& o, Value x) const { return o.add(o.matmul(x, o.g.read(kernel)), o.g.read(bias)); }

Conv2D::Conv2D(Parameters& p, const std::string& name, int64_t in, int64_t out, int64_t k)
    : kernel(p.glorot_uniform(name + "/kernel", {positive("size", k), k, positive("in", in), positive("out", out)})),
      bias(p.zeros(name + "/bias", {out})),
      size(k) {}
Value Conv2D::operator()(Ops& o, Value x) const {
  const Dim low = (positive("size", size) - 1) / 2, high = size / 2;
  Value y = o.g.add1("conv", {x, o.g.read(kernel)},
                     {{"strides", Ints{1, 1}},
                      {"low", SymShape{low, low}},
                      {"high", SymShape{high, high}},
                      {"dilations", Ints{1, 1}}});
  return o.add(y, o.g.read(bias));
}

Value sparse_cross_entropy(Ops& o, Value logits, Value labels) {
  return o.mean(o.g.add1("sparse_softmax_cross_entropy", {logits, labels}));
}

void Sgd::minimize(Graph& g, Value loss, const std::vector<VariablePtr>& variables) const {
  check_number("learning_rate", learning_rate, 0, kNoEnd);
  const Descent d(g, loss, variables);
  Ops o(g);
  for (size_t i = 0; i < variables.size(); ++i)
    if (d.gradient[i].defined()) g.assign(variables[i], o.sub(d.now[i], o.mul(d.gradient[i], learning_rate)));
}

void Adam::minimize(Graph& g, Value loss, const std::vector<VariablePtr>& variables) const {
  check_number("learning_rate", learning_rate, 0, kNoEnd);
  check_number("beta_1", beta_1, 0, 1);
  check_number("beta_2", beta_2, 0, 1);
  check_number("epsilon", epsilon, 0, kNoEnd);
  const Descent d(g, loss, variables);
  Ops o(g);
  auto step = std::make_shared<Variable>("adam/step", Tensor::zeros(DType::f32, {}), false);
  Value t = o.add(g.read(step), 1);
  g.assign(step, t);
  auto correction = [&](double beta) { return o.rsub(1, o.exp(o.mul(t, std::log(beta)))); };
  Value alpha = o.mul(o.div(o.sqrt(correction(beta_2)), correction(beta_1)), learning_rate);
  for (size_t i = 0; i < variables.size(); ++i) {
    const Value dy = d.gradient[i];
    if (!dy.defined()) continue;
    auto slot = [&](const char* name) {
      return std::make_shared<Variable>(variables[i]->name() + name,
                                        Tensor::zeros(DType::f32, variables[i]->value().shape()), false);
    };
    VariablePtr m = slot("/momentum"), v = slot("/velocity");
    Value new_m = o.add(g.read(m), o.mul(o.sub(dy, g.read(m)), 1 - beta_1));
    Value new_v = o.add(g.read(v), o.mul(o.sub(o.square(dy), g.read(v)), 1 - beta_2));
    g.assign(m, new_m);
    g.assign(v, new_v);
    g.assign(variables[i], o.sub(d.now[i], o.div(o.mul(new_m, alpha), o.add(o.sqrt(new_v), epsilon))));
  }
}
}  // namespace hornbeam::nn
