// Kernels against naive twins, over odd sizes, on every instruction set this CPU has.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "hornbeam/executable.hpp"
#include "hornbeam/ops.hpp"
#include "kernels/cpu/product/gemm.hpp"

using namespace hornbeam;

namespace {
Tensor random_tensor(Shape shape, unsigned seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> d(-1, 1);
  Tensor t(DType::f32, std::move(shape));
  for (int64_t i = 0; i < t.size(); ++i) t.data<float>()[i] = d(rng);
  return t;
}

void expect_close(const Tensor& got, const std::vector<double>& want, double tol) {
  ASSERT_EQ(size_t(got.size()), want.size());
  for (int64_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got.at(i), want[size_t(i)], tol) << "at " << i;
}

std::vector<double> naive_matmul(const Tensor& a, const Tensor& b, int64_t m, int64_t k, int64_t n) {
  std::vector<double> c(size_t(m * n), 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t p = 0; p < k; ++p) c[size_t(i * n + j)] += a.at(i * k + p) * b.at(p * n + j);
  return c;
}
}  // namespace

class Isa : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, Isa, testing::ValuesIn(isa_names()), [](const auto& i) { return i.param; });

TEST_P(Isa, MatmulMatchesLoops) {
  const int64_t sizes[][3] = {{1, 1, 1},     {2, 3, 1},    {13, 7, 17},  {15, 16, 15}, {17, 400, 33},
                              {31, 800, 49}, {64, 64, 64}, {97, 5, 101}, {3, 0, 4}};
  for (const auto& s : sizes) {
    const int64_t m = s[0], k = s[1], n = s[2];
    Graph g;
    Value a = g.input("a", DType::f32, {m, k}), b = g.input("b", DType::f32, {k, n});
    g.outputs.push_back({"c", g.add1("matmul", {a, b})});
    Executable e(g, {GetParam(), 1, {}});
    Tensor x = random_tensor({m, k}, 1), y = random_tensor({k, n}, 2);
    expect_close(e.run({x, y})[0], naive_matmul(x, y, m, k, n), 1e-5 * std::sqrt(double(k) + 1));
  }
}

namespace {
// Small whole numbers, so that sums are exact in whatever order.
std::vector<float> whole(size_t n, int seed) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = float(int(i * 7 + size_t(seed) * 3) % 11) - 5;
  return v;
}
// Calls check(nv, rows, columns of the tile that exist) for every shape of tile.
template <class F>
void each_tile(const IsaTable& isa, F check) {
  for (int nv = 1; nv <= 4; ++nv)
    for (int rows = 1; rows <= isa.max_rows[nv]; ++rows)
      for (int columns : {nv * isa.lanes, nv * isa.lanes - 1}) check(nv, rows, columns);
}
}  // namespace

TEST_P(Isa, EveryGemmTile) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  for (const bool column : {false, true})
    each_tile(isa, [&](int nv, int rows, int columns) {
      const int w = nv * isa.lanes, k = 37;
      const int64_t step = w + 5;
      std::vector<float> a = whole(size_t(kTileRows) * kTileStride, 1), b = whole(size_t(step) * k, 2);
      const std::vector<float> bias = whole(size_t(w), 3);
      for (const bool ends : {false, true}) {
        std::vector<float> c(size_t(rows) * size_t(w), 2.0f);
        isa.gemm[column][nv][rows](
            {a.data(), b.data(), step, k, {c.data(), w, columns, !ends, ends ? bias.data() : nullptr, ends}});
        for (int i = 0; i < rows; ++i)
          for (int j = 0; j < w; ++j) {
            float want = ends ? bias[size_t(j)] : 2;
            for (int p = 0; p < k; ++p)
              want += a[size_t(column ? p * rows + i : i * kTileStride + p)] * b[size_t(p * step + j)];
            if (ends) want = std::max(want, 0.0f);
            if (j >= columns) want = 2;
            ASSERT_EQ(c[size_t(i * w + j)], want) << column << " " << nv << " " << rows << " " << i << " " << j;
          }
      }
    });
}

