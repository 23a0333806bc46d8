#include "ci/bisect/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "kernels/device/error.h"
#include "reports/text.h"

namespace assay::bisect {
namespace {

// A run each of some builds, in an order that changes from round to round; then again, as long as
// the caller wants more.
class Rounds {
 public:
  Rounds(Lab& lab, std::vector<const Built*> builds, std::set<std::string> keys)
      : lab_(lab), builds_(std::move(builds)), keys_(std::move(keys)), series_(builds_.size()) {}

  // As many rounds as that. False where they give nothing to compare, as problem() says.
  bool reach(int rounds, const Progress& progress) {
    run_until(rounds, progress);
    if (problem_.empty() && keys().empty())
      problem_ = fmt::format("no row has {} samples in every run of every build", TIMES_PER_RUN);
    return problem_.empty();
  }

  // Rows that every build timed, in every round.
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    for (const auto& [key, series] : series_.front()) {
      const auto complete = [&](const auto& of_build) {
        const auto found = of_build.find(key);
        return found != of_build.end() &&
               found->second.quiet_us.size() == static_cast<std::size_t>(done_) * TIMES_PER_RUN;
      };
      if (std::ranges::all_of(series_, complete)) all.push_back(key);
    }
    return all;
  }
  // Of the first build's rows those that are not among them.
  std::vector<std::string> lost() const {
    std::vector<std::string> all;
    std::ranges::set_difference(of_first_, keys(), std::back_inserter(all));
    return all;
  }
  const Series& of(std::size_t build, const std::string& key) const {
    return series_[build].at(key);
  }
  const std::string& problem() const { return problem_; }
  std::size_t samples() const { return static_cast<std::size_t>(done_) * TIMES_PER_RUN; }

 private:
  void run_until(int rounds, const Progress& progress) {
    for (; done_ < rounds; ++done_) {
      std::vector<Observed> observed(builds_.size());
      for (std::size_t i = 0; i < builds_.size(); ++i) {
        const std::size_t which = (i + static_cast<std::size_t>(done_)) % builds_.size();
        progress(fmt::format("timing, round {} of {}", done_ + 1, rounds));
        observed[which] = lab_.run(*builds_[which], keys_);
        if (!observed[which].problem.empty()) {
          problem_ =
              fmt::format("{}: {}", builds_[which]->commit.substr(0, 10), observed[which].problem);
          return;
        }
      }
      add(observed);
    }
  }

  void add(const std::vector<Observed>& observed) {
    std::map<std::string, std::vector<const Observation*>> rows;
    for (const Observation& row : observed.front().rows)
      if (!row.samples_us.empty()) of_first_.insert(row.key);
    for (const Observed& one : observed)
      for (const Observation& row : one.rows)
        if (row.samples_us.size() >= TIMES_PER_RUN) rows[row.key].push_back(&row);
    for (const auto& [key, of_builds] : rows) {
      if (of_builds.size() != builds_.size()) continue;
      std::size_t count = of_builds.front()->samples_us.size();
      for (const Observation* row : of_builds) count = std::min(count, row->samples_us.size());
      for (std::size_t i = 0; i < of_builds.size(); ++i)
        add_run(series_[i][key], of_builds[i]->samples_us, count);
    }
  }

  Lab& lab_;
  std::vector<const Built*> builds_;
  std::set<std::string> keys_;
  std::vector<std::map<std::string, Series>> series_;
  std::set<std::string> of_first_;  // keys of all that the first build timed
  std::string problem_;
  int done_ = 0;
};

double log_least(const Question& question) { return std::log1p(question.least); }

}  // namespace

double alpha_of_a_look(const Question& question, std::size_t commits_in_range) {
  // The ends, the steps and the confirmation, each looked at so many times.
  const double steps = 2 + std::ceil(std::log2(static_cast<double>(commits_in_range) + 1));
  const auto looks_at_runs =
      std::ranges::count_if(LOOKS, [](int rounds) { return rounds >= RUNS_THAT_TELL; });
  const double looks = static_cast<double>(std::size(LOOKS)) + static_cast<double>(looks_at_runs);
  return (1 - question.confidence) / (steps * looks);
}

