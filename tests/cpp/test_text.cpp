// Strings to numbers: hashes, tables, tokens, encoders and counters; and models that take strings.
#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "expect_error.hpp"
#include "line_model.hpp"
#include "text/hash.hpp"
#include "text/tokens.hpp"

using namespace hornbeam;
using namespace std::literals;

namespace {
std::vector<std::string> tokens(const Tokenization& how, std::string_view text, size_t most = SIZE_MAX) {
  Tokens t(how);
  const Texts& found = t.of(&text, 1, most);
  return {found.begin(), found.end()};
}
template <class T>
std::vector<T> values(const Tensor& t) {
  return {t.data<T>(), t.data<T>() + t.size()};
}
TokenEncoding output(TextOutput kind) {
  TokenEncoding e;
  e.output = kind;
  return e;
}
Tensor bytes_of(std::string_view text) {
  return Tensor::of<uint8_t>(DType::u8, {int64_t(text.size())}, {text.begin(), text.end()});
}
Tensor ends_of(const std::vector<int64_t>& ends) { return Tensor::of(DType::i64, {int64_t(ends.size())}, ends); }
using Words = std::vector<std::string>;
}  // namespace

TEST(Text, HashesOfTheirPublications) {
  std::string text;  // the vector of the paper on SipHash: 15 bytes, key 0 to 15
  for (char c = 0; c < 15; ++c) text += c;
  EXPECT_EQ(siphash24(text, {0x0706050403020100u, 0x0f0e0d0c0b0a0908u}), 0xa129ca6149be45e5u);
  EXPECT_EQ(siphash24("", {0x0706050403020100u, 0x0f0e0d0c0b0a0908u}), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(fingerprint64(""), 0x9ae16a3b2f90404fu);
  EXPECT_EQ(hash_bucket("Hello", 3), 0);  // TensorFlow's documentation of string_to_hash_bucket_fast
  EXPECT_EQ(hash_bucket("TensorFlow", 3), 2);
  EXPECT_EQ(hash_bucket("2.x", 3), 2);
  EXPECT_EQ(hash_bucket("any", 1), 0);
  EXPECT_ERROR(hash_bucket("any", 0), ValueError, "positive");
  EXPECT_ERROR(hash_bucket("any", -5), ValueError, "-5");
}

TEST(Text, TablesFindWhatTheyHold) {
  Texts terms;
  std::vector<std::string> kept;
  for (int i = 0; i < 5000; ++i) kept.push_back(std::string(size_t(i % 17), 'a') + std::to_string(i * 7919));
  kept.push_back("");
  kept.push_back("a\0b"s);
  kept.push_back("a\0c"s);
  for (const std::string& k : kept) terms.push_back(k);
  const StringTable table(terms), again(table.bytes(), table.ends());
  ASSERT_EQ(table.size(), int64_t(kept.size()));
  for (size_t i = 0; i < kept.size(); ++i) {
    ASSERT_EQ(table.find(kept[i]), int64_t(i));
    ASSERT_EQ(again.find(kept[i]), int64_t(i));
    ASSERT_EQ(again.term(int64_t(i)), kept[i]);
    ASSERT_EQ(table.find(kept[i] + "x"), -1);
  }
  EXPECT_EQ(table.find("a"), -1);
  EXPECT_EQ(StringTable().find(""), -1);
  EXPECT_EQ(StringTable().size(), 0);
  EXPECT_EQ(StringTable(StringTable().bytes(), StringTable().ends()).size(), 0);
  EXPECT_ERROR(StringTable({"a", "b", "a"}), ValueError, "\"a\" twice");
  EXPECT_ERROR(table.term(table.size()), ValueError, "term's number");
  EXPECT_ERROR(table.term(-1), ValueError, "-1");
}

TEST(Text, TablesOfHostileArrays) {
  const auto refuse = [](std::string_view bytes, const std::vector<int64_t>& ends, const char* says) {
    EXPECT_ERROR(StringTable(bytes_of(bytes), ends_of(ends)), ValueError, says);
  };
  refuse("abc", {1, 2}, "all its 3 bytes");
  refuse("abc", {1, 4}, "term 1");
  refuse("abc", {2, 1, 3}, "term 1");
  refuse("abc", {-1, 3}, "term 0");
  refuse("abc", {INT64_MAX}, "term 0");
  refuse("abab", {2, 4}, "twice");
  refuse("", {0, 0}, "twice");
  refuse("a", {}, "all its 1 bytes");
  EXPECT_ERROR(StringTable(Tensor(), ends_of({})), ValueError, "defined");
  EXPECT_ERROR(StringTable(ends_of({1}), ends_of({1})), TypeError, "uint8");
  EXPECT_ERROR(StringTable(Tensor::zeros(DType::u8, {2, 2}), ends_of({1})), ValueError, "one axis");
  EXPECT_EQ(StringTable(bytes_of("abab"), ends_of({3, 4})).term(1), "b");
}

TEST(Text, Tokens) {
  const auto all = Standardize::lower_and_strip_punctuation;
  EXPECT_EQ(tokens({all, Split::whitespace, {}}, " Don't  STOP,\tit\n!!! \xC3\x89"),
            (Words{"dont", "stop", "it", "\xC3\x89"}));
  EXPECT_EQ(tokens({Standardize::lower, Split::none, {}}, "A-B c"), (Words{"a-b c"}));
  EXPECT_EQ(tokens({Standardize::strip_punctuation, Split::whitespace, {}}, "A-B c"), (Words{"AB", "c"}));
  EXPECT_EQ(tokens({Standardize::none, Split::whitespace, {}}, "a\0b c"sv), (Words{"a\0b"s, "c"}));
  EXPECT_EQ(tokens({all, Split::whitespace, {}}, " .,! "), Words{});
  EXPECT_EQ(tokens({all, Split::whitespace, {}}, "a b c d", 2), (Words{"a", "b"}));
  EXPECT_EQ(tokens({all, Split::whitespace, {2, 1}}, "a b c"), (Words{"a b", "b c", "a", "b", "c"}));
  EXPECT_EQ(tokens({all, Split::whitespace, {2, 1}}, "a b c", 3), (Words{"a b", "b c", "a"}));
  EXPECT_EQ(tokens({all, Split::whitespace, {3}}, "a b"), Words{});
  EXPECT_EQ(tokens({all, Split::whitespace, {INT64_MAX}}, "a b"), Words{});
  EXPECT_ERROR(TermCounter({all, Split::whitespace, {0}}), ValueError, "ngrams");
}

TEST(Text, Characters) {
  const Tokenization how{Standardize::none, Split::character, {}};
  const std::string odd = "\xEF\xBF\xBD";
  EXPECT_EQ(tokens(how, "a\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80"),
            (Words{"a", "\xC3\xA9", "\xE6\x97\xA5", "\xF0\x9F\x98\x80"}));
  EXPECT_EQ(tokens(how, "\x80g"), (Words{odd, "g"}));                       // a byte that only goes on
  EXPECT_EQ(tokens(how, "\xC3"), (Words{odd}));                             // cut off
  EXPECT_EQ(tokens(how, "\xF0\x9F\x98g"), (Words{odd, "g"}));               // cut off: one sign for all its bytes
  EXPECT_EQ(tokens(how, "\xC0\xAF"), (Words{odd, odd}));                    // too long for what it says
  EXPECT_EQ(tokens(how, "\xED\xA0\x80"), (Words{odd, odd, odd}));           // a surrogate
  EXPECT_EQ(tokens(how, "\xF4\x90\x80\x80"), (Words{odd, odd, odd, odd}));  // above the last code point
  EXPECT_EQ(tokens(how, "\xF4\x8F\xBF\xBF"), (Words{"\xF4\x8F\xBF\xBF"}));
}

TEST(Text, EveryOutput) {
  const StringTable table({"b", "a"});
  const Tokenization raw, words{Standardize::lower, Split::whitespace, {}};
  TokenEncoding e;
  e.mask = "";
  EXPECT_EQ(values<int64_t>(TextEncoder(raw, e, table).encode({"a", "", "x", "b"})),
            (std::vector<int64_t>{3, 0, 1, 2}));
  const Tensor ids = TextEncoder(words, e, table).encode({"A b x", "", "b"});
  EXPECT_EQ(ids.shape(), (Shape{3, 3}));
  EXPECT_EQ(values<int64_t>(ids), (std::vector<int64_t>{3, 2, 1, 0, 0, 0, 2, 0, 0}));
  e.length = 2;
  EXPECT_EQ(values<int64_t>(TextEncoder(words, e, table).encode({"A b x", "b"})), (std::vector<int64_t>{3, 2, 2, 0}));
  e.length = 0;
  EXPECT_EQ(TextEncoder(words, e, table).encode({"A b x", "b"}).shape(), (Shape{2, 0}));
  TokenEncoding hot = output(TextOutput::one_hot);
  EXPECT_EQ(values<float>(TextEncoder(raw, hot, table).encode({"a", "x"}, 2)), (std::vector<float>{0, 0, 1, 1, 0, 0}));
  TokenEncoding count = output(TextOutput::count);
  count.mask = "b";
  count.width = 4;
  EXPECT_EQ(values<float>(TextEncoder(raw, count, table).encode({"a", "b", "x", "a"}, 4)),
            (std::vector<float>{1, 0, 2, 0}));
  EXPECT_EQ(values<float>(TextEncoder(words, output(TextOutput::multi_hot), table).encode({"a a", ""})),
            (std::vector<float>{0, 0, 1, 0, 0, 0}));
  TokenEncoding weighted = output(TextOutput::tf_idf);
  weighted.weights = {0.5f, 2, 3};
  EXPECT_EQ(values<float>(TextEncoder(words, weighted, table).encode({"a a y b"})), (std::vector<float>{0.5f, 2, 6}));
  EXPECT_EQ(TextEncoder(words, count, table).encode({}).shape(), (Shape{0, 4}));
}

TEST(Text, WhatEncodersRefuse) {
  const StringTable table({"a"});
  TokenEncoding strict;
  strict.buckets = 0;
  EXPECT_ERROR(TextEncoder({}, strict, table).encode({"a", "oops"}), ValueError, "found OOV values [oops]");
  EXPECT_ERROR(TextEncoder({}, {}, table).encode({"a", "a", "a"}, 2), ValueError, "rows of 2");
  EXPECT_ERROR(TextEncoder({}, {}, table).encode({"a"}, -1), ValueError, "-1");
  EXPECT_ERROR(TextEncoder({Standardize::none, Split::whitespace, {}}, {}, table).encode({"a", "a"}, 2), ValueError,
               "stand alone");
  EXPECT_ERROR(TextEncoder({Standardize::none, Split::whitespace, {}}, output(TextOutput::one_hot), table), ValueError,
               "one_hot");
  EXPECT_ERROR(TextEncoder({}, output(TextOutput::tf_idf), table), ValueError, "a weight for each of 2 ids");
  TokenEncoding e;
  e.buckets = -1;
  EXPECT_ERROR(TextEncoder({}, e, table), ValueError, "buckets");
  e.buckets = INT64_MAX;
  EXPECT_ERROR(TextEncoder({}, e, table), ValueError, "buckets");
  TokenEncoding wide = output(TextOutput::count);
  wide.width = INT64_MAX / 2;
  EXPECT_ERROR(TextEncoder({}, wide, table).encode({"a", "a"}), ValueError, "overflow");
  wide.width = int64_t(1) << 45;
  EXPECT_ERROR(TextEncoder({}, wide, table).encode({"a"}), MemoryError, "");
  EXPECT_ERROR(standardize_from_name("upper"), ValueError, "upper");
  EXPECT_ERROR(split_from_name(""), ValueError, "whitespace");
  EXPECT_ERROR(text_output_from_name("ints"), ValueError, "multi_hot");
}

TEST(Text, CountsAndThreads) {
  std::vector<std::string> lines;
  for (int i = 0; i < 20000; ++i)
    lines.push_back("w" + std::to_string(i % 97) + " w" + std::to_string(i % 89) + " W" + std::to_string(i % 97) + "!");
  const Texts texts(lines.begin(), lines.end());
  const Tokenization how{Standardize::lower_and_strip_punctuation, Split::whitespace, {}};
  TermCounter whole(how), parts(how);
  whole.add(texts);
  for (size_t i = 0; i < texts.size(); i += 999)
    parts.add(Texts(texts.begin() + int64_t(i), texts.begin() + int64_t(std::min(i + 999, texts.size()))));
  EXPECT_EQ(whole.rows(), 20000);
  EXPECT_EQ(parts.rows(), 20000);
  EXPECT_EQ(whole.size(), 97);
  const auto a = whole.sorted(-1, {}), b = parts.sorted(-1, {});
  ASSERT_EQ(a.size(), 97u);
  int64_t count = 0;
  Texts terms;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].term, b[i].term);
    EXPECT_EQ(a[i].count, b[i].count);
    EXPECT_EQ(a[i].rows, b[i].rows);
    EXPECT_LE(a[i].rows, a[i].count);
    if (i) EXPECT_TRUE(a[i - 1].count > a[i].count || (a[i - 1].count == a[i].count && a[i - 1].term > a[i].term));
    count += a[i].count;
    if (i % 2) terms.push_back(a[i].term);
  }
  EXPECT_EQ(count, 60000);
  EXPECT_EQ(whole.sorted(3, {a[0].term, a[2].term})[1].term, a[3].term);
  EXPECT_ERROR(whole.add(texts, 0), ValueError, "rows of 0");
  TokenEncoding e;
  e.buckets = 3;
  const TextEncoder encoder(how, e, StringTable(terms));
  const std::vector<int64_t> all = values<int64_t>(encoder.encode(texts));
  ASSERT_EQ(all.size(), 60000u);
  for (size_t i = 0; i < texts.size(); i += 331)
    EXPECT_EQ(values<int64_t>(encoder.encode({texts[i]})),
              std::vector<int64_t>(all.begin() + 3 * int64_t(i), all.begin() + 3 * int64_t(i) + 3));
  std::vector<std::thread> others;  // which share it
  for (int t = 0; t < 4; ++t) others.emplace_back([&] { EXPECT_EQ(values<int64_t>(encoder.encode(texts)), all); });
  for (std::thread& t : others) t.join();
}

