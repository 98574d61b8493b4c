// Graphs that no careful caller would build: what each op is handed is checked when a node is made, or when it is
// planned.
#include <gtest/gtest.h>

#include <climits>

#include "guarded.hpp"
#include "hornbeam/hornbeam.hpp"

using namespace hornbeam;

namespace {
Value input(Graph& g, DType d, const SymShape& s) { return g.input("x" + std::to_string(g.size()), d, s); }

template <class E = ValueError, class F>
void expect_error(F f, const std::string& part) {
  try {
    f();
    ADD_FAILURE() << "no error; expected: " << part;
  } catch (const E& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

// carry + x, and x again.
std::shared_ptr<const Graph> adder() {
  auto body = std::make_shared<Graph>();
  const Value c = input(*body, DType::f32, {3}), x = input(*body, DType::f32, {3});
  input(*body, DType::i32, {});
  body->outputs = {{"c", Ops(*body).add(c, x)}, {"y", x}};
  return body;
}
Attrs scan_attrs(int64_t carries, int64_t xs, SymShape length) {
  return {{"body", adder()}, {"carries", carries}, {"xs", xs}, {"length", std::move(length)}};
}
}  // namespace

TEST(HostileGraph, ScanCountsItsCarries) {
  Graph g;
  const std::vector<Value> in{input(g, DType::f32, {3}), input(g, DType::f32, {5, 3})};
  EXPECT_EQ(g.add("scan", in, scan_attrs(1, 1, {5})).size(), 3u);
  for (const auto& [carries, xs] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 3}, {3, -1}, {INT64_MAX, 2}, {2, INT64_MAX}, {INT64_MIN, 0}, {1, 2}, {3, 0}, {0, 2}, {2, 0}})
    EXPECT_THROW(g.add("scan", in, scan_attrs(carries, xs, {5})), ValueError) << carries << " " << xs;
  for (const SymShape& length : {SymShape{}, SymShape{5, 5}, SymShape{-1}, SymShape{INT64_MAX}, SymShape{6}})
    EXPECT_THROW(g.add("scan", in, scan_attrs(1, 1, length)), ValueError);
  expect_error(
      [&] {
        g.add("scan", in, {{"body", adder()}, {"carries", int64_t(1)}, {"xs", int64_t(1)}});
      },
      "`length` is missing");
  expect_error([&] { g.add("scan", in, {{"body", std::shared_ptr<const Graph>()}}); }, "must not be null");
}

TEST(HostileGraph, AScansLengthIsAskedForBeforeItIsAllocated) {
  auto body = std::make_shared<Graph>();
  const Value c = input(*body, DType::f32, {});
  input(*body, DType::i32, {});
  body->outputs = {{"c", c}};
  Graph g;
  const Dim n = Dim::symbol("n");
  g.input("size", DType::u8, {n, 0});  // no bytes, whatever n is
  const auto r = g.add("scan", {g.scalar(DType::f32, 0)},
                       {{"body", std::shared_ptr<const Graph>(body)},
                        {"carries", int64_t(1)},
                        {"xs", int64_t(0)},
                        {"length", SymShape{n}}});
  g.outputs.push_back({"y", r[0]});
  Executable e(g, {"", 1, {}});
  EXPECT_EQ(e.run({Tensor(DType::u8, {3, 0})})[0].at(0), 0);
  expect_error([&] { e.run({Tensor(DType::u8, {int64_t(1) << 40, 0})}); }, "`length` must be in [0, 2147483647]");
}

