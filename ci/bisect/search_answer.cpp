// The answer: which commit it is, how sure that is, and how it was come by.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ci/bisect/search.h"

namespace assay::bisect {

using nlohmann::json;

void Search::conclude(const Walk& walk, Result& result) {
  const auto& suspects = walk.suspects();
  if (suspects.size() == 1) {
    found(suspects.front(), result);
    return;
  }
  if (suspects.empty()) {
    result.headline = "Unclear: git bisect stopped: " + walk.refusal();
    return;
  }
  json list = json::array();
  ResultTable table{"It is one of these", {"commit", "author", "subject", "why not known"}, {}};
  for (const std::string& sha : suspects) {
    const Commit commit = repository_.describe(sha);
    const Step* const step = step_of(sha);
    std::string why = "the first that is bad for sure";
    if (step && step->verdict == Verdict::kUnbuilt) why = "does not build";
    if (step && step->verdict == Verdict::kUnclear) why = "unclear: " + step->numbers;
    table.rows.push_back({commit.brief(), commit.author, commit.subject, why});
    list.push_back({{"commit", sha}, {"subject", commit.subject}, {"why", why}});
  }
  result.tables.push_back(table);
  result.details["suspects"] = list;
  result.headline =
      fmt::format("Unclear: one of {} commits, which could not be told apart.", suspects.size());
}

// Whether the numbers that are over their thresholds at `after` jumped there, by half the way from
// good to the threshold or more.
bool Search::jumped(const Built& before, const Built& after) const {
  const Observed old_rows = lab_.run(before, watched_keys());
  const Observed new_rows = lab_.run(after, watched_keys());
  return std::ranges::any_of(watches_, [&](const Watch& watch) {
    const auto old_value = watched_value(watch, old_rows);
    const auto new_value = watched_value(watch, new_rows);
    if (!old_value || !new_value || !(*new_value > watch.threshold)) return false;
    if (!(*old_value > 0) || !(watch.good > 0)) return *new_value > *old_value;
    return *new_value / *old_value >= std::sqrt(watch.threshold / watch.good);
  });
}

bool Search::confirm(const Commit& commit, Result& result) {
  // From PASS to another status there are no small steps.
  if (commit.parents.empty() || question_.metric == Metric::kStatus) return true;
  const std::string& parent = commit.parents.front();
  table_.now("confirming against its parent");
  const Built before = lab_.build(parent);
  const Built after = lab_.build(commit.sha);
  if (!before.ok) return true;  // not this parent, then: git knows of a good one
  if (question_.metric != Metric::kTime) return jumped(before, after);
  const TimeVerdict verdict = time_pair(
      question_, lab_, before, after, ends_, alpha_,
      [&](const std::string& text) { table_.now("confirming against its parent: " + text); });
  result.facts.emplace_back("against its parent", verdict.numbers);
  result.details["against_parent"] = {{"parent", parent},
                                      {"numbers", verdict.numbers},
                                      {"samples", verdict.samples},
                                      {"times_us", verdict.times_us},
                                      {"verdict", name_of(verdict.verdict)}};
  return verdict.verdict == Verdict::kBad;
}

void Search::found(const std::string& sha, Result& result) {
  const Commit commit = repository_.describe(sha);
  const Step* const step = step_of(sha);
  result.details["commit"] = {
      {"sha", sha}, {"author", commit.author}, {"date", commit.date}, {"subject", commit.subject}};
  result.facts = {{"commit", sha},
                  {"author", commit.author},
                  {"date", commit.date},
                  {"subject", commit.subject}};
  if (!confirm(commit, result)) {
    result.headline = fmt::format(
        "Unclear: the threshold is crossed at {} ({}), but against its parent it is not clearly "
        "worse: it may have come in small steps.",
        commit.brief(), commit.subject);
    result.details["suspects"] = json::array({{{"commit", sha}, {"subject", commit.subject}}});
    return;
  }
  result.outcome = Outcome::kFound;
  result.headline = fmt::format("{} by {}: {}", commit.brief(), commit.author, commit.subject);
  if (step && !step->numbers.empty()) result.facts.emplace_back("there", step->numbers);
  if (!step || step->worse.empty()) return;
  result.details["worse"] = step->worse;
  const auto still_good = [&](const std::string& key) {
    return std::ranges::find(step->worse, key) == step->worse.end();
  };
  std::set<std::string> later = watched_keys();
  std::erase_if(later, [&](const std::string& key) { return !still_good(key); });
  if (!later.empty()) {
    result.notes.push_back(fmt::format(
        "{} of the rows that are worse at the bad end are not worse at this commit: "
        "something later did that. The first is {}; name it with --case to look for it.",
        later.size(), *later.begin()));
  }
}

void Search::describe(Result& result) const {
  ResultTable table{
      "Steps", {"", "commit", "verdict", "how", "numbers", "build", "run", "subject"}, {}};
  json list = json::array();
  std::size_t builds = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (i >= 2) builds += step.built;
    table.rows.push_back({i == 0   ? "good end"
                          : i == 1 ? "bad end"
                                   : std::to_string(i - 1),
                          step.commit.brief(), std::string(name_of(step.verdict)), step.how,
                          step.numbers, step.built ? duration_text(step.build_s) : "cached",
                          step.run_s > 0 ? duration_text(step.run_s) : "-", step.commit.subject});
    json line = to_json(step);
    line["kind"] = i == 0 ? "good end" : i == 1 ? "bad end" : "step";
    list.push_back(line);
  }
  result.tables.insert(result.tables.begin(), table);
  result.details["steps"] = list;
  result.details["commits_in_range"] = commits_;
  result.details["builds_besides_the_ends"] = builds;
  result.details["metric"] = name_of(question_.metric);
  json watches = json::array();
  for (const Watch& watch : watches_) watches.push_back(bisect::to_json(watch));
  result.details["watched"] = question_.metric == Metric::kTime ? bisect::to_json(ends_) : watches;
  result.facts.emplace_back(
      "range", fmt::format("{} commits, {} steps, {} builds besides the ends, {}", commits_,
                           steps_.size() - 2, builds, duration_text(result.details["wall_s"])));
  for (const std::string& row : ends_.also)
    result.notes.push_back("also slower at the bad end: " + row);
  if (question_.metric == Metric::kTime && !ends_.key.empty()) {
    result.facts.emplace_back("row", ends_.key);
    if (ends_.statistic == Statistic::kTypical) {
      result.notes.push_back("judged by medians: the quietest samples do not show the difference");
    }
  }
}

}  // namespace assay::bisect
