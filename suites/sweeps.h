// What `sweep` measures: cases, each with a row for every version of an op or kernel set of a
// model, measured together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device/dtype.h"
#include "reports/writer.h"
#include "suites/case.h"
#include "suites/cost_model.h"
#include "suites/work_point.h"

namespace assay::suites {

class ResourceTable;

/// A row to be: a version of the case's op, or a kernel set of the case's model.
struct SweepRow {
  std::string name;         // of its benchmark: the case's name, then this
  std::size_t version = 0;  // its place in the op's table; 0 for models
  reports::Row identity;    // all that is known before it is measured
  std::string skip;         // why it cannot be measured, or ""
};

/// A row as it goes into the report, and its times in microseconds, none where it was not timed.
struct Measured {
  reports::Row row;
  std::vector<double> samples_us;
};

/// The same work for all of its rows, so prepared once and timed in turns.
struct SweepCase {
  std::string name;               // "rms_norm/fp16/rows=3,width=128"
  std::string kind;               // the op, or the block of a model: cases of a kind cost alike
  std::vector<std::string> kept;  // what it shares that is dear to set up, a model and its engine:
                                  // cases that share it stay together
  Cost cost;
  std::vector<SweepRow> rows;
  /// Checks and times the chosen ones of `rows`, of which none is to be skipped: an answer for
  /// each, in their order. May throw Interrupted, and then nothing is written.
  std::function<std::vector<Measured>(const std::vector<SweepRow>& chosen)> measure;
};

/// The CSV and the samples beside it, with rows written as they are measured.
class SweepReport {
 public:
  /// Throws InputError where the file cannot be written, or exists and `resume` is not set.
  SweepReport(const std::string& csv, bool resume);

  /// Whether a resumed file has the row that `row` identifies.
  bool has(const reports::Row& row) const;
  void add(const reports::Row& row, const std::vector<double>& samples_us);
  /// Rows added whose status is FAIL, ERROR or worse.
  int failures() const { return failures_; }

 private:
  std::optional<reports::CsvWriter> rows_;
  std::optional<reports::SampleWriter> samples_;
  int failures_ = 0;
};

/// The case of one op with all of its versions.
SweepCase kernel_case(Case c, std::uint64_t seed, std::shared_ptr<const ResourceTable> resources);
/// Blocks and whole steps of a random model of this preset at each point: a row for each kernel
/// set.
std::vector<SweepCase> model_cases(const std::string& model, DType dtype,
                                   const std::vector<WorkPoint>& points,
                                   const std::vector<std::string>& kernel_sets, std::uint64_t seed);

}  // namespace assay::suites
