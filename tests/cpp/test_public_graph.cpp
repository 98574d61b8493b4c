// graph.hpp, ops.hpp and attrs.hpp given what they cannot take.
#include <algorithm>
#include <cmath>

#include "expect_error.hpp"
#include "hornbeam/hornbeam.hpp"

using namespace hornbeam;

namespace {
VariablePtr variable(Shape shape, DType dtype = DType::f32) {
  return std::make_shared<Variable>("w", Tensor::zeros(dtype, std::move(shape)));
}

// A graph with two values, and what is no value of it.
struct Small {
  Graph g;
  Ops o{g};
  Value x = g.input("x", DType::f32, {Dim::symbol("n"), 3}), y = o.relu(x);
  const Value none{}, beyond{7, 0}, second{1, 1}, negative{1, -1};
};
}  // namespace

TEST(PublicGraph, ValuesMustBeItsOwn) {
  Small s;
  for (Value v : {s.none, s.beyond, s.second, s.negative}) {
    const char* says = v.defined() ? "there is no value" : "a value is undefined";
    EXPECT_ERROR(s.g.type(v), ValueError, says);
    EXPECT_ERROR(s.g.shape(v), ValueError, says);
    EXPECT_ERROR(s.g.dtype(v), ValueError, says);
    EXPECT_ERROR(s.g.rank(v), ValueError, says);
    EXPECT_ERROR(s.g.assign(variable({3}), v), ValueError, says);
    EXPECT_ERROR(s.g.add("relu", {v}), ValueError, "[relu]");
    EXPECT_ERROR(s.g.add1("add", {s.x, v}), ValueError, "[add]");
    EXPECT_ERROR(s.g.append(Node{&find_op("relu"), {}, {v}, {s.g.type(s.x)}, ""}), ValueError, says);
    EXPECT_ERROR(gradients(s.g, {v}, {s.x}), ValueError, says);
    EXPECT_ERROR(gradients(s.g, {s.y}, {v}), ValueError, says);
    if (v.defined()) EXPECT_ERROR(gradients(s.g, {s.y}, {s.x}, {v}), ValueError, says);
  }
  for (int id : {-1, 2, 1000}) EXPECT_ERROR(s.g.node(id), ValueError, "value");
  EXPECT_EQ(s.g.size(), 2);  // nothing was appended
  EXPECT_TRUE(s.g.variables.empty());
}

TEST(PublicGraph, InputsConstantsAndVariables) {
  Small s;
  EXPECT_ERROR(s.g.input("a", DType::f32, {-1}), ValueError, "[-1]");
  EXPECT_ERROR(s.g.input("a", DType(99), {1}), TypeError, "DType(99)");
  EXPECT_ERROR(s.g.constant(Tensor()), ValueError, "undefined");
  EXPECT_ERROR(s.g.scalar(DType::i32, 0.5), ValueError, "whole number");
  EXPECT_ERROR(s.g.scalar(DType(99), 1), TypeError, "DType(99)");
  EXPECT_ERROR(s.g.read(nullptr), ValueError, "variable is null");
  EXPECT_ERROR(s.g.assign(nullptr, s.x), ValueError, "variable is null");
  EXPECT_ERROR(s.g.assign(variable({3}), s.x), ValueError, "[3]; got [n,3]");
  EXPECT_ERROR(s.g.assign(variable({5, 4}), s.x), ValueError, "[5,4]");
  EXPECT_ERROR(s.g.assign(variable({5, 3}, DType::f64), s.x), TypeError, "float64; got float32");
  EXPECT_ERROR(s.g.unify(2, 3, "these"), ValueError, "these: 2 and 3");
}

