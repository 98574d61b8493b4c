// Kernels against naive twins, over odd sizes, on every instruction set this CPU has.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "hornbeam/executable.hpp"
#include "hornbeam/ops.hpp"
#include "kernels/cpu/gemm.hpp"

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

TEST_P(Isa, EveryTileShape) {
  const IsaTable& isa = *find_isa(GetParam().c_str());
  for (int nv = 1; nv <= 4; ++nv)
    for (int mr = 1; mr <= isa.max_rows[nv]; ++mr)
      for (int column = 0; column < 2; ++column) {
        const int w = nv * isa.lanes, k = 37, columns = w - 1;
        std::vector<float> a(size_t(kTileRows) * kTileStride, 0.0f), b(size_t(w) * k), c(size_t(mr) * w, 2.0f);
        auto at = [&](int i, int p) -> float& { return a[size_t(column ? p * kTileRows + i : i * kTileStride + p)]; };
        for (int i = 0; i < mr; ++i)
          for (int p = 0; p < k; ++p) at(i, p) = float((i * 7 + p * 3) % 11) - 5;
        for (size_t i = 0; i < b.size(); ++i) b[i] = float(i % 13) - 6;
        isa.gemm[column][nv][mr]({a.data(), b.data(), c.data(), w, k, columns, true});
        for (int i = 0; i < mr; ++i)
          for (int j = 0; j < w; ++j) {
            float want = 2;
            for (int p = 0; j < columns && p < k; ++p) want += at(i, p) * b[size_t(p * w + j)];
            ASSERT_EQ(c[size_t(i * w + j)], want) << nv << " " << mr << " " << column << " " << i << " " << j;
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
      {Ew::exp_, std::exp, -87, 88, 3}, {Ew::log_, std::log, 1e-30, 1e30, 3},    {Ew::tanh_, std::tanh, -9, 9, 5},
      {Ew::erf_, std::erf, -4, 4, 5},   {Ew::log1p_, std::log1p, -0.99, 100, 6}, {Ew::expm1_, std::expm1, -20, 80, 5},
      {Ew::sin_, std::sin, -3, 3, 4},   {Ew::cos_, std::cos, -1.5, 1.5, 4},      {Ew::sqrt_, std::sqrt, 0, 1e10, 1}};
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
