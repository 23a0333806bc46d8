// gate as a program: what passes, and what becomes the baseline.
#include <gtest/gtest.h>

#include <filesystem>

#include "reports/identity.h"
#include "reports/reader.h"
#include "reports/tests/compare_report.h"
#include "reports/tests/report_program.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::noisy;
using testing::read_text;
using testing::sample_row;
using testing::timed;
using testing::TimedRow;
using testing::write_report;
using testing::write_text;

using GateProgram = testing::ReportProgram;

TEST_F(GateProgram, WithABaselineAndAPolicy) {
  const std::string base = report("base.csv", 100, 100);
  const std::string folder = path("baselines");
  const std::string gate = "gate --baseline " + folder + " ";
  EXPECT_EQ(run(gate + base), 2);
  EXPECT_TRUE(contains(output_, "no baseline of the device and GPU of"));
  EXPECT_EQ(run(gate + "--update-baseline " + base), 0) << output_;
  EXPECT_TRUE(contains(output_, "the baseline is now"));
  EXPECT_EQ(run(gate + report("same.csv", 100, 100)), 0) << output_;
  EXPECT_TRUE(contains(output_, "gate: passed"));

  const std::string slower = report("slower.csv", 100, 110);
  EXPECT_EQ(run(gate + "--update-baseline " + slower), 1) << output_;
  EXPECT_TRUE(contains(output_, "gate: failed, by 1 finding\n  SLOWER b v1_tree fp16: +"));
  EXPECT_TRUE(contains(output_, "the baseline was left as it is"));
  EXPECT_EQ(run(gate + slower), 1) << "and it was";

  write_text(folder_ / "p.json", R"({"policy_version": 1, "allow": [{"case_id": "^b$",
    "verdicts": ["SLOWER"], "reason": "checked bounds", "expires": "9999-12-31"}]})");
  EXPECT_EQ(run(gate + "--policy " + path("p.json") + " " + slower), 0) << output_;
  EXPECT_TRUE(contains(output_, "note: allowance 1 (checked bounds) used 1 times"));
  write_text(folder_ / "p.json", R"({"policy_version": 1, "alow": []})");
  EXPECT_EQ(run(gate + "--policy " + path("p.json") + " " + slower), 2);
  EXPECT_TRUE(contains(output_, "unknown key 'alow'"));
}

TEST_F(GateProgram, MakesNoBaselineOfRowsThatFail) {
  const std::string gate = "gate --baseline " + path("baselines") + " ";
  const auto with_a_third = [&](std::string_view name, std::string_view status) {
    report(name, 100, 100);
    Row row = sample_row("c", status);
    row.set("run_id", name);
    write_text(folder_ / name, read_text(folder_ / name) + format_row(row) + "\n");
    return path(name);
  };
  const std::string failing = with_a_third("failing.csv", "FAIL");
  EXPECT_EQ(run(gate + "--update-baseline " + failing), 1) << output_;
  EXPECT_TRUE(contains(output_, "gate: no baseline is made of")) << output_;
  EXPECT_TRUE(contains(output_, "rows that do not pass: 1, the first c v1_tree fp16 (FAIL)"));
  EXPECT_FALSE(std::filesystem::exists(path("baselines")));

  EXPECT_EQ(run(gate + "--update-baseline " + report("base.csv", 100, 100)), 0) << output_;
  const auto stored = [&] {
    return std::distance(std::filesystem::directory_iterator(path("baselines")), {});
  };
  EXPECT_EQ(stored(), 2);
  EXPECT_EQ(run(gate + "--update-baseline " + failing), 1) << output_;
  EXPECT_TRUE(contains(output_, "gate: failed, by 1 finding\n  BROKEN c v1_tree fp16: status"));
  // What may pass for now is still nothing to compare with.
  write_text(folder_ / "p.json", R"({"policy_version": 1, "allow": [{"case_id": "^c$",
    "verdicts": ["BROKEN"], "reason": "known", "expires": "9999-12-31"}]})");
  const std::string allowing = gate + "--policy " + path("p.json") + " ";
  EXPECT_EQ(run(allowing + failing), 0) << output_;
  EXPECT_EQ(run(allowing + "--update-baseline " + failing), 0) << output_;
  EXPECT_TRUE(contains(output_, "gate: passed\ngate: no baseline is made of")) << output_;
  EXPECT_EQ(stored(), 2);
}

