// Every other family of kernels and their gradients, with every operand beside a page that may not be touched.
#include "hornbeam/gradients.hpp"
#include "random_graphs.hpp"

using namespace hornbeam;
using namespace hornbeam::random_graphs;

namespace {
struct KernelCase : Case {
  using Case::Case;

  Shape shape(int64_t least_axes, int64_t most_axes) {
    Shape s;
    for (int64_t n = least_axes + random.below(most_axes - least_axes + 1); n > 0; --n)
      s.push_back(s.size() + 1 == size_t(most_axes) || n == 1 ? edge() : random.of<int64_t>({1, 2, 3, 5, 7}));
    return s;
  }
  Value numbers(const Shape& s) { return operand(s, random.chance(30)); }
  Value integers(const Shape& s, int64_t below) {
    Tensor t(random.chance(50) ? DType::i32 : DType::i64, s);
    for (int64_t i = 0; i < t.size(); ++i) {
      if (t.dtype() == DType::i32)
        t.data<int32_t>()[i] = int32_t(random.below(below));
      else
        t.data<int64_t>()[i] = random.below(below);
    }
    inputs.push_back(t);
    return g.input("i" + std::to_string(inputs.size()), t.dtype(), SymShape(s.begin(), s.end()));
  }
  Value bools(const Shape& s) {
    Tensor t(DType::boolean, s);
    for (int64_t i = 0; i < t.size(); ++i) t.data<uint8_t>()[i] = random.chance(70);
    inputs.push_back(t);
    return g.input("b" + std::to_string(inputs.size()), DType::boolean, SymShape(s.begin(), s.end()));
  }
  // Returns y and the gradients of a weighted sum of it.
  void differentiate(Value y, const std::vector<Value>& sources, const std::string& what) {
    text = what;
    g.outputs.push_back({"y", y});
    const Value loss = o.sum(o.mul(y, operand(eval_shape(g.shape(y), {}), false)));
    for (Value d : gradients(g, {loss}, sources))
      if (d.defined()) g.outputs.push_back({"d", d});
  }