TEST(PublicGraph, OpsAreFoundByName) {
  Small s;
  EXPECT_ERROR(find_op("frobnicate"), ValueError, "frobnicate");
  EXPECT_ERROR(s.g.add("frobnicate", {s.x}), ValueError, "frobnicate");
  EXPECT_ERROR(s.g.add1("split_heads", {}), ValueError, "split_heads");
  EXPECT_ERROR(s.g.add("relu", {}), ValueError, "[relu] takes 1");
  EXPECT_ERROR(s.g.append(Node{nullptr, {}, {}, {}, ""}), ValueError, "needs an op");
  OpDef d;
  EXPECT_ERROR(register_op(d), ValueError, "needs a name");
  d.name = "nothing";
  EXPECT_ERROR(register_op(d), ValueError, "infer");
  d.name = "relu";
  d.infer = [](const InferContext& c) -> std::vector<ValueType> { return {c.type(0)}; };
  EXPECT_ERROR(register_op(d), ValueError, "already an op");
  d.name = "my_input";
  d.kind = OpKind::input;
  EXPECT_ERROR(register_op(d), ValueError, "must be a kernel or a view");
  EXPECT_ERROR(s.g.add1("fused", {s.x}), ValueError, "only passes");
}

TEST(PublicGraph, LogSumExpDoesNotOverflow) {
  Graph g;
  Ops o(g);
  const Value x = g.input("x", DType::f64, {2, 3});
  g.outputs = {{"rows", o.logsumexp(x, {1})}, {"kept", o.logsumexp(x, {-1}, true)}, {"all", o.logsumexp(x)}};
  Tensor t(DType::f64, {2, 3});
  const double values[] = {1000, 1000, -INFINITY, -1000, -1000, -1000};
  std::copy(values, values + 6, t.data<double>());
  const std::vector<Tensor> got = Executable(g).run({t});
  EXPECT_NEAR(got[0].at(0), 1000 + std::log(2.0), 1e-9);
  EXPECT_NEAR(got[0].at(1), -1000 + std::log(3.0), 1e-9);
  EXPECT_EQ(got[1].shape(), (Shape{2, 1}));
  EXPECT_NEAR(got[1].at(1), -1000 + std::log(3.0), 1e-9);
  EXPECT_NEAR(got[2].at(0), 1000 + std::log(2.0), 1e-9);
}

TEST(PublicGraph, WhatHasNoKernelIsNotEvaluated) {
  Small s;
  std::vector<Tensor> outputs;
  EXPECT_FALSE(evaluator()(s.g.node(s.x.node), {}, &outputs));
  const Graph kept = optimize(s.g), folded = optimize(s.g, {}, evaluator());
  EXPECT_GE(kept.size(), folded.size());
}

TEST(PublicGraph, VerifyFindsWhatItsMembersSayWrong) {
  const auto broken = [](void (*harm)(Small&), const char* says) {
    Small s;
    s.g.outputs = {{"y", s.y}};
    s.g.assign(variable({2}), s.g.constant(Tensor::zeros(DType::f32, {2})));
    s.g.verify();
    harm(s);
    EXPECT_ERROR(s.g.verify(), ValueError, says);
    EXPECT_ERROR(Executable e(s.g), ValueError, says);
    EXPECT_FALSE(s.g.str().empty());
    EXPECT_FALSE(s.g.graphviz().empty());
  };
  broken([](Small& s) { s.g.outputs[0].second = s.none; }, "an output refers to node -1");
  broken([](Small& s) { s.g.outputs[0].second = s.beyond; }, "an output refers to node 7");
  broken([](Small& s) { s.g.outputs[0].second = s.second; }, "refers to output 1");
  broken([](Small& s) { s.g.updates[0].first = 9; }, "bad variable update");
  broken([](Small& s) { s.g.updates[0].first = -1; }, "bad variable update");
  broken([](Small& s) { s.g.updates[0].second = s.x; }, "update of another type");
  broken([](Small& s) { s.g.variables[0] = nullptr; }, "a variable is null");
  broken([](Small& s) { s.g.variables.clear(); }, "variable");
  broken([](Small& s) { s.g.checks.push_back({1, 1, "", 9}); }, "a check belongs to node 9");
  broken([](Small& s) { s.g.inputs.push_back(1); }, "input");
  broken([](Small& s) { s.g.inputs[0] = 90; }, "input 0");
  broken([](Small& s) { s.g.input_names.clear(); }, "0 names");
  broken([](Small& s) { s.g.node(1).inputs[0] = {1, 0}; }, "refers to node 1");
  broken([](Small& s) { s.g.node(1).inputs[0] = {}; }, "refers to node -1");
}

