#include "reports/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::reports {
namespace {

// A trend is one that chance makes once in a thousand rows, and that is as large as what matters.
constexpr double TREND_ALPHA = 0.001;
// A tenth of the samples is left out at either end: outliers are no mode. Of the rest, the smaller
// mode has at least an eighth, so of all a fifth; a smaller one does not move the median.
constexpr std::size_t TRIMMED = 10;
constexpr double LEAST_MODE_SHARE = 0.125;
// Samples of one mode, split in two in the best place, come to about 3, and to more by chance where
// they are few. This bound is passed by about 4 of 1000 sets of normal samples of any size.
double least_separation(std::size_t samples) { return 3.5 + 60 / static_cast<double>(samples); }
constexpr std::size_t LEAST_FOR_SHAPE = 12;

double log_median(std::span<const double> samples) {
  std::vector<double> copy(samples.begin(), samples.end());
  const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(copy.size() / 2);
  std::ranges::nth_element(copy, middle);
  return std::log(*middle);
}

// What hangs together only because all of it drifts is not held against the samples twice.
double effective_without(double drift, std::span<const double> samples) {
  const double slope = drift / (2 * static_cast<double>(samples.size()) / 3);
  std::vector<double> level(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    level[i] = std::log(samples[i]) - slope * static_cast<double>(i);
  std::vector<double> ignored;
  return effective_size(mid_ranks(level, ignored));
}

TimeVerdict verdict_of(const TimeComparison& c, const JudgeSettings& settings) {
  const double least = std::log1p(c.least);
  const LogRatio& r = c.ratio;
  if (c.q <= settings.alpha && r.low > least / 2 && r.high >= least) return TimeVerdict::kSlower;
  if (c.q <= settings.alpha && r.high < -least / 2 && r.low <= -least) return TimeVerdict::kFaster;
  if (r.low > -least && r.high < least) return TimeVerdict::kSame;
  return TimeVerdict::kUnclear;
}

}  // namespace

double JudgeSettings::log_least() const { return std::log1p(least); }

std::size_t JudgeSettings::least_samples() const {
  // The widest one, from the first to the last, misses the median with probability 2^(1 - n).
  return static_cast<std::size_t>(std::ceil(1 - std::log2(alpha)));
}

double SampleSet::instability() const { return std::max(std::abs(drift), mode_gap); }

std::string SampleSet::doubt() const {
  if (mode_gap > 0 && mode_gap >= std::abs(drift))
    return fmt::format("has two modes {} apart, one with {:.0f} %",
                       percent(std::expm1(mode_gap)).substr(1), minor_share * 100);
  if (drift != 0) return "drifts by " + percent(std::expm1(drift));
  return "";
}

SampleSet examine(std::span<const double> samples_us, double log_least) {
  SampleSet set;
  const std::size_t n = samples_us.size();
  const std::vector<double> ranks = mid_ranks(samples_us, set.ascending);
  set.effective = n < LEAST_FOR_SHAPE ? static_cast<double>(n) : effective_size(ranks);
  if (n < LEAST_FOR_SHAPE) return set;
  if (std::log(set.ascending.back() / set.ascending.front()) < log_least) return set;
  const double drift = log_median(samples_us.last(n / 3)) - log_median(samples_us.first(n / 3));
  if (std::abs(drift) >= log_least && trend_p(ranks) < TREND_ALPHA) {
    set.drift = drift;
    set.effective = effective_without(drift, samples_us);
  }
  const std::size_t trimmed = n / TRIMMED;
  const auto kept = std::span<const double>(set.ascending).subspan(trimmed, n - 2 * trimmed);
  const Modes modes = find_modes(kept, LEAST_MODE_SHARE);
  if (modes.log_gap >= log_least && modes.separation >= least_separation(n)) {
    set.mode_gap = modes.log_gap;
    set.minor_share =
        (modes.minor_share * static_cast<double>(kept.size()) + static_cast<double>(trimmed)) /
        static_cast<double>(n);
  }
  return set;
}

double TimeComparison::change() const { return std::expm1(ratio.estimate); }
double TimeComparison::change_low() const { return std::expm1(ratio.low); }
double TimeComparison::change_high() const { return std::expm1(ratio.high); }

TimeComparison measure(const SampleSet& base, const SampleSet& current,
                       const JudgeSettings& settings) {
  TimeComparison c;
  const double n = static_cast<double>(base.ascending.size());
  const double m = static_cast<double>(current.ascending.size());
  c.least = settings.least;
  c.base_us = quantile(base.ascending, 0.5);
  c.current_us = quantile(current.ascending, 0.5);
  c.base_samples = base.ascending.size();
  c.current_samples = current.ascending.size();
  c.ratio = median_log_ratio(base.ascending, current.ascending, base.effective, current.effective,
                             1 - settings.alpha);
  const double factor = (1 / base.effective + 1 / current.effective) / (1 / n + 1 / m);
  const RankTest test = mann_whitney(base.ascending, current.ascending, factor);
  c.p = test.p;
  c.cliffs_delta = test.cliffs_delta;
  c.instability = std::max(base.instability(), current.instability());
  c.ratio.low -= c.instability;
  c.ratio.high += c.instability;
  if (c.instability > 0) {
    c.why = base.instability() >= current.instability() ? "base " + base.doubt()
                                                        : "new " + current.doubt();
  }
  if (const std::size_t least = settings.least_samples();
      std::min(c.base_samples, c.current_samples) < least) {
    c.why = fmt::format("{} and {} samples; {} each are needed", c.base_samples, c.current_samples,
                        least);
  }
  return c;
}

void judge(std::span<TimeComparison*> comparisons, const JudgeSettings& settings) {
  std::vector<double> p;
  p.reserve(comparisons.size());
  for (const TimeComparison* c : comparisons) p.push_back(c->p);
  const std::vector<double> q = false_discovery_rates(p);
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    TimeComparison& c = *comparisons[i];
    c.q = q[i];
    const bool enough = std::min(c.base_samples, c.current_samples) >= settings.least_samples();
    c.verdict = enough ? verdict_of(c, settings) : TimeVerdict::kUnclear;
    if (c.verdict != TimeVerdict::kUnclear) {
      c.why.clear();
    } else if (c.why.empty()) {
      const bool seen = c.q <= settings.alpha;
      c.why = seen ? "an effect, maybe too small to matter" : "too noisy for so few samples";
    }
  }
}

std::string percent(double share) {
  const double value = share * 100;
  const int digits = std::abs(value) < 0.995 ? 2 : std::abs(value) < 99.5 ? 1 : 0;
  return fmt::format("{:+.{}f} %", value, digits);
}

}  // namespace assay::reports
