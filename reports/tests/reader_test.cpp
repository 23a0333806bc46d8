#include "reports/reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "kernels/device/error.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::line_with;
using testing::message_of;
using testing::place_of;
using testing::report_text;
using testing::sample_row;
using testing::TemporaryFolder;

const Row A = sample_row("a");
const Row B = sample_row("b");
const Row C = sample_row("c");

std::vector<std::string> problems(const Report& report) {
  std::vector<std::string> out;
  for (const Diagnostic& diagnostic : report.diagnostics) out.push_back(to_string(diagnostic));
  return out;
}

// Reads A, `line`, C: expects one problem, at `line` and the column given, and A and C as they
// were.
void expect_bad_line(const std::string& line, std::size_t column, std::string_view what) {
  SCOPED_TRACE(what);
  const std::string text =
      header_line() + "\n" + format_row(A) + "\n" + line + "\n" + format_row(C) + "\n";
  const Report report = parse_report(text, "r.csv");
  EXPECT_EQ(report.rows, (std::vector<Row>{A, C}));
  EXPECT_EQ(report.lines, (std::vector<std::size_t>{2, 4}));
  ASSERT_EQ(report.diagnostics.size(), 1u) << fmt::format("{}", fmt::join(problems(report), "\n"));
  EXPECT_TRUE(contains(problems(report)[0], fmt::format("r.csv:3:{}: error: {}", column, what)));
  EXPECT_TRUE(report.has_errors());
}

void expect_bad_cell(std::string_view column, std::string_view cell, std::string_view what) {
  const std::string line = line_with(B, column, cell);
  expect_bad_line(line, place_of(line, column), fmt::format("{}: {}", column, what));
}

TEST(Reader, ReadsWhatWasWritten) {
  Row hard = B;
  hard.set("repro_cmd", "verify --gtest_filter=\"a,b\"\nsecond line\r\n")
      .set("host_cpu", " 漢字, \"quoted\" ")
      .set("throttle", "\"")
      .set("max_abs_err", -INFINITY)
      .set("status", "FAIL")
      .set("t_median_us", 0.1)
      .set("bytes", std::int64_t{1} << 60)
      .set("dirty", false);
  const Report report = parse_report(report_text({A, hard, C}), "r.csv");
  EXPECT_EQ(problems(report), std::vector<std::string>());
  EXPECT_EQ(report.rows, (std::vector<Row>{A, hard, C}));
  EXPECT_EQ(report.lines, (std::vector<std::size_t>{2, 3, 6}));
  EXPECT_TRUE(report.in_schema_order);
  EXPECT_FALSE(report.has_errors());
  EXPECT_EQ(report.whole_bytes, report_text({A, hard, C}).size());
}

TEST(Reader, AcceptsCrlfAndAByteOrderMark) {
  const std::string text =
      "\xEF\xBB\xBF" + header_line() + "\r\n" + format_row(A) + "\r\n" + format_row(B) + "\r\n";
  const Report report = parse_report(text, "r.csv");
  EXPECT_EQ(problems(report), std::vector<std::string>());
  EXPECT_EQ(report.rows, (std::vector<Row>{A, B}));
}

TEST(Reader, ColumnsInAnotherOrder) {
  std::string header, cells;
  for (std::size_t i = columns().size(); i-- > 0;) {
    header += std::string(columns()[i].name) + (i > 0 ? "," : "\n");
    cells += A.cell(i) + (i > 0 ? "," : "\n");
  }
  const Report report = parse_report(header + cells, "r.csv");
  EXPECT_EQ(problems(report), std::vector<std::string>());
  EXPECT_EQ(report.rows, std::vector<Row>{A});
  EXPECT_FALSE(report.in_schema_order);
}

TEST(Reader, BadCells) {
  expect_bad_cell("m", "12x", "'12x' is no integer");
  expect_bad_cell("m", "1.5", "'1.5' is no integer");
  expect_bad_cell("t_median_us", "fast", "'fast' is no real number");
  expect_bad_cell("t_median_us", "1e999", "'1e999' is no double");
  expect_bad_cell("t_median_us", "nan", "'nan' is not allowed here");
  expect_bad_cell("gb_per_s", "-inf", "'-inf' is not allowed here");
  expect_bad_cell("status", "passed", "'passed' is none of PASS|FAIL");
  expect_bad_cell("dirty", "true", "'true' is none of yes|no");
  expect_bad_cell("host_cpu", "caf\xE9", "'caf\uFFFD' is not UTF-8 at byte 4");
}

