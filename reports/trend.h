// `report trend`: how the time of each case went from run to run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/reader.h"
#include "reports/statistics.h"

namespace assay::reports {

struct TrendOptions {
  double least = 0.03;        ///< Steps smaller than this share are not told.
  double false_alarm = 0.01;  ///< Chance of a step in a series that has none.
};

struct TrendRun {
  std::string run_id;
  std::string commit;
  bool dirty = false;
  std::string utc;  ///< Of its first row.
  std::string file;
};

struct TrendPoint {
  std::size_t run = 0;  ///< Index into Trend::runs.
  double median_us = 0;
  std::optional<Interval> ci_us;
};

struct TrendStep {
  std::size_t point = 0;  ///< Index of the first point after the step.
  double before_us = 0;   ///< Median of the points from the step before, or the start.
  double after_us = 0;    ///< Median of those up to the next step, or the end.
  /// What else is another there, as "driver 550.54 -> 560.28": `compare` would not compare the two
  /// runs. Empty otherwise.
  std::string with;
  double change() const { return after_us / before_us - 1; }
};

/// One case in one version on one machine.
struct TrendSeries {
  Row row;  ///< Of its last point.
  std::string machine;
  std::vector<TrendPoint> points;
  std::vector<TrendStep> steps;
};

struct Trend {
  std::vector<TrendRun> runs;  ///< By time.
  std::vector<TrendSeries> series;
  std::size_t failed = 0;  ///< Rows with a bad status, which are in no series.
  std::size_t throttled =
      0;  ///< Rows whose times say nothing of the code (throttle.h): nor are they.

  /// "Left out: 3 rows that failed, 2 rows that were throttled.", or "".
  std::string left_out() const;
};

/// Series of the rows that passed and were timed at full clocks, by row_id and machine, runs in
/// order of their first utc. Steps are the change points of the logarithms of the medians
/// (change_points.h); neighbours whose medians differ by less than `least` are one.
Trend make_trend(std::span<const Report> reports, const TrendOptions& options);

/// The steps, largest slowdown first, as text for a terminal that is `width` cells wide.
std::string describe_steps(const Trend& trend, const TrendOptions& options,
                           std::size_t width = 120);

/// The page: a small chart per series, those with steps first (html/trend_page.cpp).
std::string render_trend(const Trend& trend, const TrendOptions& options);

/// The reports of a folder, *.csv, by name. InputError where it is no folder.
std::vector<std::filesystem::path> reports_in(const std::string& folder);

/// The reports in `folder`, *.csv, in order of their names. Those that cannot be used, and bad
/// rows, are told to `err` and set `bad`. Throws InputError where `folder` is none or holds no
/// usable one.
std::vector<Report> read_folder(const std::string& folder, bool& bad, std::ostream& err);

}  // namespace assay::reports