nlohmann::json to_json(const TimeEnds& ends) {
  return {{"row", ends.key},
          {"statistic", name_of(ends.statistic)},
          {"threshold_log", ends.threshold},
          {"state", static_cast<int>(ends.state)},
          {"numbers", ends.numbers},
          {"samples", ends.samples},
          {"times_us", ends.times_us},
          {"also", ends.also}};
}

TimeEnds time_ends_of(const nlohmann::json& json) {
  TimeEnds ends;
  ends.state = static_cast<TimeEnds::State>(json.at("state").get<int>());
  ends.key = json.at("row");
  ends.statistic = json.at("statistic") == "quiet" ? Statistic::kQuiet : Statistic::kTypical;
  ends.threshold = json.at("threshold_log");
  ends.numbers = json.at("numbers");
  ends.samples = json.at("samples");
  ends.times_us = json.value("times_us", TimesByName{});
  ends.also = json.at("also").get<std::vector<std::string>>();
  return ends;
}

TimeEnds time_ends(const Question& question, Lab& lab, const Built& good, const Built& bad,
                   double alpha, const Progress& progress) {
  const double least = log_least(question);
  TimeEnds ends;
  Rounds rounds(lab, {&good, &bad}, {});
  for (const int look : std::span(LOOKS).subspan(1)) {
    if (!rounds.reach(look, progress)) {
      ends.numbers = rounds.problem();
      return ends;
    }
    const std::vector<std::string> keys = rounds.keys();
    ends.samples = rounds.samples();
    const double each = alpha / static_cast<double>(keys.size());
    const bool last = look == *std::rbegin(LOOKS);
    std::size_t alike = 0;
    double best = 0;
    ends.also.clear();
    for (const std::string& key : keys) {
      const Series& a = rounds.of(0, key);
      const Series& b = rounds.of(1, key);
      // Slower at all events by more than half of what matters; alike, if by less than all of it.
      const auto over = [&](Statistic statistic) {
        return compare_series(a, b, statistic, least / 2, question.least, each);
      };
      const auto alike_by = [&](Statistic statistic) {
        return compare_series(a, b, statistic, least, question.least, each).verdict ==
               Verdict::kGood;
      };
      const auto times = [&](Statistic of) {
        return TimesByName{{"good", samples_of(a, of)}, {"bad", samples_of(b, of)}};
      };
      Statistic statistic = Statistic::kQuiet;
      Standing standing = over(statistic);
      const bool quiet_alike = standing.verdict != Verdict::kBad && alike_by(statistic);
      // Medians see what the least do not, but also all that goes on beside: they are asked second.
      if (quiet_alike || (standing.verdict != Verdict::kBad && last)) {
        const Standing typical = over(Statistic::kTypical);
        if (typical.verdict == Verdict::kBad) {
          statistic = Statistic::kTypical;
          standing = typical;
        }
      }
      if (standing.verdict == Verdict::kBad) {
        ends.also.push_back(key);
        if (standing.ratio.low > best) {
          best = standing.ratio.low;
          ends.state = TimeEnds::State::kDiffer;
          ends.key = key;
          ends.statistic = statistic;
          ends.times_us = times(statistic);
          ends.threshold = std::min(least, standing.ratio.estimate / 2);
          ends.numbers = fmt::format("{} us -> {} us, {}", reports::figure(standing.base_us),
                                     reports::figure(standing.us), shown(standing));
        }
        continue;
      }
      alike += quiet_alike && (alike_by(Statistic::kTypical) || last);
      if (ends.state != TimeEnds::State::kDiffer) {
        ends.key = key;
        ends.times_us = times(statistic);
        ends.numbers = shown(standing) + (standing.why.empty() ? "" : ": " + standing.why);
      }
    }
    if (ends.state == TimeEnds::State::kDiffer) {
      std::erase(ends.also, ends.key);
      return ends;
    }
    if (alike == keys.size()) {
      const std::vector<std::string> lost = rounds.lost();
      if (lost.empty()) {
        ends.state = TimeEnds::State::kAlike;
        return ends;
      }
      ends.key = lost.front();
      ends.times_us.clear();
      ends.numbers = fmt::format(
          "{} rows timed at the good end have not {} samples in every run of both, and none of the "
          "{} others is slower",
          lost.size(), TIMES_PER_RUN, keys.size());
      return ends;
    }
  }
  return ends;
}

