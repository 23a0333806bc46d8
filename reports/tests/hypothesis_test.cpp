#include "reports/hypothesis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace assay::reports {
namespace {

using Samples = std::vector<double>;

// Two-sided p by trying every way to deal the values out.
double enumerated_p(const Samples& x, const Samples& y) {
  Samples all = x;
  all.insert(all.end(), y.begin(), y.end());
  const auto distance = [&](unsigned chosen) {
    double u = 0;
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = 0; j < all.size(); ++j)
        if ((chosen >> i & 1u) && !(chosen >> j & 1u))
          u += all[i] < all[j] ? 1 : all[i] == all[j] ? 0.5 : 0;
    return std::abs(u - static_cast<double>(x.size() * y.size()) / 2);
  };
  const double observed = distance((1u << x.size()) - 1);
  double extreme = 0;
  double total = 0;
  for (unsigned chosen = 0; chosen < 1u << all.size(); ++chosen) {
    if (std::popcount(chosen) != static_cast<int>(x.size())) continue;
    ++total;
    extreme += distance(chosen) >= observed - 1e-9;
  }
  return extreme / total;
}

TEST(MannWhitney, IsExactOnSmallSamples) {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 150; ++trial) {
    Samples x(1 + random() % 5);
    Samples y(1 + random() % 5);
    const unsigned values = trial % 2 ? 4 : 1000;  // with many ties, and with few
    for (Samples* side : {&x, &y})
      for (double& v : *side) v = static_cast<double>(random() % values);
    const double expected = enumerated_p(x, y);
    std::ranges::sort(x);
    std::ranges::sort(y);
    const RankTest test = mann_whitney(x, y);
    EXPECT_NEAR(test.p, expected, 1e-12);
    EXPECT_NEAR(mann_whitney(y, x).p, expected, 1e-12);
    EXPECT_NEAR(mann_whitney(y, x).cliffs_delta, -test.cliffs_delta, 1e-12);
  }
}

// Hollander and Wolfe (1973), 69f: permeability of membranes; the example of R's wilcox.test, with
// U = 35 and a one-sided p of 0.1272.
TEST(MannWhitney, PublishedExample) {
  const Samples x = {0.73, 0.80, 0.83, 1.04, 1.38, 1.45, 1.46, 1.64, 1.89, 1.91};
  const Samples y = {0.74, 0.88, 0.90, 1.15, 1.21};
  EXPECT_EQ(mann_whitney(y, x).u, 35);
  EXPECT_NEAR(mann_whitney(y, x).p, 0.2544, 5e-5);
  EXPECT_NEAR(mann_whitney(y, x).cliffs_delta, 2 * 35.0 / 50 - 1, 1e-12);
  // The approximation, with continuity, is not far off.
  EXPECT_NEAR(mann_whitney(y, x, 1 + 1e-12).p, 0.2544, 0.015);
}

TEST(MannWhitney, EndsOfItsRange) {
  const Samples low = {1, 2, 3, 4, 5};
  const Samples high = {6, 7, 8, 9, 10};
  EXPECT_NEAR(mann_whitney(low, high).p, 2.0 / 252, 1e-12);
  EXPECT_EQ(mann_whitney(low, high).cliffs_delta, 1);
  EXPECT_EQ(mann_whitney(low, low).p, 1);
  EXPECT_EQ(mann_whitney({}, high).p, 1);
  const Samples equal(30, 5.0);
  EXPECT_EQ(mann_whitney(equal, equal).p, 1);
}

// Under the null, p below a bound comes no more often than the bound says, also far out and with
// ties, where reports with many rows decide.
TEST(MannWhitney, HoldsItsLevel) {
  std::mt19937_64 random(2);
  constexpr int TRIALS = 40000;
  for (const int values : {10, 1000000}) {
    int below[2] = {};
    for (int trial = 0; trial < TRIALS; ++trial) {
      Samples x(20);
      Samples y(25);
      for (Samples* side : {&x, &y}) {
        for (double& v : *side) v = static_cast<double>(random() % static_cast<unsigned>(values));
        std::ranges::sort(*side);
      }
      const double p = mann_whitney(x, y).p;
      below[0] += p <= 0.05;
      below[1] += p <= 0.001;
    }
    // Four standard errors above the level, and not uselessly far below it.
    EXPECT_LT(below[0], TRIALS * 0.05 + 4 * std::sqrt(TRIALS * 0.05));
    EXPECT_GT(below[0], TRIALS * 0.035);
    EXPECT_LT(below[1], TRIALS * 0.001 + 4 * std::sqrt(TRIALS * 0.001));
  }
}

