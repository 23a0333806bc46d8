#include "ci/bisect/observation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/csv_scanner.h"
#include "reports/samples.h"
#include "reports/writer.h"

namespace assay::bisect {
namespace {

// Of the columns that are keys today, those that say what case_id does not. A column that an older
// report lacks counts as empty there; so a key may not have more than has been there from the
// start.
constexpr const char* KEY_COLUMNS[] = {"suite",      "case_id", "op",   "version",
                                       "kernel_set", "dtype",   "cache"};

}  // namespace

std::string_view Observation::text(std::string_view column) const {
  const auto found = cells.find(column);
  return found == cells.end() ? std::string_view() : found->second;
}

std::optional<double> Observation::number(std::string_view column) const {
  const std::string_view cell = text(column);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (cell.empty() || error != std::errc{} || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

std::string key_columns() { return fmt::format("{}", fmt::join(KEY_COLUMNS, ", ")); }

std::vector<Observation> read_observations(const std::filesystem::path& csv) {
  const std::string text = reports::read_file(csv);
  reports::CsvScanner scanner(text);
  std::vector<std::string> header;
  std::vector<Observation> rows;
  std::string damaged;
  using Event = reports::CsvScanner::Event;
  for (Event event; (event = scanner.next()) != Event::kEnd;) {
    if (event == Event::kCut) continue;
    if (!damaged.empty()) throw InputError(damaged);
    if (event != Event::kRow) {
      damaged = fmt::format("{}: a row after {} others is not quoted as CSV is", csv.string(),
                            rows.size());
      continue;
    }
    const auto& cells = scanner.cells();
    if (header.empty()) {
      for (const auto& cell : cells) header.push_back(cell.text);
      for (const char* needed : {"case_id", "status"}) {
        if (std::ranges::find(header, needed) == header.end())
          throw InputError(fmt::format("{}: has no column {}", csv.string(), needed));
      }
      continue;
    }
    if (cells.size() != header.size()) {
      damaged = fmt::format("{}: a row after {} others has {} cells, and the header {}",
                            csv.string(), rows.size(), cells.size(), header.size());
      continue;
    }
    Observation row;
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (!cells[i].text.empty()) row.cells[header[i]] = cells[i].text;
    for (const char* column : KEY_COLUMNS) {
      if (const std::string_view cell = row.text(column); !cell.empty())
        row.key += fmt::format("{}{}", row.key.empty() ? "" : " ", cell);
    }
    rows.push_back(std::move(row));
  }
  // Of a program that was killed, the last line may be cut.
  if (!damaged.empty() && text.ends_with('\n')) throw InputError(damaged);
  if (header.empty()) throw InputError(fmt::format("{}: is no report", csv.string()));
  if (const auto beside = reports::samples_path(csv); std::filesystem::exists(beside)) {
    const reports::Samples samples = reports::read_samples(beside);
    const auto bad = std::ranges::find(samples.diagnostics, false, &reports::Diagnostic::cut);
    if (bad != samples.diagnostics.end()) throw InputError(to_string(*bad));
    for (Observation& row : rows) {
      if (const auto* found = samples.find(row.text("run_id"), row.text("row_id")))
        row.samples_us = *found;
    }
  }
  return rows;
}

}  // namespace assay::bisect
