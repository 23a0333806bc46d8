// Tokens, quality and spoils: the parts of model checks that see host values only.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "suites/quality.h"
#include "suites/tokens.h"

namespace assay::suites {
namespace {

constexpr double NAN_VALUE = std::numeric_limits<double>::quiet_NaN();

// Two steps of three tokens: clear, and a near tie of tokens 1 and 2.
TokenSteps two_steps() {
  TokenSteps steps;
  steps.answer.shape = {2, 3};
  steps.answer.exact = {5.0, 1.0, 0.0, 0.0, 2.000, 2.001};
  steps.answer.same_dtype = {5.002, 1.0, 0.0, 0.0, 2.002, 2.001};
  steps.expected = {0, 2};
  steps.picked = {0, 2};
  steps.logits = {{5.0F, 1.0F, 0.0F}, {0.0F, 2.0F, 2.001F}};
  return steps;
}

TEST(Tokens, EqualOnesPassAndAreCounted) {
  const TokenComparison result = compare_tokens(two_steps());
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.compared, 2);
  EXPECT_EQ(result.near_ties, 1);
  EXPECT_EQ(result.different, 0);
  EXPECT_EQ(result.first_difference, -1);
}

TEST(Tokens, ANearTieMayGoEitherWayWhereTheErrorExplainsIt) {
  TokenSteps steps = two_steps();
  steps.picked[1] = 1;
  steps.logits[1] = {0.0F, 2.002F, 2.001F};
  const TokenComparison result = compare_tokens(steps);
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.first_difference, 1);
  EXPECT_EQ(result.different, 1);
}

TEST(Tokens, ATieThatTheEngineSawClearlyIsNoExcuse) {
  TokenSteps steps = two_steps();
  steps.picked[1] = 1;  // though its logits are exactly the reference's
  steps.logits[1] = {0.0F, 2.000F, 2.001F};
  EXPECT_NE(compare_tokens(steps).problem, "");
}

TEST(Tokens, AnErrorBeyondRoundingIsNoExcuse) {
  TokenSteps steps = two_steps();
  steps.picked[0] = 1;
  steps.logits[0] = {5.0F, 6.0F, 0.0F};
  EXPECT_NE(compare_tokens(steps).problem, "");
  steps.logits[0] = {5.0F, std::numeric_limits<float>::quiet_NaN(), 0.0F};
  EXPECT_NE(compare_tokens(steps).problem, "");
  steps.picked[0] = 7;
  EXPECT_NE(compare_tokens(steps).problem, "");
}

TEST(Tokens, AnOverflowOfLibTorchsIsNoExcuse) {
  TokenSteps steps = two_steps();
  steps.picked[1] = 1;
  steps.logits[1] = {0.0F, 2.002F, 2.001F};
  steps.answer.same_dtype[3] = std::numeric_limits<double>::infinity();
  EXPECT_NE(compare_tokens(steps).problem, "");
}

TEST(Tokens, WrongStreamsAreRefused) {
  TokenSteps steps = two_steps();
  steps.answer.exact[5] = steps.answer.same_dtype[5] = 3.0;
  const SpoilCount counts = spoil_tokens(steps);
  EXPECT_EQ(counts.total, 2);
  EXPECT_EQ(counts.killed, 2);
}

// n positions of 8 tokens; LibTorch's error is `same`, the engine's `engine`, of either sign.
ScoredText text(int n, double same, double engine) {
  ScoredText scored;
  Random random(3);
  scored.dtype = DType::kBF16;
  scored.answer.shape = {n, 8};
  for (int i = 0; i < n; ++i) {
    scored.next.push_back(random.between(0, 7));
    for (int t = 0; t < 8; ++t) {
      const double exact = 2.0 * random.normal();
      scored.answer.exact.push_back(exact);
      scored.answer.same_dtype.push_back(exact + same * random.normal());
      scored.logits.push_back(exact + engine * random.normal());
    }
  }
  return scored;
}

