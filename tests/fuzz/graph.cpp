// libFuzzer on Graph::add: the bytes choose ops, inputs, attributes and sub-graphs, one node after the other. What
// stands in the end is differentiated, optimized, planned and run. Whatever the bytes say, the only outcome besides
// success is an Error, and never one that speaks of a bug.
#include "run_graph.hpp"

using namespace hornbeam;

namespace {
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool done() const { return at_ == end_; }
  unsigned byte() { return at_ < end_ ? *at_++ : 0; }
  template <class T, size_t N>
  T of(const T (&list)[N]) {
    return list[byte() % N];
  }

 private:
  const uint8_t *at_, *end_;
};

constexpr int kMostNodes = 24, kMostDepth = 2;
const DType kTypes[] = {DType::f32, DType::f32, DType::f32,     DType::f64, DType::i32,
                        DType::i64, DType::u8,  DType::boolean, DType::f16, DType::bf16};

class Builder {
 public:
  Builder(Bytes& bytes, int depth) : bytes_(bytes), depth_(depth) {}

  // A graph with these inputs, and some results.
  std::shared_ptr<Graph> build(const std::vector<ValueType>& given) {
    auto g = std::make_shared<Graph>();
    for (const ValueType& t : given)
      values_.push_back(g->input("x" + std::to_string(values_.size()), t.dtype, t.shape));
    for (int n = int(bytes_.byte() % kMostNodes); n > 0 && !bytes_.done(); --n) step(*g);
    if (values_.empty()) return g;
    for (int n = int(bytes_.byte() % 4); n >= 0; --n) g->outputs.push_back({"y", value()});
    return g;
  }

 private:
  Value value() { return values_[bytes_.byte() % values_.size()]; }
  int64_t number() {
    static const int64_t kNumbers[] = {0,  1,         2,         3,         4,         5,         7,         8,
                                       -1, -2,        1,         2,         16,        17,        INT32_MAX, INT64_MAX,
                                       0,  INT64_MIN, 1LL << 31, 1LL << 40, 1LL << 62, INT32_MIN, 1LL << 16, 3};
    return bytes_.of(kNumbers);
  }
  Dim dim() {
    const int64_t v = number();
    switch (bytes_.byte() % 8) {
      case 0:
        return Dim::symbol("n");
      case 1:
        return Dim::symbol("n") + v;
      case 2:
        return Dim::symbol("n") * v;
      case 3:
        return floordiv(Dim::symbol("n") + 1, v);
      default:
        return v;
    }
  }
  SymShape shape() {
    SymShape s;
    for (int n = int(bytes_.byte() % 5); n > 0; --n) s.push_back(dim());
    return s;
  }
  AttrValue attribute(const Graph& g, const AttrSpec& spec, const std::vector<Value>& in) {
    static const char* const kTexts[] = {"lstm", "gru", "tanh", "relu", "same", ""};
    switch (spec.type) {
      case AttrType::boolean:
        return bytes_.byte() % 2 == 1;
      case AttrType::integer:
        return number();
      case AttrType::real:
        return double(number()) / 4;
      case AttrType::text:
        return std::string(bytes_.of(kTexts));
      case AttrType::dtype:
        return bytes_.of(kTypes);
      case AttrType::ints: {
        Ints v;
        for (int n = int(bytes_.byte() % 5); n > 0; --n) v.push_back(number());
        return v;
      }
      case AttrType::dims:
        return in.empty() || bytes_.byte() % 2 ? shape() : g.shape(in[bytes_.byte() % in.size()]);
      case AttrType::graph: {
        std::vector<ValueType> given;  // much as the node's inputs are, and an index
        for (Value v : in) given.push_back(g.type(v));
        switch (bytes_.byte() % 4) {
          case 0:
            if (!given.empty()) given.erase(given.begin());
            break;
          case 1:
            for (ValueType& t : given)
              if (!t.shape.empty() && bytes_.byte() % 2) t.shape.erase(t.shape.begin());
            [[fallthrough]];
          case 2:
            given.push_back({DType::i32, {}});
            break;
        }
        if (depth_ >= kMostDepth) return std::shared_ptr<const Graph>(std::make_shared<Graph>());
        return std::shared_ptr<const Graph>(Builder(bytes_, depth_ + 1).build(given));
      }
      default:
        return Tensor();
    }
  }

  void step(Graph& g) {
    static const std::vector<std::string> ops = list_ops();
    try {
      const unsigned what = bytes_.byte();
      if (what % 16 == 0 || values_.empty()) {
        values_.push_back(g.input("x" + std::to_string(g.size()), bytes_.of(kTypes), shape()));
      } else if (what % 16 == 1) {
        const Shape s = eval_shape(shape(), {{"n", 2}});
        const DType t = bytes_.of(kTypes);
        if (tensor_bytes(t, s) < 4096) values_.push_back(g.constant(fuzz::filled(t, s, what)));
      } else if (what % 16 == 2 && depth_ == 0) {
        auto v = std::make_shared<Variable>("v", Tensor::zeros(DType::f32, {2, 3}));
        values_.push_back(g.read(v));
        if (bytes_.byte() % 2) g.assign(v, value());
      } else if (what % 16 == 3) {
        for (Value v : gradients(g, {value()}, {value(), value()}))
          if (v.defined()) values_.push_back(v);
      } else {
        const OpDef& op = find_op(ops[bytes_.byte() % ops.size()]);
        std::vector<Value> in;
        const int most = op.max_inputs < 0 ? op.min_inputs + 3 : op.max_inputs;
        for (int n = op.min_inputs + int(bytes_.byte() % unsigned(most - op.min_inputs + 1)); n > 0; --n)
          in.push_back(value());
        Attrs attrs;
        for (const AttrSpec& spec : op.attrs)
          if (spec.required || bytes_.byte() % 2) attrs.set(spec.name, attribute(g, spec, in));
        for (Value v : g.add(op.name, in, attrs)) values_.push_back(v);
      }
    } catch (const Error&) {  // that one is refused; on with the next
    }
  }

  Bytes& bytes_;
  const int depth_;
  std::vector<Value> values_;
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  const std::shared_ptr<Graph> g = Builder(bytes, 0).build({{DType::f32, {2, 3}}, {DType::f32, {Dim::symbol("n"), 4}}});
  try {
    fuzz::run_graph(*g, 1 + int64_t(bytes.byte() % 3));
  } catch (const Error&) {
  }
  return 0;
}
