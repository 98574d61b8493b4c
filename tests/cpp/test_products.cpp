// Products of every mode (turned, by dots, by blocks, in place, apart, ..) and every convolution, each followed by a
// random elementwise chain or a weight's update.
#include "random_graphs.hpp"

using namespace hornbeam;
using namespace hornbeam::random_graphs;

namespace {
struct ProductCase : Case {
  using Case::Case;

  void matmul() {
    int64_t m = edge(), n = edge(), k = edge();
    switch (random.below(12)) {
      case 0:
        k = random.of<int64_t>({399, 400, 401, 801, 1030});
        break;
      case 1:  // large right sides: packed by blocks, or kept
        k = random.of<int64_t>({401, 700}), n = random.of<int64_t>({640, 897, 1024});
        m = random.of<int64_t>({1, 2, 5, 33});
        break;
      case 2:
        m = random.of<int64_t>({641, 1000});
        break;
      case 3:
        n = random.of<int64_t>({1024, 1025});
        break;
      case 4:  // few rows, whose right side is read as streams, one set of columns after another
        m = random.of<int64_t>({1, 2, 4, 5}), k = random.of<int64_t>({1, 3, 4, 9, 33});
        n = random.of<int64_t>({2047, 2048, 2049, 4100});
        break;
      case 5:  // rows that share sets of the cache, packed but for few rows on the left
        m = random.of<int64_t>({23, 24, 25, 61}), n = random.of<int64_t>({128, 256});
        break;
    }
    const bool ta = random.chance(35), tb = random.chance(35);
    Shape batch, other;
    for (int64_t axes = random.chance(40) && m * n * k < 400000 ? 1 + random.below(2) : 0; axes > 0; --axes) {
      batch.push_back(random.of<int64_t>({1, 2, 3}));
      if (!other.empty() || random.chance(50)) other.push_back(random.chance(70) ? batch.back() : 1);
    }
    Shape a = batch, b = other;
    for (int64_t d : ta ? Shape{k, m} : Shape{m, k}) a.push_back(d);
    for (int64_t d : tb ? Shape{n, k} : Shape{k, n}) b.push_back(d);
    depth = double(k);
    const Value x = operand(a), w = operand(b);
    end(o.matmul(x, w, ta, tb), concat("matmul ", a, b, ta ? " ta" : "", tb ? " tb" : ""));
  }

  void conv() {
    const int64_t axes = random.of<int64_t>({1, 2, 2, 2, 2, 3});
    const bool depthwise = random.chance(20), small = random.chance(20);  // groups
    const int64_t few = random.of<int64_t>({2, 4, 8});
    const int64_t groups = depthwise ? edge() + 1 : random.of<int64_t>({1, 1, 1, 1, 2, 3}) + (small ? 5 : 0);
    const int64_t c = depthwise ? 1
                      : small   ? few
                                : std::min<int64_t>(edge(), 33),
                  f = depthwise ? 1
                      : small   ? few
                                : std::min<int64_t>(edge(), 49);
    Shape x{random.of<int64_t>({1, 1, 2, 3, 9})}, kernel, y{x[0]};
    Ints strides, dilations;
    SymShape low, high;
    const int64_t side = random.of<int64_t>({1, 3, 3, 3, 3, 2, 5});
    const bool square = random.chance(60), plain = random.chance(60);
    depth = double(c);
    for (int64_t i = 0; i < axes; ++i) {
      kernel.push_back(square ? side : random.of<int64_t>({1, 2, 3, 4}));
      strides.push_back(plain ? 1 : random.of<int64_t>({1, 2, 2, 3}));
      dilations.push_back(plain ? 1 : random.of<int64_t>({1, 1, 2}));
      const int64_t lo = padding(random.of<int64_t>({0, 1, 1, 2})), hi = padding(random.of<int64_t>({0, 1, 1, 2}));
      const int64_t reach = (kernel.back() - 1) * dilations.back() + 1;
      const int64_t most = axes == 3 ? 6 : axes == 2 ? 19 : 60;
      x.push_back(std::max<int64_t>(std::max<int64_t>(1, reach - lo - hi), 1 + random.below(most)));
      low.push_back(lo), high.push_back(hi);
      y.push_back((x.back() + lo + hi - reach) / strides.back() + 1);
      depth *= double(kernel.back());
    }
    x.push_back(c * groups), kernel.push_back(c), kernel.push_back(f * groups), y.push_back(f * groups);
    Attrs attrs{{"strides", strides}, {"low", low}, {"high", high}, {"dilations", dilations}, {"groups", groups}};
    const std::string what = concat("conv ", x, kernel, " strides=", strides, " dilations=", dilations,
                                    " low=", shape_text(low), " high=", shape_text(high), " groups=", groups);
    auto sym = [](const Shape& s) { return SymShape(s.begin(), s.end()); };
    switch (random.below(4)) {
      case 0:
        attrs.set("shape", sym(x));
        depth *= double(f);
        return end(g.add1("conv_input_grad", {operand(y), operand(kernel)}, attrs), what + " input_grad");
      case 1:
        attrs.set("shape", sym(kernel));
        depth = double(shape_product(y)) / double(y.back());
        return end(g.add1("conv_kernel_grad", {operand(x), operand(y)}, attrs), what + " kernel_grad");
      case 2:
        if (depthwise && axes == 2) {  // with a pointwise one behind it
          const int64_t out = edge();
          Value mid = g.add1("conv", {operand(x), operand(kernel)}, attrs);
          if (random.chance(50)) mid = o.relu(o.add(mid, operand({groups})));
          depth *= double(groups);
          Attrs one{
              {"strides", Ints{1, 1}}, {"low", SymShape{0, 0}}, {"high", SymShape{0, 0}}, {"dilations", Ints{1, 1}}};
          return end(g.add1("conv", {mid, operand({1, 1, groups, out})}, one), what + " separable");
        }
        [[fallthrough]];
      default:
        return end(g.add1("conv", {operand(x), operand(kernel)}, attrs), what);
    }
  }

