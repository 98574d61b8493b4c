// model.hpp: what it refuses, and what fit, cancel and callbacks promise.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <thread>

#include "expect_error.hpp"
#include "line_model.hpp"

using namespace hornbeam;

namespace {
const LineData kData(40);

FitOptions epochs(int n, int64_t batch_size = 8) {
  FitOptions o;
  o.epochs = n;
  o.batch_size = batch_size;
  return o;
}
std::vector<float> weights(const Model& m) {
  const Tensor w = m.variable("w")->value();
  return {w.data<float>(), w.data<float>() + w.size()};
}
double steps(const Model& m) { return m.variable("steps")->value().at(0); }
}  // namespace

TEST(PublicModel, FilesThatAreNoModels) {
  const auto refuse = [](void (*spoil)(LineModel&), const char* says) {
    LineModel line;
    spoil(line);
    EXPECT_ERROR(line.load(), FormatError, says);
  };
  EXPECT_ERROR(Model::load("/no/such/file"), FileError, "/no/such/file");
  refuse([](LineModel& m) { m.file.functions.erase("predict"); }, "no predict function");
  refuse([](LineModel& m) { m.metric_state = "[\"nothing\"]"; }, "no variable \"nothing\"");
  refuse([](LineModel& m) { m.learning_rate = "\"nothing\""; }, "no variable \"nothing\"");
  refuse([](LineModel& m) { m.logs = "{}"; }, "logs");
  refuse([](LineModel& m) { m.logs = "[3]"; }, "a log's name");
  EXPECT_ERROR(LineModel().load({"", -1, {}, {}}), ValueError, "threads");
  EXPECT_ERROR(LineModel().load({"sse9", 0, {}, {}}), ValueError, "sse9");
}

TEST(PublicModel, ArraysAndOptions) {
  Model m = LineModel().load();
  const std::vector<float> before = weights(m);
  EXPECT_ERROR(m.predict({}), ValueError, "takes 1 inputs; got 0");
  EXPECT_ERROR(m.predict({Tensor()}), ValueError, "undefined");
  EXPECT_ERROR(m.predict({Tensor::zeros(DType::f64, {2, 3})}), TypeError, "got float64");
  EXPECT_ERROR(m.predict({Tensor::zeros(DType::f32, {2, 4})}), ValueError, "[batch,3]");
  EXPECT_EQ(m.predict({Tensor::zeros(DType::f32, {0, 3})})[0].shape(), (Shape{0, 1}));
  EXPECT_ERROR(m.fit({kData.x}, {}), ValueError, "takes 2 inputs; got 1");
  EXPECT_ERROR(m.fit({}, {}), ValueError, "at least one array");
  EXPECT_ERROR(m.fit({kData.x}, {Tensor()}), ValueError, "undefined");
  EXPECT_ERROR(m.fit({kData.x}, {Tensor::zeros(DType::u8, {40, 1})}), TypeError, "\"y\" must be float32; got uint8");
  EXPECT_ERROR(m.fit({Tensor::zeros(DType::f64, {40, 3})}, {kData.y}), TypeError, "\"x\" must be float32; got float64");
  EXPECT_ERROR(m.fit({kData.x}, {Tensor::zeros(DType::f32, {40})}), ValueError, "must have 2 axes");
  EXPECT_ERROR(m.fit({kData.x}, {Tensor::zeros(DType::f32, {39, 1})}), ValueError, "got 40 and 39");
  EXPECT_ERROR(m.fit({Tensor::zeros(DType::f32, {0, 3})}, {Tensor::zeros(DType::f32, {0, 1})}), ValueError,
               "no samples");
  EXPECT_ERROR(m.fit({kData.x}, {kData.y}, epochs(-1)), ValueError, "epochs=-1");
  EXPECT_ERROR(m.fit({kData.x}, {kData.y}, epochs(1, 0)), ValueError, "batch_size=0");
  FitOptions o;
  o.initial_epoch = -1;
  EXPECT_ERROR(m.fit({kData.x}, {kData.y}, o), ValueError, "initial_epoch=-1");
  o.initial_epoch = 3;
  EXPECT_TRUE(m.fit({kData.x}, {kData.y}, o).empty());
  EXPECT_EQ(weights(m), before);
  EXPECT_EQ(steps(m), 0);
}

