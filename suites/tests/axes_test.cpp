// The grammar of axes: what is a list of values, and what is refused, at which character.
#include "suites/axes.h"

#include <gtest/gtest.h>

#include "engine/tests/expect_error.h"

namespace assay::suites {
namespace {

std::vector<int> axis(const std::string& text) { return parse_axis("--seq", text, 1, 8192); }

TEST(Axes, ReadsValuesListsAndRanges) {
  using Values = std::vector<int>;
  EXPECT_EQ(axis("8"), Values({8}));
  EXPECT_EQ(axis("1,8,32"), Values({1, 8, 32}));
  EXPECT_EQ(axis("32,1"), Values({32, 1})) << "in the order given";
  EXPECT_EQ(axis("1-4"), Values({1, 2, 3, 4}));
  EXPECT_EQ(axis("5-5"), Values({5}));
  EXPECT_EQ(axis("16-64+16"), Values({16, 32, 48, 64}));
  EXPECT_EQ(axis("16-60+16"), Values({16, 32, 48})) << "no step falls on the end";
  EXPECT_EQ(axis("128-8192*2"), Values({128, 256, 512, 1024, 2048, 4096, 8192}));
  EXPECT_EQ(axis("1-100*10,7"), Values({1, 10, 100, 7}));
  EXPECT_EQ(axis("1,1-3,2"), Values({1, 2, 3})) << "each once";
}

TEST(Axes, SayWhereTheyAreWrong) {
  const auto refuses = [](const std::string& text, const std::string& reason, int character) {
    EXPECT_INPUT_ERROR(axis(text), "--seq: " + reason, "at character " + std::to_string(character),
                       "\n  " + text + "\n  " + std::string(character - 1, ' ') + "^");
  };
  refuses("", "it is empty", 1);
  refuses("x", "expected a whole number", 1);
  refuses("-4", "expected a whole number", 1);
  refuses("1,", "expected a whole number", 3);
  refuses("1,,2", "expected a whole number", 3);
  refuses("1-", "expected a whole number", 3);
  refuses("1 ,2", "expected a comma", 2);
  refuses("8.5", "expected a comma", 2);
  refuses("1-4-8", "expected a comma", 4);
  refuses("8-4", "the range ends at 4, below 8", 3);
  refuses("8-16+", "expected a whole number", 6);
  refuses("8-16+0", "a step has to be at least 1", 6);
  refuses("8-16*1", "a factor has to be at least 2", 6);
  refuses("0", "0 is not 1 to 8192", 1);
  refuses("1,9000", "9000 is not 1 to 8192", 3);
  refuses("1-9000", "9000 is not 1 to 8192", 3);
  refuses("99999999999", "the number is too large", 1);
  refuses("1-8192", "more than 1000 values", 1);
  EXPECT_INPUT_ERROR(parse_axis("--n", "0-8*2", 0, 10), "no factor leads on from 0");
}

TEST(Axes, NeverRunPastTheLargestNumber) {
  EXPECT_EQ(parse_axis("--n", "2147483646-2147483647", 1, 2147483647),
            (std::vector<int>{2147483646, 2147483647}));
  EXPECT_EQ(parse_axis("--n", "1-2147483647*2147483647", 1, 2147483647),
            (std::vector<int>{1, 2147483647}));
}

TEST(Axes, AreWrittenAsTheyAreRead) {
  EXPECT_EQ(format_axis({1, 8, 32}), "1,8,32");
  EXPECT_EQ(axis(format_axis({128, 4})), (std::vector<int>{128, 4}));
}

TEST(Choose, TakesAnItemOrAllThatBeginWithTheName) {
  const std::vector<std::string> known{"rms_norm", "linear", "linear_quantized", "attention_scores",
                                       "attention_values"};
  using Names = std::vector<std::string>;
  EXPECT_EQ(choose("op", {}, known), Names());
  EXPECT_EQ(choose("op", {"attention"}, known), Names({"attention_scores", "attention_values"}));
  EXPECT_EQ(choose("op", {"linear"}, known), Names({"linear"}))
      << "the op itself, where there is one";
  EXPECT_EQ(choose("op", {"attention_values", "rms_norm"}, known),
            Names({"rms_norm", "attention_values"}));
  EXPECT_INPUT_ERROR(choose("op", {"rms"}, {"rmsnorm"}), "there is no op 'rms'; ops are rmsnorm");
  EXPECT_INPUT_ERROR(choose("op", {"rms_nrm"}, known), "'rms_nrm'", "linear_quantized");
  EXPECT_INPUT_ERROR(choose("op", {""}, known), "no op ''");
}

}  // namespace
}  // namespace assay::suites
