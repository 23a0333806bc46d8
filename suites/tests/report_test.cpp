// Rows on their way to the CSV, the JUnit XML and the Markdown summary.
#include "suites/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "kernels/device/error.h"
#include "reports/reader.h"
#include "suites/junit.h"
#include "suites/markdown.h"

namespace assay::suites {
namespace {

constexpr double NAN_VALUE = std::numeric_limits<double>::quiet_NaN();
constexpr double INFINITE = std::numeric_limits<double>::infinity();

reports::Row row(const std::string& name, const std::string& status, double ratio) {
  reports::Row r;
  r.set("run_id", "run").set("suite", "kernel").set("device", "emulated");
  r.set("op", "rope").set("version", "v1").set("case_id", name).set("status", status);
  r.set("err_ratio", ratio);
  return r;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Report, NothingPassesBesideAnErrorThatIsNotWithinItsTolerance) {
  Report report;
  EXPECT_THROW(report.add(row("a", "PASS", NAN_VALUE)), Error);
  EXPECT_THROW(report.add(row("a", "PASS", INFINITE)), Error);
  EXPECT_THROW(report.add(row("a", "PASS", 1.001)), Error);
  EXPECT_TRUE(report.lines().empty());
  report.add(row("a", "PASS", 1.0));
  report.add(row("b", "FAIL", NAN_VALUE));
  report.add(row("c", "FAIL", 2.0));
  EXPECT_TRUE(std::isnan(report.lines().at("kernel.rope").worst_ratio)) << "NaN is the worst";
  EXPECT_TRUE(contains(report.lines().at("kernel.rope").worst_case, "b"));
  EXPECT_EQ(report.failures().size(), 2u);
}

TEST(Report, ATestIsAsBadAsItsWorstRow) {
  Report report;
  report.add(row("before", "FAIL", 3.0));
  report.begin_test();
  EXPECT_EQ(report.test_outcome().status, "");
  report.add(row("a", "PASS", 0.5));
  EXPECT_EQ(report.test_outcome().status, "PASS");
  report.add(row("b", "FAIL", 1.5).set("reason", "one"));
  report.add(row("c", "ERROR", 1.2).set("reason", "two"));
  report.add(row("d", "PASS", 0.1));
  EXPECT_EQ(report.test_outcome().status, "ERROR");
  EXPECT_EQ(report.test_outcome().reason, "one");
  EXPECT_EQ(report.test_outcome().err_ratio, 1.5);
}

TEST(ReportDeathTest, ACrashLeavesTheRowsBeforeItReadable) {
  const std::filesystem::path csv =
      std::filesystem::path(testing::TempDir()) / "assay-crash-test.csv";
  std::filesystem::remove(csv);
  const auto crash = [&] {
    Report report;
    report.open(csv.string());
    report.add(row("a", "PASS", 0.5));
    report.add(row("b", "FAIL", 1.5).set("reason", "quoted \"and\",\nin lines"));
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  };
  EXPECT_EXIT(crash(), testing::KilledBySignal(SIGSEGV), "");
  const auto rows = reports::read_report(csv).rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].text("reason"), "quoted \"and\",\nin lines");
  EXPECT_EQ(rows[1].real("err_ratio"), 1.5);
}

// As GoogleTest writes it when a run is cut off: `never` did not start, and looks as if it passed.
const char* const XML = R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" disabled="0" errors="0" time="1." name="AllTests">
  <testsuite name="rope" tests="3" failures="1" disabled="0" skipped="0" errors="0" time="1.">
    <testcase name="v1/&lt;a&gt;" status="run" result="completed" time="0." classname="rope">
      <failure message="slow" type=""><![CDATA[slow]]></failure>
    </testcase>
    <testcase name="never" status="run" result="completed" time="0." classname="rope" />
    <testcase name="skipped" status="run" result="skipped" time="0." classname="rope">
      <skipped message="no model"/>
    </testcase>
  </testsuite>
</testsuites>
)";

TEST(Junit, MarksWhatDidNotRun) {
  const std::string out = mark_not_run(XML, {{"rope.never", "the run ended"},
                                             {"rope.skipped", "no <model>"},
                                             {"swiglu.absent", "no such \"test\""}});
  EXPECT_TRUE(contains(out, "tests=\"4\" failures=\"4\"")) << out;
  EXPECT_TRUE(contains(out, "<testsuite name=\"rope\" tests=\"3\" failures=\"3\"")) << out;
  EXPECT_TRUE(
      contains(out, "classname=\"rope\" >\n      <failure message=\"NOT_RUN: the run ended"));
  EXPECT_TRUE(contains(out, "NOT_RUN: no &lt;model&gt;\""));
  EXPECT_TRUE(contains(out, "<testsuite name=\"NOT_RUN\" tests=\"1\" failures=\"1\""));
  EXPECT_TRUE(contains(out, "<testcase name=\"absent\" status=\"notrun\""));
  EXPECT_TRUE(contains(out, "classname=\"swiglu\">"));
  EXPECT_EQ(out.find("</testsuites>"), out.rfind("</testsuites>"));
}

