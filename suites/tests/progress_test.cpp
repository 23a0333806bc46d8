// How long a sweep has to go: guesses that learn, and the line that says so.
#include "suites/progress.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>

#include "suites/cost_model.h"

namespace assay::suites {
namespace {

TEST(CostModel, KeepsTheGuessUntilItHasSeenSomething) {
  EXPECT_DOUBLE_EQ(CostModel().expected_s("linear", 3.0), 3.0);
}

TEST(CostModel, LearnsTheFactorOfAKind) {
  CostModel model;
  for (int i = 0; i < 50; ++i) {
    model.observe("linear", 1.0, 4.0);
    model.observe("rope", 1.0, 0.5);
  }
  EXPECT_NEAR(model.expected_s("linear", 10.0), 40.0, 2.0);
  EXPECT_NEAR(model.expected_s("rope", 10.0), 5.0, 1.0);
}

TEST(CostModel, TakesAnUnseenKindForOneOfThisMachine) {
  CostModel model;
  for (int i = 0; i < 50; ++i) model.observe("linear", 1.0, 3.0);
  EXPECT_NEAR(model.expected_s("rope", 10.0), 30.0, 2.0);
  model.observe("rope", 0.01, 1.0);  // a slow start is not the whole truth
  EXPECT_LT(model.expected_s("rope", 10.0), 60.0);
}

TEST(Cost, CountsWhatIsDoneOnceOnlyWhereThereAreRows) {
  const Cost cost{100.0, 5.0, 2.0};
  EXPECT_DOUBLE_EQ(cost.of_rows(0), 0.0);
  EXPECT_DOUBLE_EQ(cost.of_rows(3), 11.0);
}

TEST(Duration, IsReadAtAGlance) {
  EXPECT_EQ(format_duration(-1.0), "0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(187.0), "3:07");
  EXPECT_EQ(format_duration(3753.0), "1:02:33");
}

struct Output {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), std::fclose};

  std::string text() const {
    std::rewind(file.get());
    std::string all(1000, '\0');
    all.resize(std::fread(all.data(), 1, all.size(), file.get()));
    return all;
  }
};

TEST(Progress, SaysLittleWhereItIsNoTerminal) {
  const Output output;
  auto now = Progress::Clock::time_point();
  Progress progress(output.file.get(), false, 10.0, [&] { return now; });
  progress.show({1, 4, 30.0, "first"});
  now += std::chrono::seconds(11);
  progress.show({2, 4, 20.0, "second"});
  now += std::chrono::seconds(5);
  progress.show({3, 4, 10.0, "third"});
  progress.clear();
  EXPECT_EQ(output.text(), "sweep: 2/4 rows, about 20 s left, second\n");
}

TEST(Progress, RewritesItsLineOnATerminal) {
  const Output output;
  Progress progress(output.file.get(), true, 10.0);
  progress.show({1, 4, 65.0, "first"});
  progress.show({2, 4, 20.0, "second"});
  progress.clear();
  progress.clear();
  const std::string erase = "\r\033[K";
  EXPECT_EQ(output.text(), "sweep: 1/4 rows, about 1:05 left, first" + erase +
                               "sweep: 2/4 rows, about 20 s left, second" + erase);
}

TEST(Progress, LinesFitTheirWidth) {
  const Progress::Status status{1, 2, 3.0, std::string(300, 'x')};
  const std::string line = progress_line(status, 60);
  EXPECT_EQ(line.size(), 60u);
  EXPECT_EQ(line.substr(57), "...");
}

}  // namespace
}  // namespace assay::suites
