#include "reports/samples.h"

#include <gtest/gtest.h>

#include "kernels/device/error.h"
#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::sample_row;
using testing::side_of;
using testing::TemporaryFolder;
using testing::timed;

constexpr std::string_view GOOD = R"({"run_id":"a","row_id":"b","samples_us":[1.5,2,3e2]})";

std::vector<std::string> problems(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> texts;
  for (const Diagnostic& diagnostic : diagnostics) texts.push_back(to_string(diagnostic));
  return texts;
}

// Reads the good line, `bad`, and the good line of another row; expects that `bad` costs itself
// only.
void expect_bad_line(const std::string& bad, std::size_t column, std::string_view what) {
  const std::string other = R"({"run_id":"a","row_id":"c","samples_us":[7]})";
  const Samples samples =
      parse_samples(std::string(GOOD) + "\n" + bad + "\n" + other + "\n", "s.jsonl");
  ASSERT_EQ(samples.diagnostics.size(), 1u) << bad;
  EXPECT_EQ(samples.diagnostics[0].line, 2u);
  EXPECT_EQ(samples.diagnostics[0].column, column) << bad;
  EXPECT_TRUE(contains(problems(samples.diagnostics)[0], what));
  EXPECT_EQ(samples.entries.size(), 2u);
}

TEST(Samples, ReadWhatWasWritten) {
  const TemporaryFolder folder;
  const std::vector<double> first = {1.0 / 3, 2e-7, 12345.678901234567, 1e300};
  const std::vector<double> second = {4};
  {
    SampleWriter writer(folder / "s.jsonl");
    writer.write("run", "row1", first);
    writer.write("run", "row2", second);
    writer.write("other", "row1", second);
  }
  const Samples samples = read_samples(folder / "s.jsonl");
  EXPECT_EQ(problems(samples.diagnostics), std::vector<std::string>());
  ASSERT_TRUE(samples.find("run", "row1"));
  EXPECT_EQ(*samples.find("run", "row1"), first);
  EXPECT_EQ(*samples.find("other", "row1"), second);
  EXPECT_EQ(samples.find("run", "row3"), nullptr);
}

TEST(Samples, OtherSpellingsOfTheSame) {
  const Samples samples = parse_samples(
      "{ \"row_id\": \"\\u0062\", \"run_id\": \"a\", \"samples_us\": [ 1.5, 2 ] }\r\n\n", "s");
  EXPECT_EQ(problems(samples.diagnostics), std::vector<std::string>());
  ASSERT_TRUE(samples.find("a", "b"));
  EXPECT_EQ(*samples.find("a", "b"), (std::vector<double>{1.5, 2}));
}

TEST(Samples, TheLastLineOfARowCounts) {
  const std::string text =
      std::string(GOOD) + "\n" + R"({"run_id":"a","row_id":"b","samples_us":[9]})";
  const Samples samples = parse_samples(text + "\n", "s.jsonl");
  EXPECT_EQ(*samples.find("a", "b"), std::vector<double>{9});
  EXPECT_TRUE(samples.diagnostics.empty());
}

TEST(Samples, BadLines) {
  expect_bad_line("nonsense", 2, "no JSON");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[1,NaN]})", 44, "NaN");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[1,1e999]})", 1, "out of range");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[1,"2"]})", 29, "sample 1 is \"2\"");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[1,null]})", 29, "sample 1 is null");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[1,-2]})", 29,
                  "sample 1 is -2; a time is above zero");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[0]})", 29, "sample 0 is 0");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[]})", 29, "there are none");
  expect_bad_line(R"({"run_id":"a","row_id":"b"})", 1, "is not of the form");
  expect_bad_line(R"({"run_id":1,"row_id":"b","samples_us":[1]})", 1, "is not of the form");
  expect_bad_line(R"({"run_id":"a","row_id":"b","samples_us":[1],"unit":"ns"})", 1,
                  "is not of the form");
  expect_bad_line("[1]", 1, "is not of the form");
}

TEST(Samples, CutLastLine) {
  const std::string whole = std::string(GOOD) + "\n";
  for (std::size_t size = 1; size <= GOOD.size(); ++size) {
    const Samples samples = parse_samples(whole + std::string(GOOD.substr(0, size)), "s.jsonl");
    EXPECT_EQ(
        problems(samples.diagnostics),
        std::vector<std::string>{
            "s.jsonl:2:1: error: the file ends in the middle of this line, which is dropped"});
    EXPECT_TRUE(samples.diagnostics[0].cut);
    EXPECT_EQ(samples.entries.size(), 1u);
  }
}

TEST(Samples, MustFitTheRows) {
  Side side = side_of({timed(sample_row("a"), {1, 2, 3}),
                       timed(sample_row("b"), {1, 2}),
                       timed(sample_row("c"), {1}),
                       {sample_row("d"), {}}});
  side.samples.entries[1].samples_us.push_back(3);
  side.samples.last.erase(side.report.rows[2].text("run_id") + "\n" +
                          side.report.rows[2].text("row_id"));
  side.samples.entries.erase(side.samples.entries.begin() + 2);
  side.samples.entries.push_back({"run", "stranger", {1}, 9});
  const auto found = problems(check_samples(side.report, side.samples));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(contains(found[0], "r.csv:3:1: error: samples: 2, but r.samples.jsonl has 3"));
  EXPECT_TRUE(contains(found[1], "r.csv:4:1: error: row_id "));
  EXPECT_TRUE(contains(found[1], "r.samples.jsonl has no samples of it"));
  EXPECT_TRUE(contains(found[2], "r.samples.jsonl:9:1: warning: unknown row_id stranger"));
}

TEST(Samples, MustHaveTheMedianOfTheRow) {
  Side side = side_of({timed(sample_row("a"), {10, 10.8, 12}), timed(sample_row("b"), {1, 2})});
  EXPECT_TRUE(check_samples(side.report, side.samples).empty());
  side.report.rows[0].set("t_median_us", 10.801);
  EXPECT_TRUE(check_samples(side.report, side.samples).empty()) << "rounded";
  side.report.rows[0].set("t_median_us", 1.08);
  const auto found = problems(check_samples(side.report, side.samples));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(contains(found[0],
                       "r.csv:2:1: error: t_median_us: 1.08, but the samples in "
                       "r.samples.jsonl of row_id "));
  EXPECT_TRUE(contains(found[0], " have the median 10.8; somebody changed"));
}

TEST(Samples, UnreadableFile) {
  EXPECT_TRUE(contains(message_of<InputError>([] { read_samples("/absent.jsonl"); }),
                       "/absent.jsonl: cannot be opened"));
}

}  // namespace
}  // namespace assay::reports
