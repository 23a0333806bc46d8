// What one run of verify or sweep wrote, read so that reports of older schemas serve as well.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::bisect {

/// A row: what was run, and its cells by column name. Columns that the report has not are empty.
struct Observation {
  /// Case, version and the rest that tells rows apart, as text: the same in every schema, which
  /// row_id is not.
  std::string key;
  std::map<std::string, std::string, std::less<>> cells;
  std::vector<double> samples_us;  ///< In the order taken.

  std::string_view text(std::string_view column) const;
  /// None where the cell is empty or no number.
  std::optional<double> number(std::string_view column) const;
};

/// The columns that make a key, as text.
std::string key_columns();

/// Reads a report and, where they are there, the samples beside it. Unlike reports::read_report it
/// takes any schema_version and any set of columns that has case_id and status; a last line that
/// was cut short is dropped, here and there. InputError, with what is wrong, where the file is none
/// of that, or has a row or samples that cannot be read.
std::vector<Observation> read_observations(const std::filesystem::path& csv);

}  // namespace assay::bisect