TEST(PublicGraph, SubGraphsFitWhatStandsForTheirInputs) {
  Small s;
  Graph g;
  const Value a = g.input("a", DType::f32, {5, 3}), b = g.input("b", DType::f64, {5, 3});
  EXPECT_ERROR(g.inline_graph(s.g, {}), ValueError, "takes 1 inputs, not 0");
  EXPECT_ERROR(g.inline_graph(s.g, {Value{}}), ValueError, "undefined");
  EXPECT_ERROR(g.inline_graph(s.g, {b}), TypeError, "must be f32[n,3]; got f64[5,3]");
  EXPECT_ERROR(g.inline_graph(s.g, {g.scalar(DType::f32, 1)}), ValueError, "must be f32[n,3]; got f32[]");
  EXPECT_ERROR(g.inline_graph(s.g, {Ops(g).transpose(a, {1, 0})}), ValueError, "[n,3]");
  EXPECT_ERROR(g.inline_graph(g, {a, b}), ValueError, "itself");
  Graph reads;
  reads.outputs = {{"w", reads.read(variable({3}))}};
  EXPECT_ERROR(g.inline_graph(reads, {}), ValueError, "no variables");
  EXPECT_ERROR(g.replay(s.g, {}, {s.beyond}), ValueError, "there is no value");
  EXPECT_ERROR(g.replay(s.g, {{s.beyond, a}}, {s.y}), ValueError, "there is no value");
  EXPECT_ERROR(g.replay(s.g, {{s.x, Value{}}}, {s.y}), ValueError, "undefined");
  EXPECT_ERROR(g.replay(s.g, {{s.x, b}}, {s.y}), TypeError, "f64[5,3]");
  EXPECT_ERROR(g.replay(s.g, {}, {s.y}), ValueError, "input(), which is not known");
  EXPECT_ERROR(g.replay(reads, {}, {Value{0, 0}}), ValueError, "variable(), which is not known");
  g.verify();
}

TEST(PublicGraph, GradientsOfAndBy) {
  Small s;
  const Value i = s.g.input("i", DType::i32, {2});
  EXPECT_ERROR(gradients(s.g, {i}, {s.x}), TypeError, "targets must be float");
  EXPECT_ERROR(gradients(s.g, {s.y}, {i}), TypeError, "sources must be float");
  EXPECT_ERROR(gradients(s.g, {s.y}, {s.x}, {s.y, s.y}), ValueError, "one seed for each");
  EXPECT_ERROR(gradients(s.g, {s.y}, {s.x}, {i}), TypeError, "f32[n,3]");
  EXPECT_ERROR(gradients(s.g, {s.y}, {s.x}, {s.g.scalar(DType::f32, 1)}), ValueError, "f32[n,3]");
  EXPECT_FALSE(gradients(s.g, {}, {s.x})[0].defined());
  EXPECT_TRUE(gradients(s.g, {s.y}, {}).empty());
}