  void norms() {
    const Shape s = shape(2, 4);
    depth = double(shape_product(s));
    if (random.chance(50)) return groups(s);
    const Value x = numbers(s), gamma = numbers({s.back()}), beta = numbers({s.back()});
    const bool batch = random.chance(50);
    const Value y = g.add(batch ? "batch_norm" : "layer_norm", {x, gamma, beta}, {{"epsilon", 0.1}})[0];
    differentiate(random.chance(50) ? o.relu(y) : y, {x, gamma, beta},
                  concat(batch ? "batch_norm " : "layer_norm ", s));
  }
  void groups(Shape s) {
    const int64_t axis = 1 + random.below(int64_t(s.size()) - 1), groups = random.of<int64_t>({1, 2, 3});
    if (random.chance(30)) s[0] = 1, s[1] = 700;  // in chunks
    s[size_t(axis)] *= groups;
    depth = double(shape_product(s));
    const Value x = numbers(s), gamma = numbers({s[size_t(axis)]}), beta = numbers({s[size_t(axis)]});
    const Value y = g.add("group_norm", {x, gamma, beta}, {{"epsilon", 0.1}, {"groups", groups}, {"axis", axis}})[0];
    differentiate(random.chance(50) ? o.relu(y) : y, {x, gamma, beta},
                  concat("group_norm ", s, " axis ", axis, " groups ", groups));
  }
  void softmaxes() {
    const Shape s = shape(1, 3);
    const Value x = numbers(s);
    if (random.chance(40)) {
      const Shape rows(s.begin(), s.end() - 1);
      const Value labels = integers(rows, s.back());
      return differentiate(g.add1("sparse_softmax_cross_entropy", {x, labels}), {x}, concat("cross entropy ", s));
    }
    if (random.chance(50)) {
      const int64_t axis = random.below(int64_t(s.size()));
      const Value y = g.add1("softmax_along", {x}, {{"axis", axis}, {"logarithm", random.chance(50)}});
      return differentiate(y, {x}, concat("softmax_along ", s, " axis ", axis));
    }
    differentiate(random.chance(50) ? o.softmax(x) : o.log_softmax(x), {x}, concat("softmax ", s));
  }
  void attention() {
    const int64_t b = random.of<int64_t>({1, 2}), t = edge(), h = random.of<int64_t>({1, 2, 3}), d = edge();
    const bool causal = random.chance(40), masked = random.chance(40);
    const int64_t s = causal ? t : edge(), e = random.chance(70) ? d : edge();
    const Value q = numbers({b, t, h, d}), k = numbers({b, s, h, d}), v = numbers({b, s, h, e});
    std::vector<Value> in{q, k, v};
    if (masked)
      in.push_back(bools({random.chance(50) ? b : 1, random.chance(50) ? h : 1, random.chance(50) ? t : 1, s}));
    depth = double(s * d);
    const Value y = g.add1("attention", in, {{"scale", 0.3}, {"causal", causal}, {"masked", masked}});
    differentiate(y, {q, k, v}, concat("attention ", b, " ", t, " ", s, " ", h, " ", d, " ", e));
  }
  void recurrent() {
    const std::string cell = random.of<const char*>({"lstm", "gru", "tanh", "relu"});
    const bool lstm = cell == "lstm", gru = cell == "gru", masked = random.chance(30);
    const int64_t b = random.of<int64_t>({1, 2, 3, 9}), t = random.of<int64_t>({1, 2, 3, 8}), u = edge();
    const int64_t gates = lstm ? 4 : gru ? 3 : 1;
    std::vector<Value> in{numbers({b, t, gates * u}), o.mul(numbers({u, gates * u}), 1.0 / double(u)), numbers({b, u})};
    if (lstm) in.push_back(numbers({b, u}));
    if (gru) in.push_back(numbers({gates * u}));
    const std::vector<Value> sources = in;
    if (masked) in.push_back(bools({b, t}));
    depth = double(u * t);
    const auto y = g.add("recurrent", in, {{"cell", cell}, {"masked", masked}, {"reverse", random.chance(30)}});
    const Value both = lstm && random.chance(50) ? o.add(y[0], y[1]) : y[0];
    differentiate(both, sources, concat(cell, " ", b, " ", t, " ", u, masked ? " masked" : ""));
  }
  void pools() {
    const int64_t axes = random.of<int64_t>({1, 2, 2, 3});
    Shape s{random.of<int64_t>({1, 2, 3})};
    Ints window, strides;
    SymShape low, high;
    for (int64_t i = 0; i < axes; ++i) {
      window.push_back(random.of<int64_t>({1, 2, 2, 3, 4}));
      strides.push_back(random.of<int64_t>({1, 2, 2, 3}));
      low.push_back(padding(random.below(3))), high.push_back(padding(random.below(3)));
      const int64_t least = window.back() - low.back().value() - high.back().value();
      s.push_back(std::max<int64_t>(std::max<int64_t>(1, least), 1 + random.below(9)));
    }
    s.push_back(edge());
    const bool most = random.chance(60);
    const Value x = numbers(s);
    const Value y = g.add(most ? "max_pool" : "average_pool", {x},
                          {{"window", window}, {"strides", strides}, {"low", low}, {"high", high}})[0];
    differentiate(y, {x}, concat(most ? "max_pool " : "average_pool ", s, window, strides, shape_text(low)));
  }
  void resamples() {
    const Shape s{random.of<int64_t>({1, 2, 3}), 1 + random.below(9), 1 + random.below(9), edge()};
    const SymShape size{1 + random.below(9), 1 + random.below(9)};
    const std::string kernel = random.of<const char*>({"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"});
    const Value x = numbers(s);
    differentiate(g.add1(random.chance(50) ? "resample" : "resample_grad", {x},
                         {{"size", size}, {"kernel", kernel}, {"antialias", random.chance(50)}}),
                  {x}, concat("resample ", kernel, " ", s, shape_text(size)));
  }
  void reductions() {
    const Shape s = shape(1, 4);
    depth = double(shape_product(s));
    const Value x = numbers(s);
    const std::string op = random.of<const char*>({"sum", "mean", "max", "min", "prod", "cumsum", "cumprod"});
    const int64_t axis = random.below(int64_t(s.size()));
    if (op == "cumsum" || op == "cumprod") {
      const Attrs attrs{{"axis", axis}, {"exclusive", random.chance(50)}, {"reverse", random.chance(50)}};
      return differentiate(g.add1(op, {x}, attrs), {x}, concat(op, " ", s));
    }
    Ints axes;
    for (int64_t i = 0; i < int64_t(s.size()); ++i)
      if (i == axis || random.chance(40)) axes.push_back(i);
    differentiate(o.reduce(op, x, axes, random.chance(50)), {x}, concat(op, " ", s, " over ", axes));
  }
  void shapes() {
    const Shape s = shape(2, 4);
    const int64_t rank = int64_t(s.size()), axis = random.below(rank);
    const Value x = numbers(s);
    switch (random.below(5)) {
      case 0: {
        Ints perm(s.size());
        for (size_t i = 0; i < perm.size(); ++i) perm[i] = int64_t(i);
        for (size_t i = perm.size(); i > 1; --i) std::swap(perm[i - 1], perm[size_t(random.below(int64_t(i)))]);
        return differentiate(o.transpose(x, perm), {x}, concat("transpose ", s, perm));
      }
      case 1: {
        SymShape begin, end;
        Ints strides;
        for (int64_t d : s) {
          const int64_t from = random.below(d), to = from + 1 + random.below(d - from);
          begin.push_back(from), end.push_back(to), strides.push_back(1 + random.below(3));
        }
        return differentiate(o.slice(x, begin, end, strides), {x}, concat("slice ", s, strides));
      }
      case 2: {
        SymShape low, high;
        for (size_t i = 0; i < s.size(); ++i) low.push_back(random.below(4)), high.push_back(random.below(4));
        return differentiate(g.add1("pad", {x}, {{"low", low}, {"high", high}}), {x}, concat("pad ", s));
      }
      case 3: {
        Shape more = s;
        more[size_t(axis)] = 1 + random.below(5);
        const Value other = numbers(more);
        if (random.chance(50))
          return differentiate(o.concat({x, other, x}, axis), {x, other}, concat("concat ", s, more));
        SymShape begin, end;
        for (int64_t d : {s[size_t(axis)], more[size_t(axis)], s[size_t(axis)]}) {
          const int64_t from = random.below(d + 1);
          begin.push_back(from), end.push_back(from + random.below(d - from + 1));
        }
        const Attrs ranges{{"axis", axis}, {"begin", begin}, {"end", end}};
        return differentiate(g.add1("concat", {x, other, x}, ranges), {x, other}, concat("ranges ", s, more));
      }
      default:
        return differentiate(g.add1("flip", {x}, {{"axis", axis}}), {x}, concat("flip ", s));
    }
  }
  void indices() {
    const Shape s = shape(1, 3);
    const Value x = numbers(s);
    if (random.chance(40)) {
      const Value ids = integers({1 + random.below(40)}, s[0]);
      return differentiate(o.gather(x, ids), {x}, concat("gather ", s));
    }
    Shape at = s;
    const int64_t axis = random.below(int64_t(s.size()));
    at[size_t(axis)] = 1 + random.below(9);
    const Value ids = integers(at, s[size_t(axis)]);
    differentiate(g.add1("take_along_axis", {x, ids}, {{"axis", axis}}), {x}, concat("take_along_axis ", s, at));
  }
  void orders() {
    Shape s = shape(1, 3);
    if (random.chance(30)) s.back() = 300;  // of which the first are found by a look at the last of them
    const Value x = numbers(s);
    const std::string op = random.of<const char*>({"argsort", "argsort", "argmax", "argmin", "searchsorted"});
    Attrs attrs;
    std::vector<Value> in{x};
    if (op == "argsort")
      attrs = {{"descending", random.chance(50)}, {"first", random.chance(30) ? -1 : 1 + random.below(s.back())}};
    else if (op != "searchsorted")
      attrs = {{"axis", random.below(int64_t(s.size()))}};
    else
      in.insert(in.begin(),
                o.mul(g.add1("iota", {}, {{"shape", Ints{edge()}}, {"axis", int64_t(0)}, {"dtype", dtype}}), 0.125));
    const Value places = o.cast(g.add1(op, in, attrs), dtype);
    differentiate(places, {x}, concat(op, " ", s));
  }
  void samples() {
    const int64_t axes = 1 + random.below(3), images = random.of<int64_t>({1, 2, 3}), places = edge() * edge();
    Shape s{images}, at{axes, random.chance(50) ? images : 1, places};
    for (int64_t i = 0; i < axes; ++i) s.push_back(random.of<int64_t>({1, 2, 3, 5, 7}));
    s.push_back(random.chance(50) ? random.of<int64_t>({1, 2, 3, 4}) : edge());
    const Value x = numbers(s), to = o.mul(numbers(at), random.of<double>({1, 8}));
    const std::string mode = random.of<const char*>({"constant", "nearest", "wrap", "mirror", "reflect"});
    const bool linear = random.chance(70);
    differentiate(g.add1("sample", {x, to}, {{"linear", linear}, {"mode", mode}, {"value", 0.5}}), {x},
                  concat("sample ", s, at, mode, linear));
  }
  void chains() {  // elementwise alone
    const Shape s = shape(1, 4);
    const Value x = numbers(s);
    Value y = x;
    for (int64_t n = 1 + random.below(12); n > 0; --n) y = step(y, s);
    differentiate(y, {x}, concat("chain ", s));
  }
};

class Kernels : public testing::TestWithParam<std::string> {};
}  // namespace
INSTANTIATE_TEST_SUITE_P(All, Kernels, testing::ValuesIn(isa_names()), [](const auto& i) { return i.param; });

TEST_P(Kernels, StayInsideTheirOperands) {
  for (const auto build : {&KernelCase::norms, &KernelCase::softmaxes, &KernelCase::attention, &KernelCase::recurrent,
                           &KernelCase::pools, &KernelCase::resamples, &KernelCase::samples, &KernelCase::reductions,
                           &KernelCase::shapes, &KernelCase::indices, &KernelCase::orders, &KernelCase::chains})
    check_all(GetParam(), build, 100);
}