namespace {
const std::string kEncoder =
    R"({"standardize":"none","split":"none","ngrams":[],"output":"one_hot","buckets":1,"salt":null,"mask":null,)"
    R"("length":-1,"width":3,"each":"one"})";
std::string edge(const std::string& encoder = kEncoder, const std::string& input = "0",
                 const std::string& shape = "[3]") {
  return R"({"inputs":[{"name":"word","strings":true,"shape":[]}],"begins":[{"name":"x","input":)" + input +
         R"(,"shape":)" + shape + R"(,"encoder":)" + encoder + R"(,"assets":"assets/0/"}]})";
}
// Tells words by weight: another, "two", "one".
struct WordModel : LineModel {
  explicit WordModel(const std::string& says = edge()) {
    const StringTable table({"two", "one"});
    file.variables.push_back({"assets/0/bytes", std::make_shared<Variable>("bytes", table.bytes(), false)});
    file.variables.push_back({"assets/0/ends", std::make_shared<Variable>("ends", table.ends(), false)});
    file.metadata["edge"] = says;
  }
};
std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}
}  // namespace

TEST(Text, ThreadsTakeTurnsAtACounter) {
  TermCounter counter({});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&counter, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string own = std::to_string(t) + "." + std::to_string(i);
        counter.add({own, "all"});
        counter.size();
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(counter.size(), 2001);
  EXPECT_EQ(counter.rows(), 4000);
  const auto most = counter.sorted(1, {});
  EXPECT_EQ(most.at(0).term, "all");
  EXPECT_EQ(most.at(0).count, 2000);
  EXPECT_EQ(most.at(0).rows, 2000);
}

