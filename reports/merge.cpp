#include "reports/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/outputs.h"
#include "reports/pending_file.h"
#include "reports/reader.h"
#include "reports/samples.h"
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

// An input and the raw samples beside it; `lines` are those of the samples file, as they stand
// there.
struct Input {
  Report report;
  Samples samples;
  std::vector<std::string> lines;
};

// Rows and samples that do not fit are errors of the report, and such rows are none of its good
// ones. A row that has no samples at all is no error: reports travel without them. Nor is a last
// line of samples that was cut, as its row is (see SampleWriter).
Input read_input(const std::string& path) {
  Input input{read_report(path), {}, {}};
  const fs::path beside = samples_path(path);
  if (!fs::exists(beside)) return input;
  const std::string text = read_file(beside);
  input.samples = parse_samples(text, beside.string());
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) input.lines.push_back(line);

  Report& report = input.report;
  for (const Diagnostic& diagnostic : input.samples.diagnostics)
    if (!diagnostic.cut) report.diagnostics.push_back(diagnostic);
  for (std::size_t i = report.rows.size(); i-- > 0;) {
    const auto unfit = check_samples_of(report, i, input.samples);
    if (!unfit) continue;
    report.diagnostics.push_back(*unfit);
    report.rows.erase(report.rows.begin() + static_cast<std::ptrdiff_t>(i));
    report.lines.erase(report.lines.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return input;
}

std::string machine_of(const Row& row) {
  return row.has("gpu_name") ? row.text("device") + ", " + row.text("gpu_name")
                             : row.text("device");
}

void check_machines(std::span<const Input> inputs) {
  std::map<std::string, std::string> first_file;
  for (const Input& input : inputs)
    for (const Row& row : input.report.rows)
      first_file.try_emplace(machine_of(row), input.report.file);
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
std::optional<std::vector<const Row*>> unite(std::span<const Input> inputs, std::ostream& err) {
  std::map<Key, Kept> kept;
  std::vector<const Row*> rows;
  std::size_t told = 0;
  std::size_t differing = 0;
  for (const Input& input : inputs)
    for (std::size_t i = 0; i < input.report.rows.size(); ++i) {
      const Report& report = input.report;
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

// The line of the first input that has samples which fit the row.
const std::string* find_samples(std::span<const Input> inputs, const Row& row) {
  for (const Input& input : inputs) {
    const Samples::Entry* entry = input.samples.find_entry(row.text("run_id"), row.text("row_id"));
    if (entry && misfit(row, entry->samples_us, input.samples.file).empty())
      return &input.lines[entry->line - 1];
  }
  return nullptr;
}

}  // namespace

int merge_reports(std::span<const std::string> inputs, const std::string& output,
                  const MergeOptions& options, std::ostream& out, std::ostream& err) {
  check_names(inputs, output, options.overwrite);
  std::vector<Input> read;
  bool bad = false;
  for (const std::string& input : inputs) {
    read.push_back(read_input(input));
    const Report& report = read.back().report;
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
  if (!options.mixed_machines) check_machines(read);
  const auto rows = unite(read, err);
  if (!rows) return 2;
  if (rows->empty()) {
    err << "nothing was written: the inputs have no rows\n";
    return 2;
  }

  std::string csv = header_line() + "\n";
  std::string jsonl;
  std::size_t without = 0;
  for (const Row* row : *rows) {
    csv += format_row(*row) + "\n";
    if (const std::string* samples = find_samples(read, *row)) {
      jsonl += *samples + "\n";
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