TEST(Junit, FindsNamesThatXmlEscapes) {
  const std::string out = mark_not_run(XML, {{"rope.v1/<a>", "gone"}});
  EXPECT_FALSE(contains(out, "<testsuite name=\"NOT_RUN\"")) << out;
  EXPECT_TRUE(contains(out, "NOT_RUN: gone"));
}

TEST(Junit, IsRedEvenWithoutGoogleTestsPart) {
  const std::string out = mark_not_run("", {{"rope.v1", "gone"}});
  EXPECT_TRUE(contains(out, "<testsuites>\n  <testsuite name=\"NOT_RUN\""));
  EXPECT_TRUE(contains(out, "</testsuites>"));
}

TEST(Markdown, EscapesWhatMarkdownAndHtmlWouldTakeForTheirOwn) {
  EXPECT_EQ(escape_markdown("a|b"), "a&#124;b");
  EXPECT_EQ(escape_markdown("rms_norm _x"), "rms_norm &#95;x");
  EXPECT_EQ(escape_markdown("<img> *x* _y_ `z` [l](u) \\ & \n"),
            "&#60;img&#62; &#42;x&#42; &#95;y&#95; &#96;z&#96; &#91;l&#93;(u) &#92; &#38;  ");
}

TEST(Markdown, PutsFailuresOnTopWithTheirReplayCommand) {
  Report report;
  report.add(row("rope/fp32/a=1", "PASS", 0.25).set("mutants_killed", 7).set("mutants_total", 8));
  report.add(row("rope/fp32/a=2", "FAIL", 1.5)
                 .set("reason", "y [3]: found ```1```")
                 .set("repro_cmd", "verify --gtest_filter='rope.v1/*'"));
  RunFacts facts;
  facts.device = "emulated";
  facts.set = "smoke";
  facts.tests_passed = 1;
  facts.tests_failed = 1;
  const std::string text = render_markdown(facts, report);
  EXPECT_TRUE(contains(text, "❌"));
  EXPECT_TRUE(contains(text, "<details open><summary>FAIL kernel rope/fp32/a=2 v1</summary>"));
  EXPECT_TRUE(contains(text,
                       "````text\ny [3]: found ```1```\n"
                       "replay: verify --gtest_filter='rope.v1/*'\n````"))
      << text;
  EXPECT_TRUE(
      contains(text, "| level.op | PASS | FAIL | spoils refused | % of tolerance | worst case |"))
      << text;
  EXPECT_TRUE(contains(text, "| kernel.rope | 1 | 1 | 7/8 | 150.0 | rope/fp32/a=2 v1 |")) << text;
  EXPECT_LT(text.find("### Failures"), text.find("| level.op"));
}

TEST(Markdown, IsGreenOnlyWithoutDiscrepancies) {
  Report report;
  report.add(row("a", "PASS", 0.25));
  RunFacts facts;
  facts.tests_passed = 1;
  EXPECT_TRUE(contains(render_markdown(facts, report), "✅"));
  facts.tests_not_run = 1;
  EXPECT_TRUE(contains(render_markdown(facts, report), "❌"));
  facts.update_command = "verify --write-manifest list.txt";
  facts.discrepancies = {{"rope.v9", false, "not in the manifest"}, {"rope.v1", true, "absent"}};
  const std::string text = render_markdown(facts, report);
  EXPECT_TRUE(contains(text, "❌"));
  EXPECT_TRUE(contains(text, "1 NOT_RUN"));
  EXPECT_TRUE(contains(text, "rope.v9: not in the manifest"));
  EXPECT_TRUE(contains(text, "If that is meant: verify --write-manifest list.txt"));
}

TEST(Markdown, StaysReadableWithVeryManyFailures) {
  Report report;
  for (int i = 0; i < 3000; ++i) {
    report.add(row("case" + std::to_string(i), "FAIL", 2.0).set("reason", std::string(5000, 'x')));
  }
  const std::string text = render_markdown({}, report);
  EXPECT_LT(text.size(), 1u << 19) << "job pages take 1 MiB";
  EXPECT_TRUE(contains(text, "and 2950 more"));
}

}  // namespace
}  // namespace assay::suites
