// What read_side() takes for fit to be compared, and how long a large comparison takes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "kernels/device/error.h"
#include "reports/compare_output.h"
#include "reports/identity.h"
#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::noisy;
using testing::sample_row;
using testing::TemporaryFolder;
using testing::timed;
using testing::TimedRow;
using testing::write_report;
using testing::write_text;

// What read_side refuses beyond what the readers do.
class Sides : public ::testing::Test {
 protected:
  std::string problems(const std::string& text) {
    write_text(folder_ / "r.csv", text);
    std::string all;
    const Side side = read_side(folder_ / "r.csv");
    rows_ = side.report.rows.size();
    for (const Diagnostic& diagnostic : side.report.diagnostics)
      all += to_string(diagnostic).substr((folder_ / "").string().size()) + "\n";
    return all;
  }
  TemporaryFolder folder_;
  std::size_t rows_ = 0;
};

TEST_F(Sides, MixedDevices) {
  Row other = sample_row("b");
  other.set("device", "cuda");
  other.set("row_id", make_row_id(other));
  const std::string found =
      problems(testing::report_text({sample_row("a"), other, sample_row("c")}));
  EXPECT_TRUE(contains(found,
                       "r.csv:3:1: error: device: 'cuda', but the rows from line 2 on are of "
                       "'emulated'"));
  EXPECT_EQ(rows_, 2u);
  Row h100 = sample_row("b");
  h100.set("gpu_name", "H100");
  EXPECT_TRUE(contains(problems(testing::report_text({sample_row("a"), h100})),
                       "r.csv:3:1: error: gpu_name: 'H100'"));
}

TEST_F(Sides, TheSameRowOfTwoRuns) {
  Row again = sample_row();
  again.set("run_id", "later");
  const std::string found = problems(testing::report_text({sample_row(), again}));
  EXPECT_TRUE(contains(found, "r.csv:3:1: error: row_id "));
  EXPECT_TRUE(
      contains(found, "of run later is there from run 20260131T150405Z-9f3a1c too, in line 2"));
  EXPECT_EQ(rows_, 1u);
}

TEST_F(Sides, RowsThatWereChangedByHand) {
  Row changed = sample_row("b");
  changed.set("row_id", "0123456789abcdef");
  EXPECT_TRUE(contains(problems(testing::report_text({sample_row("a"), changed})),
                       "r.csv:3:1: error: row_id: 0123456789abcdef is not the hash"));
}

TEST_F(Sides, NothingToCompare) {
  EXPECT_TRUE(contains(message_of<InputError>([&] { problems(header_line() + "\n"); }),
                       "r.csv: has no rows to compare"));
  const TimedRow row = timed(sample_row(), {1, 2, 3});
  EXPECT_TRUE(contains(message_of<InputError>([&] { problems(testing::report_text({row.row})); }),
                       "r.samples.jsonl: cannot be opened"));
}

TEST_F(Sides, DiagnosticsOfTheSamplesAreThere) {
  write_text(folder_ / "r.samples.jsonl", "{\"run");
  EXPECT_TRUE(contains(problems(testing::report_text({sample_row()})),
                       "r.samples.jsonl:1:1: error: the file ends in the middle"));
}

TEST_F(Sides, TenThousandRowsInTwoSeconds) {
  std::mt19937_64 random(9);
  for (const auto name : {"a.csv", "b.csv"}) {
    std::vector<TimedRow> rows;
    for (int i = 0; i < 10000; ++i)
      rows.push_back(timed(sample_row(fmt::format("case {}", i)), noisy(random, 100, 100, 0.01)));
    write_report(folder_ / name, rows);
  }
  // The processor's time, so that a busy machine does not fail it.
  const std::clock_t begin = std::clock();
  const Side base = read_side(folder_ / "a.csv");
  const Side current = read_side(folder_ / "b.csv");
  const std::clock_t read = std::clock();
  const Comparison comparison = compare(base, current, {});
  const std::string text = describe_comparison(comparison, base, current, {}, {});
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  RecordProperty("seconds", std::to_string(seconds));
  RecordProperty("of_these_reading",
                 std::to_string(static_cast<double>(read - begin) / CLOCKS_PER_SEC));
  EXPECT_EQ(comparison.count(Verdict::kSame), 10000u);
  EXPECT_LT(seconds, 5) << "0.8 s without sanitizers; wanted are 2";
}

}  // namespace
}  // namespace assay::reports
