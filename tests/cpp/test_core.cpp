// Dimensions, graphs, the planner, the runtime's promises, and builders in C++.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include "hornbeam/hornbeam.hpp"
#include "memory/planner.hpp"
#include "runtime/schedule.hpp"

using namespace hornbeam;

TEST(Dim, KeepsOneNormalForm) {
  Dim b = Dim::symbol("batch"), t = Dim::symbol("t");
  EXPECT_EQ(b * t + b, b + t * b);
  EXPECT_EQ(floordiv(b * t * 4, b), t * 4);
  EXPECT_EQ((b + 3) - 3, b);
  EXPECT_EQ(b - b, Dim(0));
  EXPECT_EQ(floordiv(b - 3, 2).eval({{"batch", 8}}), 2);
  EXPECT_EQ(floordiv(b - 3, 2).eval({{"batch", 2}}), -1);
  for (const Dim& d : {b * t * 2 + 7, floordiv(b * 3 + t, t + 1) * b - 5, Dim(0) - b})
    EXPECT_EQ(Dim::parse(d.str()), d) << d.str();
  EXPECT_TRUE((b * t + 1).depends_on("t") && floordiv(b, t).depends_on("t") && b.depends_on("batch"));
  EXPECT_FALSE((b * t - t * b).depends_on("t") || b.depends_on("t") || Dim(3).depends_on("t"));
  EXPECT_THROW(Dim::parse("b+*2"), FormatError);
  EXPECT_THROW((void)(b * t).eval({{"batch", 1}}), ValueError);
  EXPECT_THROW((void)(b * b).eval({{"batch", int64_t(1) << 40}}), ValueError);
}

TEST(Dim, RefusesWhatDoesNotFit) {
  const Dim b = Dim::symbol("batch"), least = INT64_MIN;
  const DimEnv env{{"batch", INT64_MIN}};
  EXPECT_THROW(floordiv(least, -1), ValueError);  // both would trap
  EXPECT_THROW((void)floordiv(b * 2 + 1, b).eval({{"batch", 0}}), ValueError);
  EXPECT_THROW((void)(Dim(0) - b).eval(env), ValueError);
  EXPECT_THROW((void)floordiv(b, Dim(0) - Dim::symbol("one")).eval({{"batch", INT64_MIN}, {"one", 1}}), ValueError);
  EXPECT_THROW(b * least, ValueError);
  EXPECT_EQ(floordiv(least, 2), Dim(INT64_MIN / 2));
  EXPECT_EQ(floordiv(b * 6, Dim(-1)), b * -6);
  EXPECT_EQ(Dim::parse(least.str()), least);
  EXPECT_EQ(Dim::parse("-9223372036854775807*batch"), b * -INT64_MAX);
  for (const char* text : {"((-9223372036854775808)//(-1))", "-9223372036854775808*batch", "9223372036854775808",
                           "99999999999999999999", "((batch)//(0))", "((batch*-9223372036854775807)//(-1))-1-2*batch*",
                           "-", "2*-", "((b)//(b)", "1e3", "batch batch"})
    EXPECT_THROW(Dim::parse(text), FormatError) << text;
}

TEST(Dim, GrowsToABound) {
  Dim sum = 0, product = 1, nested = Dim::symbol("n");
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) sum = sum + Dim::symbol("s" + std::to_string(i));
      },
      ValueError);
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) product = product * (Dim::symbol("p" + std::to_string(i)) + 1);
      },
      ValueError);
  EXPECT_THROW(
      {
        for (int i = 0; i < 64; ++i) nested = floordiv(nested * nested + 1, 2);  // twice as long each time
      },
      ValueError);
  EXPECT_THROW(Dim::parse(std::string(100000, '-')), FormatError);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "((";
  EXPECT_THROW(Dim::parse(deep), FormatError);
  Dim strided = Dim::symbol("time");  // a hundred strided layers are a model
  for (int i = 0; i < 100; ++i) strided = floordiv(strided - 1, 2) + 1;
  EXPECT_EQ(Dim::parse(strided.str()), strided);
  EXPECT_EQ(strided.eval({{"time", 1000}}), 1);
}

