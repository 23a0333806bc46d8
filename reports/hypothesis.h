// What two sets of timed samples say about each other, and one about itself: the tests and
// estimates behind `report compare`. Nothing here draws random numbers: the bootstrap is exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "reports/statistics.h"

namespace assay::reports {

/// P(|Z| >= |z|) of a standard normal Z.
double normal_two_sided(double z);

/// P(X >= k) of a Binomial(n, p), 0 <= p <= 1.
double binomial_upper_tail(std::size_t n, double p, std::size_t k);

/// Confidence interval of a rate, of which `hits` of `trials` were seen: Clopper and Pearson's
/// (1934), which covers at least as often as it says. [0, 1] for no trials.
Interval rate_interval(std::size_t hits, std::size_t trials, double confidence = 0.95);

struct RankTest {
  double u = 0;             ///< Pairs with x < y, ties counting a half.
  double p = 1;             ///< Two-sided.
  double cliffs_delta = 0;  ///< P(x < y) - P(x > y), from -1 to 1 (Cliff 1993).
};

/// Mann and Whitney's test (1947) on ascending samples. Up to EXACT_RANK_TEST samples together, p
/// is exact under all permutations, ties included, by the shift algorithm (Streitberg and Roehmel
/// 1986); beyond, by the normal approximation with corrections for ties and continuity.
/// `variance_factor` >= 1 widens the null distribution of samples that depend on each other; above
/// 1 the approximation is used. Without samples on either side, p is 1.
RankTest mann_whitney(std::span<const double> x, std::span<const double> y,
                      double variance_factor = 1);
inline constexpr std::size_t EXACT_RANK_TEST = 20;

/// Each p-value's q: the least rate of false discoveries at which it is one (Benjamini and Hochberg
/// 1995). In the order given.
std::vector<double> false_discovery_rates(std::span<const double> p);

/// Natural logarithms of: the ratio of medians y / x, and its confidence interval.
struct LogRatio {
  double estimate = 0;
  double low = 0;
  double high = 0;
};

/// The percentile bootstrap of the ratio of medians, which holds its level for skewed and tied
/// samples alike (Wilcox, Comparing medians, 2006). Its distribution is computed, not drawn: a
/// resampled median is the i-th order statistic with a probability that the binomial distribution
/// gives (Maritz and Jarrett 1978). `effective_x` and `effective_y` are the sizes resampled, below
/// the sizes of samples that depend on each other; an odd number at or below each is used. Samples
/// ascending, above zero.
LogRatio median_log_ratio(std::span<const double> x, std::span<const double> y, double effective_x,
                          double effective_y, double confidence);

/// The shift of y's logarithms against x's: the median of all differences (Hodges and Lehmann
/// 1963), with the interval of those shifts that Mann and Whitney's exact test does not refuse.
/// Where both sides have the same few modes, it holds on to what is between two samples of one
/// mode, while the ratio of medians goes by chance to another. Infinite where there are too few
/// samples for the confidence. Independent samples in any order, above zero.
LogRatio shift_log_ratio(std::span<const double> x, std::span<const double> y, double confidence);

/// Mid-ranks from 1, in the order of `samples`; `ascending` becomes the samples in order.
std::vector<double> mid_ranks(std::span<const double> samples, std::vector<double>& ascending);

/// Mann (1945) and Kendall's test for a trend in samples in the order taken, of their mid-ranks:
/// the two-sided p, by the normal approximation with ties.
double trend_p(std::span<const double> ranks);

/// How many independent samples tell as much as these, given in mid-ranks in the order taken:
/// n (1 - r) / (1 + r) for the rank correlation r of neighbours, where that is above what chance
/// gives once in 40 times; else n.
double effective_size(std::span<const double> ranks);

struct Modes {
  double log_gap = 0;      ///< Between the two modes' means, in natural logarithms.
  double minor_share = 0;  ///< Of the smaller one.
  double separation = 0;   ///< Ashman's D (1994) of the best split.
};

/// The best split of ascending samples in two, by least squares within both (Fisher 1958), of those
/// that leave at least `least_share` on either side. All zero where there is none.
Modes find_modes(std::span<const double> ascending, double least_share);

}  // namespace assay::reports
