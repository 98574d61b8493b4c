// Products of every mode (turned, by dots, by blocks, in place, apart, ..) and every convolution, each followed by a
// random elementwise chain or a weight's update, at edges of sizes: run with every operand beside a page that may not
// be touched, and held against the same in float64. HB_PROPERTY_SEEDS says how many of each, HB_PROPERTY_FIRST where to
// begin.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "guarded.hpp"
#include "hornbeam/ops.hpp"

using namespace hornbeam;

namespace {
int setting(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : fallback;
}

class Random {
 public:
  explicit Random(unsigned seed) : rng_(seed) {}
  int64_t below(int64_t n) { return int64_t(rng_() % uint64_t(n)); }
  bool chance(int percent) { return below(100) < percent; }
  template <class T>
  T of(std::initializer_list<T> list) {
    return list.begin()[below(int64_t(list.size()))];
  }
  double real() { return double(rng_() % 2000001) / 1e6 - 1; }

 private:
  std::mt19937 rng_;
};

// One case in one dtype. Built twice from one seed, once in float32 and once in float64, it is the same but for that.
struct Case {
  DType dtype;
  Random random;
  int lanes;
  Graph g;
  Ops o{g};
  std::vector<Tensor> inputs;
  std::string text;
  double depth = 1;  // terms of the longest sum

  Case(unsigned seed, DType d, int lanes_) : dtype(d), random(seed), lanes(lanes_) {}

  // Sizes at which something ends: registers, tiles, blocks.
  int64_t edge() {
    const int64_t l = lanes;
    return random.of<int64_t>({1,  1,     1,         2,         2,         3,  l - 1 > 0 ? l - 1 : 1,
                               l,  l + 1, 2 * l - 1, 2 * l,     2 * l + 1, 5,  7,
                               13, 3 * l, 4 * l,     4 * l + 1, 31,        48, 49,
                               64, 65,    97});
  }
  Tensor data(const Shape& shape) {
    Tensor t(dtype, shape);
    for (int64_t i = 0; i < t.size(); ++i) {
      const float v = float(random.real());
      if (dtype == DType::f32)
        t.data<float>()[i] = v;
      else
        t.data<double>()[i] = double(v);
    }
    return t;
  }
  // An operand: an input, or a variable, which lasts from run to run unless it is assigned.
  Value operand(const Shape& shape, bool variable) {
    Tensor t = data(shape);
    if (variable) return g.read(std::make_shared<Variable>("v" + std::to_string(g.size()), t));
    inputs.push_back(t);
    return g.input("x" + std::to_string(inputs.size()), dtype, SymShape(shape.begin(), shape.end()));
  }
  Value operand(const Shape& shape) { return operand(shape, random.chance(50)); }

  // A shape that broadcasts to `shape`: axes of 1, leading axes left out.
  Shape broadcastable(Shape shape) {
    switch (random.below(6)) {
      case 0:
        return shape;
      case 1:
        return {shape.back()};
      case 2:
        return {};
      case 3:
        return {1};
      default:
        for (int64_t& d : shape)
          if (random.chance(60)) d = 1;
        shape.erase(shape.begin(), shape.begin() + random.below(int64_t(shape.size())));
        return shape;
    }
  }
  Value step(Value y, const Shape& shape) {
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        return o.add(y, operand(broadcastable(shape)));
      case 3:
        return o.mul(y, operand(broadcastable(shape)));
      case 4:
        return o.sub(operand(broadcastable(shape)), y);
      case 5:
        return o.tanh(y);
      case 6:
        return o.binary("maximum", y, operand(broadcastable(shape)));
      default:
        return o.relu(y);
    }
  }
  // What follows a product: a chain with one or two results, or the update of a weight of its shape.
  void end(Value y, const std::string& what) {
    Shape shape = eval_shape(g.shape(y), {});
    text = what + " -> " + shape_text(shape);
    if (random.chance(25)) return update(y, shape);
    const int64_t steps = random.below(5);
    Value other;
    for (int64_t i = 0; i < steps; ++i) {
      y = step(y, shape);
      if (random.chance(15)) other = y;
    }
    g.outputs.push_back({"y", y});
    if (other.defined() && other != y) g.outputs.push_back({"other", other});
  }
  void update(Value d, const Shape& shape) {
    text += " update";
    auto w = std::make_shared<Variable>("w", data(shape)), m = std::make_shared<Variable>("m", data(shape));
    const Value decay = operand({}, false);
    Value new_m = o.add(o.mul(g.read(m), 0.9), random.chance(50) ? d : o.mul(d, decay));
    g.assign(m, new_m);
    if (random.chance(50)) new_m = o.div(new_m, o.add(o.sqrt(o.square(g.read(m))), 0.5));
    g.assign(w, o.sub(g.read(w), o.mul(new_m, 0.01)));
    if (random.chance(30)) g.outputs.push_back({"m", new_m});
  }

