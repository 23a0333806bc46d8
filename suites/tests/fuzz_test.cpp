// Drawing and shrinking, on families and predicates of this file; and a planted fault in a real
// kernel's tail, found and shrunk.
#include "suites/fuzz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "kernels/device/buffer.h"
#include "kernels/device/error.h"
#include "suites/cases/cases.h"
#include "suites/kernel_run.h"

namespace assay::suites {
namespace {

constexpr WorkLimit LIMIT{1.5e5, 3e6};

Dimension dimension(const std::string& name, int smallest, int largest) {
  Dimension d;
  d.name = name;
  d.smallest = smallest;
  d.largest = largest;
  return d;
}

bool never() { return false; }

const CaseFamily& family_of(const char* op) { return find_family(all_families(), op); }

TEST(Shrink, FindsTheSmallestOfAPredicateWithGaps) {
  const std::vector<Dimension> dimensions{dimension("rows", 1, 64), dimension("width", 1, 9000)};
  for (const int start : {101, 105, 113, 250, 1023, 4095, 8191}) {
    const auto fails = [](const DimensionValues& v) { return v[1] % 8 != 0 && v[1] > 100; };
    const Shrunk shrunk = shrink(dimensions, {37, start}, fails, never);
    EXPECT_EQ(shrunk.values, (DimensionValues{1, 101})) << start;
    EXPECT_TRUE(shrunk.finished);
    EXPECT_LT(shrunk.tries, 200);
  }
}

TEST(Shrink, LowersADivisorTogetherWithItsMultiple) {
  // Fails in groups of a whole row only: neither can be lowered alone.
  std::vector<Dimension> dimensions{dimension("k", 1, 4096), dimension("group_size", 1, 4096)};
  dimensions[0].multiple_of = "group_size";
  const auto fails = [](const DimensionValues& v) {
    return v[0] % v[1] == 0 && v[0] == v[1] && v[0] >= 5;
  };
  EXPECT_EQ(shrink(dimensions, {1024, 1024}, fails, never).values, (DimensionValues{5, 5}));
}

TEST(Shrink, KeepsToStepsChoicesAndOtherDimensions) {
  std::vector<Dimension> dimensions{dimension("head_dim", 2, 1024), dimension("bits", 4, 8),
                                    dimension("t_max", 1, 64), dimension("s", 1, 100)};
  dimensions[0].step = 2;
  dimensions[1].choices = {8, 4};
  dimensions[3].at_least = "t_max";
  std::set<DimensionValues> asked;
  const auto fails = [&](const DimensionValues& v) {
    EXPECT_TRUE(asked.insert(v).second) << "the same values were tried twice";
    EXPECT_EQ(v[0] % 2, 0);
    return v[3] >= v[2] && v[0] >= 10;
  };
  EXPECT_EQ(shrink(dimensions, {514, 4, 30, 90}, fails, never).values,
            (DimensionValues{10, 8, 1, 1}));
}

TEST(Shrink, StopsInTimeWithWhatItHas) {
  const std::vector<Dimension> dimensions{dimension("width", 1, 9000)};
  int calls = 0;
  const auto fails = [&](const DimensionValues& v) { return ++calls, v[0] > 100; };
  const Shrunk shrunk = shrink(dimensions, {9000}, fails, [&] { return calls >= 3; });
  EXPECT_FALSE(shrunk.finished);
  EXPECT_EQ(shrunk.tries, 3);
  EXPECT_GT(shrunk.values[0], 100);
  EXPECT_LT(shrunk.values[0], 9000);
}

TEST(Shrink, LeavesACaseThatNothingSmallerFailsLike) {
  const std::vector<Dimension> dimensions{dimension("width", 1, 9000)};
  const Shrunk shrunk = shrink(
      dimensions, {77}, [](const DimensionValues&) { return false; }, never);
  EXPECT_EQ(shrunk.values, (DimensionValues{77}));
  EXPECT_TRUE(shrunk.finished);
}

TEST(Repair, RaisesToMultiplesAndLeastValues) {
  std::vector<Dimension> dimensions{dimension("k", 1, 99), dimension("group_size", 1, 99),
                                    dimension("s", 1, 99)};
  dimensions[0].multiple_of = "group_size";
  dimensions[2].at_least = "k";
  DimensionValues values{10, 7, 3};
  repair(dimensions, values);
  EXPECT_EQ(values, (DimensionValues{14, 7, 14}));
}

TEST(CaseDrawer, TheSameSeedDrawsTheSameCasesAndAnotherDoesNot) {
  for (const CaseFamily& family : all_families()) {
    CaseDrawer first(family, 5, LIMIT);
    CaseDrawer second(family, 5, LIMIT);
    CaseDrawer other(family, 6, LIMIT);
    int different = 0;
    for (int i = 0; i < 50; ++i) {
      const std::size_t version = static_cast<std::size_t>(i) % family.versions.size();
      const DrawnCase a = first.next(version);
      const DrawnCase b = second.next(version);
      const DrawnCase c = other.next(version);
      EXPECT_EQ(a.values, b.values);
      EXPECT_EQ(a.dtype, b.dtype);
      different += a.values != c.values ? 1 : 0;
    }
    EXPECT_GT(different, 10) << family.op;
  }
}

TEST(CaseDrawer, CasesArePossibleAffordableAndNamedByTheirIds) {
  for (const CaseFamily& family : all_families()) {
    CaseDrawer drawer(family, 3, LIMIT);
    for (int i = 0; i < 200; ++i) {
      const DrawnCase drawn = drawer.next(static_cast<std::size_t>(i) % family.versions.size());
      ASSERT_EQ(family.impossible(drawn.values), "") << family.op;
      const Case c = family.make(drawn.values, drawn.dtype, ShapeSet::kCi);
      EXPECT_TRUE(affordable(c, LIMIT)) << c.op << "/" << c.id();
      EXPECT_EQ(make_case(c.op + "/" + c.id(), all_families(), ShapeSet::kCi).id(), c.id());
    }
  }
}

TEST(CaseDrawer, ReachesEveryBoundaryAndBothItsNeighbours) {
  const WorkLimit large{4e6, 4e9};
  for (const CaseFamily& family : all_families()) {
    for (std::size_t version = 0; version < family.versions.size(); ++version) {
      CaseDrawer drawer(family, 11, large);
      std::vector<std::set<int>> drawn(family.dimensions.size());
      for (int i = 0; i < 4000; ++i) {
        const DimensionValues values = drawer.next(version).values;
        for (std::size_t d = 0; d < values.size(); ++d) drawn[d].insert(values[d]);
      }
      for (const Boundary& boundary : family.boundaries[version]) {
        const std::size_t place = family.dimension(boundary.dimension);
        for (const int value : around(boundary, family.dimensions[place])) {
          EXPECT_EQ(drawn[place].count(value), 1u)
              << family.op << "." << family.versions[version] << ": " << boundary.dimension << "="
              << value << " was not drawn";
        }
      }
    }
  }
}

TEST(CaseDrawer, FindsCasesThatEachVersionSupports) {
  for (const CaseFamily& family : all_families()) {
    for (std::size_t version = 0; version < family.versions.size(); ++version) {
      CaseDrawer drawer(family, 2, LIMIT);
      int supported = 0;
      for (int i = 0; i < 100; ++i) {
        const DrawnCase drawn = drawer.next(version);
        const Case c = family.make(drawn.values, drawn.dtype, ShapeSet::kCi);
        supported += c.unsupported(version).empty() ? 1 : 0;
      }
      EXPECT_GE(supported, 5) << family.op << "." << family.versions[version];
    }
  }
}

TEST(FuzzTally, CountsAndNamesWhatNeverRan) {
  using Result = FuzzTally::Result;
  FuzzTally tally;
  EXPECT_EQ(tally.summary(), "");
  tally.expect("rope", "v1_pairs");
  tally.expect("rope", "v2_shared_angles");
  tally.count("rope", "v1_pairs", Result::kPassed);
  tally.count("rope", "v1_pairs", Result::kFailed);
  tally.count("rope", "v2_shared_angles", Result::kUnsupported);
  EXPECT_NE(tally.summary().find("Never ran: rope.v2_shared_angles\n"), std::string::npos)
      << tally.summary();
  tally.count("rope", "v2_shared_angles", Result::kPassed);
  EXPECT_NE(tally.summary().find("Every version ran."), std::string::npos) << tally.summary();
}

// The version's own launch, after which the last element of its output is NaN again, as if a
// kernel of 8-wide vectors had dropped its tail.
Launcher without_tail(std::size_t version) {
  return [version](const Case& c, const Pointers& pointers, const Stream& stream) {
    c.launch(version, pointers, stream);
    std::int64_t width = 0;
    for (const auto& [name, value] : c.dimensions) width = name == "width" ? value : width;
    if (width % 8 == 0) return;
    const std::size_t bytes = static_cast<std::size_t>(c.operands.back().shape[0] * width) *
                              size_of(c.operands.back().dtype);
    auto* end = static_cast<unsigned char*>(pointers.back()) + bytes;
    fill_bytes(end - size_of(c.operands.back().dtype), 0xFF, size_of(c.operands.back().dtype),
               stream);
  };
}

TEST(Fuzz, FindsADroppedTailAndShrinksIt) {
  const CaseFamily& family = family_of("swiglu");
  const Stream stream;
  for (const std::uint64_t seed : {1, 2, 3}) {
    CaseDrawer drawer(family, seed, LIMIT);
    const std::size_t version = 1;  // v1_elementwise
    const auto outcome_of = [&](const DimensionValues& values, DType dtype) {
      const PreparedCase prepared(family.make(values, dtype, ShapeSet::kCi), seed);
      return prepared.check(version, without_tail(version), stream);
    };
    std::optional<DrawnCase> found;
    std::optional<Check> failed;
    for (int i = 0; i < 50 && !found; ++i) {
      const DrawnCase drawn = drawer.next(version);
      const Outcome outcome = outcome_of(drawn.values, drawn.dtype);
      if (outcome.status == Status::kPass) {
        EXPECT_EQ(drawn.values[1] % 8, 0);
      } else {
        found = drawn;
        failed = outcome.failed;
      }
    }
    ASSERT_TRUE(found) << "seed " << seed;
    const auto fails = [&](const DimensionValues& values) {
      return outcome_of(values, found->dtype).failed == failed;
    };
    EXPECT_EQ(shrink(family.dimensions, found->values, fails, never).values,
              (DimensionValues{1, 1}));
  }
}

}  // namespace
}  // namespace assay::suites
