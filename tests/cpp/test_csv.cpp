// Tables of text: what every reader of them has to agree on is tested in Python, beside its csv module.
#include <gtest/gtest.h>

#include <cmath>

#include "expect_error.hpp"
#include "hornbeam/csv.hpp"

using namespace hornbeam;

TEST(Csv, KindsOfColumns) {
  const auto columns =
      read_csv("-9223372036854775808,-0.5,\"a\"\"b\"\r\n\n00000000000000000000007,1e400,\n", ',', {{}, {}, {}}, 1);
  EXPECT_EQ(columns[0].integers, (std::vector<int64_t>{INT64_MIN, 7}));
  EXPECT_EQ(columns[1].reals, (std::vector<double>{-0.5, INFINITY}));
  EXPECT_EQ(columns[2].bytes, "a\"b");
  EXPECT_EQ(columns[2].ends, (std::vector<uint64_t>{3, 3}));
}

TEST(Csv, TheSameForAnyNumberOfThreads) {
  std::string text;
  for (int i = 0; i < 200000; ++i)
    text += std::to_string(i) + ";" + std::to_string(i / 7.0) + ";w" + std::to_string(i % 9) + "\n";
  ASSERT_GT(text.size(), size_t(4) << 20);  // several pieces
  const std::vector<CsvWanted> wanted{{}, {}, {true, FieldKind::text}};
  const auto one = read_csv(text, ';', wanted, 1), several = read_csv(text, ';', wanted, 5);
  EXPECT_EQ(one[0].integers.size(), 200000u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(one[i].integers, several[i].integers);
    EXPECT_EQ(one[i].reals, several[i].reals);
    EXPECT_EQ(one[i].bytes, several[i].bytes);
    EXPECT_EQ(one[i].ends, several[i].ends);
  }
}

TEST(Csv, WhatIsNoTable) {
  EXPECT_ERROR(read_csv("1,2\n3\n", ',', {{}, {}}, 1, 2), ValueError, "row 3: 2 fields were expected. Received: 1");
  EXPECT_ERROR(read_csv("1,2,3,4", ',', {{}, {}}, 1), ValueError, "2 fields were expected. Received: 4");
  EXPECT_ERROR(read_csv("1\n", ',', {}, 1), ValueError, "0 fields were expected");
  EXPECT_ERROR(read_csv("\"1\n2", ',', {{}}, 1), ValueError, "row 1: a quote is not closed");
  EXPECT_ERROR(read_csv("\"1\"2", ',', {{}}, 1), ValueError, "something follows a closing quote");
  EXPECT_TRUE(read_csv("", ',', {}, 1).empty());
  EXPECT_TRUE(read_csv("\n\r\n", ',', {{}}, 1)[0].integers.empty());
  EXPECT_TRUE(read_csv_row("", ',').first.empty());
}