TEST(HostileGraph, LoopsAndBranchesCountTheirValues) {
  Graph g;
  const std::vector<Value> in{input(g, DType::f32, {3}), input(g, DType::f32, {3})};
  auto test = std::make_shared<Graph>(), body = std::make_shared<Graph>();
  for (Graph* sub : {test.get(), body.get()}) input(*sub, DType::f32, {3}), input(*sub, DType::f32, {3});
  Ops o(*test);
  test->outputs = {{"go", o.compare("less", o.sum(Value{0, 0}), 3.0)}};
  body->outputs = {{"x", Value{0, 0}}};
  const std::shared_ptr<const Graph> t = test, b = body;
  EXPECT_EQ(g.add("while_loop", in, {{"cond", t}, {"body", b}, {"carries", int64_t(1)}}).size(), 1u);
  for (int64_t carries : {int64_t(-1), int64_t(0), int64_t(2), int64_t(3), INT64_MAX, INT64_MIN})
    EXPECT_THROW(g.add("while_loop", in, {{"cond", t}, {"body", b}, {"carries", carries}}), ValueError) << carries;
  EXPECT_THROW(g.add("while_loop", in, {{"cond", b}, {"body", b}, {"carries", int64_t(1)}}), ValueError);
  const Value yes = g.constant(Tensor::scalar(DType::boolean, 1));
  EXPECT_EQ(g.add("cond", {yes, in[0], in[1]}, {{"then", b}, {"else", b}}).size(), 1u);
  EXPECT_THROW(g.add("cond", {yes, in[0]}, {{"then", b}, {"else", b}}), ValueError);
  EXPECT_THROW(g.add("cond", {in[0], in[0], in[1]}, {{"then", b}, {"else", b}}), ValueError);
  EXPECT_THROW(g.add("cond", {yes, in[0], in[1]}, {{"then", b}, {"else", t}}), ValueError);
}

TEST(HostileGraph, EveryNodeHasResults) {
  Graph g;
  const Value x = input(g, DType::f32, {5, 3}), p = input(g, DType::boolean, {});
  auto body = std::make_shared<Graph>(), branch = std::make_shared<Graph>();
  input(*body, DType::f32, {3});
  input(*body, DType::i32, {});
  const Attrs nothing{{"body", std::shared_ptr<const Graph>(body)},
                      {"carries", int64_t(0)},
                      {"xs", int64_t(1)},
                      {"length", SymShape{5}}};
  expect_error([&] { g.add("scan", {x}, nothing); }, "[scan] has no results");
  const std::shared_ptr<const Graph> none = branch;
  expect_error([&] { g.add("cond", {p}, {{"then", none}, {"else", none}}); }, "[cond]");
  g.outputs.push_back({"x", x});
  EXPECT_EQ(Executable(g).run({Tensor::zeros(DType::f32, {5, 3}), Tensor::zeros(DType::boolean, {})})[0].size(), 15);
}

TEST(HostileGraph, ABodyHasNoVariables) {
  auto body = std::make_shared<Graph>();
  const Value c = input(*body, DType::f32, {3});
  input(*body, DType::i32, {});
  const auto v = std::make_shared<Variable>("v", Tensor::zeros(DType::f32, {3}));
  body->outputs = {{"c", Ops(*body).add(c, body->read(v))}};
  Graph g;
  expect_error(
      [&] {
        g.add("scan", {input(g, DType::f32, {3})},
              {{"body", std::shared_ptr<const Graph>(body)},
               {"carries", int64_t(1)},
               {"xs", int64_t(0)},
               {"length", SymShape{2}}});
      },
      "variables");
}

TEST(HostileGraph, WhatGraphsMakeThemselvesIsNotAdded) {
  for (const char* op : {"input", "variable", "constant"}) {
    Graph g;
    EXPECT_THROW(g.add(op, {}, {{"index", int64_t(0)}}), Error) << op;
    EXPECT_THROW(g.add(op, {}, {{"value", Tensor()}}), Error) << op;
    EXPECT_THROW(g.add(op, {}, {{"value", Tensor::scalar(DType::f32, 1)}}), Error) << op;
  }
}