TEST(PublicGraph, GradientsOfWhatATapeSaw) {
  Graph g;
  Ops o(g);
  const Value x = g.input("x", DType::f32, {}), before = o.mul(x, 3.0);
  const int first = g.size();
  const Value h = o.mul(before, x), y = o.mul(h, h);
  const int last = g.size();
  const Value after = o.mul(y, 2.0);
  const Recorded tape{{{first, last}}, {{x, 0}}}, late{{{first, last}}, {{x, y.node}}}, blind{{{first, last}}, {}};
  const auto d = gradients(g, {y}, {x, before, h}, {}, &tape);
  g.outputs = {{"dx", d[0]}, {"dh", d[2]}};
  const auto got = Executable(g).run({Tensor::scalar(DType::f32, 2)});  // before is 6 and stays, h is 12
  EXPECT_EQ(got[0].at(0), 2 * 12 * 6);
  EXPECT_EQ(got[1].at(0), 2 * 12);
  EXPECT_FALSE(d[1].defined());
  EXPECT_FALSE(gradients(g, {after}, {x}, {}, &tape)[0].defined());
  EXPECT_FALSE(gradients(g, {y}, {x}, {}, &late)[0].defined());
  EXPECT_FALSE(gradients(g, {y}, {h}, {}, &blind)[0].defined());
  const Recorded negative{{{-1, last}}, {}}, beyond{{{first, last + 1000}}, {{x, 0}}}, nothing{{}, {{Value{}, 0}}};
  EXPECT_ERROR(gradients(g, {y}, {x}, {}, &negative), ValueError, "must begin at a node");
  EXPECT_ERROR(gradients(g, {y}, {x}, {}, &nothing), ValueError, "undefined");
  EXPECT_TRUE(gradients(g, {y}, {x}, {}, &beyond)[0].defined());
}

TEST(PublicOps, UndefinedValuesAndWrongShapes) {
  Small s;
  Ops& o = s.o;
  for (Value v : {s.none, s.beyond}) {
    for (Value (Ops::*f)(Value) : {&Ops::neg, &Ops::exp, &Ops::log, &Ops::sqrt, &Ops::rsqrt, &Ops::square, &Ops::relu,
                                   &Ops::tanh, &Ops::sigmoid, &Ops::stop_gradient})
      EXPECT_ERROR((o.*f)(v), ValueError, "value");
    for (Value (Ops::*f)(Value, Value) :
         {static_cast<Value (Ops::*)(Value, Value)>(&Ops::add), static_cast<Value (Ops::*)(Value, Value)>(&Ops::sub),
          static_cast<Value (Ops::*)(Value, Value)>(&Ops::mul), static_cast<Value (Ops::*)(Value, Value)>(&Ops::div)}) {
      EXPECT_ERROR((o.*f)(v, s.x), ValueError, "value");
      EXPECT_ERROR((o.*f)(s.x, v), ValueError, "value");
    }
    EXPECT_ERROR(o.add(v, 1.0), ValueError, "value");
    EXPECT_ERROR(o.sub(v, 1.0), ValueError, "value");
    EXPECT_ERROR(o.mul(v, 1.0), ValueError, "value");
    EXPECT_ERROR(o.div(v, 1.0), ValueError, "value");
    EXPECT_ERROR(o.rsub(1.0, v), ValueError, "value");
    EXPECT_ERROR(o.where(v, s.x, s.x), ValueError, "value");
    EXPECT_ERROR(o.cast(v, DType::f64), ValueError, "value");
    EXPECT_ERROR(o.compare("less", v, 1), ValueError, "value");
    EXPECT_ERROR(o.scalar(1, v), ValueError, "value");
    EXPECT_ERROR(o.reduce("sum", v, {}), ValueError, "value");
    EXPECT_ERROR(o.logsumexp(v), ValueError, "value");
    EXPECT_ERROR(o.sum(v), ValueError, "value");
    EXPECT_ERROR(o.mean(v), ValueError, "value");
    EXPECT_ERROR(o.matmul(v, s.x), ValueError, "value");
    EXPECT_ERROR(o.reshape(v, {3}), ValueError, "value");
    EXPECT_ERROR(o.transpose(v, {}), ValueError, "value");
    EXPECT_ERROR(o.broadcast_to(v, {3}), ValueError, "value");
    EXPECT_ERROR(o.concat({v}, 0), ValueError, "value");
    EXPECT_ERROR(o.concat({s.x, v}, 0), ValueError, "value");
    EXPECT_ERROR(o.slice(v, {0}, {1}), ValueError, "value");
    EXPECT_ERROR(o.gather(v, s.x), ValueError, "value");
    EXPECT_ERROR(o.gather(s.x, v), ValueError, "value");
    EXPECT_ERROR(o.softmax(v), ValueError, "value");
    EXPECT_ERROR(o.log_softmax(v), ValueError, "value");
    EXPECT_ERROR(o.full_like(v, 1), ValueError, "value");
    EXPECT_ERROR(o.sum_to(v, {}), ValueError, "value");
  }
}

