// The cases' own spoiled outputs: each op's mistakes can be seen in its smoke shapes, and a case
// whose comparison is too loose is MISTRUSTED.
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "kernels/device/error.h"
#include "suites/cases/cases.h"
#include "suites/kernel_run.h"

namespace assay::suites {
namespace {

constexpr std::uint64_t SEED = 1;

Case case_of(const std::string& op, Comparison comparison) {
  for (Case& c : all_cases(ShapeSet::kSmoke)) {
    if (c.op == op && c.comparison == comparison) return std::move(c);
  }
  ADD_FAILURE() << "no case of " << op;
  return {};
}

TEST(Cases, ShowEveryMistakeOfEveryOpAndDtype) {
  std::map<std::string, std::set<std::string>> registered;  // by op and dtype
  std::map<std::string, std::set<std::string>> shown;
  for (const Case& c : all_cases(ShapeSet::kSmoke)) {
    const std::string key = c.op + "/" + std::string(name_of(c.dtype));
    const PreparedCase prepared(c, SEED);
    const SpoilReport& report = prepared.spoils();
    EXPECT_TRUE(report.trusted()) << c.op << "/" << c.id() << ": " << report.accepted;
    EXPECT_EQ(report.refused, report.shown) << c.op << "/" << c.id();
    for (const Mistake& mistake : c.mistakes) registered[key].insert(mistake.name);
    shown[key].insert(report.names.begin(), report.names.end());
  }
  std::set<std::string> ops;
  for (const auto& [key, mistakes] : registered) {
    ops.insert(key.substr(0, key.find('/')));
    EXPECT_GE(mistakes.size(), 2u) << key;
    for (const std::string& mistake : mistakes) {
      EXPECT_TRUE(shown[key].count(mistake)) << key << ": no shape shows " << mistake;
    }
  }
  std::set<std::string> all;
  for (const Case& c : all_cases(ShapeSet::kSmoke)) all.insert(c.op);
  EXPECT_EQ(ops, all) << "an op without mistakes of its own";
}

TEST(Cases, ShowTheGeneralSpoilsCopiesAndAStaleBuffer) {
  const SpoilReport report =
      PreparedCase(case_of("rms_norm", Comparison::kThreeWay), SEED).spoils();
  const std::set<std::string> names(report.names.begin(), report.names.end());
  for (const char* name : {"one_off", "all_off", "tail_unwritten", "rows_swapped", "copy_of_x",
                           "stale", "without_eps"}) {
    EXPECT_TRUE(names.count(name)) << name;
  }
}

TEST(MistrustedCase, OfATooLargeTolerance) {
  Case c = case_of("rms_norm", Comparison::kThreeWay);
  c.reduction = std::int64_t{1} << 50;  // a floor of 2, in terms of the largest element
  const PreparedCase prepared(c, SEED);
  const Stream stream;
  const Outcome outcome = prepared.check(0, stream);
  EXPECT_EQ(outcome.status, Status::kMistrusted) << outcome.reason;
  EXPECT_NE(outcome.reason.find("accepts a spoiled output, one_off"), std::string::npos)
      << outcome.reason;
  ASSERT_TRUE(outcome.spoils);
  EXPECT_LT(outcome.spoils->refused, outcome.spoils->shown);
}

TEST(MistrustedCase, OfAToleranceJustTooLarge) {
  Case c = case_of("linear", Comparison::kThreeWay);
  ASSERT_EQ(c.dtype, DType::kF32);
  c.reduction = std::int64_t{1} << 22;  // sqrt(2^22) 2^-24 = 2^-13
  EXPECT_FALSE(PreparedCase(c, SEED).spoils().trusted());
}

TEST(MistrustedCase, StaysAFailureWhereTheKernelIsWrong) {
  Case c = case_of("rms_norm", Comparison::kThreeWay);
  c.reduction = std::int64_t{1} << 40;
  const PreparedCase prepared(c, SEED);
  const Stream stream;
  const Outcome outcome = prepared.check(
      0, [](const Case&, const Pointers&, const Stream&) {}, stream);  // writes nothing
  EXPECT_EQ(outcome.status, Status::kFail);
  EXPECT_EQ(outcome.failed, Check::kComparison);
  EXPECT_NE(outcome.reason.find("accepts a spoiled output"), std::string::npos) << outcome.reason;
}

TEST(Cases, ShowFewSpoilsOfTheShapesOfTheSweep) {
  Case c = case_of("linear", Comparison::kThreeWay);
  c.set = ShapeSet::kSweep;
  c.mistakes.push_back(
      {"never_asked", [](const Tensors&) -> Tensors { throw Error("a mistake was asked for"); }});
  const PreparedCase prepared(c, SEED);
  EXPECT_EQ(prepared.spoils().names, (std::vector<std::string>{"one_off", "tail_unwritten"}));
  const Outcome outcome = prepared.check_once(0, Stream());
  EXPECT_EQ(outcome.status, Status::kPass) << outcome.reason;
  ASSERT_TRUE(outcome.spoils);
  EXPECT_EQ(outcome.spoils->refused, 2);
}

TEST(Mistakes, OfTooFewOutputsAreAnError) {
  Case c = case_of("padding_offsets", Comparison::kExact);
  c.mistakes.push_back({"half_an_answer", [](const Tensors&) { return Tensors{}; }});
  const Outcome outcome = PreparedCase(c, SEED).check(0, Stream());
  EXPECT_EQ(outcome.status, Status::kError);
  EXPECT_NE(outcome.reason.find("0 outputs"), std::string::npos) << outcome.reason;
}

}  // namespace
}  // namespace assay::suites