// A slowdown must not become the baseline by way of a report that does not tell.
TEST_F(GateProgram, ABaselineKeepsTimesThatWereNotJudged) {
  const std::string gate = "gate --update-baseline --baseline " + path("baselines") + " ";
  ASSERT_EQ(run(gate + report("base.csv", 100, 100)), 0) << output_;
  const auto night = [&](std::string_view name, std::vector<double> samples_us) {
    std::vector<TimedRow> rows;
    Row row = sample_row("a");
    row.set("run_id", name).set("commit", "abc").set("driver", "550");
    rows.push_back(timed(row, noisy(random_, 60, 100, 0.005)));
    row.set("case_id", "b");
    if (samples_us.empty()) {
      row.set("row_id", make_row_id(row));
      rows.push_back({row, {}});
    } else {
      rows.push_back(timed(row, std::move(samples_us)));
    }
    return write_report(folder_ / name, rows).string();
  };
  std::vector<double> mixed = noisy(random_, 30, 100, 0.005);
  for (const double sample : noisy(random_, 30, 130, 0.005)) mixed.push_back(sample);
  for (const std::string& unjudged : {night("few.csv", {200, 200, 200, 200, 200}),
                                      night("untimed.csv", {}), night("mixed.csv", mixed)}) {
    EXPECT_EQ(run(gate + unjudged), 0) << output_;
    EXPECT_TRUE(contains(output_, "gate: passed\ngate: the baseline keeps 1 times of before"));
    EXPECT_TRUE(contains(output_, "policy\n  UNCLEAR b v1_tree fp16: ")) << output_;
    EXPECT_TRUE(contains(output_, "the baseline is now")) << output_;
  }
  EXPECT_EQ(run(gate + report("slower.csv", 100, 130)), 1) << "of the first night";
  EXPECT_TRUE(contains(output_, "by 1 finding\n  SLOWER b")) << output_;

  write_text(folder_ / "p.json", R"({"policy_version": 1, "allow": [{"case_id": "^b$",
    "verdicts": ["UNCLEAR"], "reason": "another timer", "expires": "9999-12-31"}]})");
  EXPECT_EQ(run(gate + "--policy " + path("p.json") + " " + path("untimed.csv")), 0) << output_;
  EXPECT_TRUE(contains(output_, "the baseline is now")) << output_;
}

// A time that is gone is no better than one that does not tell, whatever the policy lets pass.
TEST_F(GateProgram, ABaselineKeepsTimesThatAreGone) {
  const std::string gate = "gate --update-baseline --baseline " + path("baselines") + " ";
  ASSERT_EQ(run(gate + report("base.csv", 100, 100)), 0) << output_;
  report("one.csv", 100, 100);
  const std::string both = read_text(folder_ / "one.csv");
  write_text(folder_ / "one.csv", both.substr(0, both.rfind('\n', both.size() - 2) + 1));
  write_text(folder_ / "p.json", R"({"policy_version": 1, "fail": ["SLOWER"]})");
  EXPECT_EQ(run(gate + "--policy " + path("p.json") + " " + path("one.csv")), 0) << output_;
  EXPECT_TRUE(contains(output_, "policy\n  MISSING b v1_tree fp16\n")) << output_;
  EXPECT_EQ(run(gate + report("slower.csv", 100, 130)), 1) << output_;
  EXPECT_TRUE(contains(output_, "by 1 finding\n  SLOWER b")) << output_;
}

}  // namespace
}  // namespace assay::reports
