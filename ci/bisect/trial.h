// Timing commits against each other: runs interleaved, samples added until the answer is clear.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ci/bisect/lab.h"
#include "ci/bisect/series.h"
#include "ci/bisect/watch.h"

namespace assay::bisect {

/// Rounds after which the samples are looked at: 10, 20, 40, 80, 160 of them. Never after one: what
/// a process got by chance (where its buffers lie, which product cuBLAS chose) is in all samples of
/// a run alike, and only another run tells it from the code. At 95 % confidence 12 samples are the
/// fewest that can tell, so that four runs do.
inline constexpr int LOOKS[] = {2, 4, 8, 16, 32};

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
