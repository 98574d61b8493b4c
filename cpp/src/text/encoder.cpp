#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/text.hpp"
#include "text/row_team.hpp"
#include "text/table.hpp"
#include "text/tokens.hpp"

namespace hornbeam {
namespace {
template <class E, size_t N>
E from_name(const char* what, const std::string& name, const char* const (&names)[N]) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) return E(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  throw ValueError(concat_text(what, " must be one of ", known, ". Received: \"", name, "\""));
}

constexpr int64_t kDropped = -1;

int64_t rows_of(const Texts& texts, int64_t each) {
  HB_CHECK(each >= 0, "a row must have 0 strings or more. Received: ", each);
  if (each == 0) return 0;
  HB_CHECK(texts.size() % size_t(each) == 0, "rows of ", each, " strings must fill the batch. Received: ", texts.size(),
           " strings");
  return int64_t(texts.size()) / each;
}

std::vector<Tokens> for_threads(const Tokenization& how, const RowTeam& team) {
  return std::vector<Tokens>(size_t(team.most()), Tokens(how));
}
}  // namespace

Standardize standardize_from_name(const std::string& name) {
  static constexpr const char* kNames[] = {"none", "lower", "strip_punctuation", "lower_and_strip_punctuation"};
  return from_name<Standardize>("standardize", name, kNames);
}
Split split_from_name(const std::string& name) {
  static constexpr const char* kNames[] = {"none", "whitespace", "character"};
  return from_name<Split>("split", name, kNames);
}
TextOutput text_output_from_name(const std::string& name) {
  static constexpr const char* kNames[] = {"int", "one_hot", "multi_hot", "count", "tf_idf"};
  return from_name<TextOutput>("output_mode", name, kNames);
}

TextEncoder::TextEncoder(Tokenization tokenization, TokenEncoding encoding, StringTable table)
    : tokenization_(std::move(tokenization)), encoding_(std::move(encoding)), table_(std::move(table)) {
  const TokenEncoding& e = encoding_;
  check(tokenization_);
  constexpr int64_t kMostBuckets = int64_t(1) << 62;
  HB_CHECK(e.buckets >= 0 && e.buckets <= kMostBuckets, "the number of buckets must be in [0, ", kMostBuckets,
           "]. Received: ", e.buckets);
  HB_CHECK(e.output != TextOutput::one_hot || (tokenization_.split == Split::none && tokenization_.ngrams.empty()),
           "one_hot is of strings that are not split");
  first_ = e.buckets + (e.mask && e.output == TextOutput::ints);
  encoding_.width = std::max(e.width, ids());
  HB_CHECK(e.output != TextOutput::tf_idf || int64_t(e.weights.size()) == ids(), "tf_idf needs a weight for each of ",
           ids(), " ids. Received: ", e.weights.size());
}

int64_t TextEncoder::id(std::string_view token) const {
  const TokenEncoding& e = encoding_;
  if (e.mask && token == *e.mask) return e.output == TextOutput::ints ? 0 : kDropped;
  const uint64_t hash = fingerprint64(token);
  const int64_t found = table_.data_->index.find(token, hash);
  if (found >= 0) return first_ + found;
  if (e.buckets == 0)
    throw ValueError(concat_text("When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values [",
                                 token.substr(0, 100), "], consider setting `num_oov_indices=1`."));
  const uint64_t bucket = e.buckets == 1 ? 0 : (e.salt ? siphash24(token, *e.salt) : hash) % uint64_t(e.buckets);
  return first_ - e.buckets + int64_t(bucket);
}

Tensor TextEncoder::encode(const Texts& texts, int64_t each) const {
  return within_memory([&] {
    HB_CHECK(tokenization_.split == Split::none || each == 1, "strings that are split must stand alone in their rows. ",
             "Received: rows of ", each);
    const int64_t rows = rows_of(texts, each);
    if (encoding_.output == TextOutput::ints) return ints(texts, rows, each);
    return encoding_.output == TextOutput::one_hot ? one_hot(texts) : bags(texts, rows, each);
  });
}

Tensor TextEncoder::ints(const Texts& texts, int64_t rows, int64_t each) const {
  const RowTeam team(texts, rows);
  std::vector<Tokens> tokens = for_threads(tokenization_, team);
  const bool as_given = tokenization_.split == Split::none && tokenization_.ngrams.empty();
  const int64_t length = encoding_.length < 0 && as_given ? each : encoding_.length;
  const auto row_tokens = [&](int part, int64_t row, size_t most) -> const Texts& {
    return tokens[size_t(part)].of(texts.data() + row * each, size_t(each), most);
  };
  if (length >= 0) {
    Tensor out(DType::i64, {rows, length});
    int64_t* const all = out.data<int64_t>();
    team.each([&](int part, int64_t row) {
      int64_t *to = all + row * length, *const end = to + length;
      for (std::string_view t : row_tokens(part, row, size_t(length))) *to++ = id(t);
      std::fill(to, end, 0);
    });
    return out;
  }
  std::vector<std::vector<int64_t>> ids(tokens.size());  // of each part's rows, one after another
  std::vector<int64_t> count(size_t(rows), 0);
  const int parts = team.each([&](int part, int64_t row) {
    const Texts& found = row_tokens(part, row, SIZE_MAX);
    for (std::string_view t : found) ids[size_t(part)].push_back(id(t));
    count[size_t(row)] = int64_t(found.size());
  });
  const int64_t longest = rows ? *std::max_element(count.begin(), count.end()) : 0;
  Tensor out = Tensor::zeros(DType::i64, {rows, longest});
  int64_t row = 0;
  for (int part = 0; part < parts; ++part) {
    const int64_t* at = ids[size_t(part)].data();
    for (; row < rows * (part + 1) / parts; at += count[size_t(row++)])
      std::copy_n(at, count[size_t(row)], out.data<int64_t>() + row * longest);
  }
  return out;
}

Tensor TextEncoder::one_hot(const Texts& texts) const {
  const RowTeam team(texts, int64_t(texts.size()));
  std::vector<Tokens> tokens = for_threads(tokenization_, team);
  const int64_t width = encoding_.width;
  Tensor out = Tensor::zeros(DType::f32, {int64_t(texts.size()), width});
  float* const all = out.data<float>();
  team.each([&](int part, int64_t row) {
    const int64_t i = id(tokens[size_t(part)].of(texts.data() + row, 1).front());
    if (i != kDropped) all[row * width + i] = 1;
  });
  return out;
}

Tensor TextEncoder::bags(const Texts& texts, int64_t rows, int64_t each) const {
  const RowTeam team(texts, rows);
  std::vector<Tokens> tokens = for_threads(tokenization_, team);
  const int64_t width = encoding_.width;
  const TextOutput output = encoding_.output;
  Tensor out = Tensor::zeros(DType::f32, {rows, width});
  float* const all = out.data<float>();
  team.each([&](int part, int64_t row) {
    float* const to = all + row * width;
    for (std::string_view t : tokens[size_t(part)].of(texts.data() + row * each, size_t(each))) {
      const int64_t i = id(t);
      if (i == kDropped) continue;
      to[i] = output == TextOutput::multi_hot ? 1 : to[i] + 1;
    }
    if (output == TextOutput::tf_idf)
      for (int64_t i = 0; i < ids(); ++i) to[i] *= encoding_.weights[size_t(i)];
  });
  return out;
}
}  // namespace hornbeam
