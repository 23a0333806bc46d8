#include "reports/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/device/error.h"

namespace assay::reports {

TimeSummary summarize(std::span<const double> samples_us) {
  if (samples_us.empty()) throw Error("statistics: no samples to summarize");
  for (std::size_t i = 0; i < samples_us.size(); ++i)
    if (!std::isfinite(samples_us[i]) || samples_us[i] < 0)
      throw Error(fmt::format("statistics: sample {} is {} us; a time is finite and not negative",
                              i, samples_us[i]));
  std::vector<double> ascending(samples_us.begin(), samples_us.end());
  std::ranges::sort(ascending);
  TimeSummary times;
  times.count = ascending.size();
  times.min_us = ascending.front();
  times.p25_us = quantile(ascending, 0.25);
  times.median_us = quantile(ascending, 0.5);
  times.p75_us = quantile(ascending, 0.75);
  times.p99_us = quantile(ascending, 0.99);
  times.median_ci_us = median_interval(ascending);
  return times;
}

double quantile(std::span<const double> ascending, double p) {
  if (ascending.empty() || !(p >= 0 && p <= 1))
    throw Error(fmt::format("statistics: quantile {} of {} samples", p, ascending.size()));
  const double rank = p * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return std::lerp(ascending[below], ascending[above], rank - static_cast<double>(below));
}

std::optional<Interval> median_interval(std::span<const double> ascending, double confidence) {
  const std::size_t n = ascending.size();
  const double tail = (1 - confidence) / 2;
  // P(X = i) in logarithms: 2^-n alone underflows past n = 1074.
  double log_probability = -static_cast<double>(n) * std::log(2.0);
  double at_most = 0;  // P(X <= k - 1) of the k below
  std::size_t k = 0;
  while (2 * k < n) {
    at_most += std::exp(log_probability);
    if (at_most > tail) break;
    log_probability += std::log(static_cast<double>(n - k)) - std::log(static_cast<double>(k + 1));
    ++k;
  }
  if (k == 0) return std::nullopt;
  return Interval{ascending[k - 1], ascending[n - k]};
}

void set_times(Row& row, const TimeSummary& times) {
  row.set("samples", times.count)
      .set("t_min_us", times.min_us)
      .set("t_p25_us", times.p25_us)
      .set("t_median_us", times.median_us)
      .set("t_p75_us", times.p75_us)
      .set("t_p99_us", times.p99_us);
  row.clear("median_ci_lo_us").clear("median_ci_hi_us");
  if (times.median_ci_us)
    row.set("median_ci_lo_us", times.median_ci_us->low)
        .set("median_ci_hi_us", times.median_ci_us->high);
}

void set_rates(Row& row) {
  const std::optional<double> median_us = row.real("t_median_us");
  if (!median_us || *median_us <= 0) return;
  if (const auto bytes = row.real("bytes")) row.set("gb_per_s", *bytes / *median_us * 1e-3);
  if (const auto flops = row.real("flops")) row.set("tflop_per_s", *flops / *median_us * 1e-6);
  if (const auto ref = row.real("ref_median_us")) row.set("speedup_vs_ref", *ref / *median_us);
}

}  // namespace assay::reports
