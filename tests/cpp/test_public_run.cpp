// executable.hpp and batch_loop.hpp given what they cannot take.
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>
#include <type_traits>

#include "expect_error.hpp"
#include "hornbeam/hornbeam.hpp"

using namespace hornbeam;

namespace {
// outputs y = 2 x [n, 3], ids [n] as they came, mean []; sum is added to.
struct Step {
  VariablePtr sum = std::make_shared<Variable>("sum", Tensor::zeros(DType::f32, {}), false);
  Graph g;
  std::shared_ptr<Executable> e;
  explicit Step(CompileOptions options = {}) {
    Ops o(g);
    const Dim n = Dim::symbol("n");
    const Value x = g.input("x", DType::f32, {n, 3}), ids = g.input("ids", DType::i32, {n}), mean = o.mean(x);
    g.assign(sum, o.add(g.read(sum), o.sum(x)));
    g.outputs = {{"y", o.mul(x, 2)}, {"ids", ids}, {"mean", mean}};
    e = std::make_shared<Executable>(g, std::move(options));
  }
};
Tensor counting(DType dtype, Shape shape) {
  Tensor t(dtype, std::move(shape));
  for (int64_t i = 0; i < t.size(); ++i)
    dtype == DType::f32 ? void(t.data<float>()[i] = float(i)) : void(t.data<int32_t>()[i] = int32_t(i));
  return t;
}
const Tensor kX = counting(DType::f32, {4, 3}), kIds = counting(DType::i32, {4});
CompileOptions threads(int n) { return {"", n, {}, {}}; }
}  // namespace

TEST(PublicExecutable, Options) {
  Graph g;
  g.outputs = {{"y", g.input("x", DType::f32, {2})}, {"i", g.input("i", DType::i32, {})}};
  for (int n : {-1, 1025, 1000000, std::numeric_limits<int>::min()})
    EXPECT_ERROR(Executable(g, threads(n)), ValueError, "threads must be in [0, 1024]");
  for (int n : {0, 1, 3})
    EXPECT_EQ(Executable(g, threads(n)).run({Tensor::zeros(DType::f32, {2}), Tensor::scalar(DType::i32, 3)})[1].at(0),
              3);
  EXPECT_ERROR(Executable(g, {"sse9", 0, {}, {}}), ValueError, "sse9");
  EXPECT_ERROR(Executable(g, {"", 0, {"magic"}, {}}), ValueError, "magic");
  EXPECT_ERROR(Executable(g, {"", 0, {}, {"z"}}), ValueError, "no output \"z\"");
  EXPECT_ERROR(Executable(g, {"", 0, {}, {"i"}}), TypeError, "i32[]");
  EXPECT_ERROR(optimize(g, {"magic"}), ValueError, "magic");
}

TEST(PublicExecutable, Inputs) {
  Step s;
  const auto refuse = [&](const std::vector<Tensor>& in, auto check) {
    check([&] { s.e->run(in); });
    check([&] { s.e->check_inputs(in); });
    check([&] { s.e->profile(in, 1); });
  };
  refuse({}, [](auto f) { EXPECT_ERROR(f(), ValueError, "takes 2 inputs; got 0"); });
  refuse({kX, kIds, kX}, [](auto f) { EXPECT_ERROR(f(), ValueError, "got 3"); });
  refuse({kX, Tensor()}, [](auto f) { EXPECT_ERROR(f(), ValueError, "input 1 \"ids\" is an undefined tensor"); });
  refuse({kX, counting(DType::f32, {4})},
         [](auto f) { EXPECT_ERROR(f(), TypeError, "\"ids\" must be int32; got float32"); });
  refuse({kX, Tensor::zeros(DType::u8, {4})}, [](auto f) { EXPECT_ERROR(f(), TypeError, "got uint8"); });
  refuse({kX, counting(DType::i32, {3})}, [](auto f) { EXPECT_ERROR(f(), ValueError, "where n=4"); });
  refuse({counting(DType::f32, {4}), kIds}, [](auto f) { EXPECT_ERROR(f(), ValueError, "must have 2 axes"); });
  refuse({counting(DType::f32, {4, 2}), kIds}, [](auto f) { EXPECT_ERROR(f(), ValueError, "[n,3]"); });
  EXPECT_EQ(s.sum->value().at(0), 0);
  EXPECT_ERROR(s.e->profile({kX, kIds}, 0), ValueError, "repeats=0");
  EXPECT_ERROR(s.e->profile({kX, kIds}, -5), ValueError, "repeats=-5");
  EXPECT_ERROR(s.e->stats({{4, 3}}), ValueError, "takes 2 inputs; got 1");
  EXPECT_ERROR(s.e->stats({{-4, 3}, {-4}}), ValueError, "[-4,3]");
  EXPECT_ERROR(s.e->stats({{4, 3}, {4, 4}}), ValueError, "must have 1 axes");
  EXPECT_ERROR(s.e->stats({{int64_t(1) << 62, 3}, {int64_t(1) << 62}}), ValueError, "overflow");
  EXPECT_ERROR(s.e->stats({{int64_t(1) << 55, 3}, {int64_t(1) << 55}}), MemoryError, "needs");
}