TEST(Planner, NoTwoLiveBuffersOverlap) {
  std::mt19937 rng(3);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Buffer> b(1 + rng() % 60);
    for (auto& x : b) {
      x.bytes = rng() % 5000;
      x.first = int(rng() % 40);
      x.last = x.first + int(rng() % 12);
    }
    const size_t total = plan_arena(b), bound = live_bytes(b);
    EXPECT_GE(total, bound);
    for (size_t i = 0; i < b.size(); ++i) {
      EXPECT_EQ(b[i].offset % 64, 0u);
      EXPECT_LE(b[i].offset + b[i].bytes, total);
      for (size_t j = 0; j < i; ++j)
        if (b[i].first <= b[j].last && b[j].first <= b[i].last)
          EXPECT_TRUE(b[i].offset + b[i].bytes <= b[j].offset || b[j].offset + b[j].bytes <= b[i].offset ||
                      !b[i].bytes || !b[j].bytes);
    }
  }
  std::vector<Buffer> stairs{{64, 0, 1, 0}, {128, 1, 2, 0}, {64, 2, 3, 0}};
  EXPECT_EQ(plan_arena(stairs), 192u);  // the optimum
}

namespace {
// loss = mean((x w - y)^2); w is updated by gradient descent, count by one.
struct Line {
  VariablePtr w = std::make_shared<Variable>("w", Tensor::zeros(DType::f32, {3, 1}));
  VariablePtr count = std::make_shared<Variable>("count", Tensor::zeros(DType::f32, {}), false);
  Graph g;
  explicit Line(bool check = false) {
    Ops o(g);
    const Dim n = Dim::symbol("batch");
    Value x = g.input("x", DType::f32, {n, 3}), y = g.input("y", DType::f32, {n, 1});
    Value loss = o.mean(o.square(o.sub(o.matmul(x, g.read(w)), y)));
    if (check) loss = g.add1("check_finite", {loss});
    Value d = gradients(g, {loss}, {g.read(w)})[0];
    g.assign(w, o.sub(g.read(w), o.mul(d, 0.1)));
    g.assign(count, o.add(g.read(count), 1));
    g.outputs.push_back({"loss", loss});
  }
};
Tensor filled(Shape s, float v) {
  Tensor t(DType::f32, std::move(s));
  for (int64_t i = 0; i < t.size(); ++i) t.data<float>()[i] = v * float(i % 5 - 2);
  return t;
}
}  // namespace

TEST(Run, TrainsForAnyBatchSize) {
  Line line;
  Executable e(line.g);
  double first = 0, last = 0;
  for (int i = 0; i < 200; ++i) {
    const int64_t n = 4 + i % 3;
    Tensor x = filled({n, 3}, 0.5f), y(DType::f32, {n, 1});
    for (int64_t k = 0; k < n; ++k) y.data<float>()[k] = x.data<float>()[3 * k] - 2 * x.data<float>()[3 * k + 1];
    last = e.run({x, y})[0].at(0);
    if (i == 0) first = last;
  }
  EXPECT_LT(last, first * 1e-3);
  EXPECT_EQ(line.count->value().at(0), 200);
}

TEST(Run, AFailureLeavesAllStateAsItWas) {
  Line line(true);
  Executable e(line.g);
  e.run({filled({4, 3}, 1), filled({4, 1}, 1)});
  const Tensor before = line.w->value().copy();
  Tensor bad = filled({4, 3}, 1);
  bad.data<float>()[5] = NAN;
  EXPECT_THROW(e.run({bad, filled({4, 1}, 1)}), ValueError);
  EXPECT_EQ(line.count->value().at(0), 1);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(line.w->value().at(i), before.at(i));
  e.run({filled({4, 3}, 1), filled({4, 1}, 1)});
  EXPECT_EQ(line.count->value().at(0), 2);
}

TEST(Run, SaysWhichInputIsWrong) {
  Line line;
  Executable e(line.g);
  try {
    e.run({filled({4, 2}, 1), filled({4, 1}, 1)});
    FAIL();
  } catch (const ValueError& err) {
    EXPECT_NE(std::string(err.what()).find("input 0 \"x\" must have shape [batch,3]; got shape [4,2]"),
              std::string::npos)
        << err.what();
  }
  EXPECT_THROW(e.run({filled({4, 3}, 1), filled({5, 1}, 1)}), ValueError);
  EXPECT_THROW(e.run({filled({4, 3}, 1)}), ValueError);
}

