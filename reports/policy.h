// What `report gate` lets pass: which verdicts fail, for which rows, and which are allowed for now.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/compare.h"

namespace assay::reports {

/// Which rows a rule is for: regular expressions, each found somewhere in the row's cell. An absent
/// one fits every row.
struct RowPattern {
  std::vector<std::pair<std::string, std::function<bool(const std::string&)>>> columns;

  bool fits(const Row& row) const;
};

struct PolicyRule {
  RowPattern rows;
  std::optional<double> least;
  std::optional<std::vector<Verdict>> fail;
};

struct Allowance {
  RowPattern rows;
  std::vector<Verdict> verdicts;
  std::optional<double> up_to;  ///< Of a SLOWER one: the largest change allowed, as a share.
  std::string reason;
  std::string expires;   ///< The last day that it holds, as 2026-12-31, UTC.
  std::size_t line = 0;  ///< Its place among its kind, from 1, for messages.
};

struct Policy {
  JudgeSettings judge;
  double error_factor = 1.5;
  std::vector<std::string> across;
  std::vector<Verdict> fail;
  std::vector<PolicyRule> rules;  ///< The first that fits a row and says something counts.
  std::vector<Allowance> allow;

  double least_of(const Row& row) const;
  const std::vector<Verdict>& fail_of(const Row& row) const;
  CompareSettings settings() const;
};

/// The policy where there is no file: BROKEN, WORSE-ERROR, SLOWER, CHANGED-WORK, MISSING and
/// INCOMPARABLE fail.
Policy default_policy();

/// Reads a policy (README.md has its form). Throws InputError with the place in the file of what is
/// no JSON, of another type, no known key or verdict, no regular expression, or no date.
Policy parse_policy(std::string_view text, const std::string& file);
Policy read_policy(const std::filesystem::path& path);

struct GateFailure {
  const RowComparison* row;
  const Finding* finding;
};

struct GateResult {
  std::vector<GateFailure> failures;
  /// What passes but leaves a time of the baseline unjudged: UNCLEAR, MISSING or BROKEN rows that
  /// no allowance names. In place of the baseline's they would let a slowdown through.
  std::vector<GateFailure> unjudged;
  std::vector<std::string> notes;  ///< Allowances used or expired; rules and they fitting nothing.
};

/// Every finding of every row against the policy. `today` as 2026-01-31.
GateResult apply_policy(const Policy& policy, const Comparison& comparison, std::string_view today);

}  // namespace assay::reports
