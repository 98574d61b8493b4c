// nn.hpp given what it cannot take, and log.hpp's sinks that log, throw and change.
#include <cmath>
#include <stdexcept>
#include <thread>

#include "expect_error.hpp"
#include "hornbeam/hornbeam.hpp"

using namespace hornbeam;

TEST(PublicNn, SizesOfLayers) {
  nn::Parameters p(1);
  for (int64_t bad : {int64_t(0), int64_t(-3)}) {
    EXPECT_ERROR(nn::Dense(p, "d", bad, 2), ValueError, "in must be >= 1");
    EXPECT_ERROR(nn::Dense(p, "d", 2, bad), ValueError, "out must be >= 1");
    EXPECT_ERROR(nn::Conv2D(p, "c", bad, 2, 3), ValueError, "in must be >= 1");
    EXPECT_ERROR(nn::Conv2D(p, "c", 2, bad, 3), ValueError, "out must be >= 1");
    EXPECT_ERROR(nn::Conv2D(p, "c", 2, 2, bad), ValueError, "size must be >= 1");
    EXPECT_ERROR(p.glorot_uniform("w", {2, bad}), ValueError, "must be >= 1");
  }
  EXPECT_ERROR(p.glorot_uniform("w", {3}), ValueError, "two axes");
  EXPECT_ERROR(p.zeros("b", {-1}), ValueError, "[-1]");
  EXPECT_ERROR(nn::Dense(p, "d", int64_t(1) << 40, int64_t(1) << 40), ValueError, "overflow");
  EXPECT_ERROR(nn::Dense(p, "d", int64_t(1) << 28, int64_t(1) << 28), MemoryError, "needs");
  EXPECT_TRUE(p.all().empty());
}

TEST(PublicNn, InputsOfLayers) {
  nn::Parameters p(1);
  nn::Dense dense(p, "d", 3, 2);
  nn::Conv2D conv(p, "c", 3, 2, 3);
  Graph g;
  Ops o(g);
  const Value x = g.input("x", DType::f32, {5, 4}), d = g.input("d", DType::f64, {5, 3}), one = g.scalar(DType::f32, 1);
  const Value image = g.input("image", DType::f32, {5, 8, 8, 4}), ids = g.input("ids", DType::u8, {5});
  const Value logits = g.input("logits", DType::f32, {5, 3}), three = g.input("three", DType::i32, {3});
  EXPECT_ERROR(dense(o, Value{}), ValueError, "value");
  EXPECT_ERROR(dense(o, x), ValueError, "[matmul]");
  EXPECT_ERROR(dense(o, d), TypeError, "[matmul]");
  EXPECT_ERROR(dense(o, one), ValueError, "[matmul]");
  EXPECT_ERROR(conv(o, Value{}), ValueError, "value");
  EXPECT_ERROR(conv(o, x), ValueError, "[conv]");
  EXPECT_ERROR(conv(o, image), ValueError, "[conv]");
  EXPECT_ERROR(nn::sparse_cross_entropy(o, Value{}, three), ValueError, "value");
  EXPECT_ERROR(nn::sparse_cross_entropy(o, logits, Value{}), ValueError, "value");
  EXPECT_ERROR(nn::sparse_cross_entropy(o, logits, ids), TypeError, "labels must be int32 or int64");
  EXPECT_ERROR(nn::sparse_cross_entropy(o, logits, three), ValueError, "labels must have the logits' axes");
  EXPECT_ERROR(nn::sparse_cross_entropy(o, one, three), ValueError, "labels must have the logits' axes");
  dense.kernel = nullptr;
  conv.kernel = nullptr;
  EXPECT_ERROR(dense(o, logits), ValueError, "variable is null");
  EXPECT_ERROR(conv(o, image), ValueError, "variable is null");
}

