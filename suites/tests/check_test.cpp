// The comparison itself: what it must accept and, above all, what it must not.
#include "suites/check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay::suites {
namespace {

constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
constexpr double INFINITE = std::numeric_limits<double>::infinity();

HostTensor tensor(const std::vector<double>& numbers, DType dtype = DType::kF32) {
  HostTensor t(dtype, {static_cast<std::int64_t>(numbers.size())});
  for (std::size_t i = 0; i < numbers.size(); ++i) t.set(i, numbers[i]);
  return t;
}

Truth truth(const std::vector<double>& numbers, double same_dtype_error = 0.0) {
  return {{{"y", numbers, same_dtype_error, same_dtype_error}}};
}

TEST(ThreeWay, AcceptsTheTruthAndItsRounding) {
  EXPECT_TRUE(compare_three_way({tensor({1.0, -2.0, 3.0})}, truth({1.0, -2.0, 3.0}), 8).pass);
  EXPECT_TRUE(
      compare_three_way({tensor({1.0 / 3, 2.0 / 3}, DType::kF16)}, truth({1.0 / 3, 2.0 / 3}), 8)
          .pass);
}

TEST(ThreeWay, AllowsTwiceLibTorchsErrorAndNoMore) {
  const double error = 0.01;
  EXPECT_TRUE(
      compare_three_way({tensor({1.0, 1.0 + 1.9 * error})}, truth({1.0, 1.0}, error), 1).pass);
  const Verdict verdict =
      compare_three_way({tensor({1.0, 1.0 + 2.5 * error})}, truth({1.0, 1.0}, error), 1);
  EXPECT_FALSE(verdict.pass);
  EXPECT_NEAR(verdict.ratio, 1.25, 0.01);
  EXPECT_EQ(verdict.worst_index, 1u);
}

TEST(ThreeWay, TheRmsErrorCountsOnItsOwn) {
  // Each element within the max-abs tolerance, all of them wrong.
  Truth t = truth(std::vector<double>(100, 1.0));
  t.outputs[0].same_dtype_max_error = 0.01;
  t.outputs[0].same_dtype_rms_error = 0.001;
  EXPECT_FALSE(compare_three_way({tensor(std::vector<double>(100, 1.015))}, t, 1).pass);
}

TEST(ThreeWay, ASumThatCancelsMayErrByWhatItsTermsCost) {
  // One output of 0.004 from 64 terms of about 0.05, as drawn once: LibTorch came within 7e-10 of
  // it by luck.
  Truth t = truth({-0.004}, 7.5e-10);
  const std::vector<HostTensor> found{tensor({-0.004 + 3.5e-8})};
  EXPECT_FALSE(compare_three_way(found, t, 64).pass);
  t.outputs[0].summed_max = t.outputs[0].summed_rms = 0.4;
  EXPECT_TRUE(compare_three_way(found, t, 64).pass);
  EXPECT_FALSE(compare_three_way({tensor({-0.004 + 1e-6})}, t, 64).pass);
}

TEST(ThreeWay, WhatCancelsIsStillRoundedToItsOwnSize) {
  Truth t = truth({0.001});
  t.outputs[0].summed_max = t.outputs[0].summed_rms = 1.0;
  EXPECT_TRUE(compare_three_way({tensor({0.001}, DType::kF16)}, t, 4).pass);
  EXPECT_FALSE(compare_three_way({tensor({0.001 + 0x1p-18}, DType::kF16)}, t, 4).pass);
}

TEST(ThreeWay, NaNAndInfinityNeverPass) {
  for (const double bad : {NOT_A_NUMBER, INFINITE, -INFINITE}) {
    const Verdict verdict = compare_three_way({tensor({1.0, bad})}, truth({1.0, 1.0}, 1e30), 1);
    EXPECT_FALSE(verdict.pass) << bad;
    EXPECT_EQ(verdict.worst_index, 1u);
  }
  EXPECT_FALSE(
      compare_three_way({tensor({NOT_A_NUMBER, 1.0})}, truth({1.0, 1.0}, NOT_A_NUMBER), 1).pass);
}

TEST(ThreeWay, NothingPassesWhereTheTruthIsNotFinite) {
  for (const double bad : {NOT_A_NUMBER, INFINITE, -INFINITE}) {
    for (const double found : {1.0, bad}) {
      EXPECT_FALSE(compare_three_way({tensor({1.0, found})}, truth({1.0, bad}), 1).pass) << bad;
    }
  }
  const std::string why =
      compare_three_way({tensor({1.0, NOT_A_NUMBER})}, truth({1.0, NOT_A_NUMBER}), 1).describe();
  EXPECT_NE(why.find("y [1]"), std::string::npos) << why;
  EXPECT_NE(why.find("the truth itself is not finite"), std::string::npos) << why;
}

TEST(ThreeWay, AnErrorOfLibTorchsThatIsNotFiniteLetsNothingPass) {
  for (const double error : {INFINITE, NOT_A_NUMBER}) {
    for (const double found : {1.0, 2.0, INFINITE}) {
      const Verdict verdict = compare_three_way({tensor({found})}, truth({1.0}, error), 1);
      EXPECT_FALSE(verdict.pass) << found;
      EXPECT_TRUE(std::isnan(verdict.ratio)) << found;
      EXPECT_NE(verdict.describe().find("LibTorch at this dtype overflows"), std::string::npos)
          << verdict.describe();
    }
  }
}

TEST(ThreeWay, AllZeroTruthAllowsOnlyZero) {
  EXPECT_TRUE(compare_three_way({tensor({0.0, 0.0})}, truth({0.0, 0.0}), 64).pass);
  EXPECT_FALSE(compare_three_way({tensor({0.0, 1e-20})}, truth({0.0, 0.0}), 64).pass);
}

TEST(ThreeWay, TheFloorGrowsWithTheRootOfTheRoundings) {
  const double step = relative_floor(DType::kF32, 1);
  const std::vector<HostTensor> found{tensor({1.0, 1.0 + 3.0 * step})};
  EXPECT_FALSE(compare_three_way(found, truth({1.0, 1.0}), 1, 4).pass);
  EXPECT_TRUE(compare_three_way(found, truth({1.0, 1.0}), 1, 16).pass);
}

TEST(ThreeWay, TheWorstOutputDecides) {
  const Truth two{{{"a", {1.0}, 0.0, 0.0}, {"b", {1.0}, 0.0, 0.0}}};
  const Verdict verdict = compare_three_way({tensor({1.0}), tensor({2.0})}, two, 1);
  EXPECT_FALSE(verdict.pass);
  EXPECT_EQ(verdict.output, "b");
  EXPECT_NE(verdict.describe().find("b [0]: found 2, expected 1"), std::string::npos)
      << verdict.describe();
}

TEST(Exact, AcceptsOnlyTheSameValues) {
  EXPECT_TRUE(compare_exact({tensor({1.0, 2.0}, DType::kI32)}, truth({1.0, 2.0})).pass);
  EXPECT_FALSE(compare_exact({tensor({1.0, 3.0}, DType::kI32)}, truth({1.0, 2.0})).pass);
  EXPECT_FALSE(compare_exact({tensor({1.0 + 0x1p-20})}, truth({1.0})).pass);
  EXPECT_TRUE(compare_exact({tensor({NOT_A_NUMBER})}, truth({NOT_A_NUMBER})).pass);
  EXPECT_TRUE(compare_exact({tensor({INFINITE})}, truth({INFINITE})).pass);
  EXPECT_FALSE(compare_exact({tensor({NOT_A_NUMBER})}, truth({1.0})).pass);
  EXPECT_FALSE(compare_exact({tensor({1.0})}, truth({NOT_A_NUMBER})).pass);
}

TEST(Exact, AZeroHasASign) {
  EXPECT_TRUE(compare_exact({tensor({1.0, -0.0})}, truth({1.0, -0.0})).pass);
  for (const double zero : {0.0, -0.0}) {
    const Verdict verdict = compare_exact({tensor({1.0, zero})}, truth({1.0, -zero}));
    EXPECT_FALSE(verdict.pass);
    EXPECT_GT(verdict.ratio, 1.0);
    EXPECT_EQ(verdict.worst_index, 1U);
    EXPECT_NE(verdict.describe().find(std::signbit(zero) ? "found -0, expected 0"
                                                         : "found 0, expected -0"),
              std::string::npos)
        << verdict.describe();
  }
}

TEST(Compare, RefusesAnotherNumberOfElements) {
  EXPECT_ANY_THROW(compare_exact({tensor({1.0, 2.0})}, truth({1.0})));
  EXPECT_ANY_THROW(compare_exact({}, truth({1.0})));
}

TEST(HostTensor, RoundsToNearestEvenInEachType) {
  EXPECT_EQ(tensor({1.0 + 0x1p-11}, DType::kF16).get(0), 1.0);
  EXPECT_EQ(tensor({1.0 + 0x1p-8}, DType::kBF16).get(0), 1.0);
  EXPECT_EQ(tensor({1.0 + 3 * 0x1p-8}, DType::kBF16).get(0), 1.0 + 2 * 0x1p-7);
  EXPECT_EQ(tensor({7.0}, DType::kU8).get(0), 7.0);
}

TEST(Random, IsSeededAndAboutNormal) {
  Random a(seed_for(1, "x"));
  Random b(seed_for(1, "x"));
  Random c(seed_for(1, "y"));
  EXPECT_EQ(a.bits(), b.bits());
  EXPECT_NE(a.bits(), c.bits());
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < 100000; ++i) {
    const double value = a.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 0.02);
  EXPECT_NEAR(squares / 1e5, 1.0, 0.02);
}

}  // namespace
}  // namespace assay::suites
