#include "reports/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <utility>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using nlohmann::json;

constexpr std::string_view PATTERN_COLUMNS[] = {"suite",      "op",    "case_id", "version",
                                                "kernel_set", "dtype", "phase"};

// Knows its own place in the document, as allow[2].expires, which every message begins with.
class Value {
 public:
  Value(const json& value, std::string place) : value_(value), place_(std::move(place)) {}

  [[noreturn]] void refuse(std::string_view what) const {
    throw InputError(fmt::format("{}: {}", place_, what));
  }

  void allow_keys(std::initializer_list<std::string_view> keys) const {
    if (!value_.is_object()) refuse("an object is wanted");
    for (const auto& [key, ignored] : value_.items())
      if (std::ranges::find(keys, key) == keys.end())
        refuse(fmt::format("unknown key '{}'; keys are {}", printable(key), fmt::join(keys, ", ")));
  }

  bool has(const std::string& key) const { return value_.contains(key); }

  Value at(const std::string& key) const {
    if (!has(key)) refuse(fmt::format("'{}' is missing", key));
    return {value_[key], place_ + " " + key};
  }

  std::vector<Value> list() const {
    if (!value_.is_array()) refuse("a list is wanted");
    std::vector<Value> values;
    for (std::size_t i = 0; i < value_.size(); ++i)
      values.emplace_back(value_[i], fmt::format("{}[{}]", place_, i));
    return values;
  }

  std::string text() const {
    if (!value_.is_string()) refuse("a text is wanted");
    return value_.get<std::string>();
  }

  double number(double low, double high) const {
    if (!value_.is_number()) refuse("a number is wanted");
    const double number = value_.get<double>();
    if (!(number >= low && number <= high))
      refuse(fmt::format("{} is not from {} to {}", number, low, high));
    return number;
  }

  // "3%" or 0.03
  double share() const {
    if (value_.is_number()) return number(1e-6, 10);
    const std::string written = text();
    static const std::regex form("([0-9]+(\\.[0-9]+)?) ?%");
    std::smatch parts;
    if (!std::regex_match(written, parts, form))
      refuse(fmt::format("'{}' is no share, as \"3%\" or 0.03", printable(written)));
    const double share = std::stod(parts[1]) / 100;
    if (!(share >= 1e-6 && share <= 10)) refuse("a share above 0 and at most 1000% is wanted");
    return share;
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const Value& value : list()) all.push_back(value.text());
    return all;
  }

  std::vector<Verdict> verdicts() const {
    std::vector<Verdict> all;
    for (const Value& value : list()) {
      const auto verdict = find_verdict(value.text());
      if (!verdict)
        value.refuse(fmt::format("'{}' is no verdict that can fail; those are {}",
                                 printable(value.text()), fmt::join(verdict_names(), ", ")));
      all.push_back(*verdict);
    }
    return all;
  }

  // What rows a rule or an allowance is for.
  RowPattern pattern() const {
    RowPattern pattern;
    for (const std::string_view column : PATTERN_COLUMNS) {
      const std::string key(column);
      if (!has(key)) continue;
      const Value value = at(key);
      pattern.columns.emplace_back(key, matcher(value.text(), value.place_));
    }
    return pattern;
  }

 private:
  static std::vector<std::string_view> verdict_names() {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < VERDICTS; ++i) names.push_back(name_of(static_cast<Verdict>(i)));
    return names;
  }

  const json& value_;
  std::string place_;
};

bool is_date(const std::string& text) {
  static const std::regex form("([0-9]{4})-([0-9]{2})-([0-9]{2})");
  std::smatch parts;
  if (!std::regex_match(text, parts, form)) return false;
  const std::chrono::year_month_day date{
      std::chrono::year(std::stoi(parts[1])),
      std::chrono::month(static_cast<unsigned>(std::stoi(parts[2]))),
      std::chrono::day(static_cast<unsigned>(std::stoi(parts[3])))};
  return date.ok();
}