TEST(PublicExecutable, OutputsThatAreGiven) {
  Step s;
  std::vector<Tensor> out(3);
  out[0] = Tensor::zeros(DType::f32, {4, 4});
  EXPECT_ERROR(s.e->run({kX, kIds}, out), ValueError, "output 0 must be float32[4,3]; got float32[4,4]");
  out[0] = Tensor::zeros(DType::f64, {4, 3});
  EXPECT_ERROR(s.e->run({kX, kIds}, out), ValueError, "got float64[4,3]");
  out[0] = Tensor::zeros(DType::f32, {4, 3});
  s.e->run({kX, kIds}, out);
  EXPECT_EQ(out[0].at(11), 22);
}

TEST(PublicExecutable, MovedFrom) {
  Step s;
  Executable to = std::move(*s.e);
  EXPECT_ERROR(s.e->run({kX, kIds}), ValueError, "moved from");
  EXPECT_ERROR(s.e->check_inputs({kX, kIds}), ValueError, "moved from");
  EXPECT_ERROR(s.e->stats({{4, 3}, {4}}), ValueError, "moved from");
  EXPECT_ERROR(s.e->profile({kX, kIds}, 1), ValueError, "moved from");
  EXPECT_ERROR(s.e->graph(), ValueError, "moved from");
  EXPECT_ERROR(s.e->options(), ValueError, "moved from");
  EXPECT_ERROR(Runner(s.e, {{4, 3}, {4}}), ValueError, "moved from");
  EXPECT_ERROR(BatchLoop(s.e, {kX, kIds}, 2), ValueError, "moved from");
  *s.e = std::move(to);
  EXPECT_EQ(s.e->run({kX, kIds})[0].at(1), 2);
}

TEST(PublicExecutable, FiniteOutputsGuardEveryVariable) {
  Step s({"", 0, {}, {"mean"}});
  EXPECT_EQ(s.e->run({kX, kIds})[2].at(0), 5.5);
  EXPECT_EQ(s.sum->value().at(0), 66);
  for (float odd : {NAN, INFINITY}) {
    Tensor bad = kX.copy();
    bad.data<float>()[7] = odd;
    EXPECT_ERROR(s.e->run({bad, kIds}), NonFiniteError, "[check_finite] values must be finite");
    EXPECT_EQ(s.sum->value().at(0), 66);
  }
  s.e->run({kX, kIds});
  EXPECT_EQ(s.sum->value().at(0), 132);
}

// What fails inside a loop's body is named as it is there.
TEST(PublicExecutable, FailuresInABodyNameItsOp) {
  auto body = std::make_shared<Graph>();
  Ops b(*body);
  const Value carry = body->input("c", DType::f32, {}), table = body->input("t", DType::f32, {5});
  const Value ids = body->input("ids", DType::i32, {}), index = body->input("i", DType::i32, {});
  (void)index;
  body->set_scope("lookup");
  Value sum = b.add(carry, b.gather(table, ids));
  for (int i = 0; i < 30; ++i) sum = b.tanh(sum);  // so that the body has more nodes than the graph around it
  Value twice = b.add(sum, b.gather(table, ids));
  body->outputs = {{"c", twice}};
  Graph g;
  const Value start = g.input("s", DType::f32, {}), t = g.input("t", DType::f32, {5}), i = g.input("i", DType::i32, {});
  const auto out = g.add("scan", {start, t, i},
                         {{"body", std::shared_ptr<const Graph>(body)},
                          {"carries", int64_t(1)},
                          {"xs", int64_t(0)},
                          {"length", SymShape{2}},
                          {"reverse", false}});
  g.outputs = {{"y", out[0]}};
  Executable e(g);
  const Tensor zero = Tensor::zeros(DType::f32, {}), five = Tensor::zeros(DType::f32, {5});
  EXPECT_ERROR(e.run({zero, five, Tensor::scalar(DType::i32, 9)}), ValueError,
               "[gather] index must be in [0, 5); got 9 at row 0 (layer \"lookup\")");
}