TEST(FalseDiscoveryRate, ByHand) {
  // p(i) * 4 / i is 0.02, 0.018, 0.0667, 0.5; the first takes the least at or after it, 0.018.
  const Samples q = false_discovery_rates(Samples{0.05, 0.5, 0.005, 0.009});
  ASSERT_EQ(q.size(), 4u);
  EXPECT_NEAR(q[0], 0.2 / 3, 1e-12);
  EXPECT_NEAR(q[1], 0.5, 1e-12);
  EXPECT_NEAR(q[2], 0.018, 1e-12);
  EXPECT_NEAR(q[3], 0.018, 1e-12);
  for (const double v : false_discovery_rates(Samples{0.03, 0.01, 0.05, 0.02, 0.04}))
    EXPECT_NEAR(v, 0.05, 1e-12);
  EXPECT_TRUE(false_discovery_rates({}).empty());
  EXPECT_EQ(false_discovery_rates(Samples{1, 1})[0], 1);
}

TEST(Binomial, TailsAndRates) {
  EXPECT_NEAR(binomial_upper_tail(10, 0.5, 8), 56.0 / 1024, 1e-14);
  EXPECT_NEAR(binomial_upper_tail(10, 0.5, 2), 1013.0 / 1024, 1e-14);
  EXPECT_NEAR(binomial_upper_tail(3, 0.2, 1), 1 - 0.512, 1e-14);
  EXPECT_EQ(binomial_upper_tail(5, 0.3, 0), 1);
  EXPECT_EQ(binomial_upper_tail(5, 0.3, 6), 0);
  EXPECT_EQ(binomial_upper_tail(5, 1, 5), 1);
  // Tables of Clopper and Pearson's interval.
  EXPECT_NEAR(rate_interval(5, 50).low, 0.0333, 5e-5);
  EXPECT_NEAR(rate_interval(5, 50).high, 0.2181, 5e-5);
  EXPECT_EQ(rate_interval(0, 200).low, 0);
  EXPECT_NEAR(rate_interval(0, 200).high, 1 - std::pow(0.025, 1.0 / 200), 1e-9);
  EXPECT_EQ(rate_interval(7, 7).high, 1);
  EXPECT_EQ(rate_interval(0, 0).high, 1);
}

// The distribution that is computed is the one that drawing would give.
TEST(MedianRatio, IsTheBootstrapWithoutDraws) {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> draw(0, 0.1);
  Samples x(21);
  Samples y(35);
  for (Samples* side : {&x, &y}) {
    for (double& v : *side) v = draw(random);
    std::ranges::sort(*side);
  }
  const auto resampled_median = [&](const Samples& from) {
    Samples drawn(from.size());
    for (double& v : drawn) v = from[random() % from.size()];
    std::ranges::nth_element(drawn, drawn.begin() + static_cast<std::ptrdiff_t>(drawn.size() / 2));
    return drawn[drawn.size() / 2];
  };
  Samples ratios(40000);
  for (double& r : ratios) r = std::log(resampled_median(y) / resampled_median(x));
  std::ranges::sort(ratios);
  for (const double confidence : {0.5, 0.9, 0.99}) {
    const LogRatio ratio = median_log_ratio(x, y, 21, 35, confidence);
    // Quantiles that bracket the exact one by four standard errors of its rank.
    const auto bracket = [&](double p, double value) {
      const double slack = 4 * std::sqrt(p * (1 - p) / 40000.0);
      EXPECT_GE(value, quantile(ratios, std::max(0.0, p - slack)) - 1e-6) << p;
      EXPECT_LE(value, quantile(ratios, std::min(1.0, p + slack)) + 1e-6) << p;
    };
    bracket((1 - confidence) / 2, ratio.low);
    bracket((1 + confidence) / 2, ratio.high);
  }
  EXPECT_DOUBLE_EQ(median_log_ratio(x, y, 21, 35, 0.9).estimate, std::log(y[17] / x[10]));
}

