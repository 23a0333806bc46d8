#include "ci/bisect/series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace assay::bisect {
namespace {

// So many runs of 50 samples; `slowed` says by which factor the block of a run is.
Series series_of(int runs, unsigned seed, const std::function<double(int run, int block)>& slowed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Series series;
  for (int run = 0; run < runs; ++run) {
    std::vector<double> samples;
    for (int i = 0; i < 50; ++i)
      samples.push_back(10 * slowed(run, i / 10) * std::exp(0.002 * std::abs(normal(random))));
    add_run(series, samples, samples.size());
  }
  return series;
}

Standing standing(const Series& base, const Series& other) {
  return compare_series(base, other, Statistic::kQuiet, std::log(1.015), 0.03, 1e-4);
}

TEST(Series, ABlockGivesItsLeastAndItsMedian) {
  Series series;
  const std::vector<double> samples = {3, 1, 2, 5, 4, 6, 9, 8, 7, 30, 10, 20, 2, 2, 5, 99};
  add_run(series, samples, 15);
  EXPECT_EQ(series.quiet_us, (std::vector<double>{1, 4, 7, 10, 2}));
  EXPECT_EQ(series.typical_us, (std::vector<double>{2, 5, 8, 20, 2}));
}

TEST(Series, TwoModesInARunAreTakenApartByItsFasterOne) {
  const auto seldom = [](int run, int block) { return (7 * run + block) % 4 == 0 ? 1.036 : 1.0; };
  const auto slower = [&](int run, int block) { return 1.05 * seldom(run + 1, block); };
  const Series base = series_of(16, 1, seldom);
  EXPECT_EQ(standing(base, series_of(16, 2, slower)).verdict, Verdict::kBad);
  EXPECT_EQ(standing(base, series_of(16, 2, seldom)).verdict, Verdict::kGood);
  EXPECT_NEAR(standing(base, series_of(16, 2, slower)).ratio.estimate, std::log(1.05), 0.002);
  // Of fewer runs, none is taken to know the modes of the next.
  const Standing few = standing(series_of(15, 1, seldom), series_of(15, 2, slower));
  EXPECT_EQ(few.verdict, Verdict::kUnclear);
  EXPECT_NE(few.why.find("two modes"), std::string::npos) << few.why;
}

TEST(Series, RunsOfTwoModesAreNotTakenForTheCode) {
  int answers = 0;
  int wrong = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::bernoulli_distribution unlucky(0.3);
    std::vector<double> luck(64);
    for (double& factor : luck) factor = unlucky(random) ? 1.1 : 1.0;
    const auto of = [&](int first) {
      return [&, first](int run, int) { return luck[static_cast<std::size_t>(first + run)]; };
    };
    const Verdict verdict =
        standing(series_of(32, seed, of(0)), series_of(32, seed + 1000, of(32))).verdict;
    answers += verdict == Verdict::kGood;
    wrong += verdict == Verdict::kBad;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(answers, 1);  // else this asks for nothing
}

}  // namespace
}  // namespace assay::bisect