TEST(Text, ModelsTakeStrings) {
  Model m = WordModel().load();
  const std::vector<Tensor> x = m.encode({{"one", "three", "two"}});
  ASSERT_EQ(x.size(), 1u);
  EXPECT_EQ(x[0].shape(), (Shape{3, 3}));
  EXPECT_EQ(values<float>(m.predict(x)[0]), (std::vector<float>{0.25f, 0.5f, -1}));
  EXPECT_EQ(m.encode({{}})[0].shape(), (Shape{0, 3}));
  EXPECT_EQ(m.fit(m.encode({{"one", "two"}}), {Tensor::zeros(DType::f32, {2, 1})}).size(), 1u);
  const std::string path = testing::TempDir() + "words" + std::to_string(getpid());
  m.save(path);
  EXPECT_EQ(values<float>(Model::load(path).encode({{"two"}})[0]), (std::vector<float>{0, 1, 0}));
  std::remove(path.c_str());
  EXPECT_ERROR(m.encode({}), ValueError, "takes 1 inputs of strings and 0 others; got 0 and 0");
  EXPECT_ERROR(m.encode({{"a"}}, x), ValueError, "got 1 and 1");
  EXPECT_ERROR(LineModel().load().encode({{"a"}}), ValueError, "no strings");
  EXPECT_ERROR(m.predict({Tensor::zeros(DType::i64, {1, 3})}), TypeError, "float32");
}