TEST(MedianRatio, CoversTheTruth) {
  std::mt19937_64 random(4);
  std::exponential_distribution<double> exponential;
  std::normal_distribution<double> normal;
  for (const int shape : {0, 1, 2}) {
    for (const std::size_t n : {10, 20, 60}) {
      int covered = 0;
      for (int trial = 0; trial < 1500; ++trial) {
        Samples sides[2];
        for (Samples& side : sides) {
          side.resize(n);
          for (double& v : side) {
            v = shape == 0 ? 1 + exponential(random) : std::exp(0.05 * normal(random));
            if (shape == 2) v = std::round(50 * v) / 50;  // a coarse clock
          }
          std::ranges::sort(side);
        }
        const double size = static_cast<double>(n);
        const LogRatio r = median_log_ratio(sides[0], sides[1], size, size, 0.95);
        covered += r.low <= 0 && r.high >= 0;
      }
      EXPECT_GE(covered, 1500 * 0.93) << "shape " << shape << ", " << n << " samples";
    }
  }
}

// The interval is of the shifts that an exact test does not refuse.
TEST(Shift, IsMannAndWhitneysTestTurnedRound) {
  std::mt19937_64 random(6);
  std::normal_distribution<double> normal;
  for (int trial = 0; trial < 60; ++trial) {
    Samples x(4 + random() % 4);
    Samples y(4 + random() % 4);
    for (Samples* side : {&x, &y})
      for (double& v : *side) v = std::exp(0.1 * normal(random));
    for (const double alpha : {0.3, 0.1, 0.03}) {
      const LogRatio shift = shift_log_ratio(x, y, 1 - alpha);
      const auto p_at = [&](double by) {
        Samples moved = x;
        for (double& v : moved) v *= std::exp(by);
        std::ranges::sort(moved);
        Samples sorted = y;
        std::ranges::sort(sorted);
        return mann_whitney(moved, sorted).p;
      };
      ASSERT_TRUE(std::isfinite(shift.low) && std::isfinite(shift.high));
      EXPECT_LE(p_at(shift.low - 1e-9), alpha);
      EXPECT_GT(p_at(shift.low + 1e-9), alpha);
      EXPECT_GT(p_at(shift.high - 1e-9), alpha);
      EXPECT_LE(p_at(shift.high + 1e-9), alpha);
    }
  }
}

// The example above; R's wilcox.test gives 0.305, from -0.15 to 0.76.
TEST(Shift, PublishedExample) {
  Samples x = {0.74, 0.88, 0.90, 1.15, 1.21};
  Samples y = {0.73, 0.80, 0.83, 1.04, 1.38, 1.45, 1.46, 1.64, 1.89, 1.91};
  for (Samples* side : {&x, &y})
    for (double& v : *side) v = std::exp(v);
  const LogRatio shift = shift_log_ratio(x, y, 0.95);
  EXPECT_NEAR(shift.estimate, 0.305, 1e-12);
  EXPECT_NEAR(shift.low, -0.15, 1e-12);
  EXPECT_NEAR(shift.high, 0.76, 1e-12);
}

TEST(Shift, OfTooFewSamplesIsAnything) {
  const Samples x = {1, 2, 3};
  const LogRatio shift = shift_log_ratio(x, x, 0.95);  // 20 orders: at the least p is 0.1
  EXPECT_EQ(shift.estimate, 0);
  EXPECT_EQ(shift.low, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(shift.high, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isfinite(shift_log_ratio(x, x, 0.89).low));
  EXPECT_TRUE(std::isinf(shift_log_ratio({}, x, 0.5).high));
}

// Two modes and a coarse clock included, and as far out as a bisection needs it.
TEST(Shift, CoversTheTruth) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  for (const double share : {0.0, 0.25, 0.5}) {
    for (const double confidence : {0.95, 0.999}) {
      std::bernoulli_distribution upper(share);
      int missed = 0;
      double width = 0;
      constexpr int TRIALS = 4000;
      for (int trial = 0; trial < TRIALS; ++trial) {
        Samples sides[2] = {Samples(32), Samples(32)};
        for (Samples& side : sides) {
          for (double& v : side) {
            v = std::exp(0.003 * normal(random)) * (upper(random) ? 1.04 : 1.0);
            v = std::round(2000 * v) / 2000;
          }
        }
        const LogRatio r = shift_log_ratio(sides[0], sides[1], confidence);
        missed += r.low > 0 || r.high < 0;
        width += (r.high - r.low) / TRIALS;
      }
      const double most = TRIALS * (1 - confidence);
      EXPECT_LE(missed, most + 3 * std::sqrt(most)) << share << ", " << confidence;
      // A quarter in another mode does not make the interval as wide as from mode to mode.
      if (share < 0.5 && confidence < 0.99) {
        EXPECT_LE(width, 0.02) << share;
      }
    }
  }
}

