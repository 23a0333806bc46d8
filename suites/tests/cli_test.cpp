// verify and sweep as a person calls them: what they refuse, how, and with which exit code.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "kernels/device/properties.h"
#include "reports/reader.h"
#include "suites/tests/command.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

// A report path in a folder of this test's own.
fs::path report_path(const std::string& name) {
  const fs::path folder = fs::path(testing::TempDir()) / "assay-cli-test";
  fs::create_directories(folder);
  fs::path path = folder / name;
  fs::remove(path);
  fs::path samples = path;
  fs::remove(samples.replace_extension("samples.jsonl"));
  return path;
}

const std::string VERIFY = ASSAY_VERIFY;
const std::string SWEEP = ASSAY_SWEEP;
const std::string ONE_KERNEL = " --set smoke --gtest_filter='residual_add.*/fp32/*'";

TEST(Verify, RefusesWhatItDoesNotKnow) {
  expect_refused(VERIFY + " --set huge", "'huge' is none of smoke, ci, sweep");
  expect_refused(VERIFY + " --sed 3", "unknown argument --sed");
  expect_refused(VERIFY + " --set smoke --gtest_filter=no_such_op.*", "no test matches");
  expect_refused(VERIFY + " --resources /no/such.json", "/no/such.json: cannot be read");
  expect_refused(VERIFY + " --arch sm_90a", "--arch requires --resources");
  expect_refused(VERIFY + ONE_KERNEL + " --csv /no/such/folder/x.csv", "/no/such/folder/x.csv");
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Verify, TouchesNoFileUnlessItRuns) {
  const fs::path csv = report_path("precious.csv");
  ASSERT_EQ(run(VERIFY + ONE_KERNEL + " --csv " + csv.string()).exit_code, 0);
  const std::string before = text_of(csv);
  const std::string into = " --set smoke --csv " + csv.string();
  EXPECT_EQ(run(VERIFY + into + " --gtest_list_tests").exit_code, 0);
  EXPECT_EQ(run(VERIFY + into + " --write-manifest " + report_path("m.txt").string()).exit_code, 0);
  expect_refused(VERIFY + into + " --expect /no/such", "/no/such");
  expect_refused(VERIFY + into + " --gtest_filter=no_such_op.*", "no test matches");
  EXPECT_EQ(text_of(csv), before);
  const fs::path notes = report_path("notes.txt");
  std::ofstream(notes) << "run_id was wrong yesterday";
  expect_refused(VERIFY + ONE_KERNEL + " --csv " + notes.string(), "is no report");
  EXPECT_EQ(text_of(notes), "run_id was wrong yesterday");
}

TEST(Verify, TriesThePlacesOfItsFilesFirst) {
  const std::string nowhere = "/no/such/folder/x";
  for (const std::string flag : {" --markdown ", " --csv "}) {
    const Answer answer = run(VERIFY + ONE_KERNEL + flag + nowhere);
    EXPECT_EQ(answer.exit_code, 2) << answer.output;
    EXPECT_EQ(answer.output.find("[ RUN"), std::string::npos) << answer.output;
  }
  const std::string folder = report_path("x.xml").parent_path().string() + "/";
  for (const std::string& output : {std::string("foo"), std::string("xml"), "xml:" + folder,
                                    "json:" + report_path("x.json").string()}) {
    expect_refused(VERIFY + ONE_KERNEL + " --gtest_output=" + output, "must be xml:FILE");
  }
  const fs::path fifo = report_path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  expect_refused(VERIFY + ONE_KERNEL + " --gtest_output=xml:" + fifo.string(), "is no file");
  fs::remove(fifo);
  expect_refused(VERIFY + " --layers --json " + nowhere, nowhere);
}

TEST(Verify, AShardWithoutATestIsNoMistake) {
  const Answer answer =
      run("GTEST_TOTAL_SHARDS=4000 GTEST_SHARD_INDEX=3999 " + VERIFY + ONE_KERNEL);
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find("no test falls to this shard"), std::string::npos) << answer.output;
}