namespace {
// Graphs that hold every gradient op.
void differentiate(Graph& g, const std::vector<Value>& targets, const std::vector<Value>& sources) {
  Ops o(g);
  Value loss;
  for (Value v : targets) {
    const Value s = o.sum(o.square(v));
    loss = loss.defined() ? o.add(loss, s) : s;
  }
  gradients(g, {loss}, sources);
}
void build_attention(Graph& g) {
  const Value q = input(g, DType::f32, {2, 4, 3, 8}), k = input(g, DType::f32, {2, 5, 3, 8}),
              v = input(g, DType::f32, {2, 5, 3, 6}), mask = input(g, DType::boolean, {2, 1, 4, 5});
  differentiate(g, {g.add1("attention", {q, k, v, mask}, {{"scale", 0.5}, {"masked", true}})}, {q, k, v});
}
void build_recurrent(Graph& g, const std::string& cell) {
  const int64_t gates = cell == "lstm" ? 4 : cell == "gru" ? 3 : 1;
  std::vector<Value> in{input(g, DType::f32, {2, 5, gates * 3}), input(g, DType::f32, {3, gates * 3}),
                        input(g, DType::f32, {2, 3})};
  if (cell == "lstm") in.push_back(input(g, DType::f32, {2, 3}));
  if (cell == "gru") in.push_back(input(g, DType::f32, {9}));
  in.push_back(input(g, DType::boolean, {2, 5}));
  std::vector<Value> y = g.add("recurrent", in, {{"cell", cell}, {"masked", true}});
  y.resize(cell == "lstm" ? 2 : 1);
  in.pop_back();
  differentiate(g, y, in);
}
void build_windows(Graph& g) {
  const Value x = input(g, DType::f32, {2, 8, 8, 3}), k = input(g, DType::f32, {3, 3, 3, 4});
  const Ints ones{1, 1}, twos{2, 2};
  const SymShape none{0, 0};
  const Value y = g.add1("conv", {x, k}, {{"strides", twos}, {"low", none}, {"high", none}, {"dilations", ones}});
  const Attrs pool{{"window", twos}, {"strides", ones}, {"low", none}, {"high", none}};
  const Value larger = g.add1("resample", {y}, {{"size", SymShape{5, 7}}, {"kernel", std::string("bicubic")}});
  const Value seen = g.add1("sample", {y, input(g, DType::f32, {2, 1, 5})}, {{"linear", true}});
  differentiate(g, {g.add("max_pool", {y}, pool)[0], g.add1("average_pool", {y}, pool), larger, seen}, {x, k});
}
void build_rows(Graph& g) {
  const Value x = input(g, DType::f32, {4, 5}), gamma = input(g, DType::f32, {5}), beta = input(g, DType::f32, {5}),
              labels = input(g, DType::i32, {4}), table = input(g, DType::f32, {7, 5});
  Ops o(g);
  const Value y = g.add("batch_norm", {x, gamma, beta})[0], z = g.add("layer_norm", {y, gamma, beta})[0];
  const Value pixels = input(g, DType::f32, {2, 3, 4}), scale = input(g, DType::f32, {4});
  differentiate(g, {g.add("group_norm", {pixels, scale, scale}, {{"groups", 2}})[0]}, {pixels, scale});
  differentiate(g,
                {g.add1("softmax", {z}), g.add1("softmax_along", {z}, {{"axis", int64_t(0)}, {"logarithm", false}}),
                 g.add1("sparse_softmax_cross_entropy", {z, labels}), o.gather(table, labels),
                 o.slice(z, {1, 0}, {4, 4}), g.add1("take_along_axis", {x, o.reshape(labels, {4, 1})})},
                {x, gamma, beta, table});
}

// Whether a node with inputs of these types is refused; one that is not runs inside its operands.
bool refused(const Node& n, const std::vector<ValueType>& types) {
  Graph g;
  std::vector<Value> in;
  std::vector<Tensor> data;
  for (const ValueType& t : types) {
    in.push_back(input(g, t.dtype, t.shape));
    data.push_back(Tensor::zeros(t.dtype, eval_shape(t.shape, {})));
  }
  try {
    for (Value v : g.add(*n.op, in, n.attrs)) g.outputs.push_back({"y", v});
  } catch (const Error&) {
    return true;
  }
  for (const char* isa : {"scalar", default_isa().name})
    guarded::Interpreter(optimize(g, {}, evaluator()), *find_isa(isa), 1, guarded::Side::after).run(data);
  return false;
}
}  // namespace

