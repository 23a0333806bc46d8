#include "reports/row_findings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "reports/compare_output.h"
#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::findings;
using testing::sample_row;
using testing::side_of;
using testing::Texts;

TEST(Status, LostAndWon) {
  Row failed = sample_row("x", "FAIL");
  failed.set("reason", "NaN in row 3");
  EXPECT_EQ(findings(sample_row("x"), failed), Texts{"BROKEN: status PASS -> FAIL: NaN in row 3"});
  EXPECT_EQ(findings(sample_row("x"), sample_row("x", "NOT_RUN")),
            Texts{"BROKEN: status PASS -> NOT_RUN"});
  EXPECT_EQ(findings(failed, sample_row("x")), Texts{"FIXED: status FAIL -> PASS"});
  EXPECT_EQ(findings(failed, failed), Texts{"UNTIMED"});
}

TEST(Status, BadNowAndNotBefore) {
  for (const char* before : {"SKIP", "NOT_RUN"})
    for (const char* now : {"FAIL", "ERROR", "TIMEOUT", "MISTRUSTED"})
      EXPECT_EQ(findings(sample_row("x", before), sample_row("x", now)),
                Texts{fmt::format("BROKEN: status {} -> {}", before, now)});
  EXPECT_EQ(findings(sample_row("x", "FAIL"), sample_row("x", "ERROR")),
            Texts{"UNCLEAR: status FAIL -> ERROR"});
  EXPECT_EQ(findings(sample_row("x", "FAIL"), sample_row("x", "SKIP")),
            Texts{"UNCLEAR: status FAIL -> SKIP"});
  EXPECT_EQ(findings(sample_row("x", "SKIP"), sample_row("x", "NOT_RUN")),
            Texts{"UNCLEAR: status SKIP -> NOT_RUN"});
  EXPECT_EQ(findings(sample_row("x", "SKIP"), sample_row("x")),
            Texts{"FIXED: status SKIP -> PASS"});
}

TEST(Status, OfRowsThatAreNewOrFailInBoth) {
  Row failed = sample_row("new", "FAIL");
  failed.set("reason", "NaN in row 3");
  const Side base = side_of({{sample_row("x", "FAIL"), {}}, {sample_row("y", "TIMEOUT"), {}}});
  const Side current = side_of({{sample_row("x", "FAIL"), {}},
                                {sample_row("y", "ERROR"), {}},
                                {failed, {}},
                                {sample_row("newer"), {}}});
  const Comparison comparison = compare(base, current, {});
  EXPECT_EQ(describe_counts(comparison), "4 rows: 1 BROKEN, 1 UNCLEAR, 1 NEW, 1 UNTIMED");
  EXPECT_TRUE(comparison.has_regression());
  const RowComparison& worst = comparison.rows.front();
  EXPECT_EQ(details_of(worst), "status (no row) -> FAIL: NaN in row 3");
  EXPECT_TRUE(worst.find(Verdict::kNew));
  ASSERT_EQ(comparison.notes.size(), 1u);
  EXPECT_EQ(comparison.notes[0], "rows that fail in both reports, which is no regression: 2");
}

TEST(Errors, GrowBeyondTheFactor) {
  Row before = sample_row();
  before.set("rms_err", 1e-4).set("err_ratio", 0.2).set("max_abs_err", 1e-3);
  const auto with = [&](std::string_view column, double value) {
    Row row = before;
    return row.set(column, value);
  };
  EXPECT_EQ(findings(before, with("rms_err", 1.4e-4)), Texts{"UNTIMED"});
  EXPECT_EQ(findings(before, with("rms_err", 1e-9)), Texts{"UNTIMED"});
  EXPECT_EQ(findings(before, with("rms_err", 2e-4)),
            Texts{"WORSE-ERROR: rms_err 0.0001 -> 0.0002 (2.0x)"});
  EXPECT_EQ(findings(before, with("err_ratio", 0.5)),
            Texts{"WORSE-ERROR: err_ratio 0.2000 -> 0.5000 (2.5x)"});
  EXPECT_EQ(findings(with("err_ratio", 0), with("err_ratio", 1e-9)).size(), 1u);
  EXPECT_TRUE(contains(findings(with("err_ratio", 0), with("err_ratio", 1e-9))[0], "WORSE-ERROR"));
  Row failed = with("rms_err", std::numeric_limits<double>::quiet_NaN());
  failed.set("status", "FAIL");
  const Texts both = findings(before, failed);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_TRUE(contains(both[0], "BROKEN"));
  EXPECT_TRUE(contains(both[1], "WORSE-ERROR: rms_err 0.0001 -> nan"));
  CompareSettings loose;
  loose.error_factor = 3;
  EXPECT_EQ(findings({before, {}}, {with("rms_err", 2e-4), {}}, loose), Texts{"UNTIMED"});
  Row repeats = before;
  Row varies = before;
  EXPECT_EQ(findings(repeats.set("bitwise_repeat", true), varies.set("bitwise_repeat", false)),
            Texts{"WORSE-ERROR: bitwise_repeat yes -> no"});
}

TEST(Errors, WhateverTheDriver) {
  Row before = sample_row();
  before.set("rms_err", 1e-4).set("driver", "550").set("gpu_name", "NVIDIA H200");
  Row now = before;
  now.set("rms_err", 1e-2).set("driver", "560");
  EXPECT_EQ(findings(before, now), Texts{"WORSE-ERROR: rms_err 0.0001 -> 0.01000 (100.0x)"});
  now.set("gpu_name", "NVIDIA H100");
  EXPECT_EQ(findings(before, now),
            Texts{"INCOMPARABLE: gpu_name NVIDIA H200 -> NVIDIA H100: by another GPU or compiler, "
                  "so not judged: rms_err 0.0001 -> 0.01000 (100.0x)"});
  CompareSettings across;
  across.across = {"gpu_name"};
  EXPECT_EQ(findings({before, {}}, {now, {}}, across),
            Texts{"WORSE-ERROR: rms_err 0.0001 -> 0.01000 (100.0x)"});
  for (const char* column : {"nvcc_version", "cuda_runtime", "build_flags", "host_cpu"}) {
    Row other = before;
    EXPECT_TRUE(contains(findings(before, other.set("rms_err", 1).set(column, "another"))[0],
                         fmt::format("INCOMPARABLE: {} (none) -> another", column)));
  }
  EXPECT_EQ(findings(before, now.set("rms_err", 1e-4)), Texts{"UNTIMED"});
}

TEST(Errors, MeasuredOnOneSideIsSaid) {
  Row measured = sample_row();
  measured.set("rms_err", 1e-4).set("bitwise_repeat", true);
  Row skipped = measured;
  skipped.set("row_id", sample_row("skipped").text("row_id"));
  const Side base = side_of({{measured, {}}, {sample_row("skipped", "SKIP"), {}}});
  const Side current = side_of({{sample_row(), {}}, {skipped, {}}});
  const Comparison comparison = compare(base, current, {});
  ASSERT_EQ(comparison.notes.size(), 1u);
  EXPECT_TRUE(
      contains(comparison.notes[0], "and so not compared (rows): bitwise_repeat (1), rms_err (1)"));
}

}  // namespace
}  // namespace assay::reports