TEST(Trend, ByHand) {
  Samples rising(10);
  for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<double>(i);
  // S = 45, variance 10 * 9 * 25 / 18 = 125.
  const double p = std::erfc(44 / std::sqrt(125.0) / std::sqrt(2.0));
  EXPECT_NEAR(trend_p(rising), p, 1e-12);
  std::ranges::reverse(rising);
  EXPECT_NEAR(trend_p(rising), p, 1e-12);
  // S = 4, variance (4 * 3 * 13 - 2 * (2 * 1 * 9)) / 18 = 20 / 3.
  EXPECT_NEAR(trend_p(Samples{1, 1, 2, 2}), std::erfc(3 / std::sqrt(20.0 / 3) / std::sqrt(2.0)),
              1e-12);
  EXPECT_EQ(trend_p(Samples{5, 5, 5, 5}), 1);
  EXPECT_EQ(trend_p(Samples{1, 2}), 1);
}

TEST(Trend, CountsPairsAsTheDefinitionDoes) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 50; ++trial) {
    Samples v(3 + random() % 40);
    for (double& x : v) x = static_cast<double>(random() % 12);
    double s = 0;
    for (std::size_t j = 0; j < v.size(); ++j)
      for (std::size_t i = 0; i < j; ++i) s += (v[j] > v[i]) - (v[j] < v[i]);
    const double n = static_cast<double>(v.size());
    double ties = 0;
    for (double value = 0; value < 12; ++value) {
      const auto t = static_cast<double>(std::ranges::count(v, value));
      ties += t * (t - 1) * (2 * t + 5);
    }
    const double variance = (n * (n - 1) * (2 * n + 5) - ties) / 18;
    const double z = std::max(0.0, std::abs(s) - 1) / std::sqrt(variance);
    EXPECT_NEAR(trend_p(v), std::erfc(z / std::sqrt(2.0)), 1e-9);
  }
}

TEST(MidRanks, ShareTies) {
  Samples ascending;
  EXPECT_EQ(mid_ranks(Samples{3, 1, 3, 2}, ascending), (Samples{3.5, 1, 3.5, 2}));
  EXPECT_EQ(ascending, (Samples{1, 2, 3, 3}));
}

TEST(EffectiveSize, ShrinksWhereNeighboursAgree) {
  std::mt19937_64 random(6);
  std::normal_distribution<double> normal;
  Samples independent(200);
  Samples slow(200);
  double state = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    independent[i] = normal(random);
    slow[i] = state = 0.8 * state + normal(random);
  }
  Samples ignored;
  EXPECT_EQ(effective_size(mid_ranks(independent, ignored)), 200);
  const double effective = effective_size(mid_ranks(slow, ignored));
  EXPECT_LT(effective, 50);  // (1 - 0.8) / (1 + 0.8) of 200 is 22
  EXPECT_GT(effective, 8);
}

TEST(Modes, OneAndTwo) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  Samples one(100);
  Samples two(100);
  for (std::size_t i = 0; i < 100; ++i) {
    one[i] = std::exp(0.01 * normal(random));
    two[i] = one[i] * (i % 10 < 3 ? 1.1 : 1.0);
  }
  std::ranges::sort(one);
  std::ranges::sort(two);
  EXPECT_LT(find_modes(one, 0.2).separation, 4);
  const Modes modes = find_modes(two, 0.2);
  EXPECT_GT(modes.separation, 6);
  EXPECT_NEAR(modes.log_gap, std::log(1.1), 0.01);
  EXPECT_NEAR(modes.minor_share, 0.3, 0.01);
  EXPECT_EQ(find_modes(Samples(10, 1.0), 0.2).log_gap, 0);
  EXPECT_EQ(find_modes(Samples{1, 2}, 0.2).log_gap, 0);
}

}  // namespace
}  // namespace assay::reports