TEST(PublicRunner, ShapesAndExecutable) {
  Step s;
  EXPECT_ERROR(Runner(nullptr, {{4, 3}, {4}}), ValueError, "null");
  EXPECT_ERROR(Runner(s.e, {}), ValueError, "takes 2 inputs; got 0");
  EXPECT_ERROR(Runner(s.e, {{4, 2}, {4}}), ValueError, "[n,3]");
  EXPECT_ERROR(Runner(s.e, {{4, 3}, {-1}}), ValueError, "[-1]");
  static_assert(!std::is_move_constructible_v<Runner> && !std::is_copy_constructible_v<Runner>);
}

TEST(PublicRunner, PlacesMustBeThereAndFit) {
  Step s;
  Runner r(s.e, {{4, 3}, {4}});
  const int64_t rows[4] = {0, 1, 2, 3};
  float y[12], mean;
  int32_t ids[4];
  const void* null = nullptr;
  for (size_t i : {size_t(2), size_t(-1)}) {
    EXPECT_ERROR(r.set_input(i, kX.raw()), ValueError, "there are 2 inputs");
    EXPECT_ERROR(r.set_input(i, kX.raw(), rows), ValueError, "there are 2 inputs");
    EXPECT_ERROR(r.set_input(i, kX), ValueError, "there are 2 inputs");
    EXPECT_ERROR(r.set_input(i, kX, {0, 1, 2, 3}), ValueError, "there are 2 inputs");
  }
  for (size_t i : {size_t(3), size_t(-1)}) {
    EXPECT_ERROR(r.set_output(i, y), ValueError, "there are 3 outputs");
    EXPECT_ERROR(r.set_output(i, kX), ValueError, "there are 3 outputs");
    EXPECT_ERROR(r.output_dtype(i), ValueError, "there are 3 outputs");
    EXPECT_ERROR(r.output_shape(i), ValueError, "there are 3 outputs");
  }
  EXPECT_ERROR(r.set_input(0, null), ValueError, "input 0 is a null pointer");
  EXPECT_ERROR(r.set_input(0, null, rows), ValueError, "null pointer");
  EXPECT_ERROR(r.set_input(0, kX.raw(), nullptr), ValueError, "null pointer");
  EXPECT_ERROR(r.set_output(0, static_cast<void*>(nullptr)), ValueError, "output 0 is a null pointer");
  EXPECT_ERROR(r.set_input(0, Tensor()), ValueError, "undefined");
  EXPECT_ERROR(r.set_input(0, counting(DType::f32, {3, 3})), ValueError, "float32[4,3]; got [3,3]");
  EXPECT_ERROR(r.set_input(0, Tensor::zeros(DType::f64, {4, 3})), TypeError, "float32[4,3]; got float64");
  EXPECT_ERROR(r.set_input(1, Tensor::zeros(DType::u8, {4})), TypeError, "int32[4]; got uint8");
  EXPECT_ERROR(r.set_input(0, counting(DType::f32, {9, 4}), {0, 1, 2, 3}), ValueError, "float32[9,3]; got [9,4]");
  EXPECT_ERROR(r.set_input(0, Tensor(), {0, 1, 2, 3}), ValueError, "rows");
  EXPECT_ERROR(r.set_input(0, kX, {0, 1, 2}), ValueError, "has 4 rows; got 3");
  EXPECT_ERROR(r.set_input(0, kX, {0, 1, 2, 4}), ValueError, "[0, 4). Received: 4");
  EXPECT_ERROR(r.set_input(0, kX, {0, -1, 2, 3}), ValueError, "Received: -1");
  EXPECT_ERROR(r.set_output(0, Tensor()), ValueError, "undefined");
  EXPECT_ERROR(r.set_output(1, Tensor::zeros(DType::f32, {4})), TypeError, "int32[4]; got float32");
  EXPECT_ERROR(r.set_output(0, Tensor::zeros(DType::f32, {3, 4})), ValueError, "got [3,4]");
  EXPECT_ERROR(r.run(), ValueError, "5 of the 2 inputs and 3 outputs are not set");
  r.set_input(0, kX.raw());
  r.set_input(0, kX);  // again is no other
  r.set_input(1, kIds);
  r.set_output(0, y);
  r.set_output(1, ids);
  EXPECT_ERROR(r.run(), ValueError, "1 of the 2 inputs");
  EXPECT_EQ(s.sum->value().at(0), 0);
  r.set_output(2, &mean);
  r.run();
  EXPECT_EQ(y[11], 22);
  EXPECT_EQ(ids[3], 3);
  EXPECT_EQ(s.sum->value().at(0), 66);
}

