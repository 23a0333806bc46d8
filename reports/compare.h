// Two reports, row by row: what got faster, slower, wrong, or different in its work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/judge.h"
#include "reports/reader.h"
#include "reports/samples.h"

namespace assay::reports {

/// Most important first: the order of tables, and of a row's findings.
enum class Verdict : std::uint8_t {
  kBroken,      ///< PASS before, another status now; or a bad status now, and none before.
  kWorseError,  ///< Accuracy drifted.
  kSlower,
  kChangedWork,   ///< More counted or compiled work than before: these have no noise.
  kMissing,       ///< A row of the base only.
  kIncomparable,  ///< The machine or the build differs, or was throttled: times were not compared.
  kUnclear,       ///< Samples that do not tell, or another status, neither won nor lost.
  kFaster,
  kLessWork,  ///< Less counted or compiled work, and nowhere more.
  kFixed,     ///< Another status before, PASS now.
  kNew,       ///< A row of the new report only.
  kSame,
  kUntimed,  ///< Neither report has a time, and nothing else differs.
};
inline constexpr std::size_t VERDICTS = 13;

std::string_view name_of(Verdict verdict);
/// Of its name, as SLOWER; none if there is no such verdict.
std::optional<Verdict> find_verdict(std::string_view name);

/// Whether the row's status is FAIL, ERROR, TIMEOUT or MISTRUSTED.
bool has_bad_status(const Row& row);

/// BROKEN, WORSE-ERROR, SLOWER and CHANGED-WORK.
bool is_regression(Verdict verdict);

struct Finding {
  Verdict verdict;
  std::string detail;  ///< "spill_bytes 0 -> 64"; may be empty.
};

struct RowComparison {
  const Row* base = nullptr;           ///< nullptr: not in the base.
  const Row* current = nullptr;        ///< nullptr: not in the new report.
  std::vector<Finding> findings;       ///< Most important first, never empty.
  std::optional<TimeComparison> time;  ///< Where both have samples and are comparable.

  const Row& row() const { return current ? *current : *base; }
  Verdict verdict() const { return findings.front().verdict; }
  const Finding* find(Verdict verdict) const;
};

/// A report with its samples, fit to be compared.
struct Side {
  Report report;  ///< With all diagnostics, those of the samples among them.
  Samples samples;
};

/// Reads a report and the samples beside it. Beyond what both readers refuse, it is an error if
/// there are no rows; rows of more than one device or GPU; a row_id of two runs (the first counts);
/// samples that do not fit the rows. Throws InputError where nothing is usable.
Side read_side(const std::filesystem::path& path);

/// Rows of one report that are held against rows with another value of a key column: one version
/// against another, one kernel set against another. "version=v1_two_pass:v2_registers"
struct Pairing {
  std::string column;
  std::string base;
  std::string current;
};

/// InputError unless the text has that form and names a key column.
Pairing parse_pairing(const std::string& text);

struct CompareSettings {
  JudgeSettings judge;
  /// Errors may grow by this factor before the row is WORSE-ERROR.
  double error_factor = 1.5;
  std::string filter;               ///< Only rows whose row_name has a match; empty: all.
  std::vector<std::string> across;  ///< Columns that may differ, `throttle` among them.
  std::optional<Pairing> pair;      ///< Only these rows; their work, other code's, is not compared.
  /// The least effect of one row; none: judge.least.
  std::function<double(const Row&)> least_of;
};

struct Comparison {
  std::vector<RowComparison> rows;             ///< Most important first; then the largest effect.
  std::array<std::size_t, VERDICTS> counts{};  ///< By the most important verdict of each row.
  std::vector<std::string> notes;              ///< Of both reports as a whole.

  std::size_t count(Verdict verdict) const { return counts[static_cast<std::size_t>(verdict)]; }
  bool has_regression() const;
};

/// Name that filters and policies match: case_id, version or kernel_set, dtype, with spaces.
std::string row_name(const Row& row);

/// Rows are matched by row_id, or by what it is made of without the column of `pair`. Throws
/// InputError where the reports are of different devices, the filter is no regular expression or
/// matches nothing, no row has a value of `pair`, no row of one is in the other, or `across` has a
/// column that is not one of those that make rows incomparable. The result points into both sides.
Comparison compare(const Side& base, const Side& current, const CompareSettings& settings);

/// Columns that make times incomparable where they differ.
std::vector<std::string_view> incomparable_columns();

/// Compiles a regular expression (ECMAScript); InputError with what is wrong, named `what`.
std::function<bool(const std::string&)> matcher(const std::string& expression,
                                                std::string_view what);

}  // namespace assay::reports