static bool is_gradient(const std::string& op) { return op.size() > 5 && op.compare(op.size() - 5, 5, "_grad") == 0; }

// Each input of each gradient op is replaced by one of another dtype, with one axis more, and with one dimension
// changed. Few of these make sense all the same: another kernel that gives the same result, one class more.
TEST(HostileGraph, GradientOpsCheckWhatTheyAreHanded) {
  Graph g;
  build_attention(g);
  for (const char* cell : {"lstm", "gru", "tanh", "relu"}) build_recurrent(g, cell);
  build_windows(g);
  build_rows(g);
  std::set<std::string> seen, taken;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    const std::string op = n.op->name;
    if (!is_gradient(op)) continue;
    seen.insert(op);
    guarded::announce(op);
    std::vector<ValueType> types;
    for (Value v : n.inputs) types.push_back(g.type(v));
    EXPECT_FALSE(refused(n, types)) << op;
    for (size_t i = 0; i < types.size(); ++i) {
      const ValueType t = types[i];
      std::vector<ValueType> wrong{{t.dtype == DType::f64 ? DType::f32 : DType::f64, t.shape}, t};
      wrong.back().shape.push_back(1);
      for (size_t axis = 0; axis < t.shape.size(); ++axis)
        if (t.shape[axis] != Dim(1)) {
          wrong.push_back(t);
          wrong.back().shape[axis] = t.shape[axis] + 1;
        }
      for (const ValueType& w : wrong) {
        types[i] = w;
        if (!refused(n, types)) taken.insert(op + " " + std::to_string(i) + " " + w.str());
      }
      types[i] = t;
    }
    if (n.op->max_inputs == n.op->min_inputs) continue;
    for (int extra = 0; extra < 2; ++extra) types.push_back(types.back());
    EXPECT_TRUE(refused(n, types)) << op;
    types.resize(n.inputs.size() - 2);
    EXPECT_TRUE(refused(n, types)) << op;
  }
  std::set<std::string> all;  // elementwise ones check what other elementwise ops do
  for (const std::string& op : list_ops())
    if (is_gradient(op) && find_op(op).elementwise < 0) all.insert(op);
  EXPECT_EQ(seen, all);
  const std::set<std::string> sensible{"average_pool_grad 0 f64[2,2,2,4]",
                                       "conv_input_grad 1 f32[3,4,3,4]",
                                       "conv_input_grad 1 f32[4,3,3,4]",
                                       "max_pool_grad 1 f64[2,2,2,4]",
                                       "resample_grad 0 f32[2,5,7,5]",  // images of any size become such as x
                                       "resample_grad 0 f32[2,5,8,4]",
                                       "resample_grad 0 f32[2,6,7,4]",
                                       "resample_grad 0 f32[3,5,7,4]",
                                       "resample_grad 0 f64[2,5,7,4]",
                                       "sample_grad 0 f32[2,5,5]",  // images share places, which have their dtype
                                       "sample_grad 0 f32[3,5,4]",
                                       "sample_grad 0 f64[2,5,4]",
                                       "sample_grad 1 f64[2,1,5]",
                                       "slice_grad 0 f64[3,4]",
                                       "sparse_softmax_cross_entropy_grad 0 f32[4,6]"};
  EXPECT_EQ(taken, sensible);
}