// What a Runner was given it keeps, and rows that no longer count are read no more.
TEST(PublicRunner, KeepsWhatItReads) {
  Step s;
  Runner r(s.e, {{4, 3}, {4}});
  Tensor y = Tensor::zeros(DType::f32, {4, 3}), mean = Tensor::zeros(DType::f32, {}),
         ids = Tensor::zeros(DType::i32, {4});
  r.set_input(0, counting(DType::f32, {9, 3}), {8, 8, 0, 1});
  r.set_input(1, counting(DType::i32, {4}));
  r.set_output(0, y);
  r.set_output(1, ids);
  r.set_output(2, mean);
  r.run();
  EXPECT_EQ(y.at(0), 48);
  EXPECT_EQ(y.at(11), 10);
  {
    const Tensor gone = counting(DType::f32, {4, 3});
    std::vector<int64_t> rows{0, 1, 2, 3};
    r.set_input(0, gone.raw(), rows.data());
  }
  r.set_input(0, kX);
  r.run();
  EXPECT_EQ(y.at(11), 22);
}

TEST(PublicRunner, OutlivesItsExecutable) {
  Step s;
  auto r = std::make_unique<Runner>(s.e, std::vector<Shape>{{4, 3}, {4}});
  Tensor y = Tensor::zeros(DType::f32, {4, 3}), mean = Tensor::zeros(DType::f32, {}),
         ids = Tensor::zeros(DType::i32, {4});
  r->set_input(0, kX);
  r->set_input(1, kIds);
  r->set_output(0, y);
  r->set_output(1, ids);
  r->set_output(2, mean);
  { const Executable away = std::move(*s.e); }
  s.e.reset();
  r->run();
  EXPECT_EQ(y.at(11), 22);
  r.reset();
}

TEST(PublicRunner, EmptyBatchesAndScalars) {
  Graph g;
  const Value x = g.input("x", DType::f32, {Dim::symbol("n"), 3}), by = g.input("by", DType::f32, {});
  g.outputs = {{"y", Ops(g).mul(x, by)}};
  Runner r(std::make_shared<Executable>(g), {{0, 3}, {}});
  const int64_t row = 0;
  const Tensor three = Tensor::scalar(DType::f32, 3);
  EXPECT_ERROR(r.set_input(1, three.raw(), &row), ValueError, "scalar");
  EXPECT_ERROR(r.set_input(1, three, {0}), ValueError, "scalar");
  r.set_input(0, static_cast<const void*>(nullptr));
  r.set_input(1, three);
  r.set_output(0, static_cast<void*>(nullptr));
  r.run();
  r.set_input(0, kX, {});
  r.set_input(0, static_cast<const void*>(nullptr), nullptr);
  r.run();
}

TEST(PublicBatchLoop, ArraysMustFitTheStep) {
  Step s;
  EXPECT_ERROR(BatchLoop(nullptr, {kX, kIds}, 2), ValueError, "executable is null");
  EXPECT_ERROR(BatchLoop(s.e, {}, 2), ValueError, "at least one array");
  EXPECT_ERROR(BatchLoop(s.e, {kX}, 2), ValueError, "takes 2 inputs; got 1");
  EXPECT_ERROR(BatchLoop(s.e, {kX, Tensor()}, 2), ValueError, "undefined");
  EXPECT_ERROR(BatchLoop(s.e, {kX, Tensor::scalar(DType::i32, 1)}, 2), ValueError, "leading axis");
  EXPECT_ERROR(BatchLoop(s.e, {kX, counting(DType::i32, {5})}, 2), ValueError, "got 4 and 5");
  EXPECT_ERROR(BatchLoop(s.e, {kX, Tensor::zeros(DType::u8, {4})}, 2), TypeError, "\"ids\" must be int32; got uint8");
  EXPECT_ERROR(BatchLoop(s.e, {Tensor::zeros(DType::f64, {4, 3}), kIds}, 2), TypeError, "got float64");
  EXPECT_ERROR(BatchLoop(s.e, {counting(DType::f32, {4, 2}), kIds}, 2), ValueError, "[n,3]");
  EXPECT_ERROR(BatchLoop(s.e, {counting(DType::f32, {4}), kIds}, 2), ValueError, "must have 2 axes");
  EXPECT_ERROR(BatchLoop(s.e, {Tensor::zeros(DType::f64, {0, 3}), Tensor::zeros(DType::i32, {0})}, 2), TypeError, "f");
  for (int64_t size : {int64_t(0), int64_t(-1), std::numeric_limits<int64_t>::min()})
    EXPECT_ERROR(BatchLoop(s.e, {kX, kIds}, size), ValueError, "batch_size must be >= 1");
  EXPECT_EQ(BatchLoop(s.e, {kX, kIds}, std::numeric_limits<int64_t>::max()).steps(), 1);
}