TEST(Quality, RoundingLikeLibTorchsPassesAndEverySpoilIsRefused) {
  const ScoredText scored = text(400, 0.01, 0.01);
  for (const Figure& figure : judge_quality(scored)) {
    EXPECT_TRUE(figure.verdict.pass) << figure.op << ": " << figure.verdict.describe();
  }
  for (const SpoilCount& counts : spoil_quality(scored)) {
    EXPECT_GE(counts.total, 2);
    EXPECT_EQ(counts.killed, counts.total) << counts.survivor;
  }
}

TEST(Quality, ErrorsTenTimesLibTorchsFail) {
  const std::vector<Figure> figures = judge_quality(text(400, 0.01, 0.1));
  EXPECT_FALSE(figures[0].verdict.pass);
  EXPECT_FALSE(figures[1].verdict.pass);
}

TEST(Quality, AShiftOfEveryProbabilityShowsInPerplexity) {
  ScoredText scored = text(400, 0.01, 0.01);
  for (std::size_t i = 0; i < scored.logits.size(); ++i) {
    scored.logits[i] = scored.answer.exact[i] * 0.9;  // a softer distribution
  }
  const std::vector<Figure> figures = judge_quality(scored);
  EXPECT_FALSE(figures[3].verdict.pass) << figures[3].verdict.describe();
}

TEST(Quality, KlIsThatOfTheDefinition) {
  ScoredText scored;
  scored.answer.shape = {1, 2};
  scored.next = {0};
  scored.answer.exact = {std::log(0.75), std::log(0.25)};
  scored.answer.same_dtype = scored.answer.exact;
  scored.logits = {std::log(0.5), std::log(0.5)};
  const std::vector<Figure> figures = judge_quality(scored);
  const double kl = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
  EXPECT_NEAR(figures[0].verdict.found, kl, 1e-12);
  EXPECT_NEAR(figures[3].verdict.found, 0.5, 1e-12);  // perplexity 2 in the place of 4/3
}

TEST(Spoils, ATensorOfRoundedValuesRefusesThemAll) {
  Random random(5);
  Answer answer;
  answer.shape = {6, 16};
  std::vector<double> input;
  for (int i = 0; i < 96; ++i) {
    answer.exact.push_back(random.normal());
    input.push_back(random.normal());
    answer.same_dtype.push_back(answer.exact.back() * (1.0 + 0.002 * random.normal()));
  }
  const SpoilCount counts = spoil({"x", DType::kBF16, 16, 64, 1, &input}, answer);
  EXPECT_EQ(counts.total, 7);
  EXPECT_EQ(counts.killed, 7) << counts.survivor;
}

TEST(Spoils, AToleranceThatTakesAnythingIsFoundOut) {
  Answer answer;
  answer.shape = {4};
  answer.exact = {1.0, 2.0, 3.0, 4.0};
  answer.same_dtype = {9.0, 9.0, 9.0, 9.0};  // LibTorch as far off as this would allow anything
  const SpoilCount counts = spoil({"x", DType::kF32, 1, 1, 1, nullptr}, answer);
  EXPECT_LT(counts.killed, counts.total);
  EXPECT_EQ(counts.survivor, "zeros");
}

TEST(Spoils, WhatIsNotFiniteIsRefusedByEveryFigure) {
  for (const double bad : {NAN_VALUE, std::numeric_limits<double>::infinity()}) {
    const ScoredText sound = text(20, 0.01, 0.0);
    for (int whose = 0; whose < 3; ++whose) {
      ScoredText scored = sound;
      (whose == 0   ? scored.logits
       : whose == 1 ? scored.answer.exact
                    : scored.answer.same_dtype)[5] = bad;
      for (const Figure& figure : judge_quality(scored)) {
        EXPECT_FALSE(figure.verdict.pass) << figure.op << ", " << whose;
      }
    }
  }
}

}  // namespace
}  // namespace assay::suites
