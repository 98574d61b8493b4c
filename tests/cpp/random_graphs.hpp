// Random graphs at the edges of sizes: run with every operand beside a page that may not be touched, and held against
// the same in float64. HB_PROPERTY_SEEDS says how many of each kind, HB_PROPERTY_FIRST where to begin.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "guarded.hpp"
#include "hornbeam/ops.hpp"

namespace hornbeam::random_graphs {

inline int setting(const char* name, int fallback) {
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

  // Zeros beside an axis: as many as is usual, now and then so many that whole windows are outside.
  int64_t padding(int64_t usual) { return random.chance(6) ? random.of<int64_t>({3, 4, 7}) : usual; }

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

inline void expect_near(const Tensor& got, const Tensor& want, double tol, const std::string& what) {
  ASSERT_EQ(got.shape(), want.shape()) << what;
  double most = 1;
  for (int64_t i = 0; i < want.size(); ++i) most = std::max(most, std::abs(want.at(i)));
  for (int64_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::abs(got.at(i) - want.at(i)), tol * most) << what << " at " << i << ": " << got.at(i);
}

inline std::vector<Tensor> state(const Graph& g) {
  std::vector<Tensor> values;
  for (const auto& [index, v] : g.updates) values.push_back(g.variables[size_t(index)]->value());
  return values;
}

/// `build` makes the graph of a C, which is a Case.
template <class C>
void check(unsigned seed, const std::string& isa_name, void (C::*build)()) {
  const IsaTable& isa = *find_isa(isa_name.c_str());
  auto made = [&](DType d) {
    auto c = std::make_unique<C>(seed, d, isa.lanes);
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
  const Graph optimized = optimize(given->g, {}, evaluator());
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

template <class C>
void check_all(const std::string& isa_name, void (C::*build)(), int seeds) {
  const int first = setting("HB_PROPERTY_FIRST", 0), last = first + setting("HB_PROPERTY_SEEDS", seeds);
  for (int i = first; i < last && !testing::Test::HasFailure(); ++i) check(unsigned(i), isa_name, build);
}
}  // namespace hornbeam::random_graphs
