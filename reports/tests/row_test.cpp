#include "reports/row.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <limits>
#include <locale>
#include <optional>
#include <vector>

#include "kernels/device/error.h"
#include "reports/statistics.h"
#include "reports/tests/sample_report.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::sample_row;

std::string cell(const Row& row, std::string_view column) { return row.cell(column_index(column)); }

TEST(Row, HoldsEachType) {
  Row row;
  row.set("op", "rms_norm").set("status", "PASS").set("seed", 7u).set("t_min_us", 1.5f);
  row.set("dirty", true).set("tolerance", 2).set("m", std::optional(3));
  EXPECT_EQ(row.text("op"), "rms_norm");
  EXPECT_EQ(row.text("status"), "PASS");
  EXPECT_EQ(row.integer("seed"), 7);
  EXPECT_EQ(row.real("seed"), 7.0);
  EXPECT_EQ(row.real("t_min_us"), 1.5);
  EXPECT_EQ(row.flag("dirty"), true);
  EXPECT_EQ(row.real("tolerance"), 2.0);
  EXPECT_EQ(row.integer("m"), 3);
}

TEST(Row, EmptyMeansNotMeasured) {
  Row row;
  EXPECT_FALSE(row.has("op"));
  EXPECT_EQ(row.text("op"), "");
  EXPECT_EQ(row.integer("m"), std::nullopt);
  EXPECT_EQ(row.real("t_min_us"), std::nullopt);
  EXPECT_EQ(row.flag("ecc"), std::nullopt);
  row.set("op", "rope").set("op", "").set("m", 3).set("n", 0);
  const std::vector<std::optional<int>> values = {4, std::nullopt};
  for (const auto& value : values) row.set("m", value);
  EXPECT_FALSE(row.has("op"));
  EXPECT_FALSE(row.has("m"));
  EXPECT_TRUE(row.has("n"));
  EXPECT_EQ(cell(row, "n"), "0");
  EXPECT_FALSE(row.clear("n").has("n"));
}

TEST(Row, ErrorsNameTheColumn) {
  Row row;
  const auto refused = [&](std::string_view column, const auto& value) {
    return message_of<Error>([&] { row.set(column, value); });
  };
  EXPECT_TRUE(contains(refused("median", 1.0), "'median'"));
  EXPECT_TRUE(contains(refused("op", 5), "'op' is of type string"));
  EXPECT_TRUE(contains(refused("op", 5.0), "'op' is of type string"));
  EXPECT_TRUE(contains(refused("m", "5"), "'m' is of type integer"));
  EXPECT_TRUE(contains(refused("m", 5.0), "'m' is of type integer"));
  EXPECT_TRUE(contains(refused("m", true), "'m' is of type integer"));
  EXPECT_TRUE(contains(refused("t_min_us", "5"), "'t_min_us' is of type real"));
  EXPECT_TRUE(contains(refused("status", "OK"), "'status': 'OK' is none of PASS|FAIL"));
  EXPECT_TRUE(contains(refused("phase", true), "'phase': 'yes' is none of"));
  EXPECT_TRUE(contains(refused("seed", std::numeric_limits<std::uint64_t>::max()),
                       "18446744073709551615 does not fit"));
  EXPECT_TRUE(contains(refused("host_cpu", "caf\xE9"), "not UTF-8 at byte 4"));
  EXPECT_TRUE(contains(refused("host_cpu", std::string("a\0b", 3)), "zero byte"));
  EXPECT_EQ(row, Row());  // nothing refused has left a trace

  EXPECT_TRUE(contains(message_of<Error>([&] { (void)row.text("m"); }), "'m'"));
  EXPECT_TRUE(contains(message_of<Error>([&] { (void)row.integer("t_min_us"); }), "'t_min_us'"));
  EXPECT_TRUE(contains(message_of<Error>([&] { (void)row.real("op"); }), "'op'"));
  EXPECT_TRUE(contains(message_of<Error>([&] { (void)row.flag("phase"); }), "'phase'"));
}

