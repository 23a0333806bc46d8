// Error rates of the verdict, on samples whose truth is known.
#include "reports/judge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::noisy;
using Samples = std::vector<double>;

constexpr std::size_t ROWS = 50;

TimeComparison measured(const Samples& base, const Samples& current,
                        const JudgeSettings& settings) {
  return measure(examine(base, settings.log_least()), examine(current, settings.log_least()),
                 settings);
}

// The verdict on one row among 49 in which nothing happened.
TimeComparison judged(const Samples& base, const Samples& current, std::mt19937_64& random,
                      const JudgeSettings& settings = {}) {
  std::vector<TimeComparison> report(ROWS);
  std::uniform_real_distribution<double> uniform;
  for (TimeComparison& other : report) other.p = uniform(random);
  report[0] = measured(base, current, settings);
  std::vector<TimeComparison*> rows;
  for (TimeComparison& row : report) rows.push_back(&row);
  judge(rows, settings);
  return report[0];
}

struct Alarms {
  int slower = 0;  // reports with such a row
  int faster = 0;
};

Alarms alarms_of(int reports, const std::function<Samples()>& draw) {
  const JudgeSettings settings;
  Alarms alarms;
  for (int i = 0; i < reports; ++i) {
    std::vector<TimeComparison> report;
    for (std::size_t row = 0; row < ROWS; ++row)
      report.push_back(measured(draw(), draw(), settings));
    std::vector<TimeComparison*> rows;
    for (TimeComparison& row : report) rows.push_back(&row);
    judge(rows, settings);
    bool slower = false;
    bool faster = false;
    for (const TimeComparison& row : report) {
      slower = slower || row.verdict == TimeVerdict::kSlower;
      faster = faster || row.verdict == TimeVerdict::kFaster;
    }
    alarms.slower += slower;
    alarms.faster += faster;
  }
  return alarms;
}

TEST(Judge, FalseAlarmsInFewerThanOneReportOfAHundred) {
  std::mt19937_64 random(1);
  const Alarms alarms = alarms_of(1000, [&] {
    // From a quiet kernel to one of 8 % noise, and as many samples as sweep takes.
    const double noise = 0.002 * std::pow(40.0, std::uniform_real_distribution<double>()(random));
    return noisy(random, 20 + random() % 80, 100, noise);
  });
  RecordProperty("reports_with_false_slower", alarms.slower);
  RecordProperty("reports_with_false_faster", alarms.faster);
  EXPECT_LT(alarms.slower + alarms.faster, 10) << "of 1000";
}

// Each sample hangs on the one before: the same test without `effective` alarms in most reports.
TEST(Judge, FalseAlarmsOfSamplesThatDependOnEachOther) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  const Alarms alarms = alarms_of(300, [&] {
    Samples samples(100);
    double state = normal(random);
    for (double& sample : samples) {
      state = 0.6 * state + 0.8 * normal(random);
      sample = 100 * std::exp(0.05 * state);
    }
    return samples;
  });
  EXPECT_LT(alarms.slower + alarms.faster, 6) << "of 300";
}

TEST(Judge, FindsThreePercentAtOnePercentNoise) {
  std::mt19937_64 random(3);
  for (const std::size_t n : {35, 100}) {
    int slower = 0;
    int same = 0;
    for (int trial = 0; trial < 1000; ++trial) {
      const TimeComparison c =
          judged(noisy(random, n, 100, 0.01), noisy(random, n, 103, 0.01), random);
      slower += c.verdict == TimeVerdict::kSlower;
      same += c.verdict == TimeVerdict::kSame;
    }
    RecordProperty("found_of_1000_with_" + std::to_string(n) + "_samples", slower);
    EXPECT_GT(slower, 950) << n << " samples";
    EXPECT_LT(same, 15) << n << " samples";
  }
}

TEST(Judge, HalfTheLeastEffectIsNotSlower) {
  std::mt19937_64 random(4);
  int slower = 0;
  for (int trial = 0; trial < 1000; ++trial)
    slower +=
        judged(noisy(random, 60, 100, 0.03), noisy(random, 60, 101.5, 0.03), random).verdict ==
        TimeVerdict::kSlower;
  EXPECT_LT(slower, 10) << "of 1000";
}

TEST(Judge, ClearEffects) {
  std::mt19937_64 random(5);
  const auto verdict = [&](double factor) {
    return judged(noisy(random, 60, 100, 0.01), noisy(random, 60, 100 * factor, 0.01), random);
  };
  for (int trial = 0; trial < 100; ++trial) {
    EXPECT_EQ(verdict(1).verdict, TimeVerdict::kSame);
    EXPECT_EQ(verdict(1.015).verdict, TimeVerdict::kSame);
    EXPECT_EQ(verdict(1 / 1.015).verdict, TimeVerdict::kSame);
    EXPECT_EQ(verdict(1.06).verdict, TimeVerdict::kSlower);
    EXPECT_EQ(verdict(1 / 1.06).verdict, TimeVerdict::kFaster);
    EXPECT_EQ(verdict(20).verdict, TimeVerdict::kSlower);
  }
  const TimeComparison twice = verdict(2);
  EXPECT_NEAR(twice.change(), 1, 0.02);
  EXPECT_LT(twice.change_low(), twice.change());
  EXPECT_GT(twice.change_high(), twice.change());
  EXPECT_GT(twice.cliffs_delta, 0.9);
  EXPECT_EQ(twice.why, "");
}

