// Every op against values worked out by hand.
#include "reference/ops.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay::reference {
namespace {

constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

at::Tensor ints(std::initializer_list<int> values) {
  return at::tensor(std::vector<int>(values), at::kInt);
}
at::Tensor doubles(std::initializer_list<double> values, at::IntArrayRef shape) {
  return at::tensor(std::vector<double>(values), at::kDouble).view(shape);
}
void expect_close(const at::Tensor& got, const at::Tensor& want, double tolerance = 1e-12) {
  ASSERT_EQ(got.sizes(), want.sizes());
  EXPECT_TRUE(at::allclose(got.to(at::kDouble), want.to(at::kDouble), 0.0, tolerance))
      << "got\n"
      << got << "\nwant\n"
      << want;
}
void expect_equal(const at::Tensor& got, const at::Tensor& want) {
  EXPECT_TRUE(got.scalar_type() == want.scalar_type() && at::equal(got, want)) << "got\n"
                                                                               << got << "\nwant\n"
                                                                               << want;
}

TEST(Ops, EmbeddingPicksRows) {
  const at::Tensor table = doubles({1, 2, 3, 4, 5, 6}, {3, 2});
  expect_equal(reference::embedding(table, ints({2, 0, 2})), doubles({5, 6, 1, 2, 5, 6}, {3, 2}));
}

// Two sequences: 2 new tokens after 3, 3 new ones after none; T_max 3.
TEST(Ops, PaddingOffsets) {
  const PaddingOffsets p = padding_offsets(ints({2, 3}), ints({3, 0}));
  expect_equal(p.cu_q_lens, ints({0, 2, 5}));
  expect_equal(p.padding_offset, ints({0, 0, 1, 1, 1}));
  expect_equal(p.positions, ints({3, 4, 0, 1, 2}));
}

TEST(Ops, PaddingRestoreAndRemove) {
  const at::Tensor packed = doubles({1, 10, 2, 20, 3, 30}, {3, 2});
  const at::Tensor offset = ints({0, 1, 1});  // q_lens 1, 2
  const at::Tensor padded = padding_restore(packed, offset, 2, 2, 1);
  expect_equal(padded, doubles({1, 0, 2, 3}, {2, 2, 1}));
  expect_equal(padding_remove(padded, offset), doubles({1, 2, 3}, {3, 1}));
  expect_equal(padding_restore(packed, offset, 2, 2).select(2, 1),
               doubles({10, 0, 20, 30}, {2, 2}));
}

TEST(Ops, CausalMask) {
  const at::Tensor mask = causal_mask(ints({1, 2}), ints({2, 0}), 2, 3);
  const at::Tensor want =
      at::tensor(std::vector<int>{1, 1, 1, 0, 0, 0, /* b = 1 */ 1, 0, 0, 1, 1, 0}, at::kInt);
  expect_equal(mask, want.to(at::kByte).view({2, 2, 3}));
}

TEST(Ops, RmsNorm) {  // mean square (9 + 16) / 2 = 12.5, eps 3.5 -> divided by 4
  expect_close(rms_norm(doubles({3, 4}, {1, 2}), doubles({2, 10}, {2}), 3.5),
               doubles({1.5, 10}, {1, 2}));
}

TEST(Ops, RmsNormOfHalfTypesSquaresInFloat) {
  const at::Tensor x = at::full({1, 64}, 60000.0, at::kHalf);  // its square is past fp16's range
  expect_close(rms_norm(x, at::ones({64}, at::kHalf), 1e-5), at::ones({1, 64}));
}

TEST(Ops, Linear) {
  const at::Tensor x = doubles({1, 2}, {1, 2});
  const at::Tensor w = doubles({1, 1, 3, -1}, {2, 2});
  expect_close(reference::linear(x, w), doubles({3, 1}, {1, 2}));
  expect_close(reference::linear(x, w, doubles({0.5, 0.25}, {2})), doubles({3.5, 1.25}, {1, 2}));
}

TEST(Ops, QuantizeInt8) {  // scale 1 for the first group; the second group is all zero
  const at::Tensor w = doubles({127, -2.5, 1.5, -127, 0, 0, 0, 0}, {1, 8});
  const Quantized q = quantize(w, 8, 4);
  expect_equal(
      q.codes.view(at::kChar),
      at::tensor(std::vector<int>{127, -2, 2, -127, 0, 0, 0, 0}).to(at::kChar).view({1, 8}));
  expect_equal(q.scales, at::tensor(std::vector<double>{1, 0}).to(at::kHalf).view({1, 2}));
  expect_close(dequantize(q.codes, q.scales, 8, 4, 8, at::kDouble),
               doubles({127, -2, 2, -127, 0, 0, 0, 0}, {1, 8}));
}

TEST(Ops, QuantizeInt4PacksEvenColumnsLow) {
  const at::Tensor w = doubles({7, -7, 3, 0.4}, {1, 4});
  const Quantized q = quantize(w, 4, 4);
  EXPECT_EQ(q.codes[0][0].item<int>(), 15 + 16 * 1);
  EXPECT_EQ(q.codes[0][1].item<int>(), 11 + 16 * 8);
  expect_close(dequantize(q.codes, q.scales, 4, 4, 4, at::kFloat), doubles({7, -7, 3, 0}, {1, 4}));
  EXPECT_THROW(quantize(w, 4, 3), c10::Error);
  EXPECT_THROW(quantize(w, 5, 4), c10::Error);
}

// One query head, one key head, one value head of width 4, at a quarter turn of the first pair.
TEST(Ops, RopeTurnsPairsHalfAHeadApart) {
  const at::Tensor qkv = doubles({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {1, 12});
  const at::Tensor inv_freq = doubles({M_PI / 4, 0}, {2});
  expect_close(rope(qkv, ints({2}), inv_freq, 1, 1, 4),
               doubles({-3, 2, 1, 4, -7, 6, 5, 8, 9, 10, 11, 12}, {1, 12}));
  expect_close(rope(qkv, ints({0}), inv_freq, 1, 1, 4), qkv);
}

TEST(Ops, RopeTakesFrequenciesPerToken) {
  const at::Tensor qkv = doubles({1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}, {2, 6});  // D 2
  const at::Tensor y = rope(qkv, ints({1, 1}), doubles({M_PI / 2, M_PI}, {2, 1}), 1, 1, 2);
  expect_close(y, doubles({0, 1, 0, 1, 1, 0, -1, 0, -1, 0, 1, 0}, {2, 6}));
}

TEST(Ops, KvAppendLeavesOtherSlots) {  // B 2, G 1, S_max 3, D 1; H 1; q_lens 1, 2 after 2, 0
  const at::Tensor k_cache = at::full({2, 1, 3, 1}, -1.0, at::kDouble);
  const at::Tensor v_cache = at::full({2, 1, 3, 1}, -2.0, at::kDouble);
  const at::Tensor qkv = doubles({0, 10, 100, 0, 20, 200, 0, 30, 300}, {3, 3});
  const KvCache cache = kv_append(k_cache, v_cache, qkv, ints({2, 0, 1}), ints({0, 1, 1}), 2, 1, 1);
  expect_equal(cache.k, doubles({-1, -1, 10, 20, 30, -1}, {2, 1, 3, 1}));
  expect_equal(cache.v, doubles({-2, -2, 100, 200, 300, -2}, {2, 1, 3, 1}));
  EXPECT_TRUE(k_cache.eq(-1).all().item<bool>());
}

TEST(Ops, KvBroadcastRepeatsGroupsAndZeroesUnusedSlots) {
  const at::Tensor cache = doubles({1, NOT_A_NUMBER, 9, 2, NOT_A_NUMBER, 9}, {1, 2, 3, 1});
  expect_equal(kv_broadcast(cache, ints({1}), 4, 2),
               doubles({1, 0, 1, 0, 2, 0, 2, 0}, {1, 4, 2, 1}));
}

TEST(Ops, AttentionScores) {  // two queries; the second sees nothing
  const at::Tensor q = doubles({2, 5}, {1, 2, 1, 1});
  const at::Tensor k = doubles({0, std::log(3.0), NOT_A_NUMBER}, {1, 1, 3, 1});
  const at::Tensor mask = ints({1, 1, 0, 0, 0, 0}).to(at::kByte).view({1, 2, 3});
  expect_close(attention_scores(q, k, mask, 0.5), doubles({0.25, 0.75, 0, 0, 0, 0}, {1, 1, 2, 3}));
}

TEST(Ops, AttentionValuesReadsNothingPastKvLen) {
  const at::Tensor p = doubles({0.25, 0.75, NOT_A_NUMBER}, {1, 1, 1, 3});
  const at::Tensor v = doubles({4, 8, NOT_A_NUMBER, NOT_A_NUMBER}, {1, 1, 4, 1});
  expect_close(attention_values(p, v, ints({2})), doubles({7}, {1, 1, 1, 1}));
}

TEST(Ops, ResidualAdd) {
  expect_equal(residual_add(doubles({1, 2}, {2}), doubles({10, 20}, {2})), doubles({11, 22}, {2}));
}

TEST(Ops, SwigluTakesTheGateFirst) {
  expect_close(swiglu(doubles({0, 1, 5, 6}, {1, 4})),
               doubles({0, 6.0 / (1.0 + std::exp(-1.0))}, {1, 2}));
}

TEST(Ops, KeepTheirDtype) {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor x = at::ones({3, 8}, dtype);
    EXPECT_EQ(rms_norm(x, at::ones({8}, dtype), 1e-5).scalar_type(), dtype);
    EXPECT_EQ(reference::linear(x, at::ones({2, 8}, dtype)).scalar_type(), dtype);
    EXPECT_EQ(rope(x, ints({0, 1, 2}), at::ones({1}), 2, 1, 2).scalar_type(), dtype);
    EXPECT_EQ(swiglu(x).scalar_type(), dtype);
    const at::Tensor heads = at::ones({1, 2, 3, 4}, dtype);
    const at::Tensor mask = at::ones({1, 3, 3}, at::kByte);
    const at::Tensor p = attention_scores(heads.transpose(1, 2), heads, mask, 0.5);
    EXPECT_EQ(p.scalar_type(), dtype);
    EXPECT_EQ(attention_values(p, heads, ints({3})).scalar_type(), dtype);
  }
}

}  // namespace
}  // namespace assay::reference