  void matmul() {
    int64_t m = edge(), n = edge(), k = edge();
    switch (random.below(12)) {
      case 0:
        k = random.of<int64_t>({399, 400, 401, 801, 1030});
        break;
      case 1:  // large right sides: packed by blocks, or kept
        k = random.of<int64_t>({401, 700}), n = random.of<int64_t>({640, 897, 1024});
        m = random.of<int64_t>({1, 2, 5, 33});
        break;
      case 2:
        m = random.of<int64_t>({641, 1000});
        break;
      case 3:
        n = random.of<int64_t>({1024, 1025});
        break;
    }
    const bool ta = random.chance(35), tb = random.chance(35);
    Shape batch, other;
    for (int64_t axes = random.chance(40) && m * n * k < 400000 ? 1 + random.below(2) : 0; axes > 0; --axes) {
      batch.push_back(random.of<int64_t>({1, 2, 3}));
      if (!other.empty() || random.chance(50)) other.push_back(random.chance(70) ? batch.back() : 1);
    }
    Shape a = batch, b = other;
    for (int64_t d : ta ? Shape{k, m} : Shape{m, k}) a.push_back(d);
    for (int64_t d : tb ? Shape{n, k} : Shape{k, n}) b.push_back(d);
    depth = double(k);
    const Value x = operand(a), w = operand(b);
    end(o.matmul(x, w, ta, tb), concat("matmul ", a, b, ta ? " ta" : "", tb ? " tb" : ""));
  }

