#include "reports/compare.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernels/device/error.h"
#include "reports/compare_output.h"
#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::findings;
using testing::message_of;
using testing::noisy;
using testing::sample_row;
using testing::side_of;
using testing::Texts;
using testing::timed;
using testing::TimedRow;

class TimedRows : public ::testing::Test {
 protected:
  TimedRow row(double median_us, std::string_view column = "", std::string_view value = "") {
    Row made = sample_row();
    made.set("gpu_name", "NVIDIA H200").set("driver", "550").set("build_flags", "-O3");
    made.set("throttle", "none");
    if (!column.empty()) made.set(column, value);
    return timed(made, noisy(random_, 60, median_us, 0.01));
  }
  std::mt19937_64 random_{1};
};

TEST(Names, GoBothWays) {
  for (std::size_t i = 0; i < VERDICTS; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(find_verdict(name_of(verdict)), verdict);
  }
  EXPECT_FALSE(find_verdict("slower"));
  EXPECT_FALSE(is_regression(Verdict::kFaster));
  EXPECT_TRUE(is_regression(Verdict::kSlower));
}

TEST_F(TimedRows, Verdicts) {
  EXPECT_EQ(findings(row(100), row(100)), Texts{"SAME"});
  EXPECT_EQ(findings(row(100), row(110)), Texts{"SLOWER"});
  EXPECT_EQ(findings(row(110), row(100)), Texts{"FASTER"});
  EXPECT_EQ(findings(sample_row(), sample_row()), Texts{"UNTIMED"});
}

// LibTorch is the control: what it moves by too is the machine's doing.
TEST_F(TimedRows, WhatTheReferenceMovesByTooIsUnclear) {
  const auto of = [&](double us, double reference_us, std::string_view torch = "2.11.0") {
    TimedRow made = row(us);
    made.row.set("ref_median_us", reference_us).set("torch_version", torch);
    return made;
  };
  const Texts unclear{"UNCLEAR: LibTorch's time of the same work moved by +7.4 % too"};
  EXPECT_EQ(findings(of(100, 100), of(107, 107.4)), unclear);
  EXPECT_EQ(findings(of(107, 107.4), of(100, 100)),
            Texts{"UNCLEAR: LibTorch's time of the same work moved by -6.9 % too"});
  EXPECT_EQ(findings(of(100, 100), of(107, 102)), Texts{"SLOWER"});
  EXPECT_EQ(findings(of(100, 100), of(107, 95)), Texts{"SLOWER"});
  EXPECT_EQ(findings(of(107, 100), of(100, 104)), Texts{"FASTER"});
  EXPECT_EQ(findings(of(100, 100), of(100, 107)), Texts{"SAME"});
  EXPECT_EQ(findings(of(100, 100), of(107, 107, "2.12.0")), Texts{"SLOWER"});
  EXPECT_EQ(findings(of(100, 100), row(107)), Texts{"SLOWER"});
}

TEST_F(TimedRows, PairsHoldOneVersionAgainstAnother) {
  const auto of_version = [&](std::string_view version, double us, std::string_view case_id) {
    Row made = sample_row(case_id);
    made.set("version", version).set("registers", version == "v1" ? 16 : 40);
    return timed(made, noisy(random_, 60, us, 0.01));
  };
  const Side one =
      side_of({of_version("v1", 100, "a"), of_version("v2", 80, "a"), of_version("v3", 50, "a"),
               of_version("v1", 100, "b"), of_version("v2", 100, "b"), of_version("v1", 7, "c")});
  CompareSettings settings;
  settings.pair = parse_pairing("version=v1:v2");
  Comparison comparison = compare(one, one, settings);
  ASSERT_EQ(comparison.rows.size(), 3U);
  EXPECT_EQ(comparison.count(Verdict::kFaster), 1U);   // a
  EXPECT_EQ(comparison.count(Verdict::kSame), 1U);     // b, though it takes more registers
  EXPECT_EQ(comparison.count(Verdict::kMissing), 1U);  // c
  EXPECT_FALSE(comparison.has_regression());

  settings.pair = parse_pairing("version=v2:v1");
  comparison = compare(one, one, settings);
  EXPECT_EQ(comparison.count(Verdict::kSlower), 1U);
  EXPECT_EQ(comparison.rows.front().base->text("version"), "v2");
  EXPECT_EQ(comparison.rows.front().current->text("version"), "v1");

  settings.pair = parse_pairing("version=v1:v9");
  const auto message = message_of<InputError>([&] { compare(one, one, settings); });
  EXPECT_TRUE(contains(message, "has no row whose version is 'v9'; there are: v1, v2, v3"))
      << message;
}

