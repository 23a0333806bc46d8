#include "reports/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <system_error>
#include <vector>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/identity.h"
#include "reports/pending_file.h"
#include "reports/writer.h"

namespace assay::reports {
namespace {

namespace fs = std::filesystem;

// Of one GPU each: read_side sees to that.
std::string machine_of(const Report& report) {
  const Row& row = report.rows.front();
  return row.has("gpu_name") ? row.text("device") + " " + row.text("gpu_name") : row.text("device");
}

const Row& newest_row(const Report& report) {
  return *std::ranges::max_element(report.rows, {}, [](const Row& row) { return row.text("utc"); });
}

std::string newest_utc(const Report& report) { return newest_row(report).text("utc"); }

// Letters and digits, other runs of characters as one dash.
std::string slug(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

// Where the baseline of this machine goes. Names of machines that differ in signs alone give one
// slug: the hash of the second one's name then tells them apart.
fs::path place_of(const fs::path& folder, const Report& report) {
  const std::string machine = machine_of(report);
  const std::string commit = newest_row(report).text("commit").substr(0, 12);
  const auto place = [&](const std::string& name) {
    std::string file = slug(fmt::format("{} {}", name, newest_utc(report)));
    if (!commit.empty()) file += "-" + slug(commit);
    return folder / (file + ".csv");
  };
  const fs::path plain = place(machine);
  std::error_code ignored;
  if (!fs::exists(plain, ignored)) return plain;
  const Report there = read_report(plain);
  if (!there.rows.empty() && machine_of(there) == machine) return plain;
  return place(machine + " " + hash_of(machine));
}

std::vector<fs::path> reports_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  if (!fs::exists(folder, error) && !error) return found;
  fs::directory_iterator entry(folder, error);
  while (!error && entry != fs::directory_iterator()) {
    if (entry->path().extension() == ".csv") found.push_back(entry->path());
    entry.increment(error);
  }
  if (error)
    throw InputError(fmt::format("{}: the folder of baselines cannot be read: {}", folder.string(),
                                 error.message()));
  std::ranges::sort(found);
  return found;
}

}  // namespace

FoundBaseline find_baseline(const fs::path& folder, const Report& current) {
  const std::string wanted = machine_of(current);
  fs::path best;
  std::string best_utc;
  std::set<std::string> others;
  for (const fs::path& path : reports_in(folder)) {
    std::error_code ignored;
    if (fs::equivalent(path, current.file, ignored)) continue;
    const Report report = read_report(path);
    if (report.has_errors())
      throw InputError(fmt::format("{}; a damaged baseline is no baseline: mend or remove it",
                                   to_string(report.diagnostics.front())));
    if (report.rows.empty()) continue;
    if (machine_of(report) != wanted) {
      others.insert(machine_of(report));
      continue;
    }
    const std::string utc = newest_utc(report);
    if (utc < best_utc) continue;
    best = path;
    best_utc = utc;
  }
  return {best, best_utc,
          others.empty() ? std::string("none at all")
                         : fmt::format("those of {}", fmt::join(others, ", "))};
}

fs::path store_baseline(const fs::path& folder, const Side& side) {
  const Report& report = side.report;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw InputError(fmt::format("{}: cannot be made: {}", folder.string(), error.message()));
  const fs::path target = place_of(folder, report);
  // The newest counts, and of two of one second the last by name.
  const FoundBaseline newest = find_baseline(folder, report);
  const std::string utc = newest_utc(report);
  if (utc < newest.utc || (utc == newest.utc && target < newest.path))
    throw InputError(
        fmt::format("{}: is of {} and would not be the baseline, which {} of {} stays; run the "
                    "benchmarks anew, or remove that one",
                    report.file, utc, newest.path.string(), newest.utc));
  // The CSV last: a baseline that can be found has its samples.
  std::string csv = header_line() + "\n";
  std::string jsonl;
  for (const Row& row : report.rows) {
    csv += format_row(row) + "\n";
    const std::string& run_id = row.text("run_id");
    const std::string& row_id = row.text("row_id");
    if (const auto* samples_us = side.samples.find(run_id, row_id))
      jsonl += format_samples(run_id, row_id, *samples_us) + "\n";
  }
  write_whole_file(samples_path(target), jsonl);
  write_whole_file(target, csv);
  return target;
}

Side keep_rows(const Side& current, const Side& base, std::span<const Row* const> kept) {
  std::map<std::string, const Row*> left;
  for (const Row* row : kept) left[row->text("row_id")] = row;
  Side side;
  side.report.file = current.report.file;
  const auto add = [&](const Row& row, const Samples& from) {
    side.report.rows.push_back(row);
    if (const auto* entry = from.find_entry(row.text("run_id"), row.text("row_id")))
      side.samples.add(*entry);
  };
  for (const Row& row : current.report.rows) {
    const auto found = left.find(row.text("row_id"));
    add(found == left.end() ? row : *found->second,
        found == left.end() ? current.samples : base.samples);
    if (found != left.end()) left.erase(found);
  }
  for (const auto& [row_id, row] : left) add(*row, base.samples);
  return side;
}

}  // namespace assay::reports
