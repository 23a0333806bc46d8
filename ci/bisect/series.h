// Times of one row of one build over many runs, and how two such series compare.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ci/bisect/watch.h"
#include "reports/hypothesis.h"
#include "reports/judge.h"

namespace assay::bisect {

/// Samples of one row of one build, round by round: a round is one run of each build.
///
/// A program's own samples are many and lie close together; what a commit is told by is how it does
/// from run to run. So each run gives TIMES_PER_RUN numbers, one for each block of its samples.
/// `quiet` is the least of a block, which a neighbour on the machine can hardly move (Chen and
/// Revels, Robust benchmarking in noisy environments, 2016); `typical` is its median.
struct Series {
  std::vector<double> quiet_us;
  std::vector<double> typical_us;
};
inline constexpr std::size_t TIMES_PER_RUN = 5;
/// From so many runs on, one number of each is enough to tell by.
inline constexpr int RUNS_THAT_TELL = 16;

/// Adds one run's samples, of which the first `count` are used: all builds of a round have to use
/// as many, as the least of more samples is a lesser one.
void add_run(Series& series, std::span<const double> samples_us, std::size_t count);

enum class Statistic { kQuiet, kTypical };
std::string_view name_of(Statistic statistic);
/// TIMES_PER_RUN numbers of each run.
const std::vector<double>& samples_of(const Series& series, Statistic statistic);

/// Good: clearly below the threshold, a natural logarithm; bad: clearly above.
Verdict hold_against(const reports::TimeComparison& comparison, double threshold,
                     const reports::JudgeSettings& settings);

/// How one series compares with another, and with a threshold between them, in natural logarithms.
struct Standing {
  reports::LogRatio ratio;
  Verdict verdict = Verdict::kUnclear;  ///< Good: clearly below the threshold; bad: clearly above.
  std::string why;                      ///< Of an unclear one.
  double base_us = 0, us = 0;           ///< Medians.
};
/// By all samples, as `report compare` judges them. Where these leave it open (they fall into two
/// modes, say, as where a neighbour comes and goes) and there are runs enough, by the runs: each is
/// drawn anew and stands for one number, whatever the shape of its samples. `threshold` is a
/// natural logarithm, `least` a share; `alpha` is the chance of a wrong verdict by either way.
Standing compare_series(const Series& base, const Series& other, Statistic statistic,
                        double threshold, double least, double alpha);

/// "+3.1 % (+2.8 to +3.4)"
std::string shown(const Standing& standing);

}  // namespace assay::bisect
