// Runs the cases of a sweep as Google Benchmark's entries, one for each row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "suites/cost_model.h"
#include "suites/progress.h"
#include "suites/sweeps.h"

namespace assay::suites {

/// The rows of the report that a sweep with this seed goes on with; the file stays as it is. Throws
/// InputError where they are of another machine, build or seed than the rows that would follow, or
/// times are there without their samples.
std::vector<reports::Row> rows_to_resume(const std::string& csv, std::uint64_t seed);

/// A case is measured when the first of its rows comes up: all of them that the filter lets pass
/// and that the report has not yet. The others answer from that.
class SweepRun {
 public:
  /// Registers a benchmark for every row, in the order of the cases.
  explicit SweepRun(std::vector<SweepCase> cases);
  ~SweepRun();

  /// Asks Google Benchmark which rows pass its filter; none of them is measured. Throws InputError
  /// where none does.
  void find_chosen();

  /// Forgets rows that are among these, so that they are not measured again. Returns how many of
  /// those that the filter lets pass had failed.
  int leave_out(const std::vector<reports::Row>& existing);

  std::size_t rows_chosen() const;  // by the filter
  std::size_t rows_to_do() const;
  std::size_t cases_to_do() const;
  double left_s() const;  // as estimated
  /// A line for each row to do, in their order, with its guess or why it will be a SKIP.
  void list() const;

  /// Measures what is to do, into `report`. Ends early after a signal, with every row whole.
  void run(SweepReport& report, Progress& progress);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay::suites
