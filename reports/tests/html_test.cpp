#include "reports/html/html.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/device/error.h"
#include "reports/html/ceilings.h"
#include "reports/html/data.h"
#include "reports/html/page.h"
#include "reports/html/sections.h"
#include "reports/tests/sample_report.h"
#include "reports/tests/synthetic_sweep.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::HOSTILE_REASON;
using testing::message_of;
using testing::read_text;
using testing::report_text;
using testing::sample_row;
using testing::synthetic_sweep;
using testing::TemporaryFolder;
using testing::write_text;

Report report_of(const std::vector<Row>& rows) { return parse_report(report_text(rows), "b.csv"); }

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

nlohmann::json column_of(const Report& report, std::string_view name) {
  const auto data = nlohmann::json::parse(report_json(report, std::nullopt));
  for (const auto& column : data["columns"])
    if (column["name"] == name) return column;
  return nullptr;
}

// Drawing pages needs Chart.js; where a build has none, that it says so is what is tested.
#define NEEDS_CHARTS()                                                                      \
  if (assets::CHART_LIBRARY.empty()) {                                                      \
    EXPECT_TRUE(                                                                            \
        contains(message_of<InputError>([] { render_html(Report{}); }), "libjs-chart.js")); \
    return;                                                                                 \
  }

TEST(Html, EscapesText) {
  EXPECT_EQ(escape_html("a<b> & \"c\" 'd'\n\x1b"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\\n\uFFFD");
  EXPECT_EQ(escape_script_json("{\"x\":\"</script><!--\"}"),
            "{\"x\":\"\\u003c/script>\\u003c!--\"}");
}

TEST(Html, DataByColumns) {
  Row a = sample_row("a");
  a.set("t_median_us", 1.23456789).set("err_ratio", NAN).set("status", "FAIL");
  Row b = sample_row("b");
  b.set("err_ratio", 0.5).set("launches", 3);
  const Report report = report_of({a, b, sample_row("c"), sample_row("d")});
  EXPECT_EQ(column_of(report, "schema_version"), nullptr);
  EXPECT_EQ(column_of(report, "driver"), nullptr);
  EXPECT_EQ(column_of(report, "op")["value"], "rms_norm");
  EXPECT_EQ(column_of(report, "case_id")["values"], (nlohmann::json{"a", "b", "c", "d"}));
  EXPECT_EQ(column_of(report, "status")["words"], (nlohmann::json{"FAIL", "PASS"}));
  EXPECT_EQ(column_of(report, "status")["at"], (nlohmann::json{0, 1, 1, 1}));
  EXPECT_EQ(column_of(report, "t_median_us")["values"],
            (nlohmann::json{1.23457, nullptr, nullptr, nullptr}));
  EXPECT_EQ(column_of(report, "t_median_us")["unit"], "us");
  EXPECT_EQ(column_of(report, "err_ratio")["values"],
            (nlohmann::json{"nan", 0.5, nullptr, nullptr}));
  EXPECT_EQ(column_of(report, "launches")["values"],
            (nlohmann::json{nullptr, 3, nullptr, nullptr}));
}

Row limited_row(const char* name, double gb_per_s, double tflop_per_s, double share) {
  Row row = sample_row(name);
  row.set("gb_per_s", gb_per_s).set("tflop_per_s", tflop_per_s).set("roofline_frac", share);
  return row;
}

TEST(Html, CeilingsFromRows) {
  // A machine of 4000 GB/s and 800 TFLOP/s: two rows on the slope, one on the flat roof.
  const std::vector<Row> rows = {limited_row("a", 2000, 1, 0.5), limited_row("b", 1000, 0, 0.25),
                                 limited_row("c", 100, 600, 0.75), sample_row("d")};
  const auto found = derive_ceilings(rows);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].dtype, "fp16");
  EXPECT_DOUBLE_EQ(*found[0].gb_per_s, 4000);
  EXPECT_DOUBLE_EQ(*found[0].tflop_per_s, 800);

  // Rows of one kind show one roof; none shows none.
  const auto slope = derive_ceilings(std::span(rows).first(2));
  ASSERT_EQ(slope.size(), 1u);
  EXPECT_DOUBLE_EQ(*slope[0].gb_per_s, 4000);
  EXPECT_FALSE(slope[0].tflop_per_s);
  EXPECT_TRUE(derive_ceilings(std::span(rows).last(1)).empty());
}