TEST(HostileGraph, AttributesHaveBounds) {
  Graph g;
  const Value x = input(g, DType::f32, {2, 8, 8, 3}), k = input(g, DType::f32, {3, 3, 3, 4});
  const Attrs good{
      {"strides", Ints{1, 1}}, {"low", SymShape{1, 1}}, {"high", SymShape{1, 1}}, {"dilations", Ints{1, 1}}};
  EXPECT_EQ(g.add("conv", {x, k}, good).size(), 1u);
  const int64_t huge[] = {-1, 0, INT64_MIN, INT64_MAX, int64_t(1) << 31, int64_t(1) << 62};
  for (int64_t v : huge)
    for (const char* name : {"strides", "dilations", "low", "high"}) {
      if (v == 0 && (std::string(name) == "low" || std::string(name) == "high")) continue;
      Attrs bad = good;
      if (std::holds_alternative<Ints>(good.items().at(name)))
        bad.set(name, Ints{1, v});
      else
        bad.set(name, SymShape{1, v});
      expect_error([&] { g.add("conv", {x, k}, bad); }, std::string("parameter `") + name + "` must be ");
    }
  Attrs bad = good;
  bad.set("groups", int64_t(0));
  expect_error([&] { g.add("conv", {x, k}, bad); }, "parameter `groups` must be >= 1, not 0");
  expect_error<TypeError>([&] { g.add("conv", {x, k}, {{"strides", 1.5}}); }, "must be a list of int");
  expect_error(
      [&] {
        g.add("recurrent", {x, k, k}, {{"cell", std::string("rnn")}});
      },
      "parameter `cell` must be one of lstm, gru, tanh, relu, not \"rnn\"");
}

// What a dimension stands for is known when the graph is planned.
TEST(HostileGraph, DimensionsAreCheckedWhenTheyAreKnown) {
  Graph g;
  const Dim n = Dim::symbol("n");
  const Value x = g.input("x", DType::f32, {n});
  Ops o(g);
  g.outputs.push_back({"pad", g.add1("pad", {x}, {{"low", SymShape{n - 3}}, {"high", SymShape{0}}})});
  Executable e(g, {"", 1, {}});
  EXPECT_EQ(e.run({Tensor::zeros(DType::f32, {4})})[0].size(), 5);
  expect_error([&] { e.run({Tensor::zeros(DType::f32, {2})}); }, "[pad] parameter `low` must be >= 0, not [-1]");
  Graph slices;
  const Value y = slices.input("y", DType::f32, {n});
  slices.outputs.push_back({"y", Ops(slices).slice(y, {0}, {n * 2 - 4})});
  Executable s(slices, {"", 1, {}});
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {4})})[0].size(), 4);
  EXPECT_THROW(s.run({Tensor::zeros(DType::f32, {5})}), ValueError);
}

// A sub-graph that is taken apart keeps what was found while it was made.
TEST(HostileGraph, ChecksMoveWithTheirNodes) {
  Graph inner;
  const Value a = inner.input("a", DType::f32, {Dim::symbol("n")}),
              b = inner.input("b", DType::f32, {Dim::symbol("m")});
  inner.outputs.push_back({"y", Ops(inner).add(a, b)});
  for (const bool replayed : {false, true}) {
    Graph g;
    const Value x = g.input("x", DType::f32, {Dim::symbol("n")}), y = g.input("y", DType::f32, {Dim::symbol("m")});
    const Value sum =
        replayed ? g.replay(inner, {{a, x}, {b, y}}, {inner.outputs[0].second})[0] : g.inline_graph(inner, {x, y})[0];
    g.outputs.push_back({"sum", sum});
    Executable e(g, {"", 1, {}});
    EXPECT_EQ(e.run({Tensor::zeros(DType::f32, {3}), Tensor::zeros(DType::f32, {3})})[0].size(), 3);
    EXPECT_THROW(e.run({Tensor::zeros(DType::f32, {3}), Tensor::zeros(DType::f32, {2})}), ValueError);
  }
}