TEST(Pairings, BadOnesAreRefused) {
  EXPECT_EQ(parse_pairing("kernel_set=best,rope=v1:best").base, "best,rope=v1");
  for (const char* text : {"", "version", "version=v1", "v1:v2", "version=v1:v2:v3"})
    EXPECT_TRUE(contains(message_of<InputError>([&] { parse_pairing(text); }), "COLUMN=BASE:NEW"))
        << text;
  EXPECT_TRUE(contains(message_of<InputError>([] { parse_pairing("seed=1:2"); }),
                       "'seed' is no column that tells rows apart; those are suite, case_id"));
}

TEST_F(TimedRows, OtherMachinesAndBuilds) {
  EXPECT_EQ(findings(row(100), row(200, "gpu_name", "NVIDIA H100")),
            Texts{"INCOMPARABLE: gpu_name NVIDIA H200 -> NVIDIA H100"});
  EXPECT_EQ(findings(row(100), row(200, "driver", "560")),
            Texts{"INCOMPARABLE: driver 550 -> 560"});
  EXPECT_EQ(findings(row(100), row(200, "build_flags", "-O0")),
            Texts{"INCOMPARABLE: build_flags -O3 -> -O0"});
  EXPECT_EQ(findings(row(100), row(200, "driver", "")),
            Texts{"INCOMPARABLE: driver 550 -> (none)"});
  EXPECT_EQ(findings(row(100), row(200, "throttle", "power_cap sw_thermal")),
            Texts{"INCOMPARABLE: new throttled: power_cap sw_thermal"});
  EXPECT_EQ(findings(row(100, "throttle", "hw_thermal sw_thermal"), row(200)),
            Texts{"INCOMPARABLE: base throttled: hw_thermal sw_thermal"});
  EXPECT_EQ(findings(row(100, "throttle", "hw_thermal"), row(100, "throttle", "hw_thermal")),
            Texts{"INCOMPARABLE: base throttled: hw_thermal, new throttled: hw_thermal"});
  // At its power limit a GPU is as it is meant to be. In one run only, it may explain a difference.
  EXPECT_EQ(findings(row(100), row(200, "throttle", "power_cap")),
            Texts{"INCOMPARABLE: throttle none -> power_cap"});
  EXPECT_EQ(findings(row(200, "throttle", "power_cap"), row(100)),
            Texts{"INCOMPARABLE: throttle power_cap -> none"});
  EXPECT_EQ(findings(row(100), row(100, "throttle", "power_cap")), Texts{"SAME"});
  EXPECT_EQ(findings(row(100, "throttle", "power_cap"), row(200, "throttle", "power_cap")),
            Texts{"SLOWER"});
  // So are clocks that somebody set.
  EXPECT_EQ(findings(row(100), row(200, "throttle", "applications_clocks")),
            Texts{"INCOMPARABLE: throttle none -> applications_clocks"});
  EXPECT_EQ(findings(row(100, "throttle", "applications_clocks"),
                     row(100, "throttle", "applications_clocks")),
            Texts{"SAME"});
  EXPECT_EQ(
      findings(row(100, "throttle", "applications_clocks"), row(100, "throttle", "power_cap")),
      Texts{"INCOMPARABLE: throttle applications_clocks -> power_cap"});
  CompareSettings across;
  across.across = {"driver", "throttle"};
  EXPECT_EQ(findings(row(100), row(200, "driver", "560"), across), Texts{"SLOWER"});
  EXPECT_EQ(findings(row(100), row(200, "throttle", "power_cap"), across), Texts{"SLOWER"});
  across.across = {"status"};
  EXPECT_TRUE(contains(message_of<InputError>([&] { findings(row(1), row(1), across); }),
                       "across 'status': columns that may be ignored are gpu_name"));
}

TEST_F(TimedRows, TimesWithoutSamples) {
  TimedRow bare = row(100);
  bare.samples_us.clear();
  EXPECT_EQ(findings(bare, row(100)), Texts{"UNCLEAR: no samples in the base"});
  EXPECT_EQ(findings(row(100), bare), Texts{"UNCLEAR: no samples in the new report"});
  EXPECT_EQ(findings(row(100), {sample_row(), {}}), Texts{"UNCLEAR: no time in the new report"});
}