Row ceiling_row(const char* id, const char* dtype, const char* column, double value) {
  Row row = sample_row(id);
  row.set("suite", "ceiling").clear("op").clear("version").clear("dtype");
  row.set("case_id", id).set(column, value);
  if (*dtype != '\0') row.set("dtype", dtype);
  return row;
}

TEST(Html, CeilingsThatWereMeasured) {
  std::vector<Row> rows = {limited_row("a", 2000, 1, 0.5), limited_row("c", 100, 600, 0.75)};
  rows.push_back(limited_row("i", 500, 0, 0.25));
  rows.back().set("dtype", "i32");
  EXPECT_DOUBLE_EQ(*find_ceilings(rows)[0].gb_per_s, 4000);  // else they are worked out
  rows.push_back(ceiling_row("ceiling/read", "", "gb_per_s", 4160));
  rows.push_back(ceiling_row("ceiling/copy", "", "gb_per_s", 4200));
  rows.push_back(ceiling_row("ceiling/gemm", "fp16", "tflop_per_s", 721));
  rows.push_back(ceiling_row("ceiling/gemm", "bf16", "tflop_per_s", 781));
  rows.push_back(ceiling_row("ceiling/gemm", "fp16", "tflop_per_s", 700));  // another shape
  const auto found = find_ceilings(rows);
  ASSERT_EQ(found.size(), 2u);  // bf16 has no row to draw
  EXPECT_EQ(found[0].dtype, "fp16");
  EXPECT_DOUBLE_EQ(*found[0].gb_per_s, 4200);
  EXPECT_DOUBLE_EQ(*found[0].tflop_per_s, 721);
  EXPECT_EQ(found[1].dtype, "i32");
  EXPECT_DOUBLE_EQ(*found[1].gb_per_s, 4200);
  EXPECT_FALSE(found[1].tflop_per_s);
  // Another run without rows of its own is not held against these.
  rows.push_back(limited_row("z", 1000, 1, 0.5));
  rows.back().set("run_id", "another");
  for (const DtypeCeilings& ceilings : find_ceilings(rows)) {
    EXPECT_DOUBLE_EQ(*ceilings.gb_per_s, ceilings.run_id == "another" ? 2000 : 4200);
  }
}

TEST(Html, SaysTheLimitsAndHoldsThemForNoCaseOfCorrectness) {
  Report report;
  report.rows = {sample_row("a"), ceiling_row("ceiling/read", "", "gb_per_s", 4160),
                 ceiling_row("ceiling/gemm", "bf16", "tflop_per_s", 696),
                 ceiling_row("ceiling/gemm", "bf16", "tflop_per_s", 781)};  // another shape
  EXPECT_TRUE(contains(origin_section(report),
                       "<dt>Limits</dt><dd>read 4160 GB/s, bf16 product 781.0 TFLOP/s</dd>"))
      << origin_section(report);
  EXPECT_FALSE(contains(correctness_section(report), "<td>?</td>"));
}

TEST(Html, CeilingsOfASweep) {
  const auto found = derive_ceilings(synthetic_sweep());
  ASSERT_EQ(found.size(), 3u);
  for (const DtypeCeilings& ceilings : found) {
    EXPECT_NEAR(*ceilings.gb_per_s, testing::SYNTHETIC_GB_PER_S, 1e-3);
    EXPECT_NEAR(*ceilings.tflop_per_s,
                testing::SYNTHETIC_TFLOP_PER_S / (ceilings.dtype == "fp32" ? 16 : 1), 1e-3);
  }
}

