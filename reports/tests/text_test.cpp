#include "reports/text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/device/error.h"
#include "reports/table.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

TEST(Text, FindsBadUtf8) {
  EXPECT_EQ(find_bad_utf8(""), std::nullopt);
  EXPECT_EQ(find_bad_utf8("aé漢😀\xF4\x8F\xBF\xBF"), std::nullopt);
  EXPECT_EQ(find_bad_utf8("a\x80"), 1u);             // continuation without a lead
  EXPECT_EQ(find_bad_utf8("\xC0\xAF"), 0u);          // overlong
  EXPECT_EQ(find_bad_utf8("ab\xE0\x80\x80"), 2u);    // overlong
  EXPECT_EQ(find_bad_utf8("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(find_bad_utf8("\xF4\x90\x80\x80"), 0u);  // past U+10FFFF
  EXPECT_EQ(find_bad_utf8("é\xC3"), 2u);             // cut
  EXPECT_EQ(find_bad_utf8("\xE6\xBC"
                          "a"),
            0u);  // cut by another character
}

TEST(Text, DisplayWidth) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("é"), 1u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("漢字"), 4u);
  EXPECT_EQ(display_width("😀"), 2u);
}

TEST(Text, PrintableDefusesTerminals) {
  EXPECT_EQ(printable("a\x1B[31mb\r\n\tc\x7F"), "a\uFFFD[31mb\uFFFD\\n\\tc\uFFFD");
  EXPECT_EQ(printable("\xC2\x9B"
                      "1m\xFF"),
            "\uFFFD1m\uFFFD");
  EXPECT_EQ(printable("漢é"), "漢é");
}

TEST(Text, FitKeepsBothEnds) {
  EXPECT_EQ(fit("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(fit("abcdefgh", 5), "ab…gh");
  EXPECT_EQ(fit("abcdefgh", 4), "a…gh");
  EXPECT_EQ(fit("漢字漢字", 5), "漢…字");
  EXPECT_EQ(fit("abc", 1), "…");
  EXPECT_EQ(fit("abc", 0), "");
}

TEST(Text, Figures) {
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(12345.6), "12346");
  EXPECT_EQ(figure(123.456), "123.5");
  EXPECT_EQ(figure(1.23456), "1.235");
  EXPECT_EQ(figure(0.0123456), "0.01235");
  EXPECT_EQ(figure(-1.23456), "-1.235");
  EXPECT_EQ(figure(1.23456e-6), "1.23e-06");
  EXPECT_EQ(figure(std::nan("")), "nan");
}

TEST(Text, NaturalOrder) {
  EXPECT_TRUE(natural_less("x8", "x16"));
  EXPECT_FALSE(natural_less("x16", "x8"));
  EXPECT_TRUE(natural_less("x8/y2", "x8/y10"));
  EXPECT_FALSE(natural_less("x8", "x8"));
  EXPECT_FALSE(natural_less("x08", "x8"));
  EXPECT_FALSE(natural_less("x8", "x08"));
  EXPECT_TRUE(natural_less("x", "x8"));
  EXPECT_TRUE(natural_less("a9", "b1"));
}

TEST(Table, AlignsAndLeavesOutEmptyColumns) {
  Table table({{"case"}, {"none"}, {"us", Align::kRight}});
  table.add({"漢字", "", "1"});
  table.add({"b", "", "12.5"});
  EXPECT_EQ(table.text(),
            "case    us\n"
            "漢字     1\n"
            "b     12.5\n");
  EXPECT_EQ(table.markdown(),
            "| case | us |\n"
            "| --- | ---: |\n"
            "| 漢字 | 1 |\n"
            "| b | 12.5 |\n");
  EXPECT_THROW(table.add({"a"}), Error);
}

TEST(Table, ShrinksOnlyWhatMay) {
  Table table({{"case", Align::kLeft, true}, {"version"}});
  table.add({"abcdefghijklmnopqrst", "a_version_that_stays"});
  EXPECT_EQ(table.text(34), "case          version\nabcde…opqrst  a_version_that_stays\n");
  // Not below what can still be told apart.
  EXPECT_EQ(table.text(5), "case      version\nabc…qrst  a_version_that_stays\n");
}

TEST(Table, MarkdownEscapesBars) {
  Table table({{"case"}});
  table.add({"a|b\\c"});
  EXPECT_EQ(table.markdown(), "| case |\n| --- |\n| a\\|b\\\\c |\n");
}

}  // namespace
}  // namespace assay::reports