  // ---- cases that were wrong once ----
  Value plain_conv_grad(Shape x, Shape kernel, Shape y, Ints strides, Ints low, Ints high) {
    auto sym = [](const Ints& v) { return SymShape(v.begin(), v.end()); };
    text = concat("input gradient ", x, kernel);
    depth = double(shape_product(kernel));
    Attrs attrs{{"strides", strides}, {"low", sym(low)}, {"high", sym(high)}, {"shape", sym(x)}};
    attrs.set("dilations", Ints(strides.size(), 1));
    return g.add1("conv_input_grad", {operand(y, false), operand(kernel, false)}, attrs);
  }
  void column_as_a_row() {  // its bias has one element, not one a column of the row
    text = "column as a row";
    depth = 32;
    const Value x = operand({32, 1 + int64_t(random.below(40))}, false);
    g.outputs.push_back({"y", o.relu(o.add(o.matmul(x, operand({32, 1}, false), true), operand({1}, false)))});
  }
  void one_phase() {  // of a stride; no tap meets it, and what follows runs all the same
    const Value d = plain_conv_grad({1, 1, 12, 16}, {1, 1, 16, 8}, {1, 2, 15, 8}, {2, 1}, {1, 2}, {2, 1});
    g.outputs.push_back({"y", o.tanh(o.add(d, operand({1, 1, 12, 16}, false)))});
  }
  void panels_of_three_registers() {  // that hold no whole number of blocks
    const int64_t c = random.of<int64_t>({20, 24, 40});
    g.outputs.push_back({"dx", plain_conv_grad({2, 8, 8, c}, {3, 3, c, 64}, {2, 8, 8, 64}, {1, 1}, {1, 1}, {1, 1})});
  }
  void phases_along_depth() {
    const Value d =
        plain_conv_grad({2, 4, 2, 6, 2}, {2, 2, 2, 2, 13}, {2, 1, 1, 8, 13}, {3, 2, 1}, {0, 0, 1}, {0, 0, 2});
    g.outputs.push_back({"dx", d});
  }
  void windows_outside() {  // the only column of windows is left of the image
    text = "windows outside";
    depth = 4;
    Attrs attrs{{"strides", Ints{2, 3}}, {"dilations", Ints{2, 1}}, {"groups", int64_t(2)}};
    attrs.set("low", SymShape{1, 2}), attrs.set("high", SymShape{1, 0}), attrs.set("shape", SymShape{1, 1, 2, 32});
    const Value x = operand({1, 10, 1, 4}, false), dy = operand({1, 6, 1, 32}, false);
    g.outputs.push_back({"dk", g.add1("conv_kernel_grad", {x, dy}, attrs)});
  }
};

class Products : public testing::TestWithParam<std::string> {};
}  // namespace
INSTANTIATE_TEST_SUITE_P(All, Products, testing::ValuesIn(isa_names()), [](const auto& i) { return i.param; });

TEST_P(Products, ThatWereWrongOnce) {
  for (const auto build :
       {&ProductCase::column_as_a_row, &ProductCase::one_phase, &ProductCase::panels_of_three_registers,
        &ProductCase::phases_along_depth, &ProductCase::windows_outside})
    for (unsigned seed = 0; seed < 6; ++seed) check(seed, GetParam(), build);
}
TEST_P(Products, OfMatricesStayInsideTheirOperands) { check_all(GetParam(), &ProductCase::matmul, 300); }
TEST_P(Products, OfWindowsStayInsideTheirOperands) { check_all(GetParam(), &ProductCase::conv, 300); }
