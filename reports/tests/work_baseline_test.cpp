// The committed text of exact columns, and what differs from it.
#include "reports/work_baseline.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

using testing::sample_row;

Row work_row(std::string_view case_id = "rms_norm/fp16/rows=3,width=128") {
  Row row = sample_row(case_id);
  row.set("build_flags", "RelWithDebInfo GNU 12").set("nvcc_version", "13.0.88");
  row.set("arch", "sm_90a").set("commit", "abc").set("err_ratio", 0.5);
  row.set("sectors_read", 24).set("sectors_written", 24).set("sector_efficiency", 1.25);
  row.set("bank_conflicts", 0).set("registers", 32).set("spill_bytes", 0).set("occupancy", 0.75);
  return row;
}
Report report_of(std::vector<Row> rows) {
  Report report;
  report.file = "new.csv";
  report.rows = std::move(rows);
  return report;
}
Report baseline_of(std::vector<Row> rows) {
  return parse_work(format_work(report_of(std::move(rows))), "work.txt");
}
std::vector<std::string> differences(const Row& before, const Row& now) {
  return check_work(baseline_of({before}), report_of({now}), false).differences;
}
using Texts = std::vector<std::string>;
const std::string NAME = "rms_norm/fp16/rows=3,width=128 v1_tree fp16";

TEST(WorkBaseline, IsTheTextThatPeopleRead) {
  Row skipped = sample_row("rms_norm/fp16/rows=2,width=33", "SKIP");
  const std::string row_id = work_row().text("row_id");
  EXPECT_EQ(
      format_work(report_of({skipped, work_row()})),
      "# What does not vary from run to run, of every row that passed: written by `report work\n"
      "# --update`, compared by `report work`.\n"
      "work 1\n"
      "device emulated\n"
      "build_flags RelWithDebInfo GNU 12\n"
      "nvcc_version 13.0.88\n"
      "arch sm_90a\n"
      "\n"
      "kernel rms_norm/fp16/rows=3,width=128 op=rms_norm version=v1_tree dtype=fp16 row_id=" +
          row_id +
          "\n"
          "  sectors_read=24 sectors_written=24 sector_efficiency=1.25 bank_conflicts=0\n"
          "  registers=32 spill_bytes=0 occupancy=0.75\n");
}

TEST(WorkBaseline, IsReadBack) {
  const Report read = baseline_of({work_row(), work_row("other").set("launches", 3)});
  ASSERT_EQ(read.rows.size(), 2u);
  EXPECT_EQ(read.rows[0].text("build_flags"), "RelWithDebInfo GNU 12");
  EXPECT_EQ(read.rows[0].text("version"), "v1_tree");
  EXPECT_EQ(read.rows[0].real("sector_efficiency"), 1.25);
  EXPECT_EQ(read.rows[1].integer("launches"), 3);
  EXPECT_EQ(format_work(read),
            format_work(report_of({work_row(), work_row("other").set("launches", 3)})));
}

std::string refusal(const std::string& text) {
  try {
    parse_work(text, "work.txt");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(WorkBaseline, RefusesWithFileAndLine) {
  const std::string head = "work 1\ndevice emulated\n";
  EXPECT_EQ(refusal("work 2\n"), "work.txt:1: a work baseline begins with 'work 1'");
  EXPECT_EQ(refusal(head), "work.txt:2: the file ends without a row");
  EXPECT_EQ(refusal(head + "  registers=3\n"), "work.txt:3: these columns belong to no row");
  EXPECT_EQ(refusal(head + "kernel a/b\n"), "work.txt:3: the row has no row_id");
  EXPECT_EQ(
      refusal(head + "kernel a/b row_id=1\n  registers=x\n").rfind("work.txt:4: registers", 0), 0u);
  EXPECT_EQ(refusal(head + "kernel a/b row_id=1\n  t_median_us=3\n"),
            "work.txt:4: 't_median_us' does not stand here");
  EXPECT_EQ(refusal(head + "kernel a/b row_id=1\nkernel a/c row_id=1\n"),
            "work.txt:4: row_id 1 is there twice");
  EXPECT_EQ(refusal("work 1\ndevice abacus\n").rfind("work.txt:2: device", 0), 0u);
}

TEST(WorkBaseline, IsOfWhatIsRightAndOfOneBuild) {
  EXPECT_THROW(format_work(report_of({sample_row()})), InputError) << "nothing was counted";
  EXPECT_THROW(format_work(report_of({work_row().set("status", "FAIL")})), InputError);
  EXPECT_THROW(format_work(report_of({work_row(), work_row("b").set("nvcc_version", "12")})),
               InputError);
}

// Or the text that was written could not be read again.
TEST(WorkBaseline, HasEachRowOnce) {
  EXPECT_TRUE(testing::contains(
      testing::message_of<InputError>([] {
        format_work(report_of({work_row(), work_row("b"), work_row()}));
      }),
      "row_id " + work_row().text("row_id") + ", " + NAME + ", is there twice; give each row"));
}

TEST(WorkCheck, NamesTheRowTheColumnAndBothValues) {
  EXPECT_EQ(differences(work_row(), work_row()), Texts{});
  EXPECT_EQ(differences(work_row(), work_row().set("sectors_read", 96).set("spill_bytes", 40)),
            Texts{"CHANGED-WORK " + NAME + ": worse: sectors_read 24 -> 96, spill_bytes 0 -> 40"});
  EXPECT_EQ(differences(work_row(), work_row().set("registers", 30)),
            Texts{"LESS-WORK " + NAME + ": better: registers 32 -> 30"});
  EXPECT_EQ(differences(work_row(), work_row().set("err_ratio", 0.9).set("commit", "def")),
            Texts{});
  EXPECT_EQ(differences(work_row(), work_row().set("status", "FAIL"))[0],
            "BROKEN " + NAME + ": status PASS -> FAIL");
}

TEST(WorkCheck, OfAnotherCompilerIsNotJudged) {
  const Row other = work_row().set("nvcc_version", "13.1.0").set("registers", 40);
  const WorkCheck check = check_work(baseline_of({work_row()}), report_of({other}), false);
  EXPECT_EQ(check.differences, Texts{});
  EXPECT_EQ(check.not_judged, Texts{"INCOMPARABLE " + NAME +
                                    ": nvcc_version 13.0.88 -> 13.1.0: by another compiler, "
                                    "so not judged: registers 32 -> 40"});
}

TEST(WorkCheck, NothingPassesByBeingAbsent) {
  EXPECT_EQ(differences(work_row(), work_row().clear("registers")),
            Texts{"MISSING " + NAME + ": not measured any more: registers"});
  EXPECT_EQ(
      check_work(baseline_of({work_row()}),
                 report_of({work_row().clear("registers").clear("spill_bytes").clear("occupancy")}),
                 true)
          .differences,
      Texts{});
  const Report one = report_of({work_row()});
  EXPECT_EQ(check_work(baseline_of({work_row(), work_row("gone")}), one, false).differences,
            Texts{"MISSING gone v1_tree fp16"});
  EXPECT_EQ(check_work(baseline_of({work_row()}), report_of({work_row(), work_row("new")}), false)
                .differences,
            Texts{"NEW new v1_tree fp16"});
  EXPECT_EQ(check_work(baseline_of({work_row()}),
                       report_of({work_row(), sample_row("skipped", "SKIP")}), false)
                .differences,
            Texts{});
  EXPECT_THROW(check_work(baseline_of({work_row()}), report_of({sample_row("x", "SKIP")}), false),
               InputError);
}

}  // namespace
}  // namespace assay::reports