TEST(Run, ManyThreadsPredictAtOnce) {
  Graph g;
  Ops o(g);
  Value x = g.input("x", DType::f32, {Dim::symbol("n"), 64});
  auto w = std::make_shared<Variable>("w", filled({64, 96}, 0.1f));
  g.outputs.push_back({"y", o.softmax(o.relu(o.matmul(x, g.read(w))))});
  Executable e(g, {"", 2, {}});
  const Tensor in = filled({200, 64}, 0.3f), want = e.run({in})[0];
  std::vector<std::thread> team;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t)
    team.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        Tensor y = e.run({in})[0];
        if (std::memcmp(y.raw(), want.raw(), y.bytes()) != 0) ++wrong;
      }
    });
  for (auto& t : team) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Run, SwapsVariables) {
  auto a = std::make_shared<Variable>("a", Tensor::scalar(DType::f32, 1)),
       b = std::make_shared<Variable>("b", Tensor::scalar(DType::f32, 2));
  Graph g;
  Value va = g.read(a), vb = g.read(b);
  g.assign(a, vb);
  g.assign(b, va);
  Executable e(g);
  e.run({});
  EXPECT_EQ(a->value().at(0), 2);
  EXPECT_EQ(b->value().at(0), 1);
}

// The parts of one item must be done before the next reads them, though what stood between was skipped.
TEST(Run, SkippedItemsStillMeet) {
  OpDef d;
  d.name = "copy_late";
  d.infer = [](const InferContext& c) -> std::vector<ValueType> { return {c.type(0)}; };
  d.cpu = [](const KernelRequest&) {
    KernelPlan p;
    p.stages = {{[](const KernelCall& c) {
                   if (c.part == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
                   const auto* from = static_cast<const float*>(c.buffers[0]) + c.part * 64;
                   std::copy(from, from + 64, static_cast<float*>(c.buffers[1]) + c.part * 64);
                 },
                 2}};
    return p;
  };
  register_op(d);
  Graph g;
  auto w = std::make_shared<Variable>("w", Tensor::zeros(DType::f32, {64, 3}), false);
  for (int i = 0; i < 64 * 3; ++i) w->value().data<float>()[i] = 1;
  w->changed();
  Value x = g.input("x", DType::f32, {2, 64});
  g.outputs = {{"y", Ops(g).matmul(g.add1("copy_late", {x}), g.read(w))}};
  CompileOptions options;
  options.threads = 2;
  Runner runner(std::make_shared<Executable>(g, options), {{2, 64}});
  Tensor in = Tensor::zeros(DType::f32, {2, 64}), out = Tensor::zeros(DType::f32, {2, 3});
  runner.set_input(0, in.raw());
  runner.set_output(0, out.raw());
  for (int run = 0; run < 3; ++run) {
    std::fill(in.data<float>(), in.data<float>() + 128, float(run + 1));
    runner.run();  // later runs skip what packs the weights
    for (int i = 0; i < 6; ++i) EXPECT_EQ(out.at(i), 64 * (run + 1)) << run;
  }
}

TEST(Ops, OutsideOpsTakePart) {
  OpDef d;
  d.name = "twice";
  d.infer = [](const InferContext& c) -> std::vector<ValueType> { return {c.type(0)}; };
  d.gradient = [](const GradContext& c) -> std::vector<Value> { return {Ops(c.graph).mul(c.dy(), 2)}; };
  d.cpu = [](const KernelRequest&) {
    KernelPlan p;
    p.stages = {
        {[](const KernelCall& c) { *static_cast<float*>(c.buffers[1]) = 2 * *static_cast<const float*>(c.buffers[0]); },
         1}};
    return p;
  };
  register_op(d);
  EXPECT_THROW(register_op(d), ValueError);
  Graph g;
  Value x = g.input("x", DType::f32, {}), y = g.add1("twice", {x});
  g.outputs = {{"y", y}, {"dx", gradients(g, {y}, {x})[0]}};
  auto out = Executable(g).run({Tensor::scalar(DType::f32, 21)});
  EXPECT_EQ(out[0].at(0), 42);
  EXPECT_EQ(out[1].at(0), 2);
}

TEST(Nn, LearnsXor) {
  nn::Parameters p(7);
  nn::Dense hidden(p, "hidden", 2, 16), head(p, "head", 16, 2);
  Graph g;
  Ops o(g);
  Value x = g.input("x", DType::f32, {Dim::symbol("batch"), 2}), y = g.input("y", DType::i32, {Dim::symbol("batch")});
  Value loss = nn::sparse_cross_entropy(o, head(o, o.tanh(hidden(o, x))), y);
  nn::Adam adam;
  adam.learning_rate = 0.05;
  adam.minimize(g, loss, p.all());
  g.outputs.push_back({"loss", loss});
  BatchLoop loop(std::make_shared<Executable>(g),
                 {Tensor::of<float>(DType::f32, {4, 2}, {0, 0, 0, 1, 1, 0, 1, 1}),
                  Tensor::of<int32_t>(DType::i32, {4}, {0, 1, 1, 0})},
                 4);
  for (int i = 0; i < 300; ++i) loop.run(0, 1, 1);
  EXPECT_LT(loop.outputs()[0].at(0), 0.01);
}

TEST(BatchLoop, VisitsEachSampleOnce) {
  Graph g;
  Ops o(g);
  auto sum = std::make_shared<Variable>("sum", Tensor::zeros(DType::f32, {}), false);
  Value x = g.input("x", DType::f32, {Dim::symbol("batch")});
  g.assign(sum, o.add(g.read(sum), o.sum(x)));
  Tensor data(DType::f32, {103});
  for (int i = 0; i < 103; ++i) data.data<float>()[i] = float(i);
  BatchLoop loop(std::make_shared<Executable>(g), {data}, 10);
  EXPECT_EQ(loop.steps(), 11);
  loop.shuffle(5, 0);
  for (int64_t at = 0; at < loop.steps();) at = loop.run(at, loop.steps(), 1e-9);
  EXPECT_EQ(sum->value().at(0), 102 * 103 / 2);
}

TEST(Log, GoesToTheSinkAndNowhereElse) {
  std::vector<std::string> seen;
  log_message(LogLevel::info, "before");
  set_log_sink([&](LogLevel level, const std::string& text) { seen.push_back(std::to_string(int(level)) + text); });
  log_message(LogLevel::warning, "during");
  set_log_sink({});
  log_message(LogLevel::info, "after");
  EXPECT_EQ(seen, (std::vector<std::string>{"2during"}));
}

TEST(Runner, GathersRowsAndKeepsPackedWeights) {
  Graph g;
  Ops o(g);
  auto w = std::make_shared<Variable>("w", Tensor::zeros(DType::f32, {300, 40}));
  for (int64_t i = 0; i < w->value().size(); ++i) w->value().data<float>()[i] = float(i % 7);
  const Value x = g.input("x", DType::f32, {Dim::symbol("batch"), 300});
  g.outputs.push_back({"y", o.matmul(x, g.read(w))});
  auto e = std::make_shared<Executable>(g, CompileOptions{"", 2, {}});
  Tensor all = Tensor::zeros(DType::f32, {100, 300}), y = Tensor::zeros(DType::f32, {60, 40});
  for (int64_t i = 0; i < all.size(); ++i) all.data<float>()[i] = float((i * i) % 5);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < 60; ++i) rows.push_back((i * 37) % 100);
  Runner runner(e, {{60, 300}});
  runner.set_input(0, all.raw(), rows.data());
  runner.set_output(0, y.raw());
  for (int time = 0; time < 4; ++time) {
    std::memset(y.raw(), 0, y.bytes());
    if (time == 2) w->assign(filled({300, 40}, 2));
    if (time == 3) w->value().data<float>()[3] = 5, w->changed();
    runner.run();
    for (int64_t i = 0; i < 60; ++i) {
      double want = 0;
      for (int64_t k = 0; k < 300; ++k) want += all.at(rows[size_t(i)] * 300 + k) * w->value().at(k * 40 + 3);
      ASSERT_EQ(y.at(i * 40 + 3), want);
    }
  }
}

