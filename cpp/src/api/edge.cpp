#include "api/edge.hpp"

#include <algorithm>
#include <optional>

#include "base/check.hpp"
#include "io/json.hpp"

namespace hornbeam {
namespace {
Tensor variable(const ModelFile& file, const std::string& name) {  // undefined when there is none
  for (const auto& [n, v] : file.variables)
    if (n == name) return v->value();
  return {};
}

Shape shape_of(const Json& j) {
  Shape shape;
  for (const Json& d : j.arr("a shape")) shape.push_back(d.integer("a dimension"));
  return shape;
}

TextEncoder encoder_of(const Json& j, const std::string& assets, const ModelFile& file) {
  Tokenization how;
  how.standardize = standardize_from_name(j.at("standardize").str("standardize"));
  how.split = split_from_name(j.at("split").str("split"));
  for (const Json& n : j.at("ngrams").arr("ngrams")) how.ngrams.push_back(n.integer("ngrams"));
  TokenEncoding e;
  e.output = text_output_from_name(j.at("output").str("output"));
  e.buckets = j.at("buckets").integer("buckets");
  e.length = j.at("length").integer("length");
  e.width = j.at("width").integer("width");
  const Json &salt = j.at("salt"), &mask = j.at("mask");
  if (salt.kind != Json::null) {
    const auto& words = salt.pair("a salt");
    e.salt = HashKey{uint64_t(words[0].integer("a salt")), uint64_t(words[1].integer("a salt"))};
  }
  if (mask.kind != Json::null) e.mask = mask.str("a mask");
  const Tensor bytes = variable(file, assets + "bytes"), ends = variable(file, assets + "ends");
  const Tensor weights = variable(file, assets + "weights");
  const StringTable table = bytes.defined() || ends.defined() ? StringTable(bytes, ends) : StringTable();
  if (e.output == TextOutput::tf_idf) {  // of each id; those of columns beyond them are left out
    const int64_t ids = std::min(e.buckets, weights.size()) + table.size();
    for (int64_t i = 0; i < std::min(ids, weights.size()); ++i) e.weights.push_back(float(weights.at(i)));
  }
  return TextEncoder(std::move(how), std::move(e), table);
}
}  // namespace

Edge::Edge(const ModelFile& file) {
  try {
    read(file);
  } catch (const MemoryError&) {
    throw;
  } catch (const Error& e) {
    throw FormatError(concat_text("model file: what it says of strings is wrong: ", e.what()));
  }
}

void Edge::read(const ModelFile& file) {
  const std::string& text = file.metadata.at("edge");
  const Json j = Json::parse(text.data(), text.data() + text.size());
  for (const Json& given : j.at("inputs").arr("inputs")) {
    Input input;
    input.name = given.at("name").str("an input's name");
    if (given.at("strings").truth("strings")) {
      const Shape shape = shape_of(given.at("shape"));
      input.strings = 1;
      for (const int64_t d : shape) {
        HB_CHECK(d > 0, "an input of strings must have a known shape. Received: a dimension of ", d);
        input.strings = checked_mul(input.strings, d, "strings of a sample");
      }
      input.last = shape.empty() ? 1 : shape.back();
    }
    input.place = input.strings ? texts_++ : others_++;
    inputs_.push_back(std::move(input));
  }
  for (const Json& given : j.at("begins").arr("begins")) begins_.push_back(begin_of(given, file));
}

size_t Edge::input_of(const Json& j) const {
  const long long input = j.integer("an input's number");
  HB_CHECK(input >= 0 && size_t(input) < inputs_.size(), "an input's number must be in [0, ", inputs_.size(),
           "). Received: ", input);
  return size_t(input);
}

Edge::Begin Edge::crossing_of(const Json& j) const {
  Begin b;
  for (const Json& input : j.at("inputs").arr("inputs")) {
    b.crossed.push_back(input_of(input));
    HB_CHECK(inputs_[b.crossed.back()].strings <= 1,
             "features are of one string a sample. Received: ", inputs_[b.crossed.back()].strings);
  }
  HB_CHECK(b.crossed.size() >= 2, "a crossing is of two inputs or more. Received: ", b.crossed.size());
  b.bins = j.at("bins").integer("bins");
  HB_CHECK(b.bins > 0, "bins must be positive. Received: ", b.bins);
  b.one_hot = j.at("one_hot").truth("one_hot");
  return b;
}

Tensor Edge::cross(const Begin& b, const std::vector<std::vector<std::string>>& texts,
                   const std::vector<Tensor>& others) const {
  std::vector<Feature> features;
  for (const size_t i : b.crossed) {
    if (inputs_[i].strings)
      features.push_back(Texts(texts[inputs_[i].place].begin(), texts[inputs_[i].place].end()));
    else
      features.push_back(others[inputs_[i].place]);
  }
  const Tensor bins = cross_features(features, b.bins);
  if (!b.one_hot) return bins;
  Tensor hot = Tensor::zeros(DType::f32, {bins.size(), b.bins});
  for (int64_t i = 0; i < bins.size(); ++i) hot.data<float>()[i * b.bins + bins.data<int64_t>()[i]] = 1;
  return hot;
}

Edge::Begin Edge::begin_of(const Json& j, const ModelFile& file) const {
  Begin b;
  if (const Json* crossing = j.find("crossing")) {
    b = crossing_of(*crossing);
    b.shape = shape_of(j.at("shape"));
    return b;
  }
  b.input = input_of(j.at("input"));
  const Json* encoder = j.find("encoder");
  HB_CHECK((encoder != nullptr) == (inputs_[b.input].strings > 0), "inputs of strings have an encoder, and no others");
  if (!encoder) return b;
  b.shape = shape_of(j.at("shape"));
  HB_CHECK(std::count_if(b.shape.begin(), b.shape.end(), [](int64_t d) { return d < 0; }) <= 1,
           "one dimension may be unknown");
  const std::string& each = encoder->at("each").str("each");
  HB_CHECK(each == "one" || each == "last", "each must be one or last. Received: \"", each, "\"");
  b.each = each == "one" ? 1 : inputs_[b.input].last;
  b.encoder = encoder_of(*encoder, j.at("assets").str("assets"), file);
  return b;
}

std::vector<Tensor> Edge::encode(const std::vector<std::vector<std::string>>& texts,
                                 const std::vector<Tensor>& others) const {
  HB_CHECK(texts.size() == texts_ && others.size() == others_, "the model takes ", texts_, " inputs of strings and ",
           others_, " others; got ", texts.size(), " and ", others.size());
  std::vector<Tensor> out;
  for (const Begin& b : begins_) {
    const Input& input = inputs_[b.input];
    if (!b.encoder && b.crossed.empty()) {
      out.push_back(others[input.place]);
      continue;
    }
    Tensor made;
    int64_t samples = 0;
    if (b.encoder) {
      const std::vector<std::string>& given = texts[input.place];
      HB_CHECK(int64_t(given.size()) % input.strings == 0, "input \"", input.name, "\" takes ", input.strings,
               " strings a sample; got ", given.size(), " strings");
      made = b.encoder->encode(Texts(given.begin(), given.end()), b.each);
      samples = int64_t(given.size()) / input.strings;
    } else {
      made = cross(b, texts, others);
      samples = made.shape()[0];
    }
    Shape shape{samples};
    int64_t known = samples;
    for (const int64_t d : b.shape) known = d < 0 ? known : checked_mul(known, d, "a sample's numbers");
    for (const int64_t d : b.shape) shape.push_back(d >= 0 ? d : known ? made.size() / known : 0);
    out.push_back(made.reshaped(shape));
  }
  return out;
}
}  // namespace hornbeam
