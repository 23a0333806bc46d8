// Writing a report while it is measured: the CSV, and the JSONL of raw samples beside it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "reports/append_file.h"
#include "reports/row.h"

namespace assay::reports {

/// The row as a line of CSV, RFC 4180 quoting, without a line end.
std::string format_row(const Row& row);

/// Writes a report row by row; each row is with the kernel when write() returns, so a killed run
/// leaves a readable file. Lines end in LF. All failures to write are InputError with the path and
/// the system's reason.
class CsvWriter {
 public:
  /// Writes the header. With kResume, a file that is there is read first: its header must be this
  /// schema's and every row whole, but for a last one cut short, which is dropped; else InputError.
  explicit CsvWriter(std::filesystem::path path, OnExisting on_existing = OnExisting::kRefuse);

  /// Fills in schema_version, and row_id and utc where empty, and appends the row. Returns it as
  /// written. Throws assay::Error if a required column is empty, PASS stands beside a NaN error, or
  /// the run has written this row_id before.
  Row write(Row row);

  /// True if the file has a row of this row_id, from this run or from the one it resumes.
  bool has(std::string_view row_id) const { return row_ids_.contains(std::string(row_id)); }

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void resume();

  AppendFile file_;
  std::unordered_set<std::string> row_ids_;
};

/// The rows that a CsvWriter finds which resumes this file, in file order. The file stays as it is;
/// where there is none, or not yet a whole header, there are none. Throws what that would throw.
std::vector<Row> resumable_rows(const std::filesystem::path& path);

/// The samples file that belongs to a report: bench.csv -> bench.samples.jsonl, and of any other
/// name name.samples.jsonl, as run.1 and run.2 are two reports.
std::filesystem::path samples_path(const std::filesystem::path& csv_path);

/// One line of a samples file, without its end: {"run_id":..,"row_id":..,"samples_us":[..]}. Error
/// where a sample is not finite.
std::string format_samples(std::string_view run_id, std::string_view row_id,
                           std::span<const double> samples_us);

/// Writes raw samples, one JSON object a line: {"run_id":..,"row_id":..,"samples_us":[..]}. Write a
/// row's samples before the row itself: then every row in the CSV has its samples, and a run killed
/// in between leaves samples without a row, which a resumed run writes again; the last line of a
/// row_id counts.
class SampleWriter {
 public:
  /// With kResume, a last line cut short is dropped.
  explicit SampleWriter(std::filesystem::path path, OnExisting on_existing = OnExisting::kRefuse);

  /// Samples in microseconds, in the order they were taken. Throws assay::Error if one is not
  /// finite.
  void write(std::string_view run_id, std::string_view row_id, std::span<const double> samples_us);

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  AppendFile file_;
};

}  // namespace assay::reports