namespace {

// Adds rounds until `answered` says so of the verdict that it has filled in, or there are no more.
TimeVerdict look_until(Rounds& rounds, const TimeEnds& ends, const std::vector<std::string>& names,
                       const Progress& progress,
                       const std::function<bool(TimeVerdict&, const std::string& key)>& answered) {
  TimeVerdict result;
  for (const int look : LOOKS) {
    if (!rounds.reach(look, progress)) {
      result.numbers = rounds.problem();
      return result;
    }
    // A command may write more rows than it is asked for.
    const std::string& key = ends.key;
    result.samples = rounds.samples();
    if (const auto keys = rounds.keys(); std::ranges::find(keys, key) == keys.end()) {
      result.numbers = "no time of " + key + " in every run";
      return result;
    }
    for (std::size_t i = 0; i < names.size(); ++i)
      result.times_us[names[i]] = samples_of(rounds.of(i, key), ends.statistic);
    if (answered(result, key)) return result;
  }
  return result;
}

}  // namespace

TimeVerdict time_candidate(const Question& question, Lab& lab, const Built& good, const Built& bad,
                           const Built& candidate, const TimeEnds& ends, double alpha,
                           const Progress& progress) {
  Rounds rounds(lab, {&good, &candidate, &bad}, {ends.key});
  const std::vector<std::string> names = {"good", "commit", "bad"};
  return look_until(
      rounds, ends, names, progress, [&](TimeVerdict& result, const std::string& key) {
        const auto against_good = [&](std::size_t build) {
          return compare_series(rounds.of(0, key), rounds.of(build, key), ends.statistic,
                                ends.threshold, question.least, alpha);
        };
        const Standing standing = against_good(1);
        const Standing control = against_good(2);
        result.numbers = fmt::format("{} us, {}", reports::figure(standing.us), shown(standing));
        if (control.verdict == Verdict::kBad && standing.verdict != Verdict::kUnclear) {
          result.verdict = standing.verdict;
          return true;
        }
        if (control.verdict != Verdict::kBad)
          result.numbers += fmt::format("; the bad end only {}", shown(control));
        if (!standing.why.empty()) result.numbers += ": " + standing.why;
        return false;
      });
}

TimeVerdict time_pair(const Question& question, Lab& lab, const Built& before, const Built& after,
                      const TimeEnds& ends, double alpha, const Progress& progress) {
  Rounds rounds(lab, {&before, &after}, {ends.key});
  const std::vector<std::string> names = {"parent", "commit"};
  return look_until(
      rounds, ends, names, progress, [&](TimeVerdict& result, const std::string& key) {
        const Standing standing =
            compare_series(rounds.of(0, key), rounds.of(1, key), ends.statistic, ends.threshold / 2,
                           question.least, alpha);
        result.numbers = fmt::format("{} us -> {} us, {}", reports::figure(standing.base_us),
                                     reports::figure(standing.us), shown(standing));
        result.verdict = standing.verdict;
        if (standing.verdict != Verdict::kUnclear) return true;
        result.numbers += ": " + standing.why;
        return false;
      });
}

}  // namespace assay::bisect