TEST(PublicModel, NamesRatesAndFiles) {
  Model m = LineModel().load();
  EXPECT_ERROR(m.variable("v"), ValueError, "no variable \"v\"");
  EXPECT_EQ(m.variable_names(), (std::vector<std::string>{"w", "rate", "steps", "total", "count"}));
  for (double bad : {-1.0, double(NAN), double(INFINITY)}) EXPECT_ERROR(m.set_learning_rate(bad), ValueError, "finite");
  m.set_learning_rate(0.5);
  EXPECT_EQ(m.variable("rate")->value().at(0), 0.5);
  EXPECT_ERROR(m.save("/no/such/folder/file"), FileError, "/no/such/folder");
  LineModel fixed;
  fixed.learning_rate = "\"\"";
  fixed.file.functions.erase("train");
  fixed.logs = "[]";
  Model still = fixed.load();
  EXPECT_FALSE(still.can_train());
  EXPECT_ERROR(still.set_learning_rate(0.5), ValueError, "schedule");
  EXPECT_ERROR(still.fit({kData.x}, {kData.y}), ValueError, "no training step");
}

TEST(PublicModel, MovedFrom) {
  Model m = LineModel().load(), to = std::move(m);
  EXPECT_ERROR(m.predict({kData.x}), ValueError, "moved from");  // NOLINT: that is what is tested
  EXPECT_ERROR(m.fit({kData.x}, {kData.y}), ValueError, "moved from");
  EXPECT_ERROR(m.cancel(), ValueError, "moved from");
  EXPECT_ERROR(m.can_train(), ValueError, "moved from");
  EXPECT_ERROR(m.variable_names(), ValueError, "moved from");
  EXPECT_ERROR(m.variable("w"), ValueError, "moved from");
  EXPECT_ERROR(m.set_learning_rate(1), ValueError, "moved from");
  EXPECT_ERROR(m.save("x"), ValueError, "moved from");
  m = std::move(to);
  EXPECT_EQ(m.fit({kData.x}, {kData.y}).size(), 1u);
}

TEST(PublicModel, ALossThatIsNotFiniteChangesNothing) {
  for (const float odd : {NAN, INFINITY, 3e30f}) {
    for (const bool each_step : {false, true}) {
      Model m = LineModel().load();
      const LineData bad(40);
      bad.x.data<float>()[3 * 21] = odd;  // in the third batch of eight
      FitOptions o = epochs(5);
      o.shuffle = false;
      o.initial_epoch = 3;
      std::vector<float> last = weights(m);
      if (each_step) o.on_step = [&](int, int64_t, const Logs&) { return last = weights(m), true; };
      EXPECT_ERROR(m.fit({bad.x}, {bad.y}, o), NonFiniteError, "after step 3 of 5 in epoch 4 of 5");
      EXPECT_EQ(steps(m), 2);
      EXPECT_EQ(m.variable("count")->value().at(0), 16);
      for (float w : weights(m)) EXPECT_TRUE(std::isfinite(w));
      if (each_step) EXPECT_EQ(weights(m), last);
      EXPECT_EQ(m.fit({kData.x}, {kData.y}).size(), 1u);  // and it goes on
      o.on_nonfinite = OnNonfinite::ignore;
      m.fit({bad.x}, {bad.y}, o);
      EXPECT_FALSE(std::isfinite(weights(m)[0]));
    }
  }
}

TEST(PublicModel, TheCheckChangesNoBit) {
  Model checked = LineModel().load(), free = LineModel().load();
  FitOptions o = epochs(3);
  const auto a = checked.fit({kData.x}, {kData.y}, o);
  o.on_nonfinite = OnNonfinite::ignore;
  EXPECT_EQ(free.fit({kData.x}, {kData.y}, o), a);
  EXPECT_EQ(weights(free), weights(checked));
  EXPECT_LT(a[2].at("loss"), a[0].at("loss"));
}

TEST(PublicModel, EveryEpochHasAnOrderOfItsOwn) {
  const auto train = [](std::vector<std::pair<int, int>> spans, uint64_t seed = 3) {
    Model m = LineModel().load();
    std::vector<double> losses;
    for (const auto& [first, last] : spans) {
      FitOptions o = epochs(last, 1);
      o.initial_epoch = first;
      o.seed = seed;
      o.on_step = [&](int epoch, int64_t step, const Logs& logs) {
        EXPECT_TRUE(epoch >= first && epoch < last);
        if (step == 0) losses.push_back(logs.at("loss"));
        return true;
      };
      m.set_learning_rate(0);  // the first loss tells which sample came first
      m.fit({kData.x}, {kData.y}, o);
    }
    return losses;
  };
  const std::vector<double> whole = train({{0, 6}});
  EXPECT_GT(std::set<double>(whole.begin(), whole.end()).size(), 3u);
  EXPECT_EQ(train({{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}}), whole);
  EXPECT_EQ(train({{0, 2}, {2, 6}}), whole);
  EXPECT_EQ(train({{2, 6}}), std::vector<double>(whole.begin() + 2, whole.end()));  // loaded again, say
  EXPECT_NE(train({{0, 6}}, 4), whole);
}