TEST(Work, AnyDifferenceCounts) {
  Row before = sample_row();
  before.set("sectors_read", 1000).set("spill_bytes", 0).set("registers", 40);
  before.set("sector_efficiency", 0.8).set("launches", 12).set("occupancy", 0.5);
  const auto with = [&](std::string_view column, auto value) {
    Row row = before;
    return row.set(column, value);
  };
  EXPECT_EQ(findings(before, before), Texts{"UNTIMED"});
  EXPECT_EQ(findings(before, with("sectors_read", 1001)),
            Texts{"CHANGED-WORK: worse: sectors_read 1000 -> 1001"});
  EXPECT_EQ(findings(before, with("sectors_read", 999)),
            Texts{"LESS-WORK: better: sectors_read 1000 -> 999"});
  EXPECT_EQ(findings(before, with("spill_bytes", 8)),
            Texts{"CHANGED-WORK: worse: spill_bytes 0 -> 8"});
  EXPECT_EQ(findings(before, with("launches", 13)),
            Texts{"CHANGED-WORK: worse: launches 12 -> 13"});
  // Of these, less is worse.
  EXPECT_EQ(findings(before, with("sector_efficiency", 0.7)),
            Texts{"CHANGED-WORK: worse: sector_efficiency 0.8 -> 0.7"});
  EXPECT_EQ(findings(before, with("occupancy", 0.75)),
            Texts{"LESS-WORK: better: occupancy 0.5 -> 0.75"});
  Row traded = with("registers", 64);
  traded.set("sectors_read", 500);
  EXPECT_EQ(findings(before, traded),
            Texts{"CHANGED-WORK: worse: registers 40 -> 64; better: sectors_read 1000 -> 500"});
  // Another compiler allots registers as it likes; what a kernel reads does not depend on it.
  Row recompiled = traded;
  recompiled.set("nvcc_version", "99");
  EXPECT_EQ(findings(before, recompiled),
            (Texts{"INCOMPARABLE: nvcc_version (none) -> 99: by another compiler, so not judged: "
                   "registers 40 -> 64",
                   "LESS-WORK: better: sectors_read 1000 -> 500"}));
  CompareSettings across;
  across.across = {"nvcc_version"};
  EXPECT_EQ(findings({before, {}}, {recompiled, {}}, across), findings(before, traded));
  Row same = before;
  same.set("nvcc_version", "99").set("host_cpu", "another");
  EXPECT_EQ(findings(before, same), Texts{"UNTIMED"});
  Row on_another_cpu = with("registers", 64);
  on_another_cpu.set("host_cpu", "another");
  EXPECT_EQ(findings(before, on_another_cpu), Texts{"CHANGED-WORK: worse: registers 40 -> 64"});
  // Counts are those of the host compiler's instrumentation.
  Row other_host = with("sectors_read", 1001);
  other_host.set("build_flags", "clang");
  EXPECT_TRUE(contains(findings(before, other_host)[0], "INCOMPARABLE: build_flags"));
  EXPECT_TRUE(contains(findings(before, other_host)[0], "sectors_read 1000 -> 1001"));
}

TEST(Work, MeasuredOnOneSideIsSaid) {
  Row counted = sample_row();
  const Side base = side_of({{counted.set("sectors_read", 5), {}}});
  const Side current = side_of({{sample_row(), {}}});
  const Comparison comparison = compare(base, current, {});
  ASSERT_EQ(comparison.notes.size(), 1u);
  EXPECT_TRUE(contains(comparison.notes[0], "sectors_read (1)"));
}

