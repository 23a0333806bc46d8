// Reports with samples, of known truth.
#pragma once

#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "reports/compare.h"
#include "reports/statistics.h"
#include "reports/tests/sample_report.h"

namespace assay::reports::testing {

/// What a timer sees: lognormal noise around `median_us`, one sample in 30 up to twice as long.
inline std::vector<double> noisy(std::mt19937_64& random, std::size_t n, double median_us,
                                 double noise) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<double> samples(n);
  for (double& sample : samples) {
    sample = median_us * std::exp(noise * normal(random));
    if (uniform(random) < 1.0 / 30) sample *= 1 + uniform(random);
  }
  return samples;
}

struct TimedRow {
  Row row;
  std::vector<double> samples_us;
};

/// A row with these samples and the columns that come from them.
inline TimedRow timed(Row row, std::vector<double> samples_us) {
  set_times(row, summarize(samples_us));
  row.set("row_id", make_row_id(row));
  return {std::move(row), std::move(samples_us)};
}

/// Writes name and its samples file, as sweep does.
inline std::filesystem::path write_report(const std::filesystem::path& path,
                                          const std::vector<TimedRow>& rows) {
  CsvWriter csv(path, OnExisting::kOverwrite);
  SampleWriter samples(samples_path(path), OnExisting::kOverwrite);
  for (const TimedRow& row : rows) {
    if (!row.samples_us.empty())
      samples.write(row.row.text("run_id"), row.row.text("row_id"), row.samples_us);
    csv.write(row.row);
  }
  return path;
}

/// The same without files.
inline Side side_of(const std::vector<TimedRow>& rows, const std::string& file = "r.csv") {
  Side side;
  side.report.file = file;
  side.samples.file = samples_path(file).string();
  for (const TimedRow& row : rows) {
    side.report.lines.push_back(side.report.rows.size() + 2);
    side.report.rows.push_back(row.row);
    if (row.samples_us.empty()) continue;
    side.samples.last[row.row.text("run_id") + "\n" + row.row.text("row_id")] =
        side.samples.entries.size();
    side.samples.entries.push_back(
        {row.row.text("run_id"), row.row.text("row_id"), row.samples_us, 0});
  }
  return side;
}

using Texts = std::vector<std::string>;

/// The findings of one row compared with another, as "VERDICT: detail".
inline Texts findings(const TimedRow& before, const TimedRow& now,
                      const CompareSettings& settings = {}) {
  const Side base = side_of({before});
  const Side current = side_of({now});
  const Comparison comparison = compare(base, current, settings);
  Texts texts;
  for (const RowComparison& row : comparison.rows)
    for (const Finding& finding : row.findings)
      texts.push_back(std::string(name_of(finding.verdict)) +
                      (finding.detail.empty() ? "" : ": " + finding.detail));
  return texts;
}

inline Texts findings(const Row& before, const Row& now) {
  return findings(TimedRow{before, {}}, TimedRow{now, {}});
}

}  // namespace assay::reports::testing
