#include "ci/bisect/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "reports/statistics.h"

namespace assay::bisect {
namespace {

using reports::JudgeSettings;
using reports::percent;

// One number for each run.
std::vector<double> runs_of(const Series& series, Statistic statistic) {
  const std::vector<double>& samples = samples_of(series, statistic);
  std::vector<double> runs;
  for (std::size_t run = 0; run < samples.size() / TIMES_PER_RUN; ++run) {
    const auto begin = samples.begin() + static_cast<std::ptrdiff_t>(run * TIMES_PER_RUN);
    std::vector<double> of_run(begin, begin + TIMES_PER_RUN);
    std::ranges::sort(of_run);
    runs.push_back(statistic == Statistic::kQuiet ? of_run.front()
                                                  : reports::quantile(of_run, 0.5));
  }
  return runs;
}

Standing compare_samples(std::span<const double> base, std::span<const double> other,
                         double threshold, const JudgeSettings& settings) {
  const reports::TimeComparison c =
      reports::measure(reports::examine(base, settings.log_least()),
                       reports::examine(other, settings.log_least()), settings);
  Standing standing{c.ratio, hold_against(c, threshold, settings), c.why, c.base_us, c.current_us};
  if (standing.verdict != Verdict::kUnclear) {
    standing.why.clear();
  } else if (standing.why.empty()) {
    standing.why = "too noisy, or too near to the threshold";
  }
  return standing;
}

}  // namespace

const std::vector<double>& samples_of(const Series& series, Statistic statistic) {
  return statistic == Statistic::kQuiet ? series.quiet_us : series.typical_us;
}

Verdict hold_against(const reports::TimeComparison& c, double threshold,
                     const JudgeSettings& settings) {
  const bool enough = std::min(c.base_samples, c.current_samples) >= settings.least_samples();
  if (enough && c.p <= settings.alpha && c.ratio.low > threshold) return Verdict::kBad;
  return enough && c.ratio.high < threshold ? Verdict::kGood : Verdict::kUnclear;
}

void add_run(Series& series, std::span<const double> samples_us, std::size_t count) {
  for (std::size_t block = 0; block < TIMES_PER_RUN; ++block) {
    const std::size_t begin = block * count / TIMES_PER_RUN;
    const std::size_t end = (block + 1) * count / TIMES_PER_RUN;
    std::vector<double> part(samples_us.begin() + static_cast<std::ptrdiff_t>(begin),
                             samples_us.begin() + static_cast<std::ptrdiff_t>(end));
    std::ranges::sort(part);
    series.quiet_us.push_back(part.front());
    series.typical_us.push_back(reports::quantile(part, 0.5));
  }
}

std::string_view name_of(Statistic statistic) {
  return statistic == Statistic::kQuiet ? "quiet" : "typical";
}

Standing compare_series(const Series& base, const Series& other, Statistic statistic,
                        double threshold, double least, double alpha) {
  const Standing by_samples =
      compare_samples(samples_of(base, statistic), samples_of(other, statistic), threshold,
                      JudgeSettings{.least = least, .alpha = alpha});
  if (by_samples.verdict != Verdict::kUnclear) return by_samples;
  const std::vector<double> base_runs = runs_of(base, statistic);
  const std::vector<double> other_runs = runs_of(other, statistic);
  if (std::min(base_runs.size(), other_runs.size()) < std::size_t{RUNS_THAT_TELL})
    return by_samples;
  Standing by_runs = by_samples;
  by_runs.ratio = reports::shift_log_ratio(base_runs, other_runs, 1 - alpha);
  by_runs.why.clear();
  if (by_runs.ratio.low > threshold) by_runs.verdict = Verdict::kBad;
  if (by_runs.ratio.high < threshold) by_runs.verdict = Verdict::kGood;
  return by_runs.verdict == Verdict::kUnclear ? by_samples : by_runs;
}

std::string shown(const Standing& standing) {
  return fmt::format("{} ({} to {})", percent(std::expm1(standing.ratio.estimate)),
                     percent(std::expm1(standing.ratio.low)),
                     percent(std::expm1(standing.ratio.high)));
}

}  // namespace assay::bisect