TEST(PublicNn, Descent) {
  auto w = std::make_shared<Variable>("w", Tensor::zeros(DType::f32, {2}));
  auto wide = std::make_shared<Variable>("wide", Tensor::zeros(DType::f64, {2}));
  auto other = std::make_shared<Variable>("other", Tensor::zeros(DType::f32, {2}));
  const auto refuse = [&](auto with, auto check) {
    Graph g;
    Ops o(g);
    const Value loss = o.sum(o.square(g.read(w)));
    check([&] { with(g, loss, nn::Sgd()); });
    check([&] { with(g, loss, nn::Adam()); });
    EXPECT_TRUE(g.updates.empty());
  };
  using List = std::vector<VariablePtr>;
  refuse([&](Graph& g, Value, auto by) { by.minimize(g, Value{}, List{w}); },
         [](auto f) { EXPECT_ERROR(f(), ValueError, "undefined"); });
  refuse([&](Graph& g, Value, auto by) { by.minimize(g, g.read(w), List{w}); },
         [](auto f) { EXPECT_ERROR(f(), ValueError, "scalar"); });
  refuse([&](Graph& g, Value, auto by) { by.minimize(g, g.scalar(DType::i32, 1), List{w}); },
         [](auto f) { EXPECT_ERROR(f(), TypeError, "float32"); });
  refuse(
      [&](Graph& g, Value loss, auto by) {
        by.minimize(g, loss, List{w, nullptr});
      },
      [](auto f) { EXPECT_ERROR(f(), ValueError, "null"); });
  refuse(
      [&](Graph& g, Value loss, auto by) {
        by.minimize(g, loss, List{w, w});
      },
      [](auto f) { EXPECT_ERROR(f(), ValueError, "twice"); });
  refuse([&](Graph& g, Value loss, auto by) { by.minimize(g, loss, List{wide}); },
         [](auto f) { EXPECT_ERROR(f(), TypeError, "\"wide\" is float64"); });
  refuse([&](Graph& g, Value loss, auto by) { by.minimize(g, loss, List{}); },
         [](auto f) { EXPECT_ERROR(f(), ValueError, "none of the 0"); });
  refuse([&](Graph& g, Value loss, auto by) { by.minimize(g, loss, List{other}); },
         [](auto f) { EXPECT_ERROR(f(), ValueError, "none of the 1"); });
  for (double bad : {-0.1, double(NAN), double(INFINITY)})
    refuse([&](Graph& g, Value loss, auto by) { by.learning_rate = bad, by.minimize(g, loss, List{w}); },
           [](auto f) { EXPECT_ERROR(f(), ValueError, "learning_rate must be in [0, inf)"); });
  Graph g;
  Ops o(g);
  const Value loss = o.sum(o.square(g.read(w)));
  for (double nn::Adam::*field : {&nn::Adam::beta_1, &nn::Adam::beta_2})
    for (double bad : {-0.1, 1.0, double(NAN)}) {
      nn::Adam by;
      by.*field = bad;
      EXPECT_ERROR(by.minimize(g, loss, {w}), ValueError, "must be in [0, 1)");
    }
  nn::Adam by;
  by.epsilon = -1;
  EXPECT_ERROR(by.minimize(g, loss, {w}), ValueError, "epsilon");
  EXPECT_TRUE(g.updates.empty());
}

namespace {
struct NoSink {  // whatever a test leaves
  ~NoSink() { set_log_sink({}); }
};
}  // namespace

TEST(PublicLog, ASinkMayLogThrowAndChange) {
  NoSink after;
  std::vector<std::string> seen;
  set_log_sink([&](LogLevel, const std::string& text) {
    seen.push_back(text);
    log_message(LogLevel::info, "from within " + text);
  });
  log_message(LogLevel::info, "a");
  set_log_sink([&](LogLevel, const std::string& text) {
    seen.push_back(text);
    throw std::runtime_error("no");
  });
  log_message(LogLevel::info, "b");
  log_message(LogLevel::info, "c");
  set_log_sink([&, large = std::string(100, 'x')](LogLevel, const std::string& text) {
    set_log_sink([&](LogLevel, const std::string& t) { seen.push_back("new " + t); });
    seen.push_back(text + large.substr(0, 1));  // this sink lives until it returns
  });
  log_message(LogLevel::info, "d");
  log_message(LogLevel::info, "e");
  set_log_sink([&](LogLevel, const std::string&) { set_log_sink({}); });
  log_message(LogLevel::info, "f");
  log_message(LogLevel::info, "g");
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c", "dx", "new e"}));
}

TEST(PublicLog, ThreadsLogWhileSinksChange) {
  NoSink after;
  std::atomic<int> seen{0};
  std::vector<std::thread> team;
  for (int t = 0; t < 4; ++t)
    team.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i)
        if (t)
          log_message(LogLevel::info, "x");
        else
          set_log_sink([&](LogLevel, const std::string&) { ++seen; });
    });
  for (auto& t : team) t.join();
  log_message(LogLevel::info, "last");
  EXPECT_GE(seen.load(), 1);
}
