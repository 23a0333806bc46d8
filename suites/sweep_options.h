// The command line of `sweep`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/device/properties.h"
#include "suites/sweep_plan.h"

namespace assay::suites {

struct SweepOptions {
  SweepPlan plan;
  std::string what;           // the plan in words
  std::vector<DType> dtypes;  // whose ceilings are measured
  std::string csv = "sweep.csv";
  bool resume = false;
  bool dry_run = false;
  bool list_only = false;  // Google Benchmark's list was asked for
  double progress_s = 10.0;
  std::vector<std::string> benchmark_flags;  // what is left, for Google Benchmark
};

/// Nothing where help was asked for and printed. Throws InputError for what is no option, no value
/// of it, or cannot be measured.
std::optional<SweepOptions> parse_sweep_options(int argc, const char* const* argv,
                                                DeviceKind device);

}  // namespace assay::suites
