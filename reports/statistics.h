// What a set of timed samples says.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "reports/row.h"

namespace assay::reports {

struct Interval {
  double low;
  double high;
};

/// All in microseconds.
struct TimeSummary {
  std::size_t count = 0;
  double min_us = 0;
  double p25_us = 0;
  double median_us = 0;
  double p75_us = 0;
  double p99_us = 0;
  std::optional<Interval> median_ci_us;  ///< 95 %; none below 6 samples.
};

/// Order statistics of samples in any order. Throws assay::Error where there are none, or one is
/// NaN, infinite or negative.
TimeSummary summarize(std::span<const double> samples_us);

/// The p-quantile of ascending samples, 0 <= p <= 1: Hyndman and Fan's type 7 (Sample Quantiles in
/// Statistical Packages, 1996), the default of NumPy and R: linear between the order statistics
/// around rank 1 + (n - 1) p.
double quantile(std::span<const double> ascending, double p);

/// Confidence interval of the median, free of any assumption about the distribution: the order
/// statistics x(k) and x(n + 1 - k) for the largest k at which a Binomial(n, 1/2) falls below k
/// with probability at most (1 - confidence) / 2 (David and Nagaraja, Order Statistics,
/// section 7.1). It covers the median at least that often. None where even x(1) and x(n) do not
/// reach it.
std::optional<Interval> median_interval(std::span<const double> ascending,
                                        double confidence = 0.95);

/// Fills the row's samples, t_*_us and median_ci_*_us.
void set_times(Row& row, const TimeSummary& times);

/// Fills gb_per_s, tflop_per_s and speedup_vs_ref from bytes, flops, ref_median_us and t_median_us,
/// each where both of its sources are there.
void set_rates(Row& row);

}  // namespace assay::reports
