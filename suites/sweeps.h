// The benchmarks of `sweep`; each registers its rows with Google Benchmark.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device/dtype.h"
#include "reports/writer.h"
#include "suites/options.h"

namespace assay::suites {

struct SweepOptions {
  Options common;
  std::vector<DType> dtypes;
  std::vector<std::string> ops;          // empty: all
  std::vector<std::string> kernel_sets;  // of layers and models
  std::string model;                     // preset of the layer and model rows
  std::vector<int> prefill;              // prompt lengths
  std::vector<int> decode;               // batch sizes
  int context = 256;                     // cached tokens of decode rows
};

/// The CSV and the samples beside it, with rows written as they are measured.
class SweepReport {
 public:
  /// Throws InputError where the file cannot be written, or exists and `resume` is not set.
  SweepReport(const std::string& csv, bool resume);

  /// Whether a resumed file has the row that `row` identifies.
  bool has(const reports::Row& row) const;
  void add(const reports::Row& row, const std::vector<double>& samples_us);
  /// Rows whose status is FAIL, ERROR or worse.
  int failures() const { return failures_; }

 private:
  std::optional<reports::CsvWriter> rows_;
  std::optional<reports::SampleWriter> samples_;
  int failures_ = 0;
};

/// One row: what it is, and how it is measured. `measure` completes the row and returns the
/// samples.
struct SweepEntry {
  std::string name;
  reports::Row identity;
  std::function<std::vector<double>(reports::Row&)> measure;
};
void register_entry(SweepEntry entry, SweepReport& report);

/// Every op x version x shape of the set.
void register_kernel_sweep(const SweepOptions& options, SweepReport& report);
/// Blocks, prefill and decode of a random model of the preset.
void register_model_sweep(const SweepOptions& options, SweepReport& report);

}  // namespace assay::suites