TEST(Html, WorkOfAStepIsBesideItsSpeed) {
  NEEDS_CHARTS();
  Row row = sample_row("tiny/decode");
  row.clear("op").set("suite", "generation").set("kernel_set", "best").set("t_median_us", 50.0);
  row.set("launches", 41).set("allocations", 0).set("bytes", 2'000'000'000);
  row.set("row_id", make_row_id(row));
  EXPECT_FALSE(contains(render_html(report_of({row})), "own kernels counted, GB"));
  row.set("sectors_read", 62'500'000).set("sectors_written", 31'250'000);
  const std::string page = render_html(report_of({row}));
  EXPECT_TRUE(contains(page, "least moved, GB"));
  EXPECT_TRUE(contains(page, "own kernels counted, GB"));
  EXPECT_TRUE(contains(page, "<td class=\"n\">2.000</td><td class=\"n\">3.000</td>"))
      << page.substr(page.find("id=\"generation\""), 1500);
}

TEST(Html, CorrectnessFirst) {
  NEEDS_CHARTS();
  const Report report = report_of(synthetic_sweep({.small = true}));
  const std::string page = render_html(report);
  EXPECT_LT(page.find("<h2>Correctness"), page.find("<h2>Speed"));
  EXPECT_TRUE(contains(page, "<h3>Failures (2)</h3>"));
  EXPECT_TRUE(contains(page, "error against float64 is 3.25 times its tolerance"));
  EXPECT_TRUE(contains(page, "<pre class=\"replay\">sweep --set sweep"));
  EXPECT_TRUE(contains(page, "linear / v3_vector: at most 64 rows are supported"));
  EXPECT_TRUE(contains(page, "NVIDIA H200, compute capability 9.0, SMs: 132"));
  EXPECT_TRUE(contains(page, "driver 580.159.04, CUDA 13.0"));
  EXPECT_TRUE(contains(page, "SM clock 1980 MHz"));
  EXPECT_TRUE(contains(page, "commit 402a61a5f0c3"));
  EXPECT_FALSE(contains(page, "Compared with"));
  EXPECT_FALSE(contains(page, "Emulated device"));
}

TEST(Html, TheWorstIsNamed) {
  Row good = sample_row("good");
  good.set("err_ratio", 0.4).set("mutants_killed", 9).set("mutants_total", 10);
  Row lost = sample_row("lost", "FAIL");
  lost.set("err_ratio", NAN);
  EXPECT_TRUE(contains(correctness_section(report_of({good})), "40.00 %"));
  EXPECT_TRUE(contains(correctness_section(report_of({good})), "9 of 10"));
  EXPECT_TRUE(
      contains(correctness_section(report_of({good, lost, good})), "<td class=\"name\">lost"));
}

TEST(Html, NothingHostileGetsOut) {
  NEEDS_CHARTS();
  std::vector<Row> rows = synthetic_sweep({.small = true});
  for (const char* column :
       {"case_id", "op", "version", "gpu_name", "commit", "repro_cmd", "run_id", "throttle"})
    rows[0].set(column, HOSTILE_REASON);
  rows[0].set("status", "FAIL");
  const std::string page = render_html(
      report_of(rows),
      PageComparison{HOSTILE_REASON,
                     {{rows[0].text("row_id"), HOSTILE_REASON, 1.0, {}, HOSTILE_REASON}}});
  EXPECT_FALSE(contains(page, "<script>document.title"));
  EXPECT_FALSE(contains(page, "<img"));
  EXPECT_EQ(count_of(page, "<script"), count_of(page, "</script>"));
  EXPECT_EQ(count_of(page, "<script"), 5u);  // the data, Chart.js, three of ours
}

TEST(Html, NeedsNoNetwork) {
  NEEDS_CHARTS();
  const std::string page = render_html(report_of(synthetic_sweep({.small = true})));
  EXPECT_TRUE(contains(page, "default-src 'none'"));
  for (const char* reference : {"src=\"", "src='", "<link", "@import", "url(", "fetch(",
                                "XMLHttpRequest", "href=\"http", "import("})
    EXPECT_EQ(count_of(page, reference), 0u) << reference;
}

TEST(Html, AFullSweepIsUnderThreeMegabytes) {
  NEEDS_CHARTS();
  const auto rows = synthetic_sweep({.noise = 0.01});
  ASSERT_GE(rows.size(), 1500u);
  const std::string page = render_html(report_of(rows));
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_GT(page.size(), 500'000u);
}

TEST(Html, EmulatedTimesAreNotPerformance) {
  NEEDS_CHARTS();
  EXPECT_TRUE(contains(render_html(report_of(synthetic_sweep({.emulated = true, .small = true}))),
                       "They are not performance"));
}

TEST(Html, AComparison) {
  const std::vector<Row> rows = {sample_row("a"), sample_row("b"), sample_row("c")};
  const PageComparison comparison{
      "base.csv",
      {{rows[0].text("row_id"), "SAME", 0.001, Interval{-0.002, 0.004}, ""},
       {rows[1].text("row_id"), "SLOWER", 0.0514, Interval{0.041, 0.062}, ""},
       {rows[2].text("row_id"), "UNCLEAR", {}, {}, "two modes"}}};
  const std::string text = comparison_section(report_of(rows), comparison);
  EXPECT_TRUE(contains(text, "Compared with base.csv"));
  EXPECT_TRUE(contains(text, "SAME 1 \u00B7 SLOWER 1 \u00B7 UNCLEAR 1"));
  EXPECT_TRUE(contains(
      text,
      "b / rms_norm / v1_tree</td><td class=\"n\">+5.1 %</td><td class=\"n\">+4.1 % to +6.2 %"));
  EXPECT_TRUE(contains(text, "two modes"));
  EXPECT_FALSE(contains(text, "<td class=\"name\">a /"));
  const auto json = nlohmann::json::parse(report_json(report_of(rows), comparison));
  EXPECT_EQ(json["comparison"]["rows"][1]["ci"], (nlohmann::json{0.041, 0.062}));
}

TEST(Html, FilesAndExitCodes) {
  NEEDS_CHARTS();
  const TemporaryFolder folder;
  std::ostringstream out;
  std::ostringstream err;
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const auto html = [&](const char* input) {
    return write_html(path(input), "", path("page.html"), out, err);
  };
  write_text(folder / "good.csv", report_text({sample_row("a")}));
  EXPECT_EQ(html("good.csv"), 0);
  EXPECT_TRUE(contains(read_text(folder / "page.html"), "</html>\n"));
  // A killed run: its good rows are shown, with what is wrong above them.
  write_text(folder / "cut.csv", report_text({sample_row("a")}) + "2,run");
  EXPECT_EQ(html("cut.csv"), 2);
  EXPECT_TRUE(contains(err.str(), "cut.csv:3:1: error"));
  EXPECT_TRUE(contains(read_text(folder / "page.html"), "One problem in this file."));
  write_text(folder / "header.csv", report_text({}));
  EXPECT_EQ(html("header.csv"), 2);
  EXPECT_THROW(html("none.csv"), InputError);
  EXPECT_TRUE(contains(
      message_of<InputError>([&] { write_html(path("good.csv"), "", path("good.csv"), out, err); }),
      "is an input and cannot be the output"));
  EXPECT_THROW(write_html(path("good.csv"), "", path("no/page.html"), out, err), InputError);
  EXPECT_EQ(read_text(folder / "good.csv"), report_text({sample_row("a")}));

  // Compared with a base that has another row, and fewer spills.
  Row before = sample_row("a");
  before.set("spill_bytes", 0);
  Row after = sample_row("a");
  after.set("spill_bytes", 64);
  write_text(folder / "base.csv", report_text({before, sample_row("gone")}));
  write_text(folder / "new.csv", report_text({after}));
  EXPECT_EQ(write_html(path("new.csv"), path("base.csv"), path("page.html"), out, err), 0)
      << err.str();
  const std::string page = read_text(folder / "page.html");
  EXPECT_TRUE(contains(page, "CHANGED-WORK 1 · MISSING 1")) << page.substr(0, 4000);
  EXPECT_TRUE(contains(page, "spill_bytes 0 -&gt; 64"));
  EXPECT_THROW(write_html(path("new.csv"), path("page.html"), path("page.html"), out, err),
               InputError);
}

}  // namespace
}  // namespace assay::reports
