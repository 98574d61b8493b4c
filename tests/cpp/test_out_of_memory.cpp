// Allocations fail one by one: what comes out is an Error, nothing is lost, and the next call works.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <utility>

#include "line_model.hpp"

using namespace hornbeam;

namespace {
thread_local int64_t g_left = -1;  // allocations until one fails; negative: none does
}

void* operator new(size_t n) {
  if (g_left >= 0 && g_left-- == 0) throw std::bad_alloc();
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
void* operator new[](size_t n) { return operator new(n); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return std::malloc(n ? n : 1); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return std::malloc(n ? n : 1); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }

namespace {
// A copy for a parameter that is passed by value: it is the caller's, and does not fail here.
template <class T>
T given(const T& x) {
  const int64_t left = std::exchange(g_left, -1);
  T copy = x;
  g_left = left;
  return copy;
}

// Lets allocations of `work` fail in turn; returns about how many there are.
template <class Work>
int64_t fail_each(Work&& work) {
  for (int64_t n = 0;; n += 1 + n / 50) {  // late ones are many, and much alike
    g_left = n;
    try {
      work();
      const bool done = g_left >= 0;
      g_left = -1;
      if (done) return n;
    } catch (const MemoryError&) {
      g_left = -1;
    } catch (const std::exception& e) {
      g_left = -1;
      ADD_FAILURE() << "allocation " << n << ": " << typeid(e).name() << ": " << e.what();
      return n;
    }
  }
}
}  // namespace

TEST(OutOfMemory, TensorsAreMadeOrRefused) {
  const Shape shape{3, 4};
  EXPECT_GT(fail_each([&] { Tensor::zeros(DType::f32, given(shape)); }), 0);
}

TEST(OutOfMemory, ExecutablesCompilePlanAndRun) {
  const LineData data(8);
  LineModel line;
  const Graph& g = *line.file.functions["train"];
  const VariablePtr steps = line.file.variables[2].second;
  const CompileOptions options{"", 1, {}, {"y0"}};
  EXPECT_GT(fail_each([&] { Executable e(g, given(options)); }), 100);
  Executable e(g, options);
  const std::vector<Tensor> in{data.x, data.y};
  EXPECT_GT(fail_each([&] { e.run(in); }), 10);
  EXPECT_GT(fail_each([&] { e.profile(in, 1); }), 10);
  EXPECT_GT(fail_each([&] { e.check_inputs(in); }), 0);
  const std::vector<Shape> shapes{{5, 3}, {5, 1}};
  EXPECT_GT(fail_each([&] { e.stats(shapes); }), 10);
  const double before = steps->value().at(0);
  e.run(in);
  EXPECT_EQ(steps->value().at(0), before + 1);
}

TEST(OutOfMemory, RunnersAndLoops) {
  const LineData data(8);
  LineModel line;
  auto e = std::make_shared<Executable>(*line.file.functions["train"], CompileOptions{"", 1, {}, {}});
  const std::vector<Shape> shapes{{4, 3}, {4, 1}};
  const std::vector<Tensor> arrays{data.x, data.y};
  const Tensor a = Tensor::zeros(DType::f32, {}), b = a.copy();
  EXPECT_GT(fail_each([&] { Runner r(e, shapes); }), 3);
  EXPECT_GT(fail_each([&] {
              Runner r(e, shapes);
              const int64_t rows[] = {7, 6, 5, 4};
              r.set_input(0, data.x.raw(), rows);
              r.set_input(1, data.y.raw(), rows);
              r.set_output(0, a);
              r.set_output(1, b);
              r.run();
            }),
            5);
  EXPECT_GT(fail_each([&] {
              BatchLoop loop(e, given(arrays), 3);
              loop.shuffle(1, 2);
              loop.run(0, 3, 1e9);
            }),
            5);
}

TEST(OutOfMemory, Models) {
  const LineData data(8);
  const std::string path = LineModel().write("memory");
  EXPECT_GT(fail_each([&] { Model::load(path); }), 100);
  Model m = Model::load(path, {"", 1, {}, {}});
  const std::vector<Tensor> x{data.x}, y{data.y};
  EXPECT_GT(fail_each([&] { m.predict(x); }), 3);
  EXPECT_GT(fail_each([&] { m.fit(x, y); }), 5);
  EXPECT_EQ(m.fit(x, y).size(), 1u);
  std::remove(path.c_str());
}

TEST(OutOfMemory, MoreSamplesThanCanBeCounted) {
  Graph g;
  g.outputs = {{"x", g.input("x", DType::f32, {Dim::symbol("n"), 0})}};
  auto e = std::make_shared<Executable>(g);
  for (int64_t n : {int64_t(1) << 40, int64_t(1) << 60, int64_t(1) << 61}) {
    BatchLoop loop(e, {Tensor(DType::f32, {n, 0})}, 5);
    EXPECT_THROW(loop.shuffle(1, 1), Error);  // an order of 8 n bytes
  }
}
