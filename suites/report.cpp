#include "suites/report.h"

#include <fmt/format.h>

#include <cmath>

namespace assay::suites {

Report::Report(const std::string& csv) {
  if (!csv.empty()) writer_.emplace(csv, reports::OnExisting::kOverwrite);
}

void Report::add(const reports::Row& row) {
  if (writer_) writer_->write(row);
  std::string name = row.text("suite");
  if (!row.text("op").empty()) name += "." + row.text("op");
  if (lines_.find(name) == lines_.end()) order_.push_back(name);
  Line& line = lines_[name];
  line.statuses[row.text("status")] += 1;
  const std::optional<std::int64_t> shown = row.integer("mutants_total");
  if (shown && line.tried.insert(row.text("case_id")).second) {  // versions share their case's
    line.spoils_refused += row.integer("mutants_killed").value_or(0);
    line.spoils_shown += *shown;
  }
  const std::optional<double> ratio = row.real("err_ratio");
  if (ratio && (std::isnan(*ratio) || *ratio > line.worst_ratio)) {
    line.worst_ratio = *ratio;
    line.worst_case = row.text("case_id") + " " + row.text("version");
  }
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
