#include "suites/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "kernels/device/error.h"
#include "reports/schema.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

// From best to worst.
constexpr std::array<const char*, 7> STATUSES = {"PASS",  "SKIP",    "NOT_RUN",   "FAIL",
                                                 "ERROR", "TIMEOUT", "MISTRUSTED"};

std::ptrdiff_t badness(const std::string& status) {
  return std::find(STATUSES.begin(), STATUSES.end(), status) - STATUSES.begin();
}

bool worse(double a, double b) { return std::isnan(a) ? !std::isnan(b) : a > b; }

}  // namespace

void Report::open(const std::string& csv) {
  // A report of an earlier run is meant to be replaced; notes.txt is not.
  const std::string header = reports::header_line();
  const std::string first_column = header.substr(0, header.find(',') + 1);
  if (fs::is_regular_file(csv) && fs::file_size(csv) > 0) {
    std::ifstream file(csv);
    std::string begin(first_column.size(), '\0');
    file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
    if (begin != first_column) {
      throw InputError(csv + ": is there and is no report, which would be replaced; name another " +
                       "file, or remove it");
    }
  }
  writer_.emplace(csv, reports::OnExisting::kOverwrite);
}

void Report::add(const reports::Row& row) {
  const std::string& status = row.text("status");
  const std::optional<double> ratio = row.real("err_ratio");
  if (status == "PASS" && ratio && !(*ratio <= 1.0)) {
    throw Error(fmt::format("{}: PASS beside an error of {} times the tolerance",
                            row.text("case_id"), *ratio));
  }
  const std::lock_guard lock(mutex_);
  if (writer_) writer_->write(row);
  std::string name = row.text("suite");
  if (!row.text("op").empty()) name += "." + row.text("op");
  if (lines_.find(name) == lines_.end()) order_.push_back(name);
  Line& line = lines_[name];
  line.statuses[status] += 1;
  const std::optional<std::int64_t> shown = row.integer("mutants_total");
  if (shown && line.tried.insert(row.text("case_id")).second) {  // versions share their case's
    line.spoils_refused += row.integer("mutants_killed").value_or(0);
    line.spoils_shown += *shown;
  }
  const std::string which = row.text("case_id") + " " + row.text("version");
  if (ratio && worse(*ratio, line.worst_ratio)) {
    line.worst_ratio = *ratio;
    line.worst_case = which;
  }
  if (status != "PASS" && status != "SKIP") {
    failures_.push_back(
        {status, row.text("suite") + " " + which, row.text("reason"), row.text("repro_cmd")});
  }
  if (ratio && (!test_.err_ratio || worse(*ratio, *test_.err_ratio))) test_.err_ratio = ratio;
  if (test_.status.empty() || badness(status) > badness(test_.status)) test_.status = status;
  if (test_.reason.empty() && status != "PASS") test_.reason = row.text("reason");
}

void Report::will_skip(const std::string& test, const std::string& reason) {
  if (!reason.empty()) skips_[test] = reason;
}

void Report::begin_test() {
  const std::lock_guard lock(mutex_);
  test_ = {};
}

Report::TestOutcome Report::test_outcome() const {
  const std::lock_guard lock(mutex_);
  return test_;
}

std::string Report::summary() const {
  std::string text = fmt::format("\n{:<30} {:>6} {:>6} {:>6} {:>10} {:>6}  {:>13}  {:>10}  {}\n",
                                 "level.op", "pass", "fail", "skip", "mistrusted", "other",
                                 "spoiled", "% of tol.", "worst case");
  for (const std::string& name : order_) {
    const Line& line = lines_.at(name);
    const auto count_of = [&](const char* status) {
      const auto found = line.statuses.find(status);
      return found == line.statuses.end() ? 0 : found->second;
    };
    int other = 0;
    for (const auto& [status, count] : line.statuses) other += count;
    for (const char* status : {"PASS", "FAIL", "SKIP", "MISTRUSTED"}) other -= count_of(status);
    const std::string spoiled =
        line.tried.empty() ? "-" : fmt::format("{}/{}", line.spoils_refused, line.spoils_shown);
    text +=
        fmt::format("{:<30} {:>6} {:>6} {:>6} {:>10} {:>6}  {:>13}  {:>10.1f}  {}\n", name,
                    count_of("PASS"), count_of("FAIL"), count_of("SKIP"), count_of("MISTRUSTED"),
                    other, spoiled, line.worst_ratio * 100.0, line.worst_case);
  }
  return text;
}

}  // namespace assay::suites