// A variable's new value is made as soon as what it takes is there, nobody reads the old one and nothing can fail any
// more, not later; a number made of variables, which it may take, comes first.
TEST(Schedule, WritesVariablesOnceNobodyReadsThem) {
  auto w = std::make_shared<Variable>("w", filled({4, 3}, 1)), u = std::make_shared<Variable>("u", filled({4, 3}, 1));
  auto v = std::make_shared<Variable>("v", filled({4, 3}, 1)), rate = std::make_shared<Variable>("rate", filled({}, 1));
  for (const bool fails : {false, true}) {
    Graph g;
    Ops o(g);
    const Value x = g.input("x", DType::f32, {4, 3}), ids = g.input("ids", DType::i32, {2});
    const Value old = g.read(w), half = o.mul(x, 0.5), new_w = o.sub(old, half), new_u = o.sub(g.read(u), half);
    g.assign(w, new_w);
    g.assign(u, new_u);
    const Value other = o.exp(x), late = o.exp(old), last = fails ? o.gather(x, ids) : o.tanh(x);
    const Value number = o.mul(g.read(rate), 0.5), new_v = o.sub(g.read(v), number);
    g.assign(v, new_v);
    g.outputs = {{"other", other}, {"late", late}, {"last", last}};
    const Schedule s(g, false);
    auto place = [&](Value at) { return std::find(s.order().begin(), s.order().end(), at.node) - s.order().begin(); };
    for (Value made : {new_w, new_u, new_v}) EXPECT_TRUE(s.commits(made.node));
    for (Value made : {half, number}) EXPECT_FALSE(s.commits(made.node));
    EXPECT_EQ(place(number), 0);
    EXPECT_EQ(place(new_v) > place(last), fails);
    EXPECT_EQ(place(new_v) > place(other), fails);
    EXPECT_GT(place(new_w), place(late));
    EXPECT_EQ(place(new_w) > place(last), fails);
    EXPECT_EQ(place(new_u) > place(other), fails);
    EXPECT_EQ(s.commit_start(), std::min({place(new_w), place(new_u), place(new_v)}));
    EXPECT_EQ(s.last_use(half, -1), std::max(place(new_w), place(new_u)));
  }
}

