// Model files: what is written comes back; a damaged file is always a FormatError.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <locale>

#include "expect_error.hpp"
#include "hornbeam/hornbeam.hpp"
#include "io/json.hpp"

using namespace hornbeam;

namespace {
std::string temp(const char* name) { return testing::TempDir() + name + std::to_string(getpid()); }

std::string slurp(const std::string& path) {
  std::ifstream f(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(f), {}};
}
void spit(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

ModelFile small_model() {
  ModelFile f;
  auto w = std::make_shared<Variable>("w", Tensor::of<float>(DType::f32, {2, 3}, {1, 2, 3, 4, 5, 6}));
  auto n = std::make_shared<Variable>("n", Tensor::zeros(DType::i64, {}), false);
  auto g = std::make_shared<Graph>();
  Ops o(*g);
  Value x = g->input("x", DType::f32, {Dim::symbol("batch"), 2});
  Value y = o.add(o.matmul(x, g->read(w)), g->constant(Tensor::of<float>(DType::f32, {3}, {0.5f, 0, -0.5f})));
  g->assign(n, o.add(g->read(n), 1));
  g->outputs.push_back({"y", y});
  f.variables = {{"w", w}, {"n", n}};
  f.metadata["config"] = "{\"quote\": \"\\\"\"}";
  f.functions["predict"] = g;
  return f;
}
}  // namespace

TEST(Files, RoundTrip) {
  const std::string path = temp("round");
  ModelFile f = small_model();
  write_model_file(path, f);
  ModelFile r = read_model_file(path);
  EXPECT_EQ(r.metadata.at("config"), f.metadata.at("config"));
  Tensor x = Tensor::of<float>(DType::f32, {1, 2}, {1, -1});
  Tensor a = Executable(*f.functions["predict"]).run({x})[0], b = Executable(*r.functions["predict"]).run({x})[0];
  for (int i = 0; i < 3; ++i) EXPECT_EQ(a.at(i), b.at(i));
  EXPECT_EQ(r.variables[1].second->value().at(0), 1);
  EXPECT_FALSE(r.variables[1].second->trainable());
  unlink(path.c_str());
}

TEST(Files, TruncatedAnywhere) {
  const std::string path = temp("cut");
  write_model_file(path, small_model());
  const std::string whole = slurp(path);
  for (size_t n = 0; n < whole.size(); n += 1 + n / 40) {
    spit(path, whole.substr(0, n));
    EXPECT_THROW(read_model_file(path), FormatError) << n;
  }
  spit(path, whole + "x");
  EXPECT_THROW(read_model_file(path), FormatError);
  unlink(path.c_str());
}

TEST(Files, FlippedBitsAreFound) {
  const std::string path = temp("flip");
  write_model_file(path, small_model());
  const std::string whole = slurp(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string bad = whole;
    bad[i] = char(bad[i] ^ (1 << (i % 8)));
    spit(path, bad);
    EXPECT_THROW(read_model_file(path), FormatError) << i;
  }
  unlink(path.c_str());
}

TEST(Files, WhatIsNoFile) {
  EXPECT_THROW(read_model_file(temp("missing")), FileError);
  EXPECT_THROW(read_model_file(testing::TempDir()), FileError);
  EXPECT_THROW(read_model_file("/dev/zero"), FormatError);
  const std::string path = temp("fifo");
  mkfifo(path.c_str(), 0600);
  EXPECT_THROW(read_model_file(path), FormatError);
  unlink(path.c_str());
  spit(path, std::string("\x80\x04\x95") + std::string(60, 'p'));
  EXPECT_THROW(read_model_file(path), FormatError);
  EXPECT_THROW(write_model_file("/nonexistent/dir/file", small_model()), FileError);
  unlink(path.c_str());
}

namespace {
Json parse(const std::string& s) { return Json::parse(s.data(), s.data() + s.size()); }
std::string repeated(const std::string& s, size_t n) {
  std::string all;
  for (size_t i = 0; i < n; ++i) all += s;
  return all;
}
}  // namespace

TEST(Files, HostileJson) {
  for (const char* s :
       {"{\"a\":1,\"a\":2}", "[1,", "nul", "{\"a\" 1}", "\"abc", "[1] x", "", "[,]", "[1,]", "{\"a\":1,}"})
    EXPECT_THROW(parse(s), FormatError) << s;
  EXPECT_THROW(parse(std::string(200000, '[')), FormatError);
  EXPECT_EQ(parse("\"\\u00e9\\n\"").str("x"), "\xc3\xa9\n");
  EXPECT_EQ(parse("\"\\ud83d\\ude00\"").str("x"), "\xf0\x9f\x98\x80");
}

TEST(Files, JsonTextIsUtf8WithoutNul) {
  for (const char* s :
       {"\xff", "\\u0000", "\\ud800", "\\ud800x", "\\udc00", "\\ud800\\u0041", "\xc0\xaf", "\xe0\x80\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf", "\xe2\x82", "\x80", "\\x41", "\\u12g4", "\n"})
    EXPECT_THROW(parse("\"" + std::string(s) + "\""), FormatError) << s;
  for (const char* s : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(parse("\"" + std::string(s) + "\"").str("x"), s);
  for (const std::string& s : {std::string("a\0b", 3), std::string("\xff"), std::string("\xed\xa0\x80")})
    EXPECT_THROW(Json::of(s).written(), ValueError);
}

TEST(Files, JsonNumbersAreThoseOfTheGrammarAndFit) {
  for (const char* s :
       {"1e", "--1", "+1", "01", "-", "1.", ".5", "1e+", "0x1", "1e999", "-1e999", "nan", "inf", "1_0", "1 2", "- 1"})
    EXPECT_THROW(parse(s), FormatError) << s;
  EXPECT_THROW(parse(std::string(65, '1')), FormatError);
  for (const char* s :
       {"9223372036854775808", "-9223372036854775809", "99999999999999999999", "1.0", "1e3", "true", "\"1\"", "null"})
    EXPECT_THROW(parse(s).integer("x"), FormatError) << s;
  EXPECT_EQ(parse("9223372036854775807").integer("x"), INT64_MAX);
  EXPECT_EQ(parse("-9223372036854775808").integer("x"), INT64_MIN);
  EXPECT_EQ(parse("-1.25e2").real("x"), -125);
  EXPECT_THROW(parse("1").truth("x"), FormatError);
  EXPECT_THROW(Json::of(HUGE_VAL), ValueError);
}

TEST(Files, JsonHasLimitsThatReaderAndWriterShare) {
  const size_t deep = Json::kDeepest, many = Json::kMostValues;
  const std::string within = repeated("[", deep) + "1" + repeated("]", deep);
  EXPECT_EQ(parse(within).written(), within);
  for (const std::string& inside : {std::string("[]"), std::string("{}"), std::string("[1]")})
    EXPECT_THROW(parse(repeated("[", deep) + inside + repeated("]", deep)), FormatError);
  Json j = parse(within), outer = Json::list();
  outer.items.push_back(std::move(j));
  EXPECT_THROW(outer.written(), ValueError);

  Json list = Json::list(std::vector<Json>(many - 1));  // and the list itself
  EXPECT_EQ(parse(list.written()).items.size(), many - 1);
  list.items.push_back(Json());
  EXPECT_THROW(list.written(), ValueError);
  EXPECT_THROW(parse("[" + repeated("0,", many - 1) + "0]"), FormatError);
}

TEST(Files, NamesAreFreeAndWhatCannotBeReadIsNotWritten) {
  const std::string path = temp("names");
  ModelFile f = small_model();
  int i = 0;
  for (const char* name :
       {"padding/0", "padding/kernel", "constant/0", "constant/1", "checksum", "format", "\"quoted\""})
    f.variables.push_back({name, std::make_shared<Variable>(name, Tensor::scalar(DType::f32, ++i))});
  f.variables.push_back({"again", f.variables[0].second});  // one variable under two names
  const auto last = std::make_shared<Variable>("last", Tensor::zeros(DType::f32, {3}));
  f.variables.push_back({"last", last});
  auto g = std::make_shared<Graph>();
  g->outputs.push_back({"y", g->read(last)});
  f.functions["last"] = g;
  write_model_file(path, f);
  const std::string kept = slurp(path);
  ModelFile r = read_model_file(path);
  for (int k = 2; k < 9; ++k) EXPECT_EQ(r.variables[size_t(k)].second->value().at(0), k - 1);
  EXPECT_EQ(r.functions["last"]->variables[0]->name(), "last");
  Tensor x = Tensor::of<float>(DType::f32, {1, 2}, {1, -1});
  EXPECT_EQ(Executable(*f.functions["predict"]).run({x})[0].at(0),
            Executable(*r.functions["predict"]).run({x})[0].at(0));

  auto refused = [&](const std::function<void(ModelFile&)>& spoil) {
    ModelFile bad = small_model();
    spoil(bad);
    EXPECT_THROW(write_model_file(path, bad), ValueError);
    EXPECT_EQ(slurp(path), kept);
  };
  const auto rank13 = std::make_shared<Variable>("v", Tensor::zeros(DType::f32, Shape(13, 1)));
  refused([&](ModelFile& m) { m.variables.push_back({"w", rank13}); });
  refused([&](ModelFile& m) { m.variables.push_back({"v", rank13}); });
  refused([&](ModelFile& m) { m.variables.push_back({"__metadata__", last}); });
  refused([&](ModelFile& m) { m.variables.push_back({std::string("a\0", 2), last}); });
  refused([&](ModelFile& m) { m.variables.push_back({"\xff", last}); });
  refused([&](ModelFile& m) { m.variables.push_back({"null", nullptr}); });
  refused([&](ModelFile& m) { m.variables.pop_back(); });
  refused([&](ModelFile& m) { m.metadata["config"] = "\xc3"; });
  refused([&](ModelFile& m) { m.functions["null"] = nullptr; });
  refused([&](ModelFile& m) { m.functions["empty"] = std::make_shared<Graph>(); });
  auto spoiled = [&](const std::function<void(Graph&)>& spoil) {
    refused([&](ModelFile& m) {
      auto copy = std::make_shared<Graph>(*m.functions["predict"]);
      spoil(*copy);
      m.functions["predict"] = copy;
    });
  };
  spoiled([](Graph& m) { m.outputs.push_back(m.outputs[0]); });
  spoiled([](Graph& m) { m.outputs.clear(); });
  spoiled([](Graph& m) { m.input("x", DType::f32, {}); });
  spoiled([](Graph& m) { m.set_scope("\xff"), m.scalar(DType::f32, 1); });
  EXPECT_THROW(write_model_file(path + std::string("\0x", 2), f), ValueError);
  EXPECT_THROW(read_model_file(path + std::string("\0x", 2)), ValueError);
  unlink(path.c_str());
}

TEST(Files, GraphsInsideGraphsUpToALimit) {
  const std::string path = temp("nested");
  for (int depth : {14, 15}) {
    auto g = std::make_shared<Graph>();
    for (int i = 0; i <= depth; ++i) {  // `depth` loops inside each other
      auto outer = std::make_shared<Graph>();
      Value x = outer->input("x", DType::f32, {});
      outer->input("index", DType::i32, {});
      if (i > 0) {
        const std::shared_ptr<const Graph> inner = g;
        x = outer->add("scan", {x},
                       {{"body", inner}, {"carries", int64_t(1)}, {"xs", int64_t(0)}, {"length", Ints{1}}})[0];
      }
      outer->outputs.push_back({"y", x});
      g = outer;
    }
    ModelFile f;
    f.functions["predict"] = g;
    if (depth == 15) {
      EXPECT_THROW(write_model_file(path, f), ValueError);
      continue;
    }
    write_model_file(path, f);
    EXPECT_EQ(read_model_file(path).functions["predict"]->size(), 3);
  }
  unlink(path.c_str());
}

TEST(Files, OfAnyKindAreReadAndReplacedWhole) {
  const std::string path = temp("any_file");
  const std::string bytes("\0\xff text", 7), more(100000, 'x');
  for (const std::string& b : {bytes, more, std::string()}) {
    write_file(path, b);
    EXPECT_EQ(read_file(path), b);
  }
  EXPECT_ERROR(read_file("/no/such/file"), FileError, "/no/such/file");
  EXPECT_ERROR(write_file("/no/such/folder/file", bytes), FileError, "/no/such/folder/file");
  EXPECT_ERROR(read_file(testing::TempDir()), FileError, "directory");
  EXPECT_ERROR(read_file("/dev/zero"), FormatError, "/dev/zero");
  EXPECT_ERROR(write_file("/dev/null", bytes), FileError, "/dev/null");
}

TEST(Files, NumbersDoNotFollowTheLocale) {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\1"; }
  };
  const std::string path = temp("locale");
  ModelFile f = small_model();
  f.metadata["number"] = "1234.5";
  write_model_file(path, f);
  const std::string plain = slurp(path);
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  write_model_file(path, f);
  const ModelFile r = read_model_file(path);
  EXPECT_EQ(Json::of(0.5).written(), "0.5");
  EXPECT_EQ(parse("1234.5").real("x"), 1234.5);
  std::locale::global(before);
  EXPECT_EQ(slurp(path), plain);
  EXPECT_EQ(r.variables[0].second->value().at(5), 6);
  unlink(path.c_str());
}
