// What `report compare`, `gate` and `self-test` have in common on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <string>

#include "reports/compare_output.h"

namespace assay::reports {

/// A share from "3%", "3 %" or "0.03". InputError, named `what`, unless it is above 0 and below 1.
double parse_share(const std::string& text, std::string_view what);

/// A number from `low` to `high`. CLI::Range lets nan pass, which is in no range.
CLI::Validator number_in(double low, double high);

struct CompareOptions {
  std::string least = "3%";
  double alpha = 0.01;
  double error_factor = 1.5;
  std::string filter;
  std::vector<std::string> across;
  std::string pair;

  /// InputError where one is out of range.
  CompareSettings settings() const;
};

/// --least and --alpha; --filter.
void add_judge_options(CLI::App& command, CompareOptions& options);
/// --error-factor and --across.
void add_row_options(CLI::App& command, CompareOptions& options);
/// --pair.
void add_pair_option(CLI::App& command, CompareOptions& options);

struct OutputOptions {
  PrintOptions print;
  std::string csv;  ///< Files; "" for none.
  std::string json;
};

/// --markdown, --only-changes, --csv, --json.
void add_output_options(CLI::App& command, OutputOptions& options);

/// To `out`, and to the files asked for.
void write_comparison(const Comparison& comparison, const Side& base, const Side& current,
                      const CompareSettings& settings, const OutputOptions& options,
                      std::ostream& out);

}  // namespace assay::reports
