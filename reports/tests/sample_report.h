// Rows and files for the tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "reports/identity.h"
#include "reports/row.h"
#include "reports/writer.h"

namespace assay::reports::testing {

/// A row with all that a report asks for, and its row_id.
inline Row sample_row(std::string_view case_id = "rms_norm/4x4096",
                      std::string_view status = "PASS") {
  Row row;
  row.set("schema_version", SCHEMA_VERSION)
      .set("run_id", "20260131T150405Z-9f3a1c")
      .set("utc", "2026-01-31T15:04:05Z")
      .set("suite", "kernel")
      .set("case_id", case_id)
      .set("op", "rms_norm")
      .set("version", "v1_tree")
      .set("device", "emulated")
      .set("dtype", "fp16")
      .set("status", status);
  row.set("row_id", make_row_id(row));
  return row;
}

/// A file of good rows, as text.
inline std::string report_text(const std::vector<Row>& rows) {
  std::string text = header_line() + "\n";
  for (const Row& row : rows) text += format_row(row) + "\n";
  return text;
}

/// `row` as a line of CSV, with the cell of one column replaced by `cell` as it is, quotes
/// included.
inline std::string line_with(const Row& row, std::string_view column, std::string_view cell) {
  std::string line;
  for (std::size_t i = 0; i < columns().size(); ++i) {
    if (i > 0) line += ',';
    line += columns()[i].name == column ? std::string(cell) : row.cell(i);
  }
  return line;
}

/// Byte column, from 1, at which the cell of `column` begins in `line`, if no cell has a comma.
inline std::size_t place_of(std::string_view line, std::string_view column) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < column_index(column); ++i) at = line.find(',', at) + 1;
  return at + 1;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
}

/// A folder for one test, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay_reports_XXXXXX").string();
    if (!mkdtemp(name.data())) ADD_FAILURE() << "no temporary folder";
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// What `action` throws as an E, or a test failure and "".
template <typename E, typename Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

inline ::testing::AssertionResult contains(std::string_view text, std::string_view part) {
  if (text.find(part) != text.npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no '" << part << "' in:\n" << text;
}

}  // namespace assay::reports::testing
