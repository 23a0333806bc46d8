#include "reports/summary.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "reports/tests/sample_report.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::report_text;
using testing::sample_row;
using testing::TemporaryFolder;
using testing::write_text;

Row kernel_row(std::string_view case_id, std::string_view version, std::string_view status) {
  Row row = sample_row(case_id, status);
  row.set("version", version).set("err_ratio", 0.25).set("t_median_us", 12.345);
  row.set("gb_per_s", 1234.6).set("tflop_per_s", 0.5).set("roofline_frac", 0.257);
  row.set("device", "cuda").set("gpu_name", "NVIDIA H200").set("driver", "580.1");
  row.set("commit", "1a2b3c4").set("dirty", true);
  row.set("row_id", make_row_id(row));
  return row;
}

Row generation_row() {
  Row row = kernel_row("llama2-7b/decode", "", "PASS");
  row.clear("op").set("suite", "generation").set("kernel_set", "best").set("phase", "decode");
  row.set("batch", 8).set("tok_per_s", 1432.1);
  row.set("row_id", make_row_id(row));
  return row;
}

Report report_of(const std::vector<Row>& rows) { return parse_report(report_text(rows), "b.csv"); }

Row failing_row() {
  Row row = kernel_row("rms_norm/16x4096", "v2_vec", "FAIL");
  row.set("err_ratio", NAN).set("max_abs_err", 0.5).set("worst_index", 17);
  row.set("repro_cmd", "build/cuda/bin/verify --gtest_filter=*rms_norm*");
  return row;
}

TEST(Show, AReport) {
  const Report report =
      report_of({kernel_row("rms_norm/128x4096", "v1_tree", "PASS"), failing_row(),
                 kernel_row("rms_norm/16x4096", "v1_tree", "SKIP"), generation_row()});
  EXPECT_EQ(
      summarize_report(report, {}),
      "b.csv, run 20260131T150405Z-9f3a1c\n"
      "\n"
      "  device  cuda, NVIDIA H200, driver 580.1\n"
      "  code    commit 1a2b3c4, with uncommitted changes\n"
      "  time    2026-01-31T15:04:05Z\n"
      "  rows    4: PASS 2, FAIL 1, SKIP 1\n"
      "\n"
      "failures (1)\n"
      "  FAIL  rms_norm/16x4096  v2_vec  fp16  err_ratio nan  max_abs_err 0.5  at element 17\n"
      "    build/cuda/bin/verify --gtest_filter=*rms_norm*\n"
      "\n"
      "rms_norm\n"
      "case      version  dtype  status  err_ratio  t_median_us  GB/s  TFLOP/s  roofline\n"
      "16x4096   v1_tree  fp16   SKIP       0.2500        12.35  1235   0.5000    25.7 %\n"
      "16x4096   v2_vec   fp16   FAIL          nan        12.35  1235   0.5000    25.7 %\n"
      "128x4096  v1_tree  fp16   PASS       0.2500        12.35  1235   0.5000    25.7 %\n"
      "\n"
      "generation\n"
      "case              kernels  dtype  phase   batch  status  err_ratio  t_median_us  tok/s  "
      "roofline\n"
      "llama2-7b/decode  best     fp16   decode      8  PASS       0.2500        12.35   1432  "
      "  25.7 %\n"
      "\n");
}

TEST(Show, WorkOfAStep) {
  Row best = generation_row();
  best.set("launches", 41).set("allocations", 0).set("peak_mem_bytes", 374272);
  best.set("bytes", 225280).set("sectors_read", 12336).set("sectors_written", 1950);
  Row baseline = generation_row();
  baseline.set("kernel_set", "baseline").set("launches", 43).set("allocations", 2);
  baseline.set("bytes", 225280);
  baseline.set("row_id", make_row_id(baseline));
  const std::string text = summarize_report(report_of({best, baseline}), {});
  EXPECT_TRUE(contains(
      text,
      "work of one step\n"
      "case              kernels   dtype  launches  allocations  peak MB  least MB moved  own "
      "kernels' MB\n"
      "llama2-7b/decode  best      fp16         41            0   0.3743          0.2253           "
      "0.4572\n"
      "llama2-7b/decode  baseline  fp16         43            2                   0.2253\n"))
      << text;
  EXPECT_FALSE(contains(summarize_report(report_of({generation_row()}), {}), "work of one step"));
}

