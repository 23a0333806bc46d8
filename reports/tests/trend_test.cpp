#include "reports/trend.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "kernels/device/error.h"
#include "reports/html/page.h"
#include "reports/tests/sample_report.h"
#include "reports/tests/synthetic_sweep.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::report_text;
using testing::sample_row;
using testing::synthetic_sweep;
using testing::SyntheticRun;
using testing::TemporaryFolder;
using testing::write_text;

std::string two_digits(std::size_t i) { return (i < 10 ? "0" : "") + std::to_string(i); }

// Runs with 1 % noise; from the `at`-th on, rms_norm's v2 is `slower`.
std::vector<Report> runs(std::size_t n, std::size_t at, double slower) {
  std::vector<Report> reports;
  for (std::size_t i = 1; i <= n; ++i) {
    SyntheticRun run;
    run.small = true;
    run.noise = 0.01;
    run.seed = i;
    run.slower = i >= at ? slower : 1;
    run.run_id = "run" + two_digits(i);
    run.utc = "2026-02-" + two_digits(i) + "T12:00:00Z";
    run.commit = two_digits(i) + std::string(38, 'c');
    reports.push_back(
        parse_report(report_text(synthetic_sweep(run)), "r" + two_digits(i) + ".csv"));
  }
  std::ranges::reverse(reports);  // their order in a folder means nothing
  return reports;
}

TEST(Trend, FindsTheCommitOfAStep) {
  const Trend trend = make_trend(runs(24, 16, 1.08), {});
  ASSERT_EQ(trend.runs.size(), 24u);
  EXPECT_EQ(trend.runs.front().run_id, "run01");
  std::size_t slowed = 0;
  for (const TrendSeries& series : trend.series) {
    const bool touched =
        series.row.text("op") == "rms_norm" && series.row.text("version") == "v2_registers";
    slowed += touched;
    ASSERT_EQ(series.steps.size(), touched ? 1u : 0u) << series.row.text("case_id");
    if (!touched) continue;
    const TrendStep& step = series.steps.front();
    EXPECT_NEAR(static_cast<double>(series.points[step.point].run), 15, 1);
    EXPECT_NEAR(step.change(), 0.08, 0.02);
  }
  EXPECT_GE(slowed, 5u);
  const std::string text = describe_steps(trend, {});
  EXPECT_TRUE(contains(text, "24 runs"));
  EXPECT_TRUE(contains(text, "16cccccccccc"));
  EXPECT_TRUE(contains(text, "v2_registers"));
}

// Noise of 1 % in 190 series: with the least step of 3 % not one alarm.
TEST(Trend, NoStepInNoise) {
  const Trend trend = make_trend(runs(20, 99, 1), {});
  EXPECT_GT(trend.series.size(), 150u);
  for (const TrendSeries& series : trend.series) EXPECT_TRUE(series.steps.empty());
  EXPECT_TRUE(contains(describe_steps(trend, {}), "0 steps of 3 % or more"));
}

// A step of a new driver is no commit's.
TEST(Trend, WhatElseChangedAtAStep) {
  auto reports = runs(24, 16, 1.08);
  EXPECT_FALSE(contains(describe_steps(make_trend(reports, {}), {}, 400), "->"));
  for (Report& report : reports)
    for (Row& row : report.rows)
      row.set("driver", row.text("run_id") < "run16" ? "580.65" : "580.82");
  const Trend trend = make_trend(reports, {});
  std::size_t steps = 0;
  for (const TrendSeries& series : trend.series)
    for (const TrendStep& step : series.steps) {
      const bool at_change = series.points[step.point].run == 15;
      EXPECT_EQ(step.with, at_change ? "driver 580.65 -> 580.82" : "");
      steps += at_change;
    }
  EXPECT_GT(steps, 0u);
  EXPECT_TRUE(contains(describe_steps(trend, {}, 400), "driver 580.65 -> 580.82"));
}

TEST(Trend, TheLeastStepThatIsTold) {
  const auto reports = runs(24, 16, 1.08);
  for (const TrendSeries& series : make_trend(reports, {.least = 0.2}).series)
    EXPECT_TRUE(series.steps.empty());
}

TEST(Trend, MachinesApartAndFailuresOut) {
  std::vector<Row> rows;
  for (const char* gpu : {"A", "B"}) {
    Row row = sample_row("x");
    row.set("run_id", std::string("of ") + gpu).set("gpu_name", gpu).set("t_median_us", 5.0);
    rows.push_back(row);
  }
  Row wrong = sample_row("wrong", "FAIL");
  wrong.set("t_median_us", 5.0);
  rows.push_back(wrong);
  const Report report = parse_report(report_text(rows), "x.csv");
  const Trend trend = make_trend(std::span(&report, 1), {});
  ASSERT_EQ(trend.series.size(), 2u);
  EXPECT_EQ(trend.series[0].machine, "A");
  EXPECT_EQ(trend.series[0].points.size(), 1u);
  EXPECT_TRUE(contains(describe_steps(trend, {}), "3 runs are too few"));
  EXPECT_TRUE(contains(describe_steps(trend, {}), "\nLeft out: 1 rows that failed.\n"));
}

// A hot room is no change of the code; a power limit is how a GPU is meant to run.
TEST(Trend, ThrottledTimesAreLeftOut) {
  auto reports = runs(24, 16, 1.08);
  for (Report& report : reports)
    for (Row& row : report.rows)
      row.set("throttle", row.text("run_id") < "run16" ? "power_cap" : "power_cap hw_thermal");
  const Trend trend = make_trend(reports, {});
  EXPECT_GT(trend.throttled, 0u);
  for (const TrendSeries& series : trend.series) {
    EXPECT_EQ(series.points.size(), 15u);
    EXPECT_TRUE(series.steps.empty());
  }
  const std::string said = fmt::format(
      "Left out: {} rows that failed, {} rows that were throttled.", trend.failed, trend.throttled);
  EXPECT_TRUE(contains(describe_steps(trend, {}), said));
  if (!assets::CHART_LIBRARY.empty()) {
    EXPECT_TRUE(contains(render_trend(trend, {}), said));
  }
}

TEST(Trend, Folders) {
  const TemporaryFolder folder;
  bool bad = false;
  std::ostringstream err;
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { read_folder((folder / "none").string(), bad, err); }),
               "is no folder"));
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { read_folder((folder / "").string(), bad, err); }),
               "no usable report"));
  EXPECT_FALSE(bad);
  write_text(folder / "b.csv", report_text({sample_row("b")}));
  write_text(folder / "a.csv", report_text({sample_row("a")}) + "2,run");
  write_text(folder / "c.csv", "nonsense");
  write_text(folder / "notes.txt", "nonsense");
  const auto reports = read_folder((folder / "").string(), bad, err);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].rows[0].text("case_id"), "a");
  EXPECT_TRUE(bad);
  EXPECT_TRUE(contains(err.str(), "a.csv:3:1: error"));
  EXPECT_TRUE(contains(err.str(), "c.csv: nothing in it is usable"));
}

TEST(Trend, APage) {
  if (assets::CHART_LIBRARY.empty()) GTEST_SKIP() << "built without Chart.js";
  const Trend trend = make_trend(runs(24, 16, 1.08), {});
  const std::string page = render_trend(trend, {});
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_TRUE(contains(page, "series over 24 runs"));
  EXPECT_TRUE(contains(page, "default-src 'none'"));
}

}  // namespace
}  // namespace assay::reports
