// What `report show` prints.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/reader.h"

namespace assay::reports {

struct ShowOptions {
  bool failed = false;                ///< Failures only, no tables.
  bool markdown = false;              ///< Markdown in place of aligned text.
  std::vector<std::string> ops = {};  ///< Only rows of these ops; empty: all rows.
  std::size_t width = 120;  ///< Terminal cells a line of text may take; commands are never cut.
};

/// True of every status but PASS and SKIP.
bool is_bad_status(std::string_view status);

/// Bytes in the sectors of global memory that were counted; none where nothing was.
std::optional<double> counted_bytes(const Row& row);

/// The summary of one report, a part per run_id in it: where it ran, counts by status, the failures
/// with the commands that replay them, a table per op, layers, generation. A run of the emulated
/// device says that its times are not performance.
std::string summarize_report(const Report& report, const ShowOptions& options);

/// The first 20 problems of a report, a line each. Returns whether one is an error.
bool print_diagnostics(const Report& report, std::ostream& err);

/// `report show`: summaries to `out`, diagnostics to `err`. Returns the exit code: 0 if every row
/// shown is PASS or SKIP; 1 if one is not; 2 if a file had errors, no rows, or could not be read,
/// or no row is of an op asked for. The good rows are shown in any case.
int show_reports(std::span<const std::string> files, const ShowOptions& options, std::ostream& out,
                 std::ostream& err);

}  // namespace assay::reports