TEST(Text, FilesThatSayNonsenseOfStrings) {
  const auto refuse = [](const std::string& says, const char* why) {
    EXPECT_ERROR(WordModel(says).load(), FormatError, why);
  };
  refuse("[]", "");
  refuse("{}", "inputs");
  refuse(edge(kEncoder, "1"), "[0, 1)");
  refuse(edge(kEncoder, "-1"), "-1");
  refuse(edge(kEncoder, "0", "[-1,-1]"), "one dimension");
  refuse(edge("3"), "");
  refuse(edge(with(kEncoder, "one_hot", "two_hot")), "two_hot");
  refuse(edge(with(kEncoder, "\"split\":\"none\"", "\"split\":\"all\"")), "split");
  refuse(edge(with(kEncoder, "\"each\":\"one\"", "\"each\":\"all\"")), "each");
  refuse(edge(with(kEncoder, "\"buckets\":1", "\"buckets\":-1")), "buckets");
  refuse(edge(with(kEncoder, "\"salt\":null", "\"salt\":[1]")), "salt");
  refuse(edge(with(kEncoder, "\"ngrams\":[]", "\"ngrams\":[0]")), "ngrams");
  refuse(edge(with(kEncoder, "one_hot", "tf_idf")), "weight");
  const std::string weighed = with(kEncoder, "one_hot", "tf_idf");  // and more ids than 64 bits count
  refuse(edge(with(weighed, "\"buckets\":1", "\"buckets\":9223372036854775807")), "buckets");
  refuse(edge(with(weighed, "\"buckets\":1", "\"buckets\":-9223372036854775808")), "buckets");
  refuse(with(edge(), "\"shape\":[]", "\"shape\":[0]"), "known shape");
  refuse(with(edge(), "\"shape\":[]", "\"shape\":[4611686018427387904,4]"), "overflow");
  refuse(with(edge(), "\"strings\":true", "\"strings\":false"), "encoder");
  WordModel torn;
  torn.file.variables.back().second = std::make_shared<Variable>("ends", ends_of({3, 9}), false);
  EXPECT_ERROR(torn.load(), FormatError, "term 1");
  torn.file.variables.pop_back();
  EXPECT_ERROR(torn.load(), FormatError, "defined");
  EXPECT_ERROR(WordModel(edge(kEncoder, "0", "[2]")).load().encode({{"one"}}), ValueError, "");
  EXPECT_ERROR(WordModel(with(edge(), "\"width\":3", "\"width\":4")).load().encode({{"one"}}), ValueError, "");
}

