#include "ci/bisect/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "kernels/device/error.h"
#include "reports/text.h"

namespace assay::bisect {
namespace {

constexpr double INFINITE = std::numeric_limits<double>::infinity();
constexpr std::array METRICS = {"time", "error", "status", "work"};
constexpr std::array VERDICTS = {"good", "bad", "unclear", "unbuilt"};

// Counted by the traced device, reported by the compiler, or counted by every run: no noise in any.
constexpr std::array WORK_COLUMNS = {"sectors_read", "sectors_written", "bank_conflicts",
                                     "barriers",     "shuffles",        "atomics",
                                     "registers",    "spill_bytes",     "shared_bytes",
                                     "launches",     "allocations",     "peak_mem_bytes"};
constexpr std::array ERROR_COLUMNS = {"err_ratio", "rms_err"};

// Endings that may be the machine's fault: it was slow, or out of memory, or being shut down.
constexpr std::array FROM_OUTSIDE = {TIME_LIMIT, std::string_view("signal 9"),
                                     std::string_view("signal 15")};

using ByKey = std::unordered_map<std::string, const Observation*>;

ByKey by_key(const Observed& observed) {
  ByKey rows;
  for (const Observation& row : observed.rows) rows[row.key] = &row;
  return rows;
}

// `cut_short`: a row that is missing was not written because the program failed before it could be.
std::optional<double> status_value(const Observation* row, bool cut_short) {
  if (!row) return cut_short ? std::optional(1.0) : std::nullopt;
  const std::string_view status = row->text("status");
  if (status == "PASS") return 0.0;
  for (const char* failed : {"FAIL", "ERROR", "TIMEOUT", "MISTRUSTED"})
    if (status == failed) return 1.0;
  return std::nullopt;  // what was not tried says nothing, and what is no status neither
}

std::optional<double> value_of(const std::string& column, const Observation* row, bool cut_short) {
  if (column == "status") return status_value(row, cut_short);
  if (!row) return std::nullopt;
  const std::optional<double> value = row->number(column);
  if (value && std::isnan(*value)) return INFINITE;
  return value;
}

std::span<const char* const> columns_of(Metric metric) {
  static constexpr std::array STATUS = {"status"};
  if (metric == Metric::kStatus) return STATUS;
  if (metric == Metric::kError) return ERROR_COLUMNS;
  return WORK_COLUMNS;
}

bool differs(const Question& question, double good, double bad) {
  if (question.metric == Metric::kError && good > 0) return bad >= good * question.error_factor;
  return bad > good;
}

bool is_crash(const std::string& ending) {
  return !ending.empty() && std::ranges::find(FROM_OUTSIDE, ending) == FROM_OUTSIDE.end();
}

double factor_of(const Question& question) {
  return question.metric == Metric::kError ? question.error_factor : 1 + question.least;
}

std::string shown(const Watch& watch, double value) {
  if (watch.column == "status") return value > 0 ? "not PASS" : "PASS";
  return fmt::format("{} {} (good {}, bad {})", watch.column, reports::figure(value),
                     reports::figure(watch.good), reports::figure(watch.bad));
}

}  // namespace

std::string_view name_of(Metric metric) { return METRICS[static_cast<std::size_t>(metric)]; }

Metric find_metric(const std::string& name) {
  const auto found = std::ranges::find(METRICS, name);
  if (found == METRICS.end())
    throw InputError(fmt::format("--metric '{}': it is time, error, status or work", name));
  return static_cast<Metric>(found - METRICS.begin());
}

std::string_view name_of(Verdict verdict) { return VERDICTS[static_cast<std::size_t>(verdict)]; }

Verdict find_verdict(const std::string& name) {
  const auto found = std::ranges::find(VERDICTS, name);
  if (found == VERDICTS.end()) throw InputError(fmt::format("'{}' is no verdict", name));
  return static_cast<Verdict>(found - VERDICTS.begin());
}

nlohmann::json to_json(const Watch& watch) {
  // JSON has no infinity: as text, as in the CSV.
  return {{"row", watch.key},
          {"column", watch.column},
          {"good", fmt::format("{}", watch.good)},
          {"bad", fmt::format("{}", watch.bad)},
          {"threshold", fmt::format("{}", watch.threshold)},
          {"ending", watch.ending}};
}

Watch watch_of(const nlohmann::json& json) {
  const auto number = [&](const char* name) { return std::stod(json.at(name).get<std::string>()); };
  return {json.at("row"), json.at("column"),   number("good"),
          number("bad"),  number("threshold"), json.at("ending")};
}

double threshold_between(double good, double bad, double least_factor) {
  if (!(good > 0)) return std::isinf(bad) ? std::numeric_limits<double>::max() : (good + bad) / 2;
  if (std::isinf(bad)) return good * least_factor;
  return std::min(good * least_factor, std::sqrt(good) * std::sqrt(bad));
}

std::vector<Watch> find_watches(const Question& question, const Observed& good,
                                const Observed& bad) {
  std::vector<Watch> watches;
  const ByKey bad_rows = by_key(bad);
  for (const Observation& row : good.rows) {
    const auto found = bad_rows.find(row.key);
    const Observation* const other = found == bad_rows.end() ? nullptr : found->second;
    for (const char* column : columns_of(question.metric)) {
      const auto before = value_of(column, &row, false);
      const auto after = value_of(column, other, !bad.ending.empty());
      if (!before || !after || !differs(question, *before, *after)) continue;
      watches.push_back({row.key, column, *before, *after,
                         threshold_between(*before, *after, factor_of(question)), bad.ending});
    }
  }
  return watches;
}

Comparable comparable(const Question& question, const Observed& good, const Observed& bad) {
  Comparable found;
  const ByKey bad_rows = by_key(bad);
  for (const auto& [key, row] : by_key(good)) {
    const auto other = bad_rows.find(key);
    bool here = false;
    bool there = false;
    for (const char* column : columns_of(question.metric)) {
      if (!value_of(column, row, false)) continue;
      here = true;
      there |=
          value_of(column, other == bad_rows.end() ? nullptr : other->second, !bad.ending.empty())
              .has_value();
    }
    found.rows += here && there;
    if (here && !there) found.lost.push_back(key);
  }
  std::ranges::sort(found.lost);
  return found;
}

std::optional<double> watched_value(const Watch& watch, const Observed& observed) {
  const auto found = std::ranges::find(observed.rows, watch.key, &Observation::key);
  return value_of(
      watch.column, found == observed.rows.end() ? nullptr : &*found,
      is_crash(observed.ending) || (!observed.ending.empty() && observed.ending == watch.ending));
}

Judgement judge(const Question&, std::span<const Watch> watches, const Observed& observed) {
  Judgement judgement;
  if (!observed.problem.empty() && observed.ending.empty()) {
    judgement.numbers = observed.problem;
    return judgement;
  }
  std::string missing;
  const Watch* largest = nullptr;  // the one that is farthest over, or nearest below
  double largest_share = -1;
  double largest_value = 0;
  for (const Watch& watch : watches) {
    const auto value = watched_value(watch, observed);
    if (!value) {
      if (missing.empty()) {
        missing = fmt::format("no {} of {}{}{}", watch.column, watch.key,
                              observed.ending.empty() ? "" : ": ended by ", observed.ending);
      }
      continue;
    }
    if (*value > watch.threshold) judgement.worse.push_back(watch.key);
    const double share = watch.threshold > 0 ? *value / watch.threshold : *value;
    if (share > largest_share) {
      largest = &watch;
      largest_share = share;
      largest_value = *value;
    }
  }
  judgement.worse.erase(std::unique(judgement.worse.begin(), judgement.worse.end()),
                        judgement.worse.end());
  if (largest) judgement.numbers = shown(*largest, largest_value);
  if (watches.size() > 1) {
    judgement.numbers += fmt::format("{}{} rows worse", judgement.numbers.empty() ? "" : "; ",
                                     judgement.worse.size());
  }
  if (!judgement.worse.empty()) {
    judgement.verdict = Verdict::kBad;
  } else if (missing.empty()) {
    judgement.verdict = Verdict::kGood;
  } else {
    judgement.numbers = missing;
  }
  return judgement;
}

}  // namespace assay::bisect
