// verify and its manifest, its time limit and its files, as CI calls it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "reports/reader.h"
#include "suites/tests/command.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

const std::string FILTER = " --gtest_filter='residual_add.*:swiglu.*/fp32/*'";
const std::string VERIFY = std::string(ASSAY_VERIFY) + " --set smoke";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// A folder of the test's own with the manifest of a few quick tests.
class Expect : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo& info = *testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("assay-expect-") + info.name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    const Answer answer = run(VERIFY + FILTER + " --write-manifest " + list_());
    ASSERT_EQ(answer.exit_code, 0) << answer.output;
    ASSERT_TRUE(contains(answer.output, " tests, 1 of them skipped")) << answer.output;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string list_() const { return path("list.txt"); }
  std::string expect() const {
    return " --expect " + list_() + " --csv " + path("x.csv") + " --markdown " + path("x.md") +
           " --gtest_output=xml:" + path("x.xml");
  }
  void list_one_more(const std::string& test) const {
    const std::string list = read(list_());
    const std::size_t at = list.find("tests ") + 6;
    const std::size_t end = list.find('\n', at) + 1;
    write(list_(), list.substr(0, at) + std::to_string(std::stoi(list.substr(at)) + 1) + "\nrun " +
                       test + "\n" + list.substr(end));
  }
  int count(const std::string& status) const {
    int n = 0;
    for (const auto& row : reports::read_report(path("x.csv")).rows) {
      n += row.text("status") == status ? 1 : 0;
    }
    return n;
  }

  fs::path folder_;
};

TEST_F(Expect, AcceptsARunThatIsAsListed) {
  const Answer answer = run(VERIFY + FILTER + expect());
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_TRUE(contains(answer.output, "tests accounted for")) << answer.output;
  EXPECT_TRUE(contains(read(path("x.md")), "✅")) << read(path("x.md"));
  EXPECT_EQ(count("NOT_RUN"), 0);
}

TEST_F(Expect, TheXmlSaysVerdictErrorAndReason) {
  run(VERIFY + FILTER + expect());
  const std::string xml = read(path("x.xml"));
  EXPECT_TRUE(contains(xml, "<property name=\"verdict\" value=\"PASS\"")) << xml;
  EXPECT_TRUE(contains(xml, "<property name=\"err_ratio\" value=\"0.")) << xml;
  EXPECT_TRUE(contains(xml, "<property name=\"verdict\" value=\"SKIP\"")) << xml;
  EXPECT_TRUE(contains(xml, "<property name=\"reason\" value=\"rows of 33")) << xml;
}

TEST_F(Expect, AnAbsentTestIsRedWithARow) {
  list_one_more("residual_add.gone/fp32/x=1");
  const Answer answer = run(VERIFY + FILTER + expect());
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(contains(answer.output, "NOT_RUN  residual_add.gone/fp32/x=1: there is no such test"))
      << answer.output;
  EXPECT_TRUE(contains(answer.output, "--write-manifest " + list_())) << answer.output;
  EXPECT_EQ(count("NOT_RUN"), 1);
  EXPECT_TRUE(contains(read(path("x.xml")), "NOT_RUN: there is no such test"));
  EXPECT_TRUE(contains(read(path("x.md")), "❌"));
}

TEST_F(Expect, AFilteredTestIsRed) {
  const Answer answer = run(VERIFY + " --gtest_filter='residual_add.*'" + expect());
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(contains(answer.output, "left out by --gtest_filter=residual_add.*"));
  EXPECT_FALSE(contains(answer.output, "out of date")) << answer.output;
  EXPECT_GT(count("NOT_RUN"), 0);
}

TEST_F(Expect, TheListIsWrittenAgainWithItsOwnFilter) {
  list_one_more("residual_add.gone/fp32/x=1");
  const Answer answer = run(VERIFY + " --gtest_filter='residual_add.*'" + expect());
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(contains(answer.output,
                       "out of date: verify --set smoke" + FILTER + " --write-manifest " + list_()))
      << answer.output;
}

TEST_F(Expect, ATestThatIsNotListedIsRed) {
  write(list_(), replaced(read(list_()), "filter residual_add.*:swiglu.*/fp32/*", "filter *"));
  const Answer answer = run(VERIFY + FILTER + expect());
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(contains(answer.output, "UNLISTED")) << answer.output;
  EXPECT_EQ(count("NOT_RUN"), 0);
}

TEST_F(Expect, ASkipThatIsListedToRunIsRed) {
  write(list_(), replaced(read(list_()), "skip:shape swiglu", "run swiglu"));
  const Answer answer = run(VERIFY + FILTER + expect());
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(contains(answer.output, "skipped, though it is listed to run: rows of 33"));
  EXPECT_EQ(count("NOT_RUN"), 1);
}