TEST_P(Isa, EveryWindowTile) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  const std::vector<int64_t> runs{0, 40, 95};
  for (int length : {1, 3, 4, 9})
    each_tile(isa, [&](int nv, int rows, int columns) {
      const int w = nv * isa.lanes, stride = 6;
      const std::vector<float> a = whole(400, 1), b = whole(size_t(w * length) * runs.size(), 2);
      std::vector<float> c(size_t(rows * w), 0.0f);
      isa.window[nv][rows](
          {a.data(), stride, runs.data(), int(runs.size()), length, b.data(), {c.data(), w, columns, false}});
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < w; ++j) {
          float want = 0;
          for (size_t r = 0; j < columns && r < runs.size(); ++r)
            for (int k = 0; k < length; ++k)
              want += a[size_t(i * stride + runs[r] + k)] * b[(r * size_t(length) + size_t(k)) * size_t(w) + size_t(j)];
          ASSERT_EQ(c[size_t(i * w + j)], want) << nv << " " << rows << " " << i << " " << j;
        }
    });
}

TEST_P(Isa, EveryOuterTile) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  each_tile(isa, [&](int nv, int rows, int columns) {
    const int w = nv * isa.lanes;
    OuterTile t{};
    t.images = 2, t.lines = 3, t.pixels = 4;
    t.a_pixel = 15, t.a_line = 61, t.a_image = 190;
    t.b_pixel = columns, t.b_line = 4 * columns + 1, t.b_image = 13 * columns;
    // b ends where its last row does: nothing beyond may be read
    const std::vector<float> a = whole(400, 1), b = whole(size_t(t.b_image + 2 * t.b_line + 4 * columns), 2);
    std::vector<float> c(size_t(rows * w), 1.0f);
    t.a = a.data(), t.b = b.data();
    t.to = {c.data(), w, columns, true};
    isa.outer[nv][rows](t);
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < w; ++j) {
        float want = 1;
        for (int m = 0; j < columns && m < 2; ++m)
          for (int l = 0; l < 3; ++l)
            for (int x = 0; x < 4; ++x)
              want += a[size_t(m * t.a_image + l * t.a_line + x * t.a_pixel + i)] *
                      b[size_t(m * t.b_image + l * t.b_line + x * t.b_pixel + j)];
        ASSERT_EQ(c[size_t(i * w + j)], want) << nv << " " << rows << " " << i << " " << j;
      }
  });
}

TEST_P(Isa, DotTiles) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  const std::vector<int64_t> runs{0, 50};
  for (int length : {1, isa.lanes - 1, isa.lanes, 2 * isa.lanes + 3})
    for (int rows : {1, 3, 4, 9}) {
      const std::vector<float> a = whole(400, 1), w = whole(size_t(3 * 2 * length), 2);
      std::vector<float> y(size_t(rows) * 3, 0.0f);
      isa.dot_tile({a.data(), 7, runs.data(), 2, length, w.data(), 2 * length, y.data(), 3, rows, 3});
      for (int i = 0; i < rows; ++i)
        for (int f = 0; f < 3; ++f) {
          float want = 0;
          for (int r = 0; r < 2; ++r)
            for (int k = 0; k < length; ++k)
              want += a[size_t(i * 7 + runs[size_t(r)] + k)] * w[size_t(f * 2 * length + r * length + k)];
          ASSERT_EQ(y[size_t(i * 3 + f)], want) << length << " " << i << " " << f;
        }
    }
}