TEST(Row, NonFiniteOnlyWhereErrorsStand) {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  Row row;
  row.set("max_abs_err", nan).set("rms_err", inf).set("tolerance", -inf).set("err_ratio", -nan);
  EXPECT_EQ(cell(row, "max_abs_err"), "nan");
  EXPECT_EQ(cell(row, "rms_err"), "inf");
  EXPECT_EQ(cell(row, "tolerance"), "-inf");
  EXPECT_EQ(cell(row, "err_ratio"), "nan");
  for (const double value : {nan, inf, -inf}) {
    EXPECT_TRUE(contains(message_of<Error>([&] { row.set("t_min_us", value); }), "'t_min_us'"));
    EXPECT_TRUE(contains(message_of<Error>([&] { row.set("gb_per_s", value); }), "'gb_per_s'"));
  }
  const std::size_t error_column = column_index("max_abs_err");
  Row read;
  EXPECT_EQ(read.parse(error_column, "nan"), "");
  EXPECT_TRUE(std::isnan(*read.real("max_abs_err")));
  EXPECT_NE(read.parse(column_index("t_min_us"), "nan"), "");
  EXPECT_NE(read.parse(column_index("t_min_us"), "inf"), "");
}

TEST(Row, RealsReadBackAsTheSameBits) {
  const std::size_t column = column_index("tolerance");
  for (const double value : {0.0, -0.0, 0.1, 1.0 / 3, 1e22, 1e-300, 5e-324, 123456789.125,
                             std::numeric_limits<double>::max(), static_cast<double>(0.1f)}) {
    Row row, read;
    row.set("tolerance", value);
    ASSERT_EQ(read.parse(column, row.cell(column)), "");
    EXPECT_EQ(*read.real("tolerance"), value) << row.cell(column);
    EXPECT_EQ(std::signbit(*read.real("tolerance")), std::signbit(value));
  }
  EXPECT_EQ(cell(Row().set("tolerance", 0.1), "tolerance"), "0.1");
  EXPECT_EQ(cell(Row().set("seed", std::numeric_limits<std::int64_t>::min()), "seed"),
            "-9223372036854775808");
}

TEST(Row, ParseRefusesWhatIsNoNumber) {
  Row row;
  const auto wrong = [&](std::string_view column, std::string_view text) {
    return row.parse(column_index(column), text);
  };
  for (const auto text : {"abc", "1,5", "1.5.", " 1", "1 ", "+1", "0x10", "--1", "1e", "1_000"})
    EXPECT_TRUE(contains(wrong("t_min_us", text), "is no real number")) << text;
  for (const auto text : {"1.0", "1e3", "9223372036854775808", "-"})
    EXPECT_TRUE(contains(wrong("m", text), "is no integer")) << text;
  EXPECT_TRUE(contains(wrong("t_min_us", "1e999"), "out of range"));
  EXPECT_EQ(row, Row());
}