TEST(PublicBatchLoop, TheLastBatchIsCheckedBeforeTheFirstRuns) {
  Graph g;
  Ops o(g);
  auto sum = std::make_shared<Variable>("sum", Tensor::zeros(DType::f32, {}), false);
  const Value x = g.input("x", DType::f32, {4});
  g.assign(sum, o.add(g.read(sum), o.sum(x)));
  EXPECT_ERROR(BatchLoop(std::make_shared<Executable>(g), {counting(DType::f32, {10})}, 4), ValueError,
               "[4]; got shape [2]");
  Graph h;  // two names for the number of rows, which must agree
  h.outputs = {
      {"y", Ops(h).add(h.input("a", DType::f32, {Dim::symbol("a")}), h.input("b", DType::f32, {Dim::symbol("b")}))}};
  BatchLoop(std::make_shared<Executable>(h), {counting(DType::f32, {5}), counting(DType::f32, {5})}, 4);
}

TEST(PublicBatchLoop, RangesAndDestinations) {
  Step s;
  BatchLoop loop(s.e, {kX, kIds}, 3);
  for (const auto& [first, last] :
       std::vector<std::pair<int64_t, int64_t>>{{-1, 1}, {0, 3}, {2, 1}, {3, 3}, {0, int64_t(1) << 62}})
    EXPECT_ERROR(loop.run(first, last, 1), ValueError, "must be among the 2");
  EXPECT_EQ(loop.run(2, 2, 1), 2);
  EXPECT_EQ(s.sum->value().at(0), 0);
  EXPECT_ERROR(loop.collect(std::vector<Tensor>(4)), ValueError, "there are 3 outputs; got 4");
  EXPECT_ERROR(loop.collect({Tensor::zeros(DType::f64, {4, 3})}), TypeError, "float32; got float64");
  EXPECT_ERROR(loop.collect({Tensor::zeros(DType::f32, {3, 3})}), ValueError, "must have 4 rows; got [3,3]");
  EXPECT_ERROR(loop.collect({Tensor::zeros(DType::f32, {})}), ValueError, "must have 4 rows");
  loop.collect({Tensor::zeros(DType::f32, {4, 2})});
  EXPECT_ERROR(loop.run(0, 2, 1), ValueError, "4 rows of [3,3]; got [4,2]");
  loop.collect({Tensor(), Tensor(), Tensor::zeros(DType::f32, {4})});  // a scalar has no rows to be put into
  EXPECT_ERROR(loop.run(0, 2, 1), ValueError, "rows of []");
  const Tensor y = Tensor::zeros(DType::f32, {4, 3});
  loop.collect({y});
  EXPECT_EQ(loop.run(0, 2, NAN), 2);
  EXPECT_EQ(y.at(11), 22);
}

TEST(PublicBatchLoop, StopsAfterTheStepAndSaysWhereItFailed) {
  Step s({"", 0, {}, {"mean"}});
  Tensor x = counting(DType::f32, {40, 3});
  BatchLoop loop(s.e, {x, counting(DType::i32, {40})}, 4);
  std::atomic<bool> stop{true};
  EXPECT_EQ(loop.run(2, 10, 1e9, &stop), 3);
  stop.store(false);
  EXPECT_EQ(loop.run(3, 10, 1e9, &stop), 10);
  x.data<float>()[27 * 3] = NAN;
  EXPECT_ERROR(loop.run(0, 10, 1e9), NonFiniteError, "finite");
  EXPECT_EQ(loop.at(), 6);
}

TEST(PublicBatchLoop, MovedFrom) {
  Step s;
  BatchLoop loop(s.e, {kX, kIds}, 3), to = std::move(loop);
  EXPECT_ERROR(loop.run(0, 1, 1), ValueError, "moved from");
  EXPECT_ERROR(loop.shuffle(1, 2), ValueError, "moved from");
  EXPECT_ERROR(loop.collect({}), ValueError, "moved from");
  EXPECT_TRUE(loop.outputs().empty());
  EXPECT_EQ(to.run(0, 2, 1), 2);
}