TEST_F(TimedRows, RowsOfOneSideOnlyAndTheOrder) {
  const auto named = [&](std::string_view name, double median_us) {
    TimedRow made = row(median_us);
    made.row.set("case_id", name);
    return timed(made.row, made.samples_us);
  };
  const Side base = side_of({named("a", 100), named("b", 100), named("c", 100), named("gone", 100),
                             named("d", 100), named("f", 100)});
  const Side current = side_of({named("d", 130), named("c", 80), named("b", 100), named("a", 110),
                                named("new", 100), named("f", 100)});
  const Comparison comparison = compare(base, current, {});
  std::string order;
  for (const RowComparison& r : comparison.rows)
    order += fmt::format("{} {}, ", r.row().text("case_id"), name_of(r.verdict()));
  EXPECT_TRUE(order.starts_with("d SLOWER, a SLOWER, gone MISSING, c FASTER, new NEW, ")) << order;
  EXPECT_EQ(comparison.count(Verdict::kSame), 2u);
  EXPECT_EQ(comparison.count(Verdict::kSlower), 2u);
  EXPECT_TRUE(comparison.has_regression());
  EXPECT_EQ(describe_counts(comparison), "7 rows: 2 SLOWER, 1 MISSING, 1 FASTER, 1 NEW, 2 SAME");

  CompareSettings only;
  only.filter = "^[ac] ";
  EXPECT_EQ(compare(base, current, only).rows.size(), 2u);
  only.filter = "nothing";
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { compare(base, current, only); }),
               "filter 'nothing' matches no row of r.csv; a row there is called 'a v1_tree fp16'"));
  only.filter = "[";
  EXPECT_TRUE(contains(message_of<InputError>([&] { compare(base, current, only); }),
                       "filter '[' is no regular expression"));
}

TEST(Matcher, EndsWhateverTheExpression) {
  const std::string name(300, 'a');
  EXPECT_FALSE(matcher("(.*)*(.*)*x$", "filter")(name));
  EXPECT_TRUE(matcher("(.*)*(.*)*a$", "filter")(name));
  EXPECT_TRUE(
      contains(message_of<InputError>([] { matcher("(a)\\1", "filter"); }), "back-reference"));
}

TEST_F(TimedRows, TheLeastEffectOfARow) {
  CompareSettings settings;
  settings.least_of = [](const Row&) { return 0.3; };
  EXPECT_EQ(findings(row(100), row(110), settings), Texts{"SAME"});
}

TEST(Compare, NeverTwoDevices) {
  Row other = sample_row();
  other.set("device", "cuda");
  const Side base = side_of({{sample_row(), {}}}, "b.csv");
  const Side current = side_of({{other, {}}}, "n.csv");
  EXPECT_EQ(message_of<InputError>([&] { compare(base, current, {}); }),
            "b.csv is of device emulated, n.csv of device cuda: the two are never compared");
}

TEST(Compare, ASideNamesAllOfItsCommits) {
  const auto of = [](std::string_view name, std::string_view commit, bool dirty) {
    return TimedRow{sample_row(name).set("commit", commit).set("dirty", dirty), {}};
  };
  const std::string run = sample_row().text("run_id");
  EXPECT_EQ(describe_side("base", side_of({of("a", "abc", false), of("b", "abc", false)})),
            "base  r.csv, run " + run + ", commit abc, emulated");
  EXPECT_EQ(describe_side("new", side_of({of("a", "abc", false), of("b", "def", true)})),
            "new   r.csv, run " + run + ", commits abc and def with uncommitted changes, emulated");
}

TEST_F(TimedRows, ForPrograms) {
  TimedRow slower = row(110);
  slower.row.set("case_id", "x,\"y\"").set("repro_cmd", "verify --x");
  TimedRow before = row(100);
  before.row.set("case_id", "x,\"y\"");
  const Side old_side = side_of({timed(before.row, before.samples_us)}, "a.csv");
  const Side current = side_of({timed(slower.row, slower.samples_us)}, "b.csv");
  const Comparison comparison = compare(old_side, current, {});
  const std::string csv = comparison_csv(comparison);
  EXPECT_TRUE(contains(csv, "verdict,verdicts,base_us"));
  EXPECT_TRUE(contains(csv, ",rms_norm,\"x,\"\"y\"\"\",v1_tree,,fp16,SLOWER,SLOWER,"));
  const std::string json = comparison_json(comparison, old_side, current, {});
  EXPECT_TRUE(contains(json, "\"SLOWER\": 1"));
  EXPECT_TRUE(contains(json, "\"verdict\": \"SLOWER\""));
  const std::string text = describe_comparison(comparison, old_side, current, {}, {});
  EXPECT_TRUE(contains(text, "*** EMULATED DEVICE"));
  EXPECT_TRUE(contains(text, "    verify --x\n"));
  EXPECT_TRUE(text.ends_with("1 row: 1 SLOWER\n"));
  const std::string markdown =
      describe_comparison(comparison, old_side, current, {}, {.markdown = true});
  EXPECT_TRUE(contains(markdown, "| SLOWER | x,"));
  EXPECT_TRUE(contains(markdown, "## regressions"));
}

}  // namespace
}  // namespace assay::reports