TEST(HostileGraph, OpsFromOutsideAreComplete) {
  OpDef d;
  d.name = "from_outside";
  d.infer = [](const InferContext& c) -> std::vector<ValueType> { return {c.type(0)}; };
  d.float32_only = true;  // and no decomposition for the other dtypes
  expect_error([&] { register_op(d); }, "no decomposition");
  d.infer = nullptr;
  EXPECT_THROW(register_op(d), ValueError);
  d.name = nullptr;
  EXPECT_THROW(register_op(d), ValueError);
}

// Windows, strides and paddings far larger than what they meet: the right result at once, or a refusal.
TEST(HostileGraph, WindowsBeyondAllSizes) {
  const int64_t huge = INT32_MAX;
  Tensor x(DType::f32, {1, 4, 4, 1});
  for (int64_t i = 0; i < 16; ++i) x.data<float>()[i] = float(i);
  for (const char* op : {"max_pool", "average_pool"})
    for (const int64_t stride : {huge, huge / 2}) {
      Graph g;
      const Value v = input(g, DType::f32, {1, 4, 4, 1});
      const Attrs attrs{{"window", Ints{huge, huge}},
                        {"strides", Ints{stride, stride}},
                        {"low", SymShape{huge / 2, huge / 2}},
                        {"high", SymShape{huge / 2 + 1, huge / 2 + 1}}};
      const Value y = g.add(op, {v}, attrs)[0];
      g.outputs = {{"y", y}, {"d", gradients(g, {y}, {v})[0]}};
      const auto r = Executable(g, {"", 1, {}}).run({x});
      EXPECT_EQ(r[0].at(0), std::string(op) == "max_pool" ? 15 : 7.5) << op;
      EXPECT_EQ(r[1].at(15), std::string(op) == "max_pool" ? 1 : 1.0f / 16) << op;
    }
  for (const int64_t groups : {1, 3})  // the second is depthwise
    for (const int64_t stride : {huge, int64_t(5), int64_t(4), int64_t(3)}) {
      const int64_t channels = groups;
      Graph g;
      const Value dy = input(g, DType::f32, {1, 1, 1, 1, channels}), k = input(g, DType::f32, {1, 2, 2, 1, channels});
      const Attrs attrs{{"strides", Ints{stride, stride, stride}},
                        {"low", SymShape{0, 0, 0}},
                        {"high", SymShape{0, 0, 0}},
                        {"dilations", Ints{1, 1, 1}},
                        {"groups", groups},
                        {"shape", SymShape{1, 3, 3, 3, channels}}};
      g.outputs.push_back({"dx", g.add1("conv_input_grad", {dy, k}, attrs)});
      Tensor ones(DType::f32, {1, 1, 1, 1, channels}), kernel(DType::f32, {1, 2, 2, 1, channels});
      for (int64_t i = 0; i < channels; ++i) ones.data<float>()[i] = 1;
      for (int64_t i = 0; i < 4 * channels; ++i) kernel.data<float>()[i] = float(1 + i);
      const Tensor dx = Executable(g, {"", 1, {}}).run({ones, kernel})[0];
      for (int64_t d = 0; d < 3; ++d)
        for (int64_t h = 0; h < 3; ++h)
          for (int64_t w = 0; w < 3; ++w)
            for (int64_t c = 0; c < channels; ++c)
              EXPECT_EQ(dx.at(((d * 3 + h) * 3 + w) * channels + c),
                        d == 0 && h < 2 && w < 2 ? double(1 + (h * 2 + w) * channels + c) : 0)
                  << groups << " " << stride << " at " << d << h << w << c;
    }
  Graph g;
  const Value v = input(g, DType::f32, {1, 4, 4, 1}), k = input(g, DType::f32, {1, 1, 1, 1});
  g.outputs.push_back({"y", g.add1("conv", {v, k},
                                   {{"strides", Ints{1, 1}},
                                    {"low", SymShape{huge, huge}},
                                    {"high", SymShape{huge, huge}},
                                    {"dilations", Ints{1, 1}}})});
  EXPECT_THROW(Executable(g, {"", 1, {}}).run({x, Tensor::zeros(DType::f32, {1, 1, 1, 1})}), Error);
}