TEST(Reader, EveryBadCellOfARowIsNamed) {
  const std::string line = line_with(sample_row("b").set("m", 1), "m", "x");
  const std::string worse = line.substr(0, line.rfind(',')) + ",\"\xFF\"";
  const Report report =
      parse_report(header_line() + "\n" + format_row(A) + "\n" + worse + "\n", "r.csv");
  ASSERT_EQ(report.diagnostics.size(), 2u);
  EXPECT_EQ(report.diagnostics[0].column, place_of(worse, "m"));
  EXPECT_EQ(report.diagnostics[1].column, place_of(worse, "throttle"));
}

TEST(Reader, BadRows) {
  expect_bad_line(line_with(B, "device", ""), 1, "device is empty");
  expect_bad_line(line_with(B, "max_abs_err", "nan"), 1, "status is PASS beside max_abs_err nan");
  expect_bad_line(line_with(B, "rms_err", "-1"), 1, "status is PASS beside rms_err -1");
  expect_bad_line(
      line_with(B, "t_median_us", "0"), 1,
      "t_median_us: 0 is no time; one is above 0, and an empty cell means not measured");
  const std::string good = format_row(B);
  expect_bad_line(
      good + ",x", good.size() + 2,
      fmt::format("{} cells in a row; the header has {}", columns().size() + 1, columns().size()));
  const std::string few = good.substr(0, good.rfind(','));
  expect_bad_line(
      few, few.size() + 1,
      fmt::format("{} cells in a row; the header has {}", columns().size() - 1, columns().size()));
}

TEST(Reader, RowsThatWereChangedByHand) {
  expect_bad_line(line_with(B, "row_id", "0123456789abcdef"), 1,
                  "row_id: 0123456789abcdef is not the hash of the row's key columns, " +
                      B.text("row_id") + "; somebody changed the row by hand");
  expect_bad_line(line_with(B, "batch", "7"), 1, "row_id: " + B.text("row_id") + " is not");
}

TEST(Reader, DuplicateRows) {
  expect_bad_line(format_row(A), 1,
                  "row_id " + A.text("row_id") + " of run " + A.text("run_id") +
                      " is there twice, first in line 2");
  Row other_run = A;
  other_run.set("run_id", "another");
  EXPECT_FALSE(parse_report(report_text({A, other_run}), "r.csv").has_errors());
}

TEST(Reader, WrongQuoting) {
  const std::string inside = line_with(B, "host_cpu", "a \"b\"");
  expect_bad_line(inside, place_of(inside, "host_cpu") + 2, "wrong quoting");
  const std::string after = line_with(B, "host_cpu", "\"a\" b");
  expect_bad_line(after, place_of(after, "host_cpu") + 3, "wrong quoting");
  const std::string unclosed = line_with(B, "host_cpu", "\"a");
  expect_bad_line(unclosed, place_of(unclosed, "host_cpu"),
                  "wrong quoting: the quote opened here is never closed");
}

TEST(Reader, CutLastLine) {
  const std::string whole = report_text({A});
  const std::string last = format_row(sample_row("b").set("repro_cmd", "say \"x\"\nand \"y\""));
  for (std::size_t size = 1; size <= last.size(); ++size) {
    const Report report = parse_report(whole + last.substr(0, size), "r.csv");
    SCOPED_TRACE(last.substr(0, size));
    EXPECT_EQ(report.rows, std::vector<Row>{A});
    ASSERT_EQ(report.diagnostics.size(), 1u);
    EXPECT_TRUE(contains(problems(report)[0], "r.csv:3:1: error: the file ends in the middle"));
    EXPECT_TRUE(report.diagnostics[0].cut);
    EXPECT_EQ(report.whole_bytes, whole.size());
  }
}

TEST(Reader, UnknownAndMissingColumns) {
  std::string text = report_text({A, B});
  const std::size_t at = text.find("occupancy");
  text.replace(at, 9, "occupation");
  const Report report = parse_report(text, "r.csv");
  EXPECT_EQ(report.rows, (std::vector<Row>{A, B}));
  ASSERT_EQ(report.diagnostics.size(), 2u);
  EXPECT_TRUE(contains(problems(report)[0],
                       fmt::format("r.csv:1:{}: error: unknown column 'occupation'", at + 1)));
  EXPECT_TRUE(contains(
      problems(report)[1],
      fmt::format("r.csv:1:{}: error: missing column 'occupancy'", header_line().size() + 1 - 7)));
  EXPECT_FALSE(report.in_schema_order);
}