TEST(Text, Crossings) {
  const Texts words{"A", "B", "A", "B", "A"};
  const std::vector<int64_t> numbers{101, 101, 101, 102, 102}, bins{1, 4, 1, 1, 3};  // of the documentation of Keras
  const Tensor wide = Tensor::of<int64_t>(DType::i64, {5, 1}, numbers);
  const Tensor narrow = Tensor::of<int32_t>(DType::i32, {5}, {101, 101, 101, 102, 102});
  EXPECT_EQ(values<int64_t>(cross_features({words, wide}, 5)), bins);
  EXPECT_EQ(values<int64_t>(cross_features({words, narrow}, 5)), bins);
  EXPECT_NE(values<int64_t>(cross_features({narrow, words}, 1000)),
            values<int64_t>(cross_features({words, narrow}, 1000)));
  EXPECT_EQ(cross_features({Texts{}, Texts{}}, 5).shape(), (Shape{0}));
  EXPECT_ERROR(cross_features({words}, 5), ValueError, "two features");
  EXPECT_ERROR(cross_features({words, wide}, 0), ValueError, "positive");
  EXPECT_ERROR(cross_features({words, Texts{"A"}}, 5), ValueError, "5 and 1");
  EXPECT_ERROR(cross_features({words, Tensor::zeros(DType::f32, {5})}, 5), TypeError, "float32");
}