TEST_P(Isa, ElementwiseMathIsAccurate) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  struct Row {
    Ew op;
    double (*exact)(double);
    double lo, hi, ulp;
  };
  const Row rows[] = {
      {Ew::exp_, std::exp, -87, 88, 3},
      {Ew::log_, std::log, 1e-30, 1e30, 3},
      {Ew::tanh_, std::tanh, -9, 9, 5},
      {Ew::erf_, std::erf, -4, 4, 7},
      {Ew::log1p_, std::log1p, -0.99, 100, 6},
      {Ew::expm1_, std::expm1, -20, 80, 5},
      {Ew::sin_, std::sin, -3, 3, 4},
      {Ew::cos_, std::cos, -1.5, 1.5, 4},
      {Ew::sqrt_, std::sqrt, 0, 1e10, 1},
      {Ew::tan_, std::tan, -1.5, 1.5, 4},
      {Ew::asin_, std::asin, -1, 1, 3},
      {Ew::acos_, std::acos, -1, 1, 3},
      {Ew::atan_, std::atan, -9, 9, 3},
      {Ew::sinh_, std::sinh, -89, 89, 3},
      {Ew::cosh_, std::cosh, -89, 89, 3},
      {Ew::asinh_, std::asinh, -50, 50, 4},
      {Ew::acosh_, std::acosh, 1, 50, 4},
      {Ew::atanh_, std::atanh, -0.999, 0.999, 4},
      {Ew::erfc_, std::erfc, -4, 9, 8},
      {Ew::softplus_, [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); }, -80, 80, 3}};
  for (const Row& r : rows) {
    std::vector<float> x(4099), y(x.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = float(r.lo + (r.hi - r.lo) * double(i) / double(x.size()));
    isa.elementwise[int(r.op)](y.data(), x.data(), x.data(), x.data(), int(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = r.exact(double(x[i]));
      const double unit = std::max(std::abs(want), 1e-30) * 1.1920929e-07;
      const double slack = std::abs(want) < 1e-3 ? 2e-10 : 0;  // near a zero away from the origin
      ASSERT_NEAR(y[i], want, r.ulp * unit + slack) << kEwInfo[int(r.op)].name << "(" << x[i] << ")";
    }
  }
}

namespace {
// Arguments at which functions change their form or have none.
std::vector<float> corners() {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> v{nan, inf,  0,    0.25f, 0.5f,        1,        2,     2.5f,  3,
                       90,  8191, 8193, 1e6f,  7e6f + 0.5f, 16777216, 1e10f, 1e30f, 3e38f};
  for (size_t i = 0, n = v.size(); i < n; ++i) v.push_back(-v[i]);
  return v;
}
void expect_like(float got, double exact, float a, float b, const char* op) {
  const float want = float(exact);
  if (std::isnan(want) || std::isinf(want) || want == 0) {
    EXPECT_TRUE(std::isnan(want) ? std::isnan(got) : got == want && std::signbit(got) == std::signbit(want))
        << op << "(" << a << ", " << b << ") is " << got << ", not " << want;
  } else if (std::abs(want) > 1e-37f) {  // below that results may be flushed
    EXPECT_NEAR(got, exact, 2e-6 * std::abs(exact)) << op << "(" << a << ", " << b << ")";
  }
}
}  // namespace

TEST_P(Isa, FunctionsOfOneAtTheirCorners) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  const struct {
    Ew op;
    double (*exact)(double);
  } rows[] = {{Ew::tan_, std::tan},     {Ew::asin_, std::asin}, {Ew::acos_, std::acos},   {Ew::atan_, std::atan},
              {Ew::sinh_, std::sinh},   {Ew::cosh_, std::cosh}, {Ew::asinh_, std::asinh}, {Ew::acosh_, std::acosh},
              {Ew::atanh_, std::atanh}, {Ew::erfc_, std::erfc}};
  const std::vector<float> x = corners();
  for (const auto& r : rows)
    for (int n : {1, isa.lanes - 1, isa.lanes, int(x.size())}) {
      std::vector<float> y(x.size(), -7);
      isa.elementwise[int(r.op)](y.data(), x.data(), x.data(), x.data(), n);
      for (size_t i = 0; i < x.size(); ++i)
        if (int(i) >= n)
          EXPECT_EQ(y[i], -7) << kEwInfo[int(r.op)].name;
        else
          expect_like(y[i], r.exact(double(x[i])), x[i], 0, kEwInfo[int(r.op)].name);
    }
}