TEST_F(Expect, EachShardAccountsForItsPart) {
  int skipped_elsewhere = 0;
  for (const char* shard : {"0", "1", "2"}) {
    const Answer answer = run(std::string("GTEST_TOTAL_SHARDS=3 GTEST_SHARD_INDEX=") + shard + " " +
                              VERIFY + FILTER + expect());
    EXPECT_EQ(answer.exit_code, 0) << answer.output;
    skipped_elsewhere += count("SKIP") == 0 ? 1 : 0;
  }
  EXPECT_EQ(skipped_elsewhere, 2) << "the one skip is in one shard";
}

TEST_F(Expect, TheShardsTogetherAreTheWhole) {
  std::string together = std::string(ASSAY_EXPECT) + " " + list_();
  std::string without_one = together;
  for (const char* shard : {"0", "1"}) {
    const std::string xml = path(std::string("shard") + shard + ".xml");
    run(std::string("GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=") + shard + " " + VERIFY + FILTER +
        " --gtest_output=xml:" + xml);
    without_one = together;
    together += " " + xml;
  }
  const Answer whole = run(together);
  EXPECT_EQ(whole.exit_code, 0) << whole.output;
  EXPECT_TRUE(contains(whole.output, "2 files, 0 not as listed")) << whole.output;
  const Answer part = run(without_one);
  EXPECT_EQ(part.exit_code, 1) << part.output;
  EXPECT_TRUE(contains(part.output, "in none of the files")) << part.output;
  EXPECT_EQ(run(together + " " + path("absent.xml")).exit_code, 1);
  write(path("broken.xml"), "<testsuites><testsuite>");
  EXPECT_EQ(run(together + " " + path("broken.xml")).exit_code, 1);
  const std::string list = read(list_());
  write(list_(), replaced(list, "skip:shape ", "run "));
  EXPECT_TRUE(contains(run(together).output, "skipped, though it is listed to run"));
  write(list_(), list.substr(0, list.size() - 60));
  EXPECT_EQ(run(together).exit_code, 2);
}

TEST_F(Expect, RefusesAManifestOfSomethingElse) {
  expect_refused(VERIFY + FILTER + " --expect /no/such/list.txt", "/no/such/list.txt");
  write(list_(), replaced(read(list_()), "set smoke", "set ci"));
  expect_refused(VERIFY + FILTER + " --expect " + list_(), "a manifest of set ci");
  write(list_(), replaced(read(list_()), "tests ", "tests 9"));
  expect_refused(VERIFY + FILTER + " --expect " + list_(), "the header promises");
}

TEST_F(Expect, IsWrittenTheSameEveryTimeAndInOrder) {
  const std::string first = read(list_());
  run("GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=0 " + VERIFY + FILTER + " --gtest_shuffle" +
      " --write-manifest " + list_());
  EXPECT_EQ(read(list_()), first);
  expect_refused(VERIFY + " --write-manifest /no/such/folder/list.txt", "/no/such/folder");
}

TEST_F(Expect, ATestThatTakesTooLongEndsTheRunWithAllSaid) {
  const std::string filter = " --gtest_filter='generation.golden/gqa/fp32/best:swiglu.*/fp32/*'";
  ASSERT_EQ(run(VERIFY + filter + " --write-manifest " + list_()).exit_code, 0);
  // The models come last; shuffled with this seed or not, something is late, the rest is not run.
  const Answer answer = run(VERIFY + filter + expect() + " --timeout 1ms");
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(contains(answer.output, "exceeded the 0.001 s that one test may take"))
      << answer.output;
  EXPECT_TRUE(contains(answer.output, "the run ended at ")) << answer.output;
  EXPECT_EQ(count("TIMEOUT"), 1);
  EXPECT_GT(count("NOT_RUN"), 0);
  for (const auto& row : reports::read_report(path("x.csv")).rows) {
    if (row.text("status") != "TIMEOUT") continue;
    EXPECT_TRUE(contains(row.text("repro_cmd"), row.text("case_id"))) << row.text("repro_cmd");
  }
  const std::string xml = read(path("x.xml"));
  EXPECT_TRUE(contains(xml, "TIMEOUT: ")) << xml;
  EXPECT_TRUE(contains(xml, "NOT_RUN: the run ended at")) << xml;
  EXPECT_TRUE(contains(xml, "</testsuites>")) << xml;
  EXPECT_TRUE(contains(read(path("x.md")), "TIMEOUT")) << read(path("x.md"));
}

TEST_F(Expect, WhatATimeoutKeepsFromRunningHasNotPassed) {
  fs::create_directory(path("tmp"));
  const Answer answer = run("TMPDIR=" + path("tmp") + " " + VERIFY +
                            " --gtest_filter='generation.*' --timeout 1ms --csv " + path("x.csv") +
                            " --markdown " + path("x.md"));
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_TRUE(fs::is_empty(path("tmp"))) << "its models are left behind";
  const int not_run = count("NOT_RUN");
  EXPECT_GT(not_run, 0);
  EXPECT_TRUE(contains(read(path("x.md")), "0 tests passed, 1 failed, 0 skipped, " +
                                               std::to_string(not_run) + " NOT_RUN"))
      << read(path("x.md"));
}

}  // namespace
}  // namespace assay::suites
