#include "reports/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/device/error.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

std::vector<double> one_to(std::size_t n) {
  std::vector<double> values(n);
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

// numpy.quantile([1, 2, 4, 8, 16], p)
TEST(Statistics, QuantilesAreOfTypeSeven) {
  const std::vector<double> samples = {1, 2, 4, 8, 16};
  EXPECT_DOUBLE_EQ(quantile(samples, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.1), 1.4);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.25), 2);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.5), 4);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.6), 5.6);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.99), 15.68);
  EXPECT_DOUBLE_EQ(quantile(samples, 1), 16);
  EXPECT_THROW(quantile(samples, 1.1), Error);
  EXPECT_THROW(quantile({}, 0.5), Error);
}

TEST(Statistics, SummaryOfSamplesInAnyOrder) {
  const std::vector<double> samples = {8, 1, 16, 4, 2, 3};
  const TimeSummary times = summarize(samples);
  EXPECT_EQ(times.count, 6u);
  EXPECT_DOUBLE_EQ(times.min_us, 1);
  EXPECT_DOUBLE_EQ(times.p25_us, 2.25);
  EXPECT_DOUBLE_EQ(times.median_us, 3.5);
  EXPECT_DOUBLE_EQ(times.p75_us, 7);
  EXPECT_DOUBLE_EQ(times.p99_us, 15.6);
  ASSERT_TRUE(times.median_ci_us);
  EXPECT_DOUBLE_EQ(times.median_ci_us->low, 1);
  EXPECT_DOUBLE_EQ(times.median_ci_us->high, 16);
}

// Ranks as tables of the sign test give them for 95 %.
TEST(Statistics, MedianIntervalRanks) {
  const struct {
    std::size_t n, low, high;
  } known[] = {{6, 1, 6},   {8, 1, 8},   {9, 2, 8},    {10, 2, 9},   {15, 4, 12},
               {20, 6, 15}, {25, 8, 18}, {30, 10, 21}, {50, 18, 33}, {100, 40, 61}};
  for (const auto& k : known) {
    const auto interval = median_interval(one_to(k.n));
    ASSERT_TRUE(interval) << k.n;
    EXPECT_EQ(interval->low, static_cast<double>(k.low)) << k.n;
    EXPECT_EQ(interval->high, static_cast<double>(k.high)) << k.n;
  }
  for (std::size_t n = 0; n < 6; ++n) EXPECT_FALSE(median_interval(one_to(n))) << n;
  // 99 %, from the same tables.
  EXPECT_FALSE(median_interval(one_to(7), 0.99));
  EXPECT_EQ(median_interval(one_to(8), 0.99)->low, 1);
  EXPECT_EQ(median_interval(one_to(20), 0.99)->low, 4);
}

// 2^-n underflows here; the normal approximation says n/2 - 0.98 sqrt(n).
TEST(Statistics, MedianIntervalOfManySamples) {
  const auto interval = median_interval(one_to(100000));
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, 50000 - 0.98 * std::sqrt(100000.0), 2);
  EXPECT_NEAR(interval->high, 50001 + 0.98 * std::sqrt(100000.0), 2);
}

TEST(Statistics, MedianIntervalCoversASkewedMedian) {
  std::mt19937_64 generator(1);
  std::exponential_distribution<double> draw(1.0);
  int covered = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    std::vector<double> samples(25);
    for (double& sample : samples) sample = draw(generator);
    const auto interval = summarize(samples).median_ci_us;
    covered += interval->low <= std::log(2.0) && std::log(2.0) <= interval->high;
  }
  // Exactly 95.67 % for n = 25; the bounds are four standard errors away.
  EXPECT_GT(covered, 4000 * 0.943);
  EXPECT_LT(covered, 4000 * 0.970);
}

TEST(Statistics, RefusesWhatIsNoTime) {
  using Samples = std::vector<double>;
  EXPECT_THROW(summarize(Samples{}), Error);
  EXPECT_THROW(summarize(Samples{1, std::nan(""), 2}), Error);
  EXPECT_THROW(summarize(Samples{1, std::numeric_limits<double>::infinity()}), Error);
  EXPECT_THROW(summarize(Samples{1, -1}), Error);
  EXPECT_EQ(summarize(Samples{5}).median_us, 5);
}

TEST(Statistics, FillsARow) {
  Row row;
  set_times(row, summarize(one_to(9)));
  EXPECT_EQ(row.integer("samples"), 9);
  EXPECT_EQ(row.real("t_min_us"), 1);
  EXPECT_EQ(row.real("t_p25_us"), 3);
  EXPECT_EQ(row.real("t_median_us"), 5);
  EXPECT_EQ(row.real("t_p75_us"), 7);
  EXPECT_DOUBLE_EQ(*row.real("t_p99_us"), 8.92);
  EXPECT_EQ(row.real("median_ci_lo_us"), 2);
  EXPECT_EQ(row.real("median_ci_hi_us"), 8);

  // 3 MB in 5 us are 600 GB/s; 2e9 flop in 5 us are 400 TFLOP/s.
  row.set("bytes", 3000000).set("flops", 2000000000).set("ref_median_us", 10);
  set_rates(row);
  EXPECT_DOUBLE_EQ(*row.real("gb_per_s"), 600);
  EXPECT_DOUBLE_EQ(*row.real("tflop_per_s"), 400);
  EXPECT_DOUBLE_EQ(*row.real("speedup_vs_ref"), 2);

  Row bare;
  bare.set("bytes", 1);
  set_rates(bare);
  EXPECT_FALSE(bare.has("gb_per_s"));
  set_times(bare, summarize(one_to(3)));
  set_rates(bare);
  EXPECT_TRUE(bare.has("gb_per_s"));
  EXPECT_FALSE(bare.has("tflop_per_s"));
  EXPECT_FALSE(bare.has("median_ci_lo_us"));
}

}  // namespace
}  // namespace assay::reports