TEST(Text, AFileOfCrossingsThatPythonWrote) {
  Model m = Model::load(HB_TEST_FILES "/crossing.hornbeam");
  const std::vector<std::string> words{"A", "B", "A"};
  const std::vector<Tensor> x = m.encode({words}, {Tensor::of<int32_t>(DType::i32, {3, 1}, {101, 101, 102})});
  EXPECT_EQ(values<float>(m.predict(x)[0]), (std::vector<float>{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1, 0, 3}));
  EXPECT_EQ(m.predict(m.encode({{}}, {Tensor::zeros(DType::i32, {0, 1})}))[0].shape(), (Shape{0, 6}));
  EXPECT_ERROR(m.encode({words}, {Tensor::zeros(DType::i32, {2, 1})}), ValueError, "3 and 2");
  EXPECT_ERROR(m.encode({words}, {Tensor::zeros(DType::f32, {3, 1})}), TypeError, "float32");
}

TEST(Text, FilesThatSayNonsenseOfCrossings) {
  const std::string good =
      R"({"inputs":[{"name":"word","strings":true,"shape":[]},{"name":"n","strings":false,"shape":[]}],)"
      R"("begins":[{"name":"x","shape":[3],"crossing":{"inputs":[0,1],"bins":3,"one_hot":true}}]})";
  const auto refuse = [](const std::string& says, const char* why) {
    EXPECT_ERROR(WordModel(says).load(), FormatError, why);
  };
  const std::vector<Tensor> x =
      WordModel(good).load().encode({{"A", "B"}}, {Tensor::of<int64_t>(DType::i64, {2}, {1, 2})});
  EXPECT_EQ(x[0].shape(), (Shape{2, 3}));
  refuse(with(good, "[0,1]", "[0,2]"), "[0, 2)");
  refuse(with(good, "[0,1]", "[0]"), "two inputs");
  refuse(with(good, "[0,1]", "3"), "inputs");
  refuse(with(good, "\"bins\":3", "\"bins\":0"), "positive");
  refuse(with(good, "\"bins\":3", "\"bins\":1.5"), "bins");
  refuse(with(good, "true}}", "1}}"), "one_hot");
  refuse(with(good, "\"shape\":[]", "\"shape\":[2]"), "one string");
  EXPECT_ERROR(WordModel(with(good, "\"bins\":3", "\"bins\":1125899906842624"))
                   .load()
                   .encode({{"A"}}, {Tensor::zeros(DType::i64, {1})}),
               MemoryError, "");
}

TEST(Text, AFileThatPythonWrote) {
  Model m = Model::load(HB_TEST_FILES "/text.hornbeam");
  const std::vector<std::string> texts{"The cat, the DOG!", "", "a bird"},
      colours{"red", "blue", "green", "red", "mauve", "x"};
  const Tensor size = Tensor::of<float>(DType::f32, {3, 1}, {1, -2, 0.5f});
  const std::vector<Tensor> x = m.encode({texts, colours}, {size});
  ASSERT_EQ(x.size(), 3u);
  const Tensor y = m.predict(x)[0];
  const std::vector<double> expected{-0.406832218170166, 0.0076722390949726105, -1.690317153930664,
                                     1.1146697998046875, -0.28836897015571594,  -1.1045494079589844};
  ASSERT_EQ(y.size(), int64_t(expected.size()));
  for (int64_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y.at(i), expected[size_t(i)], 1e-6);
  EXPECT_TRUE(m.can_train());
  EXPECT_EQ(m.fit(x, {Tensor::zeros(DType::f32, {3, 2})}).size(), 1u);
}
