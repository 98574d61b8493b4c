// Kernels on one thread, in GFLOP/s or GB/s and as a share of this core's peak measured in the same run. The peers'
// figures leave out what they do once (choosing layouts, packing weights); Hornbeam's leave out planning only.
#include <benchmark/benchmark.h>

#include <hornbeam/hornbeam.hpp>
#include <map>
#include <memory>
#include <string>

#ifdef HB_OPENBLAS
extern "C" {
void openblas_set_num_threads(int n);
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b,
                 int ldb, float beta, float* c, int ldc);
}
#endif
#ifdef HB_DNNL
#include <oneapi/dnnl/dnnl.hpp>
#endif

using namespace hornbeam;

namespace {
const MachinePeaks& peaks() {
  static const MachinePeaks p = measure_peaks();
  return p;
}

Tensor filled(Shape shape) {
  Tensor t(DType::f32, std::move(shape));
  for (int64_t i = 0; i < t.size(); ++i) t.data<float>()[i] = float(i % 17) * 0.125f - 1;
  return t;
}

void report_flops(benchmark::State& state, double flops) {
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["of peak"] = Counter(flops / peaks().flops, Counter::kIsIterationInvariantRate);
}
void report_bytes(benchmark::State& state, double bytes) {
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(bytes / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["of triad"] = Counter(bytes / peaks().bytes_per_second, Counter::kIsIterationInvariantRate);
}

// A graph of one thing, bound to its arrays.
class Bound {
 public:
  template <class Build>
  Bound(const std::vector<Shape>& shapes, Build build) {
    Graph g;
    std::vector<Value> in;
    for (size_t i = 0; i < shapes.size(); ++i) {
      SymShape s(shapes[i].begin(), shapes[i].end());
      in.push_back(g.input("x" + std::to_string(i), DType::f32, s));
      arrays_.push_back(filled(shapes[i]));
    }
    const std::vector<Value> out = build(g, in);
    for (size_t i = 0; i < out.size(); ++i) g.outputs.push_back({"y" + std::to_string(i), out[i]});
    runner_ = std::make_unique<Runner>(std::make_shared<Executable>(g, CompileOptions{"", 1, {}}), shapes);
    for (size_t i = 0; i < arrays_.size(); ++i) runner_->set_input(i, arrays_[i].raw());
    for (size_t i = 0; i < out.size(); ++i) {
      outputs_.emplace_back(runner_->output_dtype(i), runner_->output_shape(i));
      runner_->set_output(i, outputs_.back().raw());
    }
  }
  void run() { runner_->run(); }

 private:
  std::vector<Tensor> arrays_, outputs_;
  std::unique_ptr<Runner> runner_;
};

template <class Build>
void add(const std::string& name, std::vector<Shape> shapes, double flops, double bytes, Build build) {
  benchmark::RegisterBenchmark(("hornbeam/" + name).c_str(), [=](benchmark::State& state) {
    Bound b(shapes, build);
    b.run();  // touches the results' memory
    for (auto _ : state) b.run();
    flops > 0 ? report_flops(state, flops) : report_bytes(state, bytes);
  });
}

struct Product {
  int64_t m, n, k;
};
constexpr Product kProducts[] = {{512, 512, 512},  {1024, 1024, 1024}, {2048, 2048, 2048}, {128, 512, 784},
                                 {32, 512, 512},   {1, 512, 512},      {2048, 512, 128},   {2048, 128, 512},
                                 {2048, 1024, 64}, {64, 1024, 2048}};

void products() {
  for (const Product& p : kProducts) {
    const std::string name = "matmul " + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k);
    const double flops = 2.0 * double(p.m) * double(p.n) * double(p.k);
    add(name, {{p.m, p.k}, {p.k, p.n}}, flops, 0,
        [](Graph& g, const std::vector<Value>& in) { return std::vector<Value>{Ops(g).matmul(in[0], in[1])}; });
#ifdef HB_OPENBLAS
    benchmark::RegisterBenchmark(("openblas/" + name).c_str(), [=](benchmark::State& state) {
      openblas_set_num_threads(1);
      Tensor a = filled({p.m, p.k}), b = filled({p.k, p.n}), c = filled({p.m, p.n});
      for (auto _ : state)
        cblas_sgemm(101, 111, 111, int(p.m), int(p.n), int(p.k), 1, a.data<float>(), int(p.k), b.data<float>(),
                    int(p.n), 0, c.data<float>(), int(p.n));
      report_flops(state, flops);
    });
#endif
  }
}

struct Conv {
  int64_t batch, size, channels, filters, window, stride;
};
constexpr Conv kConvs[] = {{4, 56, 64, 64, 3, 1},  {4, 28, 128, 128, 3, 1}, {4, 14, 256, 256, 3, 1},
                           {8, 7, 512, 512, 3, 1}, {8, 32, 16, 16, 3, 1},   {8, 32, 3, 64, 3, 1},
                           {4, 56, 64, 256, 1, 1}, {4, 28, 256, 128, 1, 1}, {4, 56, 64, 128, 3, 2}};

#ifdef HB_DNNL
void dnnl_conv(benchmark::State& state, const Conv& c, int64_t out, int64_t pad) {
  using namespace dnnl;
  using tag = memory::format_tag;
  engine eng(engine::kind::cpu, 0);
  stream s(eng);
  const memory::dims xd{c.batch, c.channels, c.size, c.size}, wd{c.filters, c.channels, c.window, c.window},
      yd{c.batch, c.filters, out, out};
  auto any = [](const memory::dims& d, tag t) { return memory::desc(d, memory::data_type::f32, t); };
  convolution_forward::desc desc(
      prop_kind::forward_inference, algorithm::convolution_direct, any(xd, tag::nhwc), any(wd, tag::any),
      any(yd, tag::nhwc), {c.stride, c.stride}, {pad, pad},
      {(out - 1) * c.stride + c.window - c.size - pad, (out - 1) * c.stride + c.window - c.size - pad});
  convolution_forward::primitive_desc pd(desc, eng);
  memory x(pd.src_desc(), eng), w(pd.weights_desc(), eng), y(pd.dst_desc(), eng);
  convolution_forward conv(pd);
  for (auto _ : state) {
    conv.execute(s, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
    s.wait();
  }
}
#endif

void convolutions() {
  for (const Conv& c : kConvs) {
    const int64_t out = (c.size + c.stride - 1) / c.stride;
    const int64_t total = std::max<int64_t>(0, (out - 1) * c.stride + c.window - c.size), low = total / 2;
    const std::string name = "conv " + std::to_string(c.window) + "x" + std::to_string(c.window) + "/" +
                             std::to_string(c.stride) + " " + std::to_string(c.channels) + "->" +
                             std::to_string(c.filters) + " at " + std::to_string(c.size);
    const double flops = 2.0 * double(c.batch * out * out) * double(c.filters * c.channels * c.window * c.window);
    const Attrs attrs{{"strides", Ints{c.stride, c.stride}},
                      {"low", Ints{low, low}},
                      {"high", Ints{total - low, total - low}},
                      {"dilations", Ints{1, 1}},
                      {"groups", int64_t(1)}};
    const Shape x{c.batch, c.size, c.size, c.channels}, w{c.window, c.window, c.channels, c.filters},
        y{c.batch, out, out, c.filters};
    add(name, {x, w}, flops, 0, [=](Graph& g, const std::vector<Value>& in) { return g.add("conv", in, attrs); });
    for (const int which : {0, 1})
      add(name + (which ? ", kernel gradient" : ", input gradient"), {x, w, y}, flops, 0,
          [=](Graph& g, const std::vector<Value>& in) {
            const Value v = g.add1("conv", {in[0], in[1]}, attrs);
            return gradients(g, {v}, {in[size_t(which)]}, {in[2]});
          });
#ifdef HB_DNNL
    benchmark::RegisterBenchmark(("onednn/" + name).c_str(), [=](benchmark::State& state) {
      dnnl_conv(state, c, out, low);
      report_flops(state, flops);
    });
#endif
  }
}

void streams() {
  constexpr int64_t kRows = 65536, kColumns = 128;  // 32 MiB an array: beyond the caches of most machines
  const double array = 4.0 * double(kRows * kColumns);
  const Shape x{kRows, kColumns}, row{kColumns};
  add("relu(x * y + z)", {x, x, x}, 0, 4 * array, [](Graph& g, const std::vector<Value>& in) {
    Ops o(g);
    return std::vector<Value>{o.relu(o.add(o.mul(in[0], in[1]), in[2]))};
  });
  add("softmax", {x}, 0, 2 * array,
      [](Graph& g, const std::vector<Value>& in) { return std::vector<Value>{Ops(g).softmax(in[0])}; });
  add("sum of columns", {x}, 0, array,
      [](Graph& g, const std::vector<Value>& in) { return std::vector<Value>{Ops(g).sum(in[0], {0})}; });
  add("layer_norm", {x, row, row}, 0, 2 * array,
      [](Graph& g, const std::vector<Value>& in) { return std::vector<Value>{g.add("layer_norm", in)[0]}; });
  add("batch_norm", {x, row, row}, 0, 3 * array,
      [](Graph& g, const std::vector<Value>& in) { return std::vector<Value>{g.add("batch_norm", in)[0]}; });
  add("batch_norm gradient", {x, row, row, x}, 0, 5 * array, [](Graph& g, const std::vector<Value>& in) {
    const std::vector<Value> y = g.add("batch_norm", {in[0], in[1], in[2]});
    return gradients(g, {y[0]}, {in[0], in[1], in[2]}, {in[3]});
  });
  add("adam", {x, x, x, x}, 0, 7 * array, [](Graph& g, const std::vector<Value>& in) {
    Ops o(g);
    const Value m = o.add(in[1], o.mul(o.sub(in[0], in[1]), 0.1));
    const Value v = o.add(in[2], o.mul(o.sub(o.square(in[0]), in[2]), 0.001));
    return std::vector<Value>{m, v, o.sub(in[3], o.div(o.mul(m, 0.001), o.add(o.sqrt(v), 1e-7)))};
  });
  const Shape image{64, 64, 64, 32};
  const double bytes = 4.0 * double(shape_product(image));
  add("max_pool 2x2", {image}, 0, 1.25 * bytes, [](Graph& g, const std::vector<Value>& in) {
    return std::vector<Value>{
        g.add("max_pool", in,
              {{"window", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"low", Ints{0, 0}}, {"high", Ints{0, 0}}})[0]};
  });
  add("depthwise 3x3", {image, {3, 3, 1, 32}}, 0, 2 * bytes, [](Graph& g, const std::vector<Value>& in) {
    return g.add("conv", in,
                 {{"strides", Ints{1, 1}},
                  {"low", Ints{1, 1}},
                  {"high", Ints{1, 1}},
                  {"dilations", Ints{1, 1}},
                  {"groups", int64_t(32)}});
  });
}

void attentions() {
  for (const int64_t t : {128, 512, 1024}) {
    const int64_t batch = 4, heads = 6, d = 64;
    const double flops = 4.0 * double(batch * heads * t * t * d);
    const Shape shape{batch, t, heads, d};
    for (const bool causal : {false, true})
      add("attention " + std::to_string(t) + (causal ? " causal" : ""), {shape, shape, shape},
          causal ? flops / 2 : flops, 0, [=](Graph& g, const std::vector<Value>& in) {
            return g.add("attention", in, {{"scale", 0.125}, {"causal", causal}});
          });
  }
}
}  // namespace

int main(int argc, char** argv) {
  products();
  convolutions();
  attentions();
  streams();
  benchmark::Initialize(&argc, argv);
  std::printf("peaks of one core: %.0f GFLOP/s, %.1f GB/s\n", peaks().flops / 1e9, peaks().bytes_per_second / 1e9);
  benchmark::RunSpecifiedBenchmarks();
}