PolicyRule rule_from(const Value& value) {
  value.allow_keys(
      {"suite", "op", "case_id", "version", "kernel_set", "dtype", "phase", "least", "fail"});
  PolicyRule rule;
  rule.rows = value.pattern();
  if (value.has("least")) rule.least = value.at("least").share();
  if (value.has("fail")) rule.fail = value.at("fail").verdicts();
  if (!rule.least && !rule.fail) value.refuse("says nothing: 'least' or 'fail' is wanted");
  return rule;
}

Allowance allowance_from(const Value& value) {
  value.allow_keys({"suite", "op", "case_id", "version", "kernel_set", "dtype", "phase", "verdicts",
                    "up_to", "reason", "expires"});
  Allowance allowance;
  allowance.rows = value.pattern();
  if (allowance.rows.columns.empty()) value.refuse("names no rows; say at least op or case_id");
  allowance.verdicts = value.at("verdicts").verdicts();
  allowance.reason = value.at("reason").text();
  if (allowance.reason.empty()) value.at("reason").refuse("is empty; say why this may pass");
  allowance.expires = value.at("expires").text();
  if (!is_date(allowance.expires))
    value.at("expires").refuse(
        fmt::format("'{}' is no date, as 2026-12-31", printable(allowance.expires)));
  if (value.has("up_to")) allowance.up_to = value.at("up_to").share();
  return allowance;
}

bool leaves_unjudged(const RowComparison& row, const Finding& finding) {
  return row.base && row.base->has("t_median_us") &&
         (finding.verdict == Verdict::kUnclear || finding.verdict == Verdict::kMissing ||
          finding.verdict == Verdict::kBroken);
}

}  // namespace

bool RowPattern::fits(const Row& row) const {
  return std::ranges::all_of(
      columns, [&](const auto& column) { return column.second(row.text(column.first)); });
}

double Policy::least_of(const Row& row) const {
  for (const PolicyRule& rule : rules)
    if (rule.least && rule.rows.fits(row)) return *rule.least;
  return judge.least;
}

const std::vector<Verdict>& Policy::fail_of(const Row& row) const {
  for (const PolicyRule& rule : rules)
    if (rule.fail && rule.rows.fits(row)) return *rule.fail;
  return fail;
}

CompareSettings Policy::settings() const {
  CompareSettings settings;
  settings.judge = judge;
  settings.error_factor = error_factor;
  settings.across = across;
  settings.least_of = [this](const Row& row) { return least_of(row); };
  return settings;
}

Policy default_policy() {
  Policy policy;
  policy.fail = {Verdict::kBroken,      Verdict::kWorseError, Verdict::kSlower,
                 Verdict::kChangedWork, Verdict::kMissing,    Verdict::kIncomparable};
  return policy;
}

// Refuses keys that an object has twice: the parser would keep the last and drop the others.
class KeysOnce {
 public:
  explicit KeysOnce(const std::string& file) : file_(file) {}

  bool operator()(int, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) open_.emplace_back();
    if (event == json::parse_event_t::object_end) open_.pop_back();
    if (event == json::parse_event_t::key && !open_.back().insert(parsed.get<std::string>()).second)
      throw InputError(fmt::format("{}: the key '{}' is there twice in one object; keep one", file_,
                                   printable(parsed.get<std::string>())));
    return true;
  }

 private:
  const std::string& file_;
  std::vector<std::set<std::string>> open_;  // the keys of the objects around the present place
};