  void conv() {
    const int64_t axes = random.of<int64_t>({1, 2, 2, 2, 2, 3});
    const bool depthwise = random.chance(20);
    const int64_t groups = depthwise ? edge() + 1 : random.of<int64_t>({1, 1, 1, 1, 2, 3});
    const int64_t c = depthwise ? 1 : std::min<int64_t>(edge(), 33), f = depthwise ? 1 : std::min<int64_t>(edge(), 49);
    Shape x{random.of<int64_t>({1, 1, 2, 3, 9})}, kernel, y{x[0]};
    Ints strides, dilations;
    SymShape low, high;
    const int64_t side = random.of<int64_t>({1, 3, 3, 3, 3, 2, 5});
    const bool square = random.chance(60), plain = random.chance(60);
    depth = double(c);
    for (int64_t i = 0; i < axes; ++i) {
      kernel.push_back(square ? side : random.of<int64_t>({1, 2, 3, 4}));
      strides.push_back(plain ? 1 : random.of<int64_t>({1, 2, 2, 3}));
      dilations.push_back(plain ? 1 : random.of<int64_t>({1, 1, 2}));
      const int64_t lo = random.of<int64_t>({0, 1, 1, 2}), hi = random.of<int64_t>({0, 1, 1, 2});
      const int64_t reach = (kernel.back() - 1) * dilations.back() + 1;
      const int64_t most = axes == 3 ? 6 : axes == 2 ? 19 : 60;
      x.push_back(std::max<int64_t>(std::max<int64_t>(1, reach - lo - hi), 1 + random.below(most)));
      low.push_back(lo), high.push_back(hi);
      y.push_back((x.back() + lo + hi - reach) / strides.back() + 1);
      depth *= double(kernel.back());
    }
    x.push_back(c * groups), kernel.push_back(c), kernel.push_back(f * groups), y.push_back(f * groups);
    Attrs attrs{{"strides", strides}, {"low", low}, {"high", high}, {"dilations", dilations}, {"groups", groups}};
    const std::string what = concat("conv ", x, kernel, " strides=", strides, " dilations=", dilations,
                                    " low=", shape_text(low), " high=", shape_text(high), " groups=", groups);
    auto sym = [](const Shape& s) { return SymShape(s.begin(), s.end()); };
    switch (random.below(4)) {
      case 0:
        attrs.set("shape", sym(x));
        depth *= double(f);
        return end(g.add1("conv_input_grad", {operand(y), operand(kernel)}, attrs), what + " input_grad");
      case 1:
        attrs.set("shape", sym(kernel));
        depth = double(shape_product(y)) / double(y.back());
        return end(g.add1("conv_kernel_grad", {operand(x), operand(y)}, attrs), what + " kernel_grad");
      case 2:
        if (depthwise && axes == 2) {  // with a pointwise one behind it
          const int64_t out = edge();
          Value mid = g.add1("conv", {operand(x), operand(kernel)}, attrs);
          if (random.chance(50)) mid = o.relu(o.add(mid, operand({groups})));
          depth *= double(groups);
          Attrs one{
              {"strides", Ints{1, 1}}, {"low", SymShape{0, 0}}, {"high", SymShape{0, 0}}, {"dilations", Ints{1, 1}}};
          return end(g.add1("conv", {mid, operand({1, 1, groups, out})}, one), what + " separable");
        }
        [[fallthrough]];
      default:
        return end(g.add1("conv", {operand(x), operand(kernel)}, attrs), what);
    }
  }

  // ---- cases that were wrong once ----
  Value plain_conv_grad(Shape x, Shape kernel, Shape y, Ints strides, Ints low, Ints high) {
    auto sym = [](const Ints& v) { return SymShape(v.begin(), v.end()); };
    text = concat("input gradient ", x, kernel);
    depth = double(shape_product(kernel));
    Attrs attrs{{"strides", strides}, {"low", sym(low)}, {"high", sym(high)}, {"shape", sym(x)}};
    attrs.set("dilations", Ints(strides.size(), 1));
    return g.add1("conv_input_grad", {operand(y, false), operand(kernel, false)}, attrs);
  }
  void column_as_a_row() {  // its bias has one element, not one a column of the row
    text = "column as a row";
    depth = 32;
    const Value x = operand({32, 1 + int64_t(random.below(40))}, false);
    g.outputs.push_back({"y", o.relu(o.add(o.matmul(x, operand({32, 1}, false), true), operand({1}, false)))});
  }
  void one_phase() {  // of a stride; no tap meets it, and what follows runs all the same
    const Value d = plain_conv_grad({1, 1, 12, 16}, {1, 1, 16, 8}, {1, 2, 15, 8}, {2, 1}, {1, 2}, {2, 1});
    g.outputs.push_back({"y", o.tanh(o.add(d, operand({1, 1, 12, 16}, false)))});
  }
  void panels_of_three_registers() {  // that hold no whole number of blocks
    const int64_t c = random.of<int64_t>({20, 24, 40});
    g.outputs.push_back({"dx", plain_conv_grad({2, 8, 8, c}, {3, 3, c, 64}, {2, 8, 8, 64}, {1, 1}, {1, 1}, {1, 1})});
  }
  void phases_along_depth() {
    const Value d =
        plain_conv_grad({2, 4, 2, 6, 2}, {2, 2, 2, 2, 13}, {2, 1, 1, 8, 13}, {3, 2, 1}, {0, 0, 1}, {0, 0, 2});
    g.outputs.push_back({"dx", d});
  }

