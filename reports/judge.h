// The verdict on a row's time, from the raw samples of two runs. README.md has the rule in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/hypothesis.h"

namespace assay::reports {

/// Settings of a comparison.
struct JudgeSettings {
  double least = 0.03;  ///< The least slowdown that matters, as a share: 0.03 is 3 %.
  double alpha = 0.01;  ///< Rate of false discoveries; intervals have confidence 1 - alpha.

  double log_least() const;  ///< log(1 + least): faster by it is as far as slower by it.
  /// Below so many samples no interval of this confidence exists without assuming a distribution.
  std::size_t least_samples() const;
};

enum class TimeVerdict : std::uint8_t { kFaster, kSlower, kSame, kUnclear };

/// What there is to know about one side's samples.
struct SampleSet {
  std::vector<double> ascending;
  double effective = 0;  ///< Independent samples that tell as much.
  double drift = 0;      ///< Natural logarithm of last third / first third, 0 if it is no trend.
  double mode_gap = 0;   ///< Natural logarithm of upper / lower mode, 0 if there is one mode.
  double minor_share = 0;

  /// How far the median may move for reasons of the run itself, in natural logarithms.
  double instability() const;
  /// "drifts by +5.2 %", "has two modes 8.1 % apart, one with 31 %", or "".
  std::string doubt() const;
};

/// Samples in the order taken, above zero. Drift and modes below `log_least` do not count.
SampleSet examine(std::span<const double> samples_us, double log_least);

struct TimeComparison {
  double base_us = 0;  ///< Medians.
  double current_us = 0;
  std::size_t base_samples = 0;
  std::size_t current_samples = 0;
  LogRatio ratio;  ///< current / base; the interval is widened by `instability`.
  double instability = 0;
  double cliffs_delta = 0;
  double p = 1;
  double q = 1;
  double least = 0;
  TimeVerdict verdict = TimeVerdict::kUnclear;
  std::string why;  ///< Of an unclear one.

  double change() const;  ///< current / base - 1
  double change_low() const;
  double change_high() const;
};

/// All but q and the verdict.
TimeComparison measure(const SampleSet& base, const SampleSet& current,
                       const JudgeSettings& settings);

/// Sets q of all, which are the rows of one report, and the verdict of each by its own `least`:
///   SLOWER   q <= alpha, the interval lies above half the least effect and reaches the least
///   effect FASTER   the same the other way SAME     the interval lies between minus and plus the
///   least effect UNCLEAR  everything else
/// So SAME excludes an effect that matters, SLOWER excludes one that is half as large as it or
/// less, and a row is never both.
void judge(std::span<TimeComparison*> comparisons, const JudgeSettings& settings);

/// "+3.2 %" of 0.032; for an infinite one "+inf %".
std::string percent(double share);

}  // namespace assay::reports
