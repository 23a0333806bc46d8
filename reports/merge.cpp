#include "reports/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/outputs.h"
#include "reports/pending_file.h"
#include "reports/reader.h"
#include "reports/text.h"
#include "reports/writer.h"

namespace assay::reports {
namespace {

namespace fs = std::filesystem;

// run_id and row_id: what makes a row one of a kind.
using Key = std::pair<std::string, std::string>;

constexpr std::size_t MOST_SHOWN = 20;

Key key_of(const Row& row) { return {row.text("run_id"), row.text("row_id")}; }

void check_names(std::span<const std::string> inputs, const std::string& output, bool overwrite) {
  check_outputs({{inputs.begin(), inputs.end()}, {output, samples_path(output)}, {}});
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (is_same_file(inputs[i], inputs[j]))
        throw InputError(fmt::format("{}: is given twice", inputs[i]));
  if (overwrite) return;
  for (const fs::path& path : {fs::path(output), samples_path(output)})
    if (fs::exists(path))
      throw InputError(
          fmt::format("{}: exists already; pass --overwrite, or name another file", path.string()));
}

std::string machine_of(const Row& row) {
  return row.has("gpu_name") ? row.text("device") + ", " + row.text("gpu_name")
                             : row.text("device");
}

void check_machines(const std::vector<Report>& reports) {
  std::map<std::string, std::string> first_file;
  for (const Report& report : reports)
    for (const Row& row : report.rows) first_file.try_emplace(machine_of(row), report.file);
  if (first_file.size() < 2) return;
  std::string found;
  for (const auto& [machine, file] : first_file)
    found += fmt::format("\n  {} (first in {})", printable(machine), file);
  throw InputError(fmt::format(
      "the rows are of {} machines:{}\ntheir times are not comparable; pass --mixed-machines to "
      "merge them all the same",
      first_file.size(), found));
}

// Where a kept row is, and the row itself, to compare a second one with.
struct Kept {
  const Report* report;
  std::size_t index;
};

std::string differing_column(const Row& a, const Row& b) {
  for (std::size_t i = 0; i < columns().size(); ++i)
    if (a.cell(i) != b.cell(i)) return std::string(columns()[i].name);
  return "";
}

// The first row of each key. Nothing if two rows of one key differ; all such pairs are told.
std::optional<std::vector<const Row*>> unite(const std::vector<Report>& reports,
                                             std::ostream& err) {
  std::map<Key, Kept> kept;
  std::vector<const Row*> rows;
  std::size_t told = 0;
  std::size_t differing = 0;
  for (const Report& report : reports)
    for (std::size_t i = 0; i < report.rows.size(); ++i) {
      const Row& row = report.rows[i];
      const auto [first, is_new] = kept.try_emplace(key_of(row), Kept{&report, i});
      if (is_new) {
        rows.push_back(&row);
        continue;
      }
      const Kept& other = first->second;
      const std::string column = differing_column(row, other.report->rows[other.index]);
      differing += !column.empty();
      if (++told > MOST_SHOWN) continue;
      err << to_string(Diagnostic{
                 report.file, report.lines[i], 1,
                 fmt::format(
                     "row_id {} of run {} is in {}:{} too, {}", printable(row.text("row_id")),
                     printable(row.text("run_id")), other.report->file,
                     other.report->lines[other.index],
                     column.empty() ? "with the same cells; kept once" : "with another " + column),
                 column.empty() ? Severity::kWarning : Severity::kError})
          << "\n";
    }
  if (told > MOST_SHOWN) err << fmt::format("and {} more such rows\n", told - MOST_SHOWN);
  if (differing > 0) {
    err << "nothing was written: rows of one run and one row_id differ\n";
    return std::nullopt;
  }
  return rows;
}

// The last line of each key in a samples file, as it stands there; a last line cut short is
// dropped, as its row is (see SampleWriter). A file that is not there has none.
void collect_samples(const fs::path& path, std::map<Key, std::string>& samples) {
  if (!fs::exists(path)) return;
  const std::string text = read_file(path);
  std::map<Key, std::string> found;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == text.npos) break;
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    const auto is_text = [&](const char* name) {
      return parsed.contains(name) && parsed[name].is_string();
    };
    if (!parsed.is_object() || !is_text("run_id") || !is_text("row_id") ||
        !parsed.contains("samples_us") || !parsed["samples_us"].is_array())
      throw InputError(fmt::format(
          "{}:{}:1: error: no line of samples: an object with run_id, row_id and samples_us is "
          "needed",
          path.string(), number));
    found[{parsed["run_id"], parsed["row_id"]}] = line;
  }
  samples.merge(found);  // the first file that has a key counts, as for rows
}

}  // namespace

int merge_reports(std::span<const std::string> inputs, const std::string& output,
                  const MergeOptions& options, std::ostream& out, std::ostream& err) {
  check_names(inputs, output, options.overwrite);
  std::vector<Report> reports;
  bool bad = false;
  for (const std::string& input : inputs) {
    reports.push_back(read_report(input));
    const Report& report = reports.back();
    for (std::size_t i = 0; i < std::min(report.diagnostics.size(), MOST_SHOWN); ++i)
      err << to_string(report.diagnostics[i]) << "\n";
    if (report.diagnostics.size() > MOST_SHOWN)
      err << fmt::format("{}: and {} more\n", report.file, report.diagnostics.size() - MOST_SHOWN);
    bad = bad || report.has_errors();
  }
  if (bad && !options.drop_bad) {
    err << "nothing was written: mend the inputs, or pass --drop-bad to merge their good rows\n";
    return 2;
  }
  if (!options.mixed_machines) check_machines(reports);
  const auto rows = unite(reports, err);
  if (!rows) return 2;
  if (rows->empty()) {
    err << "nothing was written: the inputs have no rows\n";
    return 2;
  }

  std::map<Key, std::string> samples;
  for (const std::string& input : inputs) collect_samples(samples_path(input), samples);
  std::string csv = header_line() + "\n";
  std::string jsonl;
  std::size_t without = 0;
  for (const Row* row : *rows) {
    csv += format_row(*row) + "\n";
    const auto found = samples.find(key_of(*row));
    if (found != samples.end()) {
      jsonl += found->second + "\n";
    } else {
      without += row->integer("samples").value_or(0) > 0;
    }
  }
  if (without > 0)
    err << fmt::format("note: {} timed rows have no raw samples beside them\n", without);
  // Samples first: then every row that can be seen has them.
  PendingFile samples_file(samples_path(output), jsonl);
  PendingFile csv_file(output, csv);
  samples_file.commit();
  csv_file.commit();
  out << fmt::format("{}: {} rows of {} files\n", output, rows->size(), inputs.size());
  return bad ? 2 : 0;
}

}  // namespace assay::reports