  template <class... Pieces>
  static std::string concat(const Pieces&... pieces) {
    std::string s;
    ((s += piece(pieces)), ...);
    return s;
  }
  static std::string piece(const char* s) { return s; }
  static std::string piece(int64_t v) { return std::to_string(v); }
  static std::string piece(const std::string& s) { return s; }
  static std::string piece(const Shape& s) { return shape_text(s); }
};

using Build = void (Case::*)();

void expect_near(const Tensor& got, const Tensor& want, double tol, const std::string& what) {
  ASSERT_EQ(got.shape(), want.shape()) << what;
  double most = 1;
  for (int64_t i = 0; i < want.size(); ++i) most = std::max(most, std::abs(want.at(i)));
  for (int64_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::abs(got.at(i) - want.at(i)), tol * most) << what << " at " << i << ": " << got.at(i);
}

std::vector<Tensor> state(const Graph& g) {
  std::vector<Tensor> values;
  for (const auto& [index, v] : g.updates) values.push_back(g.variables[size_t(index)]->value());
  return values;
}

void check(unsigned seed, const std::string& isa_name, Build build) {
  const IsaTable& isa = *find_isa(isa_name.c_str());
  auto made = [&](DType d) {
    auto c = std::make_unique<Case>(seed, d, isa.lanes);
    ((*c).*build)();
    return c;
  };
  const auto exact = made(DType::f64), given = made(DType::f32);
  const auto side = seed % 2 ? guarded::Side::after : guarded::Side::before;
  const int threads = seed % 3 ? 1 : 2;
  const std::string what = "seed " + std::to_string(seed) + " " + isa_name + ": " + given->text;
  guarded::announce(what);
  Executable reference(exact->g, {isa_name, 1, pass_names()});
  const std::vector<Tensor> want = reference.run(exact->inputs), want_state = state(exact->g);
  const double tol = 3e-6 * (4 + std::sqrt(given->depth));
  const Graph optimized = optimize(given->g);
  SCOPED_TRACE(optimized.str());
  const guarded::Result r = guarded::Interpreter(optimized, isa, threads, side).run(given->inputs);
  ASSERT_EQ(r.outputs.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) expect_near(r.outputs[i], want[i], tol, what);
  for (size_t i = 0; i < want_state.size(); ++i) expect_near(r.updates[i], want_state[i], tol, what + " state");
  // the whole program, with what a caller hands in beside such pages
  Executable program(given->g, {isa_name, threads, {}});
  for (const VariablePtr& v : given->g.variables) v->relocate(guarded::copy(v->value(), side));
  std::vector<Tensor> in, out;
  for (const Tensor& t : given->inputs) in.push_back(guarded::copy(t, side));
  for (const Tensor& t : want) out.push_back(guarded::tensor(DType::f32, t.shape(), side));
  program.run(in, out);
  for (size_t i = 0; i < want.size(); ++i) expect_near(out[i], want[i], tol, what + " program");
  const std::vector<Tensor> got_state = state(given->g);
  for (size_t i = 0; i < want_state.size(); ++i) expect_near(got_state[i], want_state[i], tol, what + " variable");
}

class Products : public testing::TestWithParam<std::string> {
 protected:
  static void all(Build build) {
    const int first = setting("HB_PROPERTY_FIRST", 0), seeds = setting("HB_PROPERTY_SEEDS", 300);
    for (int i = first; i < first + seeds && !HasFatalFailure() && !HasNonfatalFailure(); ++i)
      check(unsigned(i), GetParam(), build);
  }
};
}  // namespace
INSTANTIATE_TEST_SUITE_P(All, Products, testing::ValuesIn(isa_names()), [](const auto& i) { return i.param; });

TEST_P(Products, ThatWereWrongOnce) {
  for (const Build build :
       {&Case::column_as_a_row, &Case::one_phase, &Case::panels_of_three_registers, &Case::phases_along_depth})
    for (unsigned seed = 0; seed < 6; ++seed) check(seed, GetParam(), build);
}
TEST_P(Products, OfMatricesStayInsideTheirOperands) { all(&Case::matmul); }
TEST_P(Products, OfWindowsStayInsideTheirOperands) { all(&Case::conv); }
