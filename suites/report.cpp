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
  const std::optional<double> ratio = row.real("err_ratio");
  if (ratio && (std::isnan(*ratio) || *ratio > line.worst_ratio)) {
    line.worst_ratio = *ratio;
    line.worst_case = row.text("case_id") + " " + row.text("version");
  }
}

std::string Report::summary() const {
  std::string text = fmt::format("\n{:<30} {:>6} {:>6} {:>6} {:>6}  {:>10}  {}\n", "level.op",
                                 "pass", "fail", "skip", "other", "% of tol.", "worst case");
  for (const std::string& name : order_) {
    const Line& line = lines_.at(name);
    int counts[4] = {0, 0, 0, 0};
    for (const auto& [status, count] : line.statuses) {
      counts[status == "PASS" ? 0 : status == "FAIL" ? 1 : status == "SKIP" ? 2 : 3] += count;
    }
    text += fmt::format("{:<30} {:>6} {:>6} {:>6} {:>6}  {:>10.1f}  {}\n", name, counts[0],
                        counts[1], counts[2], counts[3], line.worst_ratio * 100.0, line.worst_case);
  }
  return text;
}

}  // namespace assay::suites