Policy parse_policy(std::string_view text, const std::string& file) {
  json document;
  try {
    document = json::parse(text, KeysOnce(file), true, true);  // with comments
  } catch (const json::out_of_range& error) {
    const std::string what = error.what();
    throw InputError(fmt::format("{}: {}: a number is too large to be read; write a smaller one",
                                 file, what.substr(std::min(what.find("] ") + 2, what.size()))));
  } catch (const json::parse_error& error) {
    const std::string_view before = text.substr(0, std::min(error.byte, text.size()));
    const auto line = std::ranges::count(before, '\n') + 1;
    const std::size_t begin = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    throw InputError(fmt::format("{}:{}:{}: error: no JSON from here on", file, line,
                                 std::max<std::size_t>(before.size() - begin, 1)));
  }
  const Value root(document, file + ":");
  root.allow_keys(
      {"policy_version", "least", "alpha", "error_factor", "across", "fail", "rules", "allow"});
  if (root.at("policy_version").number(0, 1e9) != 1)
    root.at("policy_version").refuse("this program reads version 1");
  Policy policy = default_policy();
  if (root.has("least")) policy.judge.least = root.at("least").share();
  if (root.has("alpha")) policy.judge.alpha = root.at("alpha").number(1e-6, 0.2);
  if (root.has("error_factor")) policy.error_factor = root.at("error_factor").number(1, 1e9);
  if (root.has("across")) policy.across = root.at("across").texts();
  if (root.has("fail")) policy.fail = root.at("fail").verdicts();
  if (root.has("rules"))
    for (const Value& rule : root.at("rules").list()) policy.rules.push_back(rule_from(rule));
  if (root.has("allow"))
    for (const Value& allowance : root.at("allow").list()) {
      policy.allow.push_back(allowance_from(allowance));
      policy.allow.back().line = policy.allow.size();
    }
  return policy;
}

Policy read_policy(const std::filesystem::path& path) {
  return parse_policy(read_file(path), path.string());
}

GateResult apply_policy(const Policy& policy, const Comparison& comparison,
                        std::string_view today) {
  GateResult result;
  std::vector<std::size_t> used(policy.allow.size());
  std::vector<std::size_t> beyond(policy.allow.size());  // fitted but for up_to
  const auto covers = [&](const Allowance& allowance, const RowComparison& row,
                          const Finding& finding) {
    return std::ranges::find(allowance.verdicts, finding.verdict) != allowance.verdicts.end() &&
           allowance.rows.fits(row.row());
  };
  const auto is_beyond = [](const Allowance& allowance, const RowComparison& row,
                            const Finding& finding) {
    return finding.verdict == Verdict::kSlower && allowance.up_to && row.time &&
           row.time->change() > *allowance.up_to;
  };
  for (const RowComparison& row : comparison.rows) {
    const std::vector<Verdict>& fail = policy.fail_of(row.row());
    for (const Finding& finding : row.findings) {
      const bool fails = std::ranges::find(fail, finding.verdict) != fail.end();
      const bool unjudged = leaves_unjudged(row, finding);
      if (!fails && !unjudged) continue;
      bool allowed = false;
      for (std::size_t i = 0; i < policy.allow.size(); ++i) {
        if (!covers(policy.allow[i], row, finding)) continue;
        if (is_beyond(policy.allow[i], row, finding)) {
          ++beyond[i];
          continue;
        }
        ++used[i];
        allowed = allowed || policy.allow[i].expires >= today;
      }
      if (!allowed) (fails ? result.failures : result.unjudged).push_back({&row, &finding});
    }
  }
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    if (std::ranges::none_of(comparison.rows, [&](const RowComparison& row) {
          return policy.rules[i].rows.fits(row.row());
        }))
      result.notes.push_back(fmt::format("rule {} fits no row: mend or remove it", i + 1));
  for (std::size_t i = 0; i < policy.allow.size(); ++i) {
    const Allowance& allowance = policy.allow[i];
    const std::string name = fmt::format("allowance {} ({})", allowance.line, allowance.reason);
    if (allowance.expires < today) {
      result.notes.push_back(
          fmt::format("{} expired on {}{}", name, allowance.expires,
                      used[i] + beyond[i] > 0 ? "" : " and fits nothing: remove it"));
      continue;
    }
    if (beyond[i] > 0)
      result.notes.push_back(fmt::format("{} fits {} findings that are beyond its up_to of {}",
                                         name, beyond[i], percent(*allowance.up_to).substr(1)));
    if (used[i] + beyond[i] == 0) {
      result.notes.push_back(name + " fits nothing: remove it");
    } else if (used[i] > 0) {
      result.notes.push_back(
          fmt::format("{} used {} times, until {}", name, used[i], allowance.expires));
    }
  }
  return result;
}

}  // namespace assay::reports
