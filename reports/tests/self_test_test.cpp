#include "reports/self_test.h"

#include <gtest/gtest.h>

#include "kernels/device/error.h"
#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::noisy;
using testing::sample_row;
using testing::side_of;
using testing::timed;
using testing::TimedRow;

std::vector<TimedRow> rows_of(std::mt19937_64& random, std::size_t samples, double noise,
                              double factor = 1) {
  std::vector<TimedRow> rows;
  for (int i = 0; i < 20; ++i)
    rows.push_back(timed(sample_row("case " + std::to_string(i)),
                         noisy(random, samples, 100 * factor, noise)));
  return rows;
}

// What is said to be detectable is what the comparison, asked about it, detects: and not less.
TEST(Detectable, IsWhereTheVerdictTurns) {
  std::mt19937_64 random(1);
  const JudgeSettings settings;
  for (int trial = 0; trial < 100; ++trial) {
    const auto base = noisy(random, 40, 100, 0.01);
    const auto current = noisy(random, 40, 100, 0.01);
    const auto measured = [&](double factor) {
      std::vector<double> slowed = current;
      for (double& sample : slowed) sample *= factor;
      TimeComparison c = measure(examine(base, settings.log_least()),
                                 examine(slowed, settings.log_least()), settings);
      // The only one of 50 rows.
      std::vector<TimeComparison> rows(50);
      rows[0] = c;
      std::vector<TimeComparison*> pointers;
      for (TimeComparison& row : rows) pointers.push_back(&row);
      judge(pointers, settings);
      return rows[0].verdict;
    };
    const SampleSet a = examine(base, settings.log_least());
    const SampleSet b = examine(current, settings.log_least());
    const double slowdown = detectable_slowdown(a, b, measure(a, b, settings), settings, 50);
    ASSERT_LT(slowdown, 0.06);
    ASSERT_GT(slowdown, 0.005);
    EXPECT_EQ(measured((1 + slowdown) * 1.0001), TimeVerdict::kSlower);
    EXPECT_NE(measured((1 + slowdown) * 0.9995), TimeVerdict::kSlower);
  }
}

TEST(SelfTest, SplitsOneReport) {
  std::mt19937_64 random(2);
  const Side side = side_of(rows_of(random, 80, 0.01));
  SelfTestSettings settings;
  settings.trials = 50;
  const SelfTest test = run_self_test(std::span(&side, 1), settings);
  EXPECT_EQ(test.all.rows, 20u);
  EXPECT_EQ(test.all.trials, 1000u);
  EXPECT_EQ(test.reports, 50u);
  EXPECT_EQ(test.all.false_slower, 0u);
  EXPECT_EQ(test.all.samples, 40);
  EXPECT_NEAR(test.all.noise, 0.01, 0.004);
  EXPECT_GT(test.all.detectable_typical, 0.02);
  EXPECT_LT(test.all.detectable_typical, 0.04);
  EXPECT_GE(test.all.detectable_worst, test.all.detectable_typical);
  // The same seed, the same splits.
  EXPECT_EQ(run_self_test(std::span(&side, 1), settings).all.detectable_typical,
            test.all.detectable_typical);
  const std::string text = describe_self_test(test, settings, false);
  EXPECT_TRUE(contains(text, "0/1000 (0 % to 0.368 %)"));
  EXPECT_TRUE(contains(text, "smallest slowdown found with 95 % power"));
}

TEST(SelfTest, NoisierRunnersDetectLess) {
  std::mt19937_64 random(3);
  SelfTestSettings settings;
  settings.trials = 20;
  const Side quiet = side_of(rows_of(random, 60, 0.005));
  const Side loud = side_of(rows_of(random, 60, 0.05));
  const double detects_quiet = run_self_test(std::span(&quiet, 1), settings).all.detectable_typical;
  const double detects_loud = run_self_test(std::span(&loud, 1), settings).all.detectable_typical;
  EXPECT_LT(detects_quiet, 0.035);
  EXPECT_GT(detects_loud, 2 * detects_quiet);
}

// What differs from run to run, and not within one, shows only with several runs.
TEST(SelfTest, SeveralRunsShowWhatDiffersBetweenThem) {
  std::mt19937_64 random(4);
  const std::vector<Side> calm = {side_of(rows_of(random, 60, 0.01)),
                                  side_of(rows_of(random, 60, 0.01)),
                                  side_of(rows_of(random, 60, 0.01))};
  const SelfTest quiet = run_self_test(calm, {});
  EXPECT_TRUE(quiet.of_runs);
  EXPECT_EQ(quiet.reports, 6u);
  EXPECT_EQ(quiet.all.trials, 120u);
  EXPECT_EQ(quiet.reports_false, 0u);
  const std::vector<Side> shifted = {side_of(rows_of(random, 60, 0.01)),
                                     side_of(rows_of(random, 60, 0.01, 1.05))};
  const SelfTest alarmed = run_self_test(shifted, {});
  EXPECT_EQ(alarmed.reports_false, 2u);
  EXPECT_EQ(alarmed.all.false_slower, 20u);
  EXPECT_EQ(alarmed.all.false_faster, 20u);
}

TEST(SelfTest, TooFewSamples) {
  std::mt19937_64 random(5);
  const Side side = side_of(rows_of(random, 12, 0.01));
  EXPECT_TRUE(contains(message_of<InputError>([&] { run_self_test(std::span(&side, 1), {}); }),
                       "nothing to test: no row has 16 samples; the most are 12"));
}

}  // namespace
}  // namespace assay::reports