// What was made of weights is kept from call to call, but not beyond another program's update of them.
TEST(Run, PackedWeightsFollowTheirVariables) {
  auto ones = [](Shape shape) {
    Tensor t(DType::f32, std::move(shape));
    std::fill(t.data<float>(), t.data<float>() + t.size(), 1.0f);
    return t;
  };
  auto w = std::make_shared<Variable>("w", ones({300, 40}));
  Graph train;
  Ops t(train);
  train.assign(w, t.add(train.read(w), t.add(train.read(w), train.read(w))));
  Executable step(train, {"", 2, {}});
  Graph g;
  Ops o(g);
  const Value table = g.input("table", DType::f32, {8, 300}), rows = g.input("ids", DType::i32, {6});
  g.outputs.push_back({"y", o.matmul(o.gather(table, rows), g.read(w))});
  Executable product(g, {"", 2, {}});
  const Tensor x = ones({8, 300});
  Tensor ids = Tensor::zeros(DType::i32, {6});
  ids.data<int32_t>()[5] = 7;
  for (double want : {300.0, 900.0, 2700.0}) {
    for (int time = 0; time < 2; ++time) EXPECT_EQ(product.run({x, ids})[0].at(239), want);
    step.run({});
  }
}

// Several teams of threads take slices of a batch, with rows gathered first, from run to run and from many threads.
TEST(Run, SlicesOfABatchGiveItsResults) {
  Graph g;
  Ops o(g);
  auto w = std::make_shared<Variable>("w", filled({48, 48}, 0.02f));
  const Value x = g.input("x", DType::f32, {Dim::symbol("n"), 64, 48});
  const Value h = o.tanh(o.matmul(o.tanh(o.matmul(x, g.read(w))), g.read(w)));
  g.outputs.push_back({"y", o.softmax(o.matmul(h, g.read(w)))});
  Tensor in = filled({301, 64, 48}, 0.3f);
  for (int64_t i = 0; i < in.size(); ++i) in.data<float>()[i] = float((i * 7) % 11) * 0.1f;
  Executable whole(g, {"", 1, {"slices"}});
  const Tensor want = whole.run({in})[0];
  EXPECT_EQ(whole.stats({in.shape()}).slice_rows, 0);
  for (int threads : {1, 3}) {
    auto e = std::make_shared<Executable>(g, CompileOptions{"", threads, {}});
    const int64_t slice = e->stats({in.shape()}).slice_rows;
    ASSERT_GT(slice, 0);
    ASSERT_LT(slice, 150);
    std::vector<std::thread> team;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 3; ++t)
      team.emplace_back([&] {
        const Tensor y = e->run({in})[0];
        if (std::memcmp(y.raw(), want.raw(), y.bytes()) != 0) ++wrong;
      });
    for (auto& t : team) t.join();
    EXPECT_EQ(wrong.load(), 0);
    std::vector<int64_t> backwards;
    for (int64_t i = 301; i-- > 0;) backwards.push_back(i);
    Runner runner(e, {in.shape()});
    Tensor y = Tensor::zeros(DType::f32, want.shape());
    runner.set_input(0, in.raw(), backwards.data());
    runner.set_output(0, y.raw());
    const size_t row = want.bytes() / 301;
    for (int time = 0; time < 2; ++time) {
      std::memset(y.raw(), 0, y.bytes());
      runner.run();
      for (size_t i = 0; i < 301; ++i)
        ASSERT_EQ(std::memcmp(y.data<char>() + i * row, want.data<char>() + (300 - i) * row, row), 0);
    }
  }
}