TEST(PublicModel, CancelStopsThisFitOrTheNext) {
  Model m = LineModel().load();
  m.cancel();
  EXPECT_TRUE(m.fit({kData.x}, {kData.y}, epochs(3)).empty());
  EXPECT_EQ(steps(m), 0);
  EXPECT_EQ(m.fit({kData.x}, {kData.y}, epochs(2)).size(), 2u);  // it is done with
  m.cancel();
  EXPECT_ERROR(m.fit({kData.x}, {}, epochs(2)), ValueError, "inputs");
  EXPECT_EQ(m.fit({kData.x}, {kData.y}, epochs(2)).size(), 2u);
  EXPECT_EQ(steps(m), 20);
  FitOptions o = epochs(4);
  o.on_step = [&](int, int64_t step, const Logs&) {
    if (step == 2) m.cancel();
    return true;
  };
  EXPECT_EQ(m.fit({kData.x}, {kData.y}, o).size(), 1u);
  EXPECT_EQ(steps(m), 23);
  o.on_step = nullptr;
  o.on_epoch = [&](int, const Logs&) { return m.cancel(), true; };
  EXPECT_EQ(m.fit({kData.x}, {kData.y}, o).size(), 1u);
}

TEST(PublicModel, CancelFromAnotherThreadActsAfterTheStep) {
  Model m = LineModel().load({"", 2, {}, {}});
  const LineData many(4000);
  std::atomic<bool> started{false};
  FitOptions o = epochs(std::numeric_limits<int>::max(), 4);
  o.on_epoch = [&](int, const Logs&) { return started.store(true), true; };
  std::thread training([&] { m.fit({many.x}, {many.y}, o); });
  while (!started.load()) std::this_thread::yield();
  m.cancel();
  training.join();  // or else it would train for years
  EXPECT_GE(steps(m), 1000);
  EXPECT_EQ(m.fit({kData.x}, {kData.y}).size(), 1u);
}

TEST(PublicModel, CallbacksStopAndThrow) {
  Model m = LineModel().load();
  FitOptions o = epochs(3);
  o.on_step = [](int, int64_t step, const Logs&) { return step < 1; };
  EXPECT_EQ(m.fit({kData.x}, {kData.y}, o).size(), 1u);
  EXPECT_EQ(steps(m), 2);
  o.on_step = [](int, int64_t, const Logs&) -> bool { throw NonFiniteError("mine"); };
  EXPECT_ERROR(m.fit({kData.x}, {kData.y}, o), NonFiniteError, "mine");
  EXPECT_EQ(steps(m), 3);
  o.on_step = nullptr;
  o.on_epoch = [](int, const Logs&) { return false; };
  EXPECT_EQ(m.fit({kData.x}, {kData.y}, o).size(), 1u);
}

TEST(PublicModel, WithoutALossNothingIsChecked) {
  LineModel line;
  line.logs = "[\"mean\"]";
  Model m = line.load();
  const LineData bad(8);
  bad.x.data<float>()[0] = NAN;
  EXPECT_TRUE(std::isnan(m.fit({bad.x}, {bad.y})[0].at("mean")));
  line.logs = "[]";
  EXPECT_TRUE(line.load().fit({kData.x}, {kData.y})[0].empty());
}

TEST(PublicModel, ThirtyTwoThreadsPredictAtOnce) {
  Model m = LineModel().load({"", 2, {}, {}});
  const Tensor want = m.predict({kData.x})[0];
  std::atomic<int> wrong{0};
  std::vector<std::thread> team;
  for (int t = 0; t < 32; ++t)
    team.emplace_back([&, t] {
      const int64_t n = 1 + t % 5;
      const Tensor few(DType::f32, {n, 3}, kData.x.raw(), nullptr);
      for (int i = 0; i < 25; ++i) {
        const Tensor y = m.predict({kData.x})[0], part = m.predict({few})[0];
        wrong += std::memcmp(y.raw(), want.raw(), y.bytes()) != 0 || part.at(n - 1) != want.at(n - 1);
      }
    });
  for (auto& t : team) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(PublicModel, TwoModelsTrainInTwoThreads) {
  Model alone = LineModel().load(), a = LineModel().load({"", 2, {}, {}}), b = LineModel().load({"", 2, {}, {}});
  alone.fit({kData.x}, {kData.y}, epochs(30));
  std::thread other([&] { a.fit({kData.x}, {kData.y}, epochs(30)); });
  b.fit({kData.x}, {kData.y}, epochs(30));
  other.join();
  EXPECT_EQ(weights(a), weights(alone));
  EXPECT_EQ(weights(b), weights(alone));
}