TEST(Judge, TheLeastEffectIsTheUsers) {
  std::mt19937_64 random(6);
  const Samples base = noisy(random, 100, 100, 0.01);
  const Samples current = noisy(random, 100, 103, 0.01);
  EXPECT_EQ(judged(base, current, random, {.least = 0.02}).verdict, TimeVerdict::kSlower);
  EXPECT_EQ(judged(base, current, random, {.least = 0.05}).verdict, TimeVerdict::kSame);
}

TEST(Judge, NoiseIsUnclear) {
  std::mt19937_64 random(7);
  int noisy_ones = 0;
  for (int trial = 0; trial < 100; ++trial) {
    const TimeComparison c =
        judged(noisy(random, 20, 100, 0.2), noisy(random, 20, 103, 0.2), random);
    EXPECT_EQ(c.verdict, TimeVerdict::kUnclear);
    EXPECT_NE(c.why, "");
    noisy_ones += contains(c.why, "noisy") == true;
  }
  EXPECT_GT(noisy_ones, 90);
}

TEST(Judge, TooFewSamplesAreUnclear) {
  std::mt19937_64 random(8);
  const JudgeSettings settings;
  EXPECT_EQ(settings.least_samples(), 8u);
  const TimeComparison c =
      judged(noisy(random, 7, 100, 0.001), noisy(random, 60, 200, 0.001), random);
  EXPECT_EQ(c.verdict, TimeVerdict::kUnclear);
  EXPECT_EQ(c.why, "7 and 60 samples; 8 each are needed");
  EXPECT_EQ(judged(Samples{5}, Samples{6}, random).verdict, TimeVerdict::kUnclear);
  EXPECT_EQ(judged(noisy(random, 10, 100, 0.001), noisy(random, 10, 200, 0.001), random).verdict,
            TimeVerdict::kSlower);
}

// A kernel that falls at random into one of two clocks: nothing that two runs show of it says which
// of them is faster.
TEST(Judge, TwoModesAreUnclear) {
  std::mt19937_64 random(9);
  std::uniform_real_distribution<double> uniform;
  int named = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const auto draw = [&](double factor) {
      const double share = 0.3 + 0.4 * uniform(random);  // another one in every run
      Samples samples = noisy(random, 80, 100 * factor, 0.01);
      for (double& sample : samples)
        if (uniform(random) < share) sample *= 1.08;
      return samples;
    };
    const TimeComparison c = judged(draw(1), draw(1), random);
    EXPECT_EQ(c.verdict, TimeVerdict::kUnclear) << percent(c.change());
    named += contains(c.why, "has two modes ") == true;
    // What is beyond both modes is still seen.
    EXPECT_EQ(judged(draw(1), draw(1.5), random).verdict, TimeVerdict::kSlower);
  }
  EXPECT_GT(named, 290);
}

TEST(Judge, DriftIsUnclear) {
  std::mt19937_64 random(10);
  const auto drifting = [&](double factor, double drift) {
    Samples samples = noisy(random, 80, 100 * factor, 0.01);
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] *= 1 + drift * static_cast<double>(i) / static_cast<double>(samples.size());
    return samples;
  };
  for (int trial = 0; trial < 200; ++trial) {
    // Warming up by 9 % makes the median 4.5 % slower: of the run, not of the code.
    const TimeComparison c = judged(drifting(1, 0), drifting(1, 0.09), random);
    EXPECT_EQ(c.verdict, TimeVerdict::kUnclear) << percent(c.change());
    EXPECT_TRUE(contains(c.why, "new drifts by +"));
    const TimeComparison other = judged(drifting(1, -0.09), drifting(1, 0), random);
    EXPECT_EQ(other.verdict, TimeVerdict::kUnclear) << percent(other.change());
    EXPECT_TRUE(contains(other.why, "base drifts by -"));
    EXPECT_EQ(judged(drifting(1, 0), drifting(1.5, 0.09), random).verdict, TimeVerdict::kSlower);
  }
}

TEST(Judge, PercentForPeople) {
  EXPECT_EQ(percent(0.032), "+3.2 %");
  EXPECT_EQ(percent(-0.0041), "-0.41 %");
  EXPECT_EQ(percent(2.5), "+250 %");
  EXPECT_EQ(percent(0), "+0.00 %");
}

}  // namespace
}  // namespace assay::reports
