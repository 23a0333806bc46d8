// A comparison for people, and for programs.
#pragma once

#include <cstddef>
#include <string>

#include "reports/compare.h"

namespace assay::reports {

struct PrintOptions {
  bool markdown = false;
  bool only_changes = false;  ///< Without rows that are SAME or UNTIMED.
  std::size_t width = 180;    ///< Terminal cells a line of a table may take.
};

/// "185 rows: 2 SLOWER, 183 SAME": the verdicts that are there, most important first.
std::string describe_counts(const Comparison& comparison);

/// Where both ran, a table with the most important rows first, the regressions with the commands
/// that replay them, notes, and the line of counts last.
std::string describe_comparison(const Comparison& comparison, const Side& base, const Side& current,
                                const CompareSettings& settings, const PrintOptions& options);

/// One row of CSV per compared row: identity, verdicts, medians, change with its interval, p, q.
std::string comparison_csv(const Comparison& comparison);

/// The same as one JSON document, with settings, counts and notes.
std::string comparison_json(const Comparison& comparison, const Side& base, const Side& current,
                            const CompareSettings& settings);

/// All findings of a row as one text: "spill_bytes 0 -> 64; two modes …".
std::string details_of(const RowComparison& row);

/// "base: a.csv, run …, commit …, cuda NVIDIA H200".
std::string describe_side(std::string_view label, const Side& side);

}  // namespace assay::reports