TEST(Verify, OutputThatIsLostIsNoSuccess) {
  EXPECT_EQ(run("(" + VERIFY + ONE_KERNEL + " > /dev/full)").exit_code, 2);
  EXPECT_EQ(run("(" + SWEEP + " --dry-run --ops rms_norm > /dev/full)").exit_code, 2);
}

TEST(Verify, RefusesWhatWouldDoNothing) {
  for (const char* flag : {"--expect", "--csv", "--replay", "--write-manifest", "--kernels"})
    expect_refused(VERIFY + " " + flag + " ''", std::string(flag) + " was given an empty value");
  expect_refused(SWEEP + " --csv ''", "--csv was given an empty value");
  expect_refused(VERIFY + " --layers --csv x.csv", "--layers excludes --csv");
  expect_refused(VERIFY + " --layers --set smoke", "excludes");
  expect_refused(VERIFY + " --layers --timeout 1s", "excludes");
  expect_refused(VERIFY + " --replay /tmp --kernels baseline", "excludes");
  expect_refused(VERIFY + " --expect a --write-manifest b", "excludes");
  expect_refused(VERIFY + " --replay /tmp --bogus", "unknown argument --bogus");
  expect_refused(VERIFY + ONE_KERNEL + " --gtest_repeat=0", "--gtest_repeat is 0");
  expect_refused("GTEST_REPEAT=0 " + VERIFY + ONE_KERNEL, "--gtest_repeat is 0");
  expect_refused(VERIFY + " --seed -1", "expected a whole number");
  expect_refused(SWEEP + " --seed -1", "sweep: see --help");
  expect_refused(VERIFY + ONE_KERNEL + " --timeout 1e10", "at most 10000h");
  expect_refused(VERIFY + " --fuzz 3000000h", "at most 10000h");
  expect_refused(VERIFY + ONE_KERNEL + " --kernels rms_norm=v2_registers,rms_norm=v1_two_pass",
                 "rms_norm is pinned twice");
  expect_refused(VERIFY + " --case rms_norm/fp16/rows=3000000000,width=128",
                 "rows=3000000000 is past");
  expect_refused(SWEEP + " --case rms_norm/fp16/rows=3,width=40 --dtype fp32",
                 "no axes, --set, --dtype");
  expect_refused(SWEEP + " --ops rms_norm --dry-run --benchmark_format=foo", "formats are console");
  const bool emulated = properties().kind == DeviceKind::kEmulated;
  const std::string variable = emulated ? "ASSAY_WORKERS" : "ASSAY_LAUNCH_BLOCKING";
  expect_refused(variable + "=l " + VERIFY + " --layers", variable + " is 'l'");
}

TEST(Verify, PinsModelsInPlaceOfATestsOwnPins) {
  // This test pins linear to v2_tiled itself.
  const std::string bitwise =
      VERIFY + " --set smoke --gtest_filter='generation.bitwise/gqa/bf16/*' --kernels ";
  const Answer answer = run(bitwise + "linear=v2_tiled");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  expect_refused(bitwise + "baseline", "'baseline' is a whole set, not a pin");
}

TEST(Verify, RunsTheCaseOfAnIdAlone) {
  const std::string one = VERIFY + " --case 'rms_norm/fp16/rows=3,width=40'";
  const Answer all = run(one);
  EXPECT_EQ(all.exit_code, 0) << all.output;
  EXPECT_NE(all.output.find("rms_norm.v2_registers/fp16/rows=3,width=40"), std::string::npos);
  EXPECT_NE(all.output.find("2 tests from 1 test suite ran"), std::string::npos) << all.output;
  const Answer version = run(one + " --version v1_two_pass --seed 4");
  EXPECT_EQ(version.exit_code, 0) << version.output;
  EXPECT_NE(version.output.find("1 test from 1 test suite ran"), std::string::npos)
      << version.output;
  expect_refused(one + " --version v9_dream", "no version 'v9_dream'; versions are v2_registers");
  expect_refused(VERIFY + " --case 'rms_norm/fp16/rows=3'", "no value for width");
  expect_refused(VERIFY + " --case 'rope/fp16/tokens=1,heads=1,kv_heads=1,head_dim=3'",
                 "head_dim=3 is not a multiple of 2");
}