TEST(PublicOps, NamesAxesAndDTypes) {
  Small s;
  Ops& o = s.o;
  EXPECT_ERROR(o.unary(nullptr, s.x), ValueError, "name is null");
  EXPECT_ERROR(o.binary(nullptr, s.x, s.x), ValueError, "name is null");
  EXPECT_ERROR(o.compare(nullptr, s.x, 1), ValueError, "name is null");
  EXPECT_ERROR(o.reduce("frobnicate", s.x, {}), ValueError, "frobnicate");
  EXPECT_ERROR(o.concat({}, 0), ValueError, "[concat]");
  EXPECT_ERROR(o.concat({s.x}, 2), ValueError, "axis=2");
  EXPECT_ERROR(o.gather(s.x, o.cast(s.x, DType::i32), 2), ValueError, "axis=2");
  EXPECT_ERROR(o.gather(s.x, o.cast(s.x, DType::i32), -3), ValueError, "axis=-3");
  EXPECT_ERROR(o.transpose(s.x, {}), ValueError, "permutation");
  EXPECT_ERROR(o.transpose(s.x, {0}), ValueError, "permutation");
  EXPECT_ERROR(o.sum_to(s.g.scalar(DType::f32, 1), {3}), ValueError, "fewer axes");
  EXPECT_ERROR(o.softmax(s.x, 5), ValueError, "axis");
  EXPECT_ERROR(o.cast(s.x, DType(99)), TypeError, "DType(99)");
  EXPECT_ERROR(o.iota({3}, 4, DType::i32), ValueError, "axis");
  EXPECT_ERROR(o.iota({3}, 0, DType(99)), TypeError, "DType(99)");
  EXPECT_ERROR(o.zeros(DType(99), {3}), TypeError, "DType(99)");
  EXPECT_ERROR(o.dim_value(3, DType(99)), TypeError, "DType(99)");
  EXPECT_ERROR(o.dim_value(Dim::symbol("n"), DType(99)), TypeError, "DType(99)");
  EXPECT_ERROR(o.mul(o.cast(s.x, DType::i32), 0.5), ValueError, "whole number");
}

TEST(PublicAttrs, MissingOrOfAnotherType) {
  const Attrs a{{"axis", int64_t(1)}, {"body", std::shared_ptr<const Graph>()}};
  EXPECT_EQ(a.integer("axis"), 1);
  EXPECT_ERROR(a.integer("axes"), ValueError, "no attribute `axes`");
  EXPECT_ERROR(a.flag("axis"), TypeError, "another type");
  EXPECT_ERROR(a.real("axis"), TypeError, "another type");
  EXPECT_ERROR(a.text("axis"), TypeError, "another type");
  EXPECT_ERROR(a.dtype("axis"), TypeError, "another type");
  EXPECT_ERROR(a.ints("axis"), TypeError, "another type");
  EXPECT_ERROR(a.dims("axis"), TypeError, "another type");
  EXPECT_ERROR(a.tensor("axis"), TypeError, "another type");
  EXPECT_ERROR(a.graph("axis"), TypeError, "another type");
  EXPECT_ERROR(a.graph("body"), ValueError, "null graph");
  EXPECT_ERROR(a.get<std::string>("axis"), TypeError, "another type");
}