TEST(Reader, ColumnThereTwice) {
  std::string text = report_text({A});
  text.replace(text.find("occupancy"), 9, "registers");
  const Report report = parse_report(text, "r.csv");
  EXPECT_EQ(report.rows, std::vector<Row>{A});
  ASSERT_EQ(report.diagnostics.size(), 2u);
  EXPECT_TRUE(contains(problems(report)[0], "column 'registers' is there twice"));
}

TEST(Reader, AnotherSchemaVersion) {
  Row other = B;
  other.set("schema_version", 99);
  Row third = C;
  third.set("schema_version", 99);
  const Report report = parse_report(report_text({A, other, third}), "r.csv");
  EXPECT_EQ(report.rows, std::vector<Row>{A});
  ASSERT_EQ(report.diagnostics.size(), 1u);
  EXPECT_EQ(problems(report)[0],
            "r.csv:3:1: error: schema_version: '99'; this program reads version 3 (and 1 more rows "
            "of that version)");
}

TEST(Reader, NothingUsable) {
  const auto refused = [](const std::string& text) {
    return message_of<InputError>([&] { parse_report(text, "r.csv"); });
  };
  EXPECT_TRUE(contains(refused(""), "r.csv: is empty"));
  EXPECT_TRUE(contains(refused("\n\n"), "r.csv: has only empty lines"));
  EXPECT_TRUE(contains(refused("name,time\nx,1\n"), "r.csv:1:1: error: unknown column 'name'"));
  EXPECT_TRUE(contains(refused("\"run_id\"x\n"), "r.csv:1:9: error: wrong quoting"));
  std::string text = report_text({A});
  EXPECT_TRUE(contains(refused(text.replace(text.find("run_id"), 6, "ran_id")), "'run_id'"));
  EXPECT_TRUE(contains(refused(report_text({Row(A).set("schema_version", 98)})),
                       "r.csv:2:1: error: schema_version: '98'"));
}

TEST(Reader, UnreadableFiles) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name) {
    return message_of<InputError>([&] { read_report(folder / name); });
  };
  EXPECT_TRUE(contains(refused("absent.csv"), "absent.csv: cannot be opened: No such file"));
  EXPECT_TRUE(contains(refused(""), "Is a directory"));
}

TEST(Reader, HeaderWithoutRows) {
  const Report report = parse_report(header_line() + "\n", "r.csv");
  EXPECT_TRUE(report.rows.empty());
  EXPECT_FALSE(report.has_errors());
  const Report cut = parse_report(header_line(), "r.csv");
  EXPECT_TRUE(cut.rows.empty());
  ASSERT_EQ(cut.diagnostics.size(), 1u);
  EXPECT_TRUE(cut.diagnostics[0].cut);
}

// Any file whatever is read without a crash, and never makes a row out of nothing.
TEST(Reader, SpoiledFiles) {
  const std::string good = report_text({A, sample_row("b").set("repro_cmd", "x \"y\"\nz"), C});
  std::uint64_t state = 7;
  const auto draw = [&](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>((state >> 33) % below);
  };
  for (int trial = 0; trial < 3000; ++trial) {
    std::string text = good;
    for (std::size_t edits = 1 + draw(3); edits > 0; --edits) {
      const char c = "\",\n\r\0x\xFF"[draw(7)];
      if (draw(2)) {
        text[draw(text.size())] = c;
      } else {
        text.insert(draw(text.size()), 1, c);
      }
    }
    try {
      const Report report = parse_report(text, "r.csv");
      EXPECT_LE(report.rows.size(), 3u);
      EXPECT_EQ(report.rows.size(), report.lines.size());
      for (const Row& row : report.rows) EXPECT_EQ(row.problem(), "");
    } catch (const InputError&) {
      // Nothing usable was left.
    }
  }
}

TEST(Reader, TenThousandRowsInASecond) {
  std::vector<Row> rows;
  for (int i = 0; i < 10000; ++i) {
    rows.push_back(sample_row(fmt::format("case {}", i)));
    rows.back().set("t_median_us", (i + 1) / 3.0).set("repro_cmd", "verify --gtest_filter=\"a,b\"");
  }
  const std::string text = report_text(rows);
  const auto begin = std::chrono::steady_clock::now();
  const Report report = parse_report(text, "r.csv");
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(report.rows, rows);
  RecordProperty("seconds", std::to_string(taken.count()));
  EXPECT_LT(taken.count(), 10);  // 0.2 s on an idle machine; something quadratic takes minutes
}

}  // namespace
}  // namespace assay::reports
