#include "reports/writer.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "kernels/device/error.h"
#include "reports/identity.h"
#include "reports/reader.h"

namespace assay::reports {
namespace {

// Spaces at the ends are quoted too: RFC 4180 keeps them, many readers do not.
bool needs_quotes(std::string_view cell) {
  return !cell.empty() &&
         (cell.find_first_of(",\"\r\n") != cell.npos || cell.front() == ' ' || cell.back() == ' ');
}

std::string in_quotes(std::string_view cell) {
  std::string out = "\"";
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

// What is kept of a file that is resumed: whole_bytes, and the rows in them.
Report read_resumable(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if ((header_line() + "\n").starts_with(text)) return {};  // killed before the header was whole
  Report report = parse_report(text, path.string());
  for (const Diagnostic& diagnostic : report.diagnostics)
    if (diagnostic.severity == Severity::kError && !diagnostic.cut)
      throw InputError(
          fmt::format("{}; a damaged report is not resumed: mend it, or write to another file",
                      to_string(diagnostic)));
  if (!report.in_schema_order)
    throw InputError(fmt::format(
        "{}:1:1: the columns are not in the order of this schema; write to another file",
        path.string()));
  return report;
}

}  // namespace

std::string format_row(const Row& row) {
  std::string line;
  for (std::size_t i = 0; i < columns().size(); ++i) {
    if (i > 0) line += ',';
    const std::string cell = row.cell(i);
    line += needs_quotes(cell) ? in_quotes(cell) : cell;
  }
  return line;
}

CsvWriter::CsvWriter(std::filesystem::path path, OnExisting on_existing)
    : file_(std::move(path), on_existing) {
  if (file_.size_bytes() > 0) resume();
  if (file_.size_bytes() == 0) file_.append_line(header_line());
}

void CsvWriter::resume() {
  const Report report = read_resumable(file_.path());
  file_.truncate(report.whole_bytes);
  for (const Row& row : report.rows) row_ids_.insert(row.text("row_id"));
}

Row CsvWriter::write(Row row) {
  row.set("schema_version", SCHEMA_VERSION);
  if (!row.has("row_id")) row.set("row_id", make_row_id(row));
  if (!row.has("utc")) row.set("utc", utc_now());
  if (const std::string problem = row.problem(); !problem.empty())
    throw Error(fmt::format("{}: row of case '{}', version '{}': {}", file_.path().string(),
                            row.text("case_id"), row.text("version"), problem));
  if (has(row.text("row_id")))
    throw Error(fmt::format(
        "{}: row_id {} (case '{}', version '{}') is in the file already; two cases share all of "
        "their key columns: give them different case_ids",
        file_.path().string(), row.text("row_id"), row.text("case_id"), row.text("version")));
  file_.append_line(format_row(row));
  row_ids_.insert(row.text("row_id"));
  return row;
}

std::vector<Row> resumable_rows(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return {};
  return read_resumable(path).rows;
}

std::filesystem::path samples_path(const std::filesystem::path& csv_path) {
  std::filesystem::path path = csv_path;
  if (path.extension() == ".csv") path.replace_extension();
  return path += ".samples.jsonl";
}

std::string format_samples(std::string_view run_id, std::string_view row_id,
                           std::span<const double> samples_us) {
  for (std::size_t i = 0; i < samples_us.size(); ++i)
    if (!std::isfinite(samples_us[i]))
      throw Error(
          fmt::format("sample {} of row {} is {}; times are finite", i, row_id, samples_us[i]));
  nlohmann::ordered_json line;
  line["run_id"] = run_id;
  line["row_id"] = row_id;
  line["samples_us"] = samples_us;
  return line.dump();
}

SampleWriter::SampleWriter(std::filesystem::path path, OnExisting on_existing)
    : file_(std::move(path), on_existing) {
  if (file_.size_bytes() == 0) return;
  const std::string text = read_file(file_.path());
  if (!text.empty() && text.back() != '\n') file_.truncate(text.rfind('\n') + 1);  // npos + 1 is 0
}

void SampleWriter::write(std::string_view run_id, std::string_view row_id,
                         std::span<const double> samples_us) {
  file_.append_line(format_samples(run_id, row_id, samples_us));
}

}  // namespace assay::reports
