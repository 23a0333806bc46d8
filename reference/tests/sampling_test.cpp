#include "reference/sampling.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assay::reference {
namespace {

using Words = std::array<std::uint32_t, 4>;

// The known answers that the authors of Philox publish with it.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ALL = 0xffffffff;
  EXPECT_EQ(philox4x32({ALL, ALL, ALL, ALL}, {ALL, ALL}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformIsTheTop24Bits) {
  EXPECT_EQ(philox_uniform(0, 0), static_cast<double>(0x6627e8) / 16777216.0);
}

Sampled one(std::vector<double> logits, SamplingParams params,
            std::vector<std::int64_t> history = {}) {
  return sample(at::tensor(logits, at::kDouble).unsqueeze(0), {params}, {std::move(history)})[0];
}

// How often each token comes up over many seeds.
std::vector<double> shares(const std::vector<double>& logits, SamplingParams params) {
  constexpr int DRAWS = 4000;
  std::vector<double> counts(logits.size());
  for (params.seed = 0; params.seed < DRAWS; ++params.seed) {
    counts[static_cast<std::size_t>(one(logits, params).token)] += 1.0 / DRAWS;
  }
  return counts;
}

TEST(Sampling, GreedyTakesTheFirstOfEquals) {
  const Sampled s = one({1, 4, 4, 2}, {});
  EXPECT_EQ(s.token, 1);
  EXPECT_DOUBLE_EQ(s.margin, 0.5);  // 2 against 4; the tie itself is exact
}

TEST(Sampling, RepetitionPenaltyDividesOrMultipliesOnce) {
  EXPECT_EQ(one({3, 2}, {.repetition_penalty = 2.0f}, {0, 0}).token, 1);    // 1.5 < 2
  EXPECT_EQ(one({3, 1.4}, {.repetition_penalty = 2.0f}, {0, 0}).token, 0);  // not 0.75
  EXPECT_EQ(one({-1, -1.5}, {.repetition_penalty = 2.0f}, {0}).token, 1);   // -2 < -1.5
}

TEST(Sampling, DrawsFollowTheProbabilities) {
  const auto s = shares({std::log(1.0), std::log(2.0), std::log(5.0)}, {.temperature = 1.0f});
  EXPECT_NEAR(s[0], 0.125, 0.02);
  EXPECT_NEAR(s[1], 0.25, 0.02);
  EXPECT_NEAR(s[2], 0.625, 0.02);
}

TEST(Sampling, TemperatureSharpens) {  // at 0.5 the shares are those of the squares 1, 4, 25
  const auto s = shares({std::log(1.0), std::log(2.0), std::log(5.0)}, {.temperature = 0.5f});
  EXPECT_NEAR(s[0], 1.0 / 30, 0.01);
  EXPECT_NEAR(s[2], 25.0 / 30, 0.02);
}

TEST(Sampling, TopKKeepsTokensEqualToTheLast) {
  const auto s = shares({1, 3, 1, 0.5}, {.temperature = 1.0f, .top_k = 2});
  EXPECT_GT(s[0], 0.0);
  EXPECT_GT(s[2], 0.0);
  EXPECT_EQ(s[3], 0.0);
}

TEST(Sampling, TopPKeepsTheSmallestSetThatReachesIt) {  // shares 0.5, 0.3, 0.2
  const std::vector<double> logits{std::log(0.2), std::log(0.5), std::log(0.3)};
  const auto half = shares(logits, {.temperature = 1.0f, .top_p = 0.49f});
  EXPECT_DOUBLE_EQ(std::round(half[1] * 1e9), 1e9);
  const auto most = shares(logits, {.temperature = 1.0f, .top_p = 0.6f});
  EXPECT_EQ(most[0], 0.0);
  EXPECT_NEAR(most[2], 0.375, 0.03);
}

TEST(Sampling, MinPComparesWithTheLikeliest) {  // 0.2 / 0.5 = 0.4
  const std::vector<double> logits{std::log(0.2), std::log(0.5), std::log(0.3)};
  EXPECT_EQ(shares(logits, {.temperature = 1.0f, .min_p = 0.41f})[0], 0.0);
  EXPECT_GT(shares(logits, {.temperature = 1.0f, .min_p = 0.39f})[0], 0.0);
}

TEST(Sampling, HistoryLengthIsTheCounter) {
  const std::vector<double> logits(64, 0.0);
  for (const std::size_t length : {0u, 1u, 7u}) {
    const double u = philox_uniform(42, static_cast<std::uint32_t>(length));
    EXPECT_EQ(
        one(logits, {.temperature = 1.0f, .seed = 42}, std::vector<std::int64_t>(length)).token,
        static_cast<std::int64_t>(u * 64));
  }
}

TEST(Sampling, MarginTellsACloseCall) {
  EXPECT_LT(one({1.0, 1.0 + 1e-9}, {}).margin, 1e-8);
  const std::vector<double> logits{std::log(0.2), std::log(0.5), std::log(0.3)};
  EXPECT_LT(one(logits, {.temperature = 1.0f, .top_p = 0.5f}).margin, 1e-7);
  EXPECT_LT(one(logits, {.temperature = 1.0f, .min_p = 0.4f}).margin, 1e-7);
  EXPECT_GT(one(logits, {.temperature = 1.0f, .top_k = 2}).margin, 1e-7);
}

TEST(Sampling, RefusesUnequalBatches) {
  EXPECT_THROW(sample(at::zeros({2, 4}), {SamplingParams{}}, {{}, {}}), c10::Error);
}

}  // namespace
}  // namespace assay::reference