TEST(Show, OnlyFailures) {
  const Report report = report_of({kernel_row("a", "v1_tree", "PASS"), failing_row()});
  const std::string text = summarize_report(report, {.failed = true});
  EXPECT_TRUE(contains(text, "rows    2: PASS 1, FAIL 1"));
  EXPECT_TRUE(contains(text, "--gtest_filter=*rms_norm*"));
  EXPECT_FALSE(contains(text, "t_median_us"));
}

TEST(Show, OneOp) {
  Row rope = kernel_row("rope/only", "v1", "PASS");
  rope.set("op", "rope");
  rope.set("row_id", make_row_id(rope));
  const Report report = report_of({kernel_row("a", "v1_tree", "PASS"), rope});
  const std::string text = summarize_report(report, {.ops = {"rope"}});
  EXPECT_TRUE(contains(text, "rows    1: PASS 1"));
  EXPECT_TRUE(contains(text, "\nonly "));
  EXPECT_FALSE(contains(text, "rms_norm"));
}

TEST(Show, EmulatedTimesAreNotPerformance) {
  constexpr auto BANNER = "They are not performance";
  EXPECT_TRUE(contains(summarize_report(report_of({sample_row()}), {}), BANNER));
  EXPECT_TRUE(contains(summarize_report(report_of({sample_row()}), {.markdown = true}), BANNER));
  EXPECT_FALSE(
      contains(summarize_report(report_of({kernel_row("a", "v1_tree", "PASS")}), {}), BANNER));
}

TEST(Show, RunsApart) {
  Row later = sample_row();
  later.set("run_id", "later");
  const std::string text = summarize_report(report_of({sample_row(), later}), {});
  EXPECT_TRUE(contains(text, "b.csv, run 20260131T150405Z-9f3a1c\n"));
  EXPECT_TRUE(contains(text, "b.csv, run later\n"));
}

TEST(Show, ColumnsThatTellRowsApartAppear) {
  Row cold = kernel_row("a", "v1_tree", "PASS");
  cold.set("cache", "cold");
  cold.set("row_id", make_row_id(cold));
  Row warm = kernel_row("a", "v1_tree", "PASS");
  warm.set("cache", "warm");
  warm.set("row_id", make_row_id(warm));
  EXPECT_TRUE(contains(summarize_report(report_of({cold, warm}), {}), "cache"));
  EXPECT_FALSE(contains(summarize_report(report_of({cold}), {}), "cache"));
}

TEST(Show, FitsTheWidth) {
  Row row = generation_row();
  row.set("case_id", "模型" + std::string(150, 'x') + "/b1")
      .set("kernel_set", std::string(60, 'k'));
  row.set("q_len", 8192).set("kv_len", 8192).set("ttft_ms", 12.5).set("launches", 123456);
  row.set("row_id", make_row_id(row));
  std::istringstream lines(summarize_report(report_of({row}), {}));
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, display_width(line));
  EXPECT_LE(widest, 120u);
  EXPECT_GT(widest, 110u);
}

TEST(Show, Markdown) {
  const std::string text = summarize_report(
      report_of({kernel_row("a|b", "v1_tree", "PASS"), failing_row()}), {.markdown = true});
  EXPECT_TRUE(contains(text, "# b.csv, run 20260131T150405Z-9f3a1c\n\n- device: cuda, NVIDIA"));
  EXPECT_TRUE(contains(text, "\n- FAIL  rms_norm/16x4096  v2_vec  fp16  err_ratio nan"));
  EXPECT_TRUE(contains(text, "\n  ``` build/cuda/bin/verify --gtest_filter=*rms_norm* ```\n"));
  EXPECT_TRUE(contains(text, "## rms_norm\n\n| case | version | dtype | status | err_ratio |"));
  EXPECT_TRUE(contains(text, "| a\\|b | v1_tree | fp16 | PASS | 0.2500 |"));
}

class ShowFiles : public ::testing::Test {
 protected:
  int show(const std::vector<std::string>& files, const ShowOptions& options = {}) {
    out_.str("");
    err_.str("");
    return show_reports(files, options, out_, err_);
  }
  std::string file(std::string_view name, const std::string& text) {
    write_text(folder_ / name, text);
    return (folder_ / name).string();
  }

  TemporaryFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ShowFiles, ExitCodes) {
  for (const auto status : {"PASS", "SKIP"})
    EXPECT_EQ(show({file("r.csv", report_text({sample_row("a", status)}))}), 0) << status;
  for (const auto status : {"FAIL", "MISTRUSTED", "NOT_RUN", "ERROR", "TIMEOUT"}) {
    const std::string text = report_text({sample_row(), sample_row("a", status)});
    EXPECT_EQ(show({file("r.csv", text)}), 1) << status;
    EXPECT_TRUE(contains(out_.str(), "failures (1)\n  " + std::string(status) + "  a  v1_tree"));
  }
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ShowFiles, GoodRowsOfABadFile) {
  const std::string path =
      file("r.csv", report_text({sample_row("good"), sample_row("failed", "FAIL")}) + "cut");
  EXPECT_EQ(show({path}), 2);
  EXPECT_TRUE(contains(out_.str(), "rows    2: PASS 1, FAIL 1"));
  EXPECT_TRUE(contains(err_.str(), path + ":4:1: error: the file ends in the middle"));
}

TEST_F(ShowFiles, OneFileUnusableTheOtherShown) {
  const std::string good = file("good.csv", report_text({sample_row("good")}));
  const std::string empty = file("empty.csv", "");
  const std::string absent = (folder_ / "absent.csv").string();
  EXPECT_EQ(show({empty, absent, good}), 2);
  EXPECT_TRUE(contains(out_.str(), good + ", run"));
  EXPECT_TRUE(contains(err_.str(), empty + ": is empty"));
  EXPECT_TRUE(contains(err_.str(), absent + ": cannot be opened"));
}

TEST_F(ShowFiles, NothingRunIsNotGood) {
  EXPECT_EQ(show({file("r.csv", header_line() + "\n")}), 2);
  EXPECT_TRUE(contains(err_.str(), "r.csv: has no rows"));
}

TEST_F(ShowFiles, OpThatIsNotThere) {
  const std::string path = file("r.csv", report_text({sample_row()}));
  EXPECT_EQ(show({path}, {.ops = {"rope"}}), 2);
  EXPECT_TRUE(contains(err_.str(), "no row is of op rope; there are rows of rms_norm"));
}

TEST_F(ShowFiles, DiagnosticsDoNotFloodTheTerminal) {
  std::string text = report_text({sample_row()});
  for (int i = 0; i < 30; ++i) text += "x\n";
  EXPECT_EQ(show({file("r.csv", text)}), 2);
  EXPECT_TRUE(contains(err_.str(), "r.csv: and 10 more\n"));
}

// The program itself: arguments, streams and exit codes.
class Program : public ShowFiles {
 protected:
  int run(const std::string& arguments) {
    const std::string command = std::string(ASSAY_REPORT_PROGRAM) + " " + arguments;
    output_.clear();
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return -1;
    std::array<char, 4096> buffer;
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
      output_.append(buffer.data(), got);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string output_;
};

TEST_F(Program, Columns) {
  EXPECT_EQ(run("columns"), 0);
  EXPECT_EQ(output_, describe_columns(false));
  EXPECT_EQ(run("columns --markdown"), 0);
  EXPECT_EQ(output_, describe_columns(true));
}

TEST_F(Program, ShowWithOptions) {
  const std::string path = file("r.csv", report_text({sample_row(), sample_row("broken", "FAIL")}));
  EXPECT_EQ(run("show --op rms_norm --failed --markdown " + path), 1);
  EXPECT_TRUE(contains(output_, "- FAIL  broken"));
  EXPECT_FALSE(contains(output_, "t_median_us"));
  EXPECT_EQ(run("show --op rope " + path + " 2>&1"), 2);
  EXPECT_TRUE(contains(output_, "no row is of op rope"));
}

TEST_F(Program, BadArgumentsExitWithTwo) {
  for (const auto arguments : {"", "show", "frobnicate", "show --nonsense x.csv", "show /absent"})
    EXPECT_EQ(run(std::string(arguments) + " 2>&1"), 2) << arguments;
  EXPECT_EQ(run("--help"), 0);
  EXPECT_TRUE(contains(output_, "show"));
  EXPECT_EQ(run("columns 2>&1 >/dev/full"), 2);
  EXPECT_TRUE(contains(output_, "writing to standard output failed"));
}

}  // namespace
}  // namespace assay::reports
