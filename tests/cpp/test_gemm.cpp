// The blocked product with operands of 16 bits, beside the same numbers as float32: bit for bit, for they are widened
// exactly and then multiplied alike.
#include <gtest/gtest.h>

#include <random>

#include "base/half.hpp"
#include "guarded.hpp"
#include "kernels/cpu/product/gemm.hpp"

using namespace hornbeam;

namespace {
struct Numbers {
  std::shared_ptr<char> memory;  // that ends where nobody may read on
  std::vector<float> wide;

  Numbers(DType dtype, int64_t count, uint64_t seed)
      : memory(guarded::allocate(size_t(count) * dtype_size(dtype), guarded::Side::after)) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < count; ++i) {
      const float v = normal(random);
      if (dtype == DType::f16) {
        const Half h = to_half(v);
        std::memcpy(memory.get() + i * 2, &h, 2);
        wide.push_back(to_float(h));
      } else {
        const BFloat16 h = to_bfloat16(v);
        std::memcpy(memory.get() + i * 2, &h, 2);
        wide.push_back(to_float(h));
      }
    }
  }
};

std::vector<float> product(const Gemm& g, const Operand& a, const Operand& b, bool by_blocks) {
  std::vector<float> packed(size_t(g.packed_size())), work(size_t(g.block_floats())), c(size_t(g.m * g.n), NAN);
  const FillTile fill = g.column ? fill_matrix_columns : fill_matrix_rows;
  auto finish = [](int64_t, int64_t, int64_t, int64_t) {};
  if (!by_blocks) g.pack_all(b, packed.data());
  for (int part = 0; part < g.parts(); ++part)
    if (by_blocks)
      g.run_blocks(part, &a, fill, a.data, b, work.data(), c.data(), g.n, {}, finish);
    else
      g.run(part, &a, fill, a.data, packed.data(), c.data(), g.n, {}, finish);
  return c;
}
}  // namespace

class GemmOperands : public testing::TestWithParam<std::string> {};

TEST_P(GemmOperands, OfSixteenBitsAreWidened) {
  const IsaTable* isa = find_isa(GetParam().c_str());
  uint64_t seed = 0;
  for (DType dtype : {DType::f16, DType::bf16})
    for (const auto& [m, n, k] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
             {1, 1, 1}, {7, 5, 3}, {17, 33, 31}, {64, 129, 300}, {2, 16, 1031}, {65, 1, 8}})
      for (const bool turned_a : {false, true})
        for (const bool turned_b : {false, true})
          for (const bool by_blocks : {false, true}) {
            const Numbers a(dtype, m * k, ++seed), b(dtype, k * n, ++seed);
            const Operand at = turned_a ? Operand{a.memory.get(), 1, m, dtype} : Operand{a.memory.get(), k, 1, dtype};
            const Operand bt = turned_b ? Operand{b.memory.get(), 1, k, dtype} : Operand{b.memory.get(), n, 1, dtype};
            Operand aw = at.at(a.wide.data()), bw = bt.at(b.wide.data());
            aw.dtype = bw.dtype = DType::f32;
            const Gemm g = Gemm::plan(isa, m, n, k, turned_a);
            const std::vector<float> got = product(g, at, bt, by_blocks), want = product(g, aw, bw, by_blocks);
            double exact = 0;  // of the last element, as a check on both
            for (int64_t i = 0; i < k; ++i)
              exact += double(a.wide[size_t(turned_a ? i * m + m - 1 : (m - 1) * k + i)]) *
                       double(b.wide[size_t(turned_b ? (n - 1) * k + i : i * n + n - 1)]);
            ASSERT_EQ(got, want) << dtype_name(dtype) << " " << m << " " << n << " " << k;
            ASSERT_NEAR(got.back(), exact, 1e-4 * double(k)) << dtype_name(dtype) << " " << m << " " << n << " " << k;
          }
}

TEST_P(GemmOperands, OfSixteenBitsAreNotReadInPlace) {
  const IsaTable* isa = find_isa(GetParam().c_str());
  const int64_t n = 4 * isa->lanes;
  Gemm wide = Gemm::plan(isa, 8, n, 8, false), narrow = wide;
  wide.read_in_place({nullptr, n, 1}, false);
  narrow.read_in_place({nullptr, n, 1, DType::bf16}, false);
  EXPECT_EQ(wide.b_stride, n);
  EXPECT_EQ(narrow.b_stride, 0);
}

// Parts of unequal widths, each with its own memory for a block: whatever the width, a block fits and no bit changes.
TEST_P(GemmOperands, ArePackedByBlocksWithinTheirMemory) {
  const IsaTable* isa = find_isa(GetParam().c_str());
  const int64_t m = 2, k = 400;
  for (int64_t panels = 2; panels < 60; ++panels) {
    Gemm g = Gemm::plan(isa, m, panels * Gemm::plan(isa, m, 1000, k, false).panel(), k, false);
    g.row_parts = 1, g.col_parts = 2;
    std::vector<float> a(size_t(m * k)), b(size_t(k * g.n)), c(size_t(m * g.n));
    for (size_t i = 0; i < a.size(); ++i) a[i] = float(i % 13) - 6;
    for (size_t i = 0; i < b.size(); ++i) b[i] = float(i % 17) / 16;
    const Operand at{a.data(), k, 1}, bt{b.data(), g.n, 1};
    for (int part = 0; part < 2; ++part) {
      const auto work = guarded::allocate(size_t(g.block_floats()) * 4, guarded::Side::after, 4);
      g.run_blocks(part, &at, fill_matrix_rows, at.data, bt, reinterpret_cast<float*>(work.get()), c.data(), g.n, {},
                   [](int64_t, int64_t, int64_t, int64_t) {});
    }
    ASSERT_EQ(c, product(g, at, bt, false)) << panels;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GemmOperands, testing::ValuesIn(isa_names()));
