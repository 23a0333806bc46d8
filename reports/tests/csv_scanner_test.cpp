#include "reports/csv_scanner.h"

#include <gtest/gtest.h>

namespace assay::reports {
namespace {

using Event = CsvScanner::Event;
using Texts = std::vector<std::string>;

Texts texts(const CsvScanner& scanner) {
  Texts out;
  for (const CsvCell& cell : scanner.cells()) out.push_back(cell.text);
  return out;
}

std::vector<std::size_t> offsets(const CsvScanner& scanner) {
  std::vector<std::size_t> out;
  for (const CsvCell& cell : scanner.cells()) out.push_back(cell.offset);
  return out;
}

TEST(CsvScanner, CellsAndWhereTheyBegin) {
  CsvScanner scanner("a,,\" b,\"\"c\"\"\nd\", e \n,\r\nz\r\n");
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"a", "", " b,\"c\"\nd", " e "}));
  EXPECT_EQ(offsets(scanner), (std::vector<std::size_t>{0, 2, 3, 16}));
  EXPECT_EQ(scanner.row_end(), 19u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"", ""}));
  EXPECT_EQ(offsets(scanner), (std::vector<std::size_t>{20, 21}));
  EXPECT_EQ(scanner.at(), 23u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"z"}));
  EXPECT_EQ(offsets(scanner), (std::vector<std::size_t>{23}));
  EXPECT_EQ(scanner.next(), Event::kEnd);
  EXPECT_EQ(scanner.next(), Event::kEnd);
}

TEST(CsvScanner, EmptyLinesArePassedOver) {
  CsvScanner scanner("\n\r\n\na\n\n\nb\n\n");
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(scanner.row_offset(), 4u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(scanner.row_offset(), 8u);
  EXPECT_EQ(scanner.next(), Event::kEnd);
  EXPECT_EQ(CsvScanner("").next(), Event::kEnd);
}

TEST(CsvScanner, QuoteInsideAnUnquotedCell) {
  CsvScanner scanner("a,b\"c\",d\nx,y,z\n");
  ASSERT_EQ(scanner.next(), Event::kBadQuoting);
  EXPECT_EQ(scanner.problem_offset(), 3u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"x", "y", "z"}));
  EXPECT_EQ(offsets(scanner), (std::vector<std::size_t>{9, 11, 13}));
}

TEST(CsvScanner, TextAfterAClosingQuote) {
  CsvScanner scanner("a,\"b\"c,d\nx\n");
  ASSERT_EQ(scanner.next(), Event::kBadQuoting);
  EXPECT_EQ(scanner.problem_offset(), 5u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"x"}));
}

// The quote of line 1 runs into that of line 3; lines 2 and 3 are good and must come out.
TEST(CsvScanner, StrayQuoteCostsItsOwnRowOnly) {
  CsvScanner scanner("a,\"b\nx,y\n1,\"2\"\n");
  ASSERT_EQ(scanner.next(), Event::kBadQuoting);
  EXPECT_EQ(scanner.problem_offset(), 2u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"x", "y"}));
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"1", "2"}));
  EXPECT_EQ(scanner.next(), Event::kEnd);
}

TEST(CsvScanner, QuoteNeverClosed) {
  CsvScanner scanner("a,\"b\nx,y\n");
  ASSERT_EQ(scanner.next(), Event::kUnclosedQuote);
  EXPECT_EQ(scanner.problem_offset(), 2u);
  ASSERT_EQ(scanner.next(), Event::kRow);
  EXPECT_EQ(texts(scanner), (Texts{"x", "y"}));
  EXPECT_EQ(scanner.next(), Event::kEnd);
}

TEST(CsvScanner, EveryCutIsSeen) {
  const std::string whole = "a,\"b\"\"\",c\n";
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string text = "x,y,z\n" + whole.substr(0, size);
    CsvScanner scanner(text);
    ASSERT_EQ(scanner.next(), Event::kRow);
    EXPECT_EQ(scanner.next(), Event::kCut) << text;
    EXPECT_EQ(scanner.row_offset(), 6u);
    EXPECT_EQ(scanner.next(), Event::kEnd);
  }
}

}  // namespace
}  // namespace assay::reports