TEST(Verify, FuzzesForATimeAndCounts) {
  const std::string one = VERIFY + " --fuzz 1s --ops residual_add,swiglu";
  const Answer answer = run(one + " --seed 3");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find("fuzz.residual_add"), std::string::npos) << answer.output;
  EXPECT_NE(answer.output.find("Every version ran."), std::string::npos) << answer.output;
  EXPECT_EQ(answer.output.find("fuzz.rope"), std::string::npos) << answer.output;
  // What the filter leaves out was not to run.
  const Answer filtered = run(one + " --gtest_filter=fuzz.swiglu");
  EXPECT_NE(filtered.output.find("Every version ran."), std::string::npos) << filtered.output;
  EXPECT_EQ(filtered.output.find("residual_add"), std::string::npos) << filtered.output;
  expect_refused(VERIFY + " --fuzz soon", "'soon'; it must be a time such as");
  expect_refused(VERIFY + " --fuzz 1s --ops rms_nrm", "no op 'rms_nrm'");
}

TEST(Verify, WritesARowPerTestAndTheSummary) {
  const fs::path csv = report_path("verify.csv");
  const Answer answer = run(VERIFY + ONE_KERNEL + " --csv " + csv.string());
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find("kernel.residual_add"), std::string::npos);
  std::ifstream file(csv);
  int lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  EXPECT_GT(lines, 1);
}

TEST(Verify, SaysHowManySpoiledOutputsItsChecksRefused) {
  const fs::path csv = report_path("spoiled.csv");
  const Answer answer = run(VERIFY + ONE_KERNEL + " --csv " + csv.string());
  EXPECT_NE(answer.output.find("spoiled"), std::string::npos) << answer.output;
  const reports::Report report = reports::read_report(csv);
  ASSERT_FALSE(report.rows.empty());
  for (const reports::Row& row : report.rows) {
    ASSERT_TRUE(row.integer("mutants_total")) << row.text("case_id");
    EXPECT_GE(*row.integer("mutants_total"), 15) << row.text("case_id");
    EXPECT_EQ(row.integer("mutants_killed"), row.integer("mutants_total"));
  }
}

TEST(Sweep, RefusesWhatItDoesNotKnow) {
  const std::string to_csv = " --csv " + report_path("refused.csv").string();
  expect_refused(SWEEP + to_csv + " --dtype fp8", "'fp8' is none of");
  expect_refused(SWEEP + to_csv + " --level planet", "'planet' is neither");
  expect_refused(SWEEP + to_csv + " --kernels rms_norm=v9_dream --level model", "no version");
  expect_refused(SWEEP + to_csv + " --model 900b --level model", "unknown preset");
  expect_refused(SWEEP + to_csv + " --ops no_such_op --level kernel", "no op 'no_such_op'");
  EXPECT_FALSE(fs::exists(report_path("refused.csv")));
}

TEST(Sweep, NeverOverwritesAndResumes) {
  const fs::path csv = report_path("sweep.csv");
  const std::string command =
      SWEEP + " --set smoke --level kernel --ops residual_add --csv " + csv.string();
  EXPECT_EQ(run(command).exit_code, 0);
  const auto size = fs::file_size(csv);
  expect_refused(command, "sweep.csv");
  EXPECT_EQ(fs::file_size(csv), size);
  const Answer again = run(command + " --resume");
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(fs::file_size(csv), size) << "a row was measured twice";
  // What failed before has not been mended by going on.
  std::string text = text_of(csv);
  const std::size_t row = text.find("residual_add/fp16/count=33,");
  text.replace(text.find(",PASS,", row), 6, ",FAIL,");
  std::ofstream(csv) << text;
  const Answer failed = run(command + " --resume");
  EXPECT_EQ(failed.exit_code, 1) << failed.output;
  EXPECT_NE(failed.output.find("1 of them failed"), std::string::npos) << failed.output;
}

}  // namespace
}  // namespace assay::suites
