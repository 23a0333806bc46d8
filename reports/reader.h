// Reading reports: every problem is a diagnostic with its place, and the good rows stay usable.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "reports/row.h"

namespace assay::reports {

enum class Severity { kWarning, kError };

struct Diagnostic {
  std::string file;
  std::size_t line = 0;    ///< From 1; lines end in LF, also inside quoted cells.
  std::size_t column = 0;  ///< From 1, in bytes of that line.
  std::string what;        ///< Names the CSV column where there is one.
  Severity severity = Severity::kError;
  bool cut = false;  ///< The file ends in the middle of a row: its run was killed.
};

/// "bench.csv:3:17: error: t_median_us: 'abc' is no real number"
std::string to_string(const Diagnostic& diagnostic);

struct Report {
  std::string file;
  std::vector<Row> rows;           ///< The good ones, in file order.
  std::vector<std::size_t> lines;  ///< Where each of them begins.
  std::vector<Diagnostic> diagnostics;
  bool in_schema_order = false;  ///< The header is header_line(), column for column.
  std::size_t whole_bytes = 0;   ///< Up to the end of the last row that has its line end.

  bool has_errors() const;
};

/// Reads a report. A row is dropped, with an error, if it has a cell that does not fit its column,
/// a required column empty, too few or too many cells, wrong quoting, another schema_version, the
/// run_id and row_id of a row before it, a row_id that is not the hash of its key columns, values
/// that Row::problem() refuses, or no line end (a cut last line).
/// Unknown and missing columns are errors too, but the rows' other columns are good. A UTF-8 byte
/// order mark and CRLF are accepted.
///
/// Throws InputError with what was found where nothing is usable: no such file, an empty one, no
/// header, a header without a required column, or no good row among bad ones. A header with no rows
/// below it is a report with no rows.
Report read_report(const std::filesystem::path& path);

/// The same from memory; `file` is the name for diagnostics.
Report parse_report(std::string_view text, const std::string& file);

}  // namespace assay::reports