// A comma for the decimal mark, and dots between thousands, must reach neither what is written nor
// what is read: not from C++'s locale, nor from C's where a machine has such a locale.
TEST(Row, ParseRefusesNamesOfNoEnd) {
  Row row;
  const std::size_t name = column_index("case_id");
  EXPECT_EQ(row.parse(name, std::string(4096, 'x')), "");
  EXPECT_EQ(row.parse(name, std::string(4097, 'x')), "is 4097 bytes long; a name has at most 4096");
  EXPECT_EQ(row.parse(column_index("reason"), std::string(100'000, 'x')), "");
}

TEST(Row, NumbersDoNotFollowTheLocale) {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale(), new Comma));
  for (const auto name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"})
    if (std::setlocale(LC_NUMERIC, name)) break;
  Row row, read;
  row.set("t_min_us", 12345.5).set("m", 1234567);
  const std::string real = cell(row, "t_min_us");
  const std::string integer = cell(row, "m");
  const std::string shown = figure(1.5);
  const std::string problem = read.parse(column_index("t_min_us"), "1.5");
  std::setlocale(LC_NUMERIC, "C");
  std::locale::global(before);
  EXPECT_EQ(real, "12345.5");
  EXPECT_EQ(integer, "1234567");
  EXPECT_EQ(shown, "1.500");
  EXPECT_EQ(problem, "");
  EXPECT_EQ(read.real("t_min_us"), 1.5);
}

TEST(Row, ProblemOfTheWholeRow) {
  EXPECT_EQ(sample_row().problem(), "");
  for (const Column& column : columns()) {
    if (!column.has(kRequired)) continue;
    EXPECT_TRUE(contains(sample_row().clear(column.name).problem(), column.name));
  }
  EXPECT_TRUE(contains(sample_row().set("max_abs_err", std::nan("")).problem(), "never passes"));
  EXPECT_EQ(sample_row("c", "FAIL").set("max_abs_err", std::nan("")).problem(), "");
  for (const char* column : {"max_abs_err", "rms_err", "ref_rms_err", "err_ratio", "tolerance"})
    EXPECT_EQ(sample_row().set(column, -0.5).problem(),
              fmt::format("status is PASS beside {} -0.5; that never passes", column));
  EXPECT_EQ(sample_row().set("max_abs_err", 0).problem(), "");
  for (const double time : {0.0, -1.0})
    EXPECT_TRUE(contains(sample_row().set("t_median_us", time).problem(), "is no time"));
}

TEST(Row, ProblemOfValuesThatCannotBe) {
  for (const Column& column : columns()) {
    if (column.type != ColumnType::kInteger && column.type != ColumnType::kReal) continue;
    SCOPED_TRACE(column.name);
    if (column.name == "schema_version" || column.name == "t_median_us") continue;
    const bool is_error = column.has(kNonFinite);
    const bool is_signed = is_error || column.name == "seed" || column.name == "temp_c";
    const Row row = sample_row("c", is_error ? "FAIL" : "PASS").set(column.name, -1);
    EXPECT_EQ(row.problem(), is_signed ? ""
                                       : fmt::format("{}: -1 is below zero; an empty cell means "
                                                     "not measured",
                                                     column.name));
  }
  const auto problem = [](std::string_view column, double value) {
    Row row = sample_row();
    set_times(row, summarize(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(row.problem(), "");
    return row.set(column, value).problem();
  };
  EXPECT_EQ(problem("t_min_us", 3), "t_p25_us: 2.75 is below t_min_us, 3");
  EXPECT_EQ(problem("t_p99_us", 6), "t_p99_us: 6 is below t_p75_us, 6.25");
  EXPECT_EQ(problem("median_ci_lo_us", 7), "t_median_us: 4.5 is below median_ci_lo_us, 7");
  EXPECT_EQ(problem("median_ci_hi_us", 4), "median_ci_hi_us: 4 is below t_median_us, 4.5");
  for (const char* utc : {"yesterday", "2026-02-30T00:00:00Z", "2026-01-31T15:04:05",
                          "2026-01-31 15:04:05Z", "2026-1-31T15:04:05Z", "2026-01-31T24:00:00Z"})
    EXPECT_EQ(sample_row().set("utc", utc).problem(),
              fmt::format("utc: '{}' is no time in UTC, as 2026-01-31T15:04:05Z", utc));
}

TEST(Identity, RowIdIsAFunctionOfTheKeyColumnsAlone) {
  Row row;
  row.set("suite", "kernel").set("case_id", "rope/1").set("op", "rope").set("version", "v1");
  // FNV-1a of "suite=kernel\ncase_id=rope/1\nop=rope\nversion=v1\n", computed elsewhere: reports of
  // different builds meet by this number, so it may not change.
  EXPECT_EQ(make_row_id(row), "1687edcd933549e2");
  const std::string id = make_row_id(row);
  for (const Column& column : columns()) {
    SCOPED_TRACE(column.name);
    Row other = row;
    switch (column.type) {
      case ColumnType::kString:
        other.set(column.name, "x");
        break;
      case ColumnType::kEnum:
        other.set(column.name, values_of(column).back());
        break;
      default:
        other.set(column.name, 12);
    }
    EXPECT_EQ(make_row_id(other) != id, column.has(kKey));
  }
}

TEST(Identity, Times) {
  using namespace std::chrono;
  EXPECT_EQ(format_utc(sys_days(2024y / 2 / 29) + 23h + 59min + 59s + 999ms),
            "2024-02-29T23:59:59Z");
  EXPECT_EQ(utc_now().size(), 20u);
}

TEST(Identity, RunIdsDiffer) {
  const std::string a = make_run_id();
  EXPECT_EQ(a.size(), 23u);
  EXPECT_EQ(a[8], 'T');
  EXPECT_NE(a, make_run_id());
}

}  // namespace
}  // namespace assay::reports
