// Where the suites' rows go: the CSV, if one was asked for, and the summaries at the end.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reports/writer.h"

namespace assay::suites {

/// A report of one run. Rows may come from two threads: a test's and the watchdog's.
class Report {
 public:
  /// What the rows of one op or check came to.
  struct Line {
    std::map<std::string, int> statuses;
    std::set<std::string> tried;  // cases whose comparison was shown spoiled outputs
    std::int64_t spoils_refused = 0;
    std::int64_t spoils_shown = 0;
    double worst_ratio = 0.0;
    std::string worst_case;
  };
  /// A row that neither passed nor was skipped.
  struct Failure {
    std::string status;
    std::string name;  // level, case, version
    std::string reason;
    std::string replay;
  };
  /// The rows since begin_test() as one: the worst status and error ratio, the first bad reason.
  struct TestOutcome {
    std::string status;  // "" without a row
    std::optional<double> err_ratio;
    std::string reason;
  };

  /// Writes the rows to this file too, from now on; else they are counted alone. What is there is
  /// replaced. Throws InputError where it cannot be written, or holds something else than a report.
  void open(const std::string& csv);

  /// Throws Error where a row says PASS beside an error ratio that is not at most 1, NaN included.
  void add(const reports::Row& row);

  /// Says before the run that a test will be skipped, and why. What is not announced must run.
  void will_skip(const std::string& test, const std::string& reason);
  const std::map<std::string, std::string>& announced_skips() const { return skips_; }

  void begin_test();
  TestOutcome test_outcome() const;

  /// Names of lines, "kernel.rope", in the order of their first rows.
  const std::vector<std::string>& order() const { return order_; }
  const std::map<std::string, Line>& lines() const { return lines_; }
  const std::vector<Failure>& failures() const { return failures_; }

  /// Counts by op and status, how many spoiled outputs the checks refused of those they were shown,
  /// and each op's worst error as % of its tolerance.
  std::string summary() const;

 private:
  mutable std::mutex mutex_;
  std::optional<reports::CsvWriter> writer_;
  std::vector<std::string> order_;
  std::map<std::string, Line> lines_;
  std::vector<Failure> failures_;
  std::map<std::string, std::string> skips_;
  TestOutcome test_;
};

}  // namespace assay::suites