TEST_P(Isa, FunctionsOfTwoAtTheirCorners) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  const struct {
    Ew op;
    double (*exact)(double, double);
  } rows[] = {{Ew::power_, std::pow}, {Ew::arctan2_, std::atan2}};
  std::vector<float> a, b;
  for (float x : corners())
    for (float y : corners()) a.push_back(x), b.push_back(y);
  for (int i = 0; i < 2000; ++i) {  // and in between
    a.push_back(std::exp(float(i % 97) - 48.0f)), b.push_back(float(i % 31 - 15) / 16.0f);
    a.push_back(1 + float(i % 41 - 20) / 1024.0f), b.push_back(float(i % 1999) - 1000);
  }
  for (const auto& r : rows) {
    std::vector<float> y(a.size());
    isa.elementwise[int(r.op)](y.data(), a.data(), b.data(), a.data(), int(a.size()));
    for (size_t i = 0; i < a.size(); ++i)
      expect_like(y[i], r.exact(double(a[i]), double(b[i])), a[i], b[i], kEwInfo[int(r.op)].name);
  }
}

TEST_P(Isa, ErfinvUndoesErf) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  std::vector<float> x{-1, 1, 0, 1.5f, -2, std::numeric_limits<float>::quiet_NaN()}, y(2005);
  while (x.size() < y.size()) x.push_back(-1 + float(x.size()) / 1003.0f);
  isa.elementwise[int(Ew::erfinv_)](y.data(), x.data(), x.data(), x.data(), int(x.size()));
  EXPECT_EQ(y[0], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(y[1], std::numeric_limits<float>::infinity());
  EXPECT_EQ(y[2], 0);
  for (size_t i = 3; i < 6; ++i) EXPECT_TRUE(std::isnan(y[i])) << x[i];
  for (size_t i = 6; i < x.size(); ++i) {  // y off by d moves erf by d times its slope there
    const double slope = 2 / std::sqrt(M_PI) * std::exp(-double(y[i]) * y[i]);
    if (std::abs(x[i]) < 1) ASSERT_NEAR(std::erf(double(y[i])), x[i], 1e-6 * std::abs(y[i]) * slope + 1e-12) << x[i];
  }
}

// Whole quotients are exact wherever their operands are, on whole registers as on single elements.
TEST_P(Isa, FloorDivideIsExact) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  std::vector<float> a, b;
  for (int i = 0; i < 3001; ++i)
    a.push_back(float(i * 37 % 4001 - 2000) / 16), b.push_back(float(i % 61 - 30) / 8 + 0.0625f);
  std::vector<float> y(a.size());
  isa.elementwise[int(Ew::floor_divide_)](y.data(), a.data(), b.data(), a.data(), int(a.size()));
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(y[i], float(std::floor(double(a[i]) / double(b[i])))) << a[i] << " // " << b[i];
}

// What is made of constants while compiling has the bits that it would have had while running.
TEST_P(Isa, ConstantsAreFoldedAsTheProgramWouldComputeThem) {
  const int64_t n = 1001;
  Tensor x(DType::f32, {n});
  for (int64_t i = 0; i < n; ++i) x.data<float>()[i] = float(i - 500) / 100;
  x.data<float>()[0] = 1e-39f, x.data<float>()[1] = 2e-38f;  // a denormal, and one that becomes it
  for (const char* op : {"gelu", "tanh", "exp", "sigmoid", "erf", "log1p", "half"}) {
    std::vector<Tensor> results;
    for (const bool constant : {true, false}) {
      Graph g;
      Ops o(g);
      const Value v = constant ? g.constant(x) : g.input("x", DType::f32, {n});
      g.outputs.push_back({"y", std::string(op) == "half" ? o.mul(v, 0.5) : o.unary(op, v)});
      results.push_back(Executable(g, {GetParam(), 1, {}}).run(constant ? std::vector<Tensor>{} : std::vector{x})[0]);
    }
    EXPECT_EQ(std::memcmp(results[0].raw(), results[1].raw(), results[0].bytes()), 0) << op;
  }
}
