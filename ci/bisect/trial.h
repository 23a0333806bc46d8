// Timing commits against each other: runs interleaved, samples added until the answer is clear.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ci/bisect/lab.h"
#include "ci/bisect/watch.h"
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
/// Rounds after which the samples are looked at: 10, 20, 40, 80, 160 of them. Never after one: what
/// a process got by chance (where its buffers lie, which product cuBLAS chose) is in all samples of
/// a run alike, and only another run tells it from the code. At 95 % confidence 12 samples are the
/// fewest that can tell, so that four runs do.
inline constexpr int LOOKS[] = {2, 4, 8, 16, 32};
/// From so many runs on, one number of each is enough to tell by.
inline constexpr int RUNS_THAT_TELL = 16;

/// Adds one run's samples, of which the first `count` are used: all builds of a round have to use
/// as many, as the least of more samples is a lesser one.
void add_run(Series& series, std::span<const double> samples_us, std::size_t count);

enum class Statistic { kQuiet, kTypical };
std::string_view name_of(Statistic statistic);

/// How one series compares with another, and with a threshold between them, in natural logarithms.
struct Standing {
  reports::LogRatio ratio;
  Verdict verdict = Verdict::kUnclear;  ///< Good: clearly below the threshold; bad: clearly above.
  std::string why;                      ///< Of an unclear one.
  double base_us = 0, us = 0;           ///< Medians.
};
/// By all samples, as `report compare` judges them. Where these leave it open (they fall into two
/// modes, say, as they do where a neighbour keeps a run busy from end to end) and there are runs
/// enough, by the runs: each is drawn anew and stands for one number, whatever its shape.
Standing compare_series(const Series& base, const Series& other, Statistic statistic,
                        double threshold, double least, double alpha);

/// "+3.1 % (+2.8 to +3.4)"
std::string shown(const Standing& standing);

/// The share of wrong answers that one look of one commit may have, so that all looks of all
/// commits of a search together keep to its confidence.
double alpha_of_a_look(const Question& question, std::size_t commits_in_range);

/// The numbers that a verdict rests on, TIMES_PER_RUN of each run, for whoever wants to see them.
using TimesByName = std::map<std::string, std::vector<double>>;

/// What the ends' times say.
struct TimeEnds {
  enum class State { kDiffer, kAlike, kUnclear } state = State::kUnclear;
  std::string key;  ///< The row that tells them apart best; of an unclear one, the last doubtful.
  Statistic statistic = Statistic::kQuiet;
  double threshold = 0;  ///< Natural logarithm; a commit slower than good by more is bad.
  std::string numbers;
  std::size_t samples = 0;
  TimesByName times_us;           ///< "good" and "bad", of `key`
  std::vector<std::string> also;  ///< Other rows that are clearly slower.
};
nlohmann::json to_json(const TimeEnds& ends);
TimeEnds time_ends_of(const nlohmann::json& json);

using Progress = std::function<void(const std::string&)>;

/// The two ends against each other, first after the second of LOOKS: all that follows rests on it.
TimeEnds time_ends(const Question& question, Lab& lab, const Built& good, const Built& bad,
                   double alpha, const Progress& progress);

struct TimeVerdict {
  Verdict verdict = Verdict::kUnclear;
  std::string numbers;
  std::size_t samples = 0;
  TimesByName times_us;  ///< "good", "commit" and "bad", or "parent" and "commit"
};
/// `candidate` against both ends, which have to be as far apart as before all the while.
TimeVerdict time_candidate(const Question& question, Lab& lab, const Built& good, const Built& bad,
                           const Built& candidate, const TimeEnds& ends, double alpha,
                           const Progress& progress);
/// Whether `after` is slower than `before` by more than half the threshold: bad if so.
TimeVerdict time_pair(const Question& question, Lab& lab, const Built& before, const Built& after,
                      const TimeEnds& ends, double alpha, const Progress& progress);

}  // namespace assay::bisect
