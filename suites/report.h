// Where the suites' rows go: the CSV, if one was asked for, and the summary at the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reports/writer.h"

namespace assay::suites {

class Report {
 public:
  /// `csv` empty: rows are counted, not written. Throws InputError where it cannot be written.
  explicit Report(const std::string& csv);

  void add(const reports::Row& row);

  /// Counts by op and status, how many spoiled outputs the checks refused of those they were shown,
  /// and each op's worst error as % of its tolerance.
  std::string summary() const;

 private:
  struct Line {
    std::map<std::string, int> statuses;
    std::set<std::string> tried;  // cases whose comparison was shown spoiled outputs
    std::int64_t spoils_refused = 0;
    std::int64_t spoils_shown = 0;
    double worst_ratio = 0.0;
    std::string worst_case;
  };
  std::optional<reports::CsvWriter> writer_;
  std::vector<std::string> order_;
  std::map<std::string, Line> lines_;
};

}  // namespace assay::suites
