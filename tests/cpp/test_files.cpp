// Model files: what is written comes back; a damaged file is always a FormatError.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

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

TEST(Files, HostileJson) {
  auto parse = [](const std::string& s) { return Json::parse(s.data(), s.data() + s.size()); };
  for (const char* s : {"{\"a\":1,\"a\":2}", "[1,", "\"\xff\"", "\"\\u0000\"", "\"\\ud800\"", "nul", "{\"a\" 1}", "1e",
                        "--1", "\"abc", "[1] x"})
    EXPECT_THROW(parse(s), FormatError) << s;
  EXPECT_THROW(parse(std::string(200000, '[')), FormatError);
  EXPECT_EQ(parse("\"\\u00e9\\n\"").str("x"), "\xc3\xa9\n");
}
