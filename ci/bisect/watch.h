// What a search holds a commit against: the rows and numbers in which the two ends differ.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "ci/bisect/lab.h"

namespace assay::bisect {

enum class Metric { kTime, kError, kStatus, kWork };
std::string_view name_of(Metric metric);
/// InputError where there is none of that name.
Metric find_metric(const std::string& name);

enum class Verdict {
  kGood,
  kBad,
  kUnclear,  ///< Ran, and does not tell.
  kUnbuilt,  ///< Did not build.
};
std::string_view name_of(Verdict verdict);
Verdict find_verdict(const std::string& name);

struct Question {
  std::string good, bad;  ///< Full hashes.
  Metric metric = Metric::kTime;
  double least = 0.03;        ///< The least slowdown, or growth of work, that matters: 0.03 is 3 %.
  double confidence = 0.99;   ///< Of the whole answer.
  double error_factor = 1.5;  ///< How much an error must have grown to matter.
  int repeat = 2;             ///< Runs of each commit for status and error, which must agree.
  bool first_parent = false;
};

/// A number of a row that is larger at the bad end. A commit with more than `threshold` is bad.
struct Watch {
  std::string key;
  std::string column;
  double good = 0;
  double bad = 0;
  double threshold = 0;
  std::string ending = {};  ///< Observed::ending of the bad end.
};
nlohmann::json to_json(const Watch& watch);
Watch watch_of(const nlohmann::json& json);

/// Between good and bad: as far above good as `least` says, but no more than half the way, so that
/// a change that is only just large enough is as far from either side. A change that was later half
/// taken back is so still looked for where it came in.
double threshold_between(double good, double bad, double least_factor);

/// What of the two ends can be held against each other at all.
struct Comparable {
  std::size_t rows = 0;           ///< With a value of the metric at both ends.
  std::vector<std::string> lost;  ///< Keys of those that have one at the good end alone.
};
Comparable comparable(const Question& question, const Observed& good, const Observed& bad);

/// Where the two ends differ, for all metrics but time.
std::vector<Watch> find_watches(const Question& question, const Observed& good,
                                const Observed& bad);

/// What a run has of a watched number: infinite for NaN; of a status 0 for PASS and 1 for worse.
/// A row that is missing because the program crashed is worse. It is not where the time limit or a
/// kill from outside, which may be the machine's fault, ended it, unless the bad end ended so too.
std::optional<double> watched_value(const Watch& watch, const Observed& observed);

struct Judgement {
  Verdict verdict = Verdict::kUnclear;
  std::string numbers;             ///< For people: the number that decided, and against what.
  std::vector<std::string> worse;  ///< Keys of the rows that are over their threshold.
};

/// Bad where one of the watched numbers is over its threshold, good where none is and all are
/// there.
Judgement judge(const Question& question, std::span<const Watch> watches, const Observed& observed);

}  // namespace assay::bisect
