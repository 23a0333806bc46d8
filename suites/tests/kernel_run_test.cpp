// Every run of a case is judged, not its first alone: faults planted in one of the launches.
#include "suites/kernel_run.h"

#include <gtest/gtest.h>

#include "suites/cases/cases.h"

namespace assay::suites {
namespace {

// In the order of PreparedCase::check().
enum Launch { FIRST, SECOND, GRAPH, ROW_ALONE };

Case rms_norm_case() {
  for (Case& c : all_cases(ShapeSet::kSmoke)) {
    if (c.op == "rms_norm" && c.one_row) return std::move(c);
  }
  ADD_FAILURE() << "no case of rms_norm with rows";
  return {};
}

// The version's own launch, after which launch `bad` has written to a byte of operand `name`.
Outcome with_fault(const Case& c, int bad, const std::string& name) {
  int launches = 0;
  return PreparedCase(c, 1).check(
      0,
      [&](const Case& at, const Pointers& pointers, const Stream& stream) {
        at.launch(0, pointers, stream);
        if (launches++ != bad) return;
        for (std::size_t i = 0; i < at.operands.size(); ++i) {
          // A NaN, or a large number, in any type.
          if (at.operands[i].name == name) fill_bytes(pointers[i], 0x7F, 8, stream);
        }
      },
      Stream());
}

TEST(EveryRun, LeavesInputsAsTheyWere) {
  const Case c = rms_norm_case();
  for (const auto& [launch, words] :
       {std::pair{FIRST, "input x was changed"}, std::pair{SECOND, "a second run: input x was"},
        std::pair{GRAPH, "a graph replay: input x was"}, std::pair{ROW_ALONE, "alone: input x"}}) {
    const Outcome outcome = with_fault(c, launch, "x");
    EXPECT_EQ(outcome.status, Status::kFail) << words;
    EXPECT_EQ(outcome.failed, launch == ROW_ALONE ? Check::kBatchRow : Check::kGuards) << words;
    EXPECT_NE(outcome.reason.find(words), std::string::npos) << outcome.reason;
  }
}

TEST(EveryRun, IsHeldAgainstTheTruthWhereBitsMayDiffer) {
  Case c = rms_norm_case();
  c.one_row = nullptr;
  for (const bool repeatable : {true, false}) {
    c.repeatable = repeatable;
    for (const auto& [launch, check] :
         {std::pair{SECOND, Check::kRepeat}, std::pair{GRAPH, Check::kGraph}}) {
      const Outcome outcome = with_fault(c, launch, "y");
      EXPECT_EQ(outcome.status, Status::kFail) << name_of(check);
      EXPECT_EQ(outcome.failed, check) << outcome.reason;
    }
  }
}

}  // namespace
}  // namespace assay::suites
