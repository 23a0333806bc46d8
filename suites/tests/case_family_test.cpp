// Families of cases: what a case's id says is enough to make it again, and no boundary of a version
// table is without its cases.
#include "suites/case_family.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "kernels/device/error.h"
#include "suites/cases/cases.h"

namespace assay::suites {
namespace {

std::string message_of(const std::string& name) {
  try {
    make_case(name, all_families(), ShapeSet::kCi);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

void expect_refused(const std::string& name, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    EXPECT_NE(message_of(name).find(word), std::string::npos) << name << "\n" << message_of(name);
  }
}

std::int64_t value_of(const Case& c, const std::string& dimension) {
  for (const auto& [name, value] : c.dimensions) {
    if (name == dimension) return value;
  }
  ADD_FAILURE() << c.op << "/" << c.id() << " has no " << dimension;
  return -1;
}

// The inputs of `c` as a run would draw them.
std::vector<HostTensor> inputs_of(const Case& c) {
  Random random(7);
  std::vector<HostTensor> inputs;
  for (const Operand& operand : c.operands) {
    if (!operand.fill) continue;
    inputs.emplace_back(operand.dtype, operand.shape);
    operand.fill(inputs.back(), random);
  }
  return inputs;
}

void expect_same_operands(const Case& a, const Case& b) {
  ASSERT_EQ(a.operands.size(), b.operands.size()) << a.id();
  for (std::size_t i = 0; i < a.operands.size(); ++i) {
    EXPECT_EQ(a.operands[i].name, b.operands[i].name) << a.id();
    EXPECT_EQ(a.operands[i].dtype, b.operands[i].dtype) << a.id();
    EXPECT_EQ(a.operands[i].shape, b.operands[i].shape) << a.op << "/" << a.id();
  }
}

TEST(CaseFamily, EveryListedCaseIsMadeAgainFromItsId) {
  for (const ShapeSet set : {ShapeSet::kCi, ShapeSet::kSweep}) {
    for (const Case& c : all_cases(set)) {
      const Case again = make_case(c.op + "/" + c.id(), all_families(), c.set);
      EXPECT_EQ(again.op, c.op);
      EXPECT_EQ(again.id(), c.id());
      EXPECT_EQ(again.dimensions, c.dimensions);
      EXPECT_EQ(again.columns, c.columns) << c.op << "/" << c.id();
      EXPECT_EQ(again.phase, c.phase);
      EXPECT_EQ(again.bytes, c.bytes) << c.op << "/" << c.id();
      EXPECT_EQ(again.flops, c.flops) << c.op << "/" << c.id();
      expect_same_operands(again, c);
    }
  }
}

TEST(CaseFamily, AnIdSaysAllThatTheInputsDependOn) {
  // Lengths, masks and the like are drawn by `fill`: the same from the id alone, whichever set the
  // case was listed in.
  for (const Case& c : all_cases(ShapeSet::kCi)) {
    double elements = 0.0;
    for (const Operand& operand : c.operands) {
      double count = 1.0;
      for (const std::int64_t side : operand.shape) count *= static_cast<double>(side);
      elements += count;
    }
    if (elements > 1e4) continue;  // to be quick; their smaller sisters are made the same way
    const Case again = make_case(c.op + "/" + c.id(), all_families(), ShapeSet::kSweep);
    expect_same_operands(again, c);
    const std::vector<HostTensor> first = inputs_of(c);
    const std::vector<HostTensor> second = inputs_of(again);
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(first[i].bytes, second[i].bytes) << c.op << "/" << c.id();
    }
  }
}

TEST(CaseFamily, IdsAreUnique) {
  std::map<std::string, ShapeSet> seen;
  for (const ShapeSet set : {ShapeSet::kCi, ShapeSet::kSweep}) {
    for (const Case& c : all_cases(set)) {
      EXPECT_TRUE(seen.emplace(c.op + "/" + c.id(), c.set).second) << c.op << "/" << c.id();
    }
  }
}

TEST(CaseFamily, DimensionsMayBeGivenInAnyOrder) {
  const Case c = make_case("rms_norm/fp16/width=128,rows=3", all_families(), ShapeSet::kCi);
  EXPECT_EQ(c.id(), "fp16/rows=3,width=128");
  EXPECT_EQ(c.dtype, DType::kF16);
}

TEST(CaseFamily, RefusesWhatDoesNotExistAndSaysWhatDoes) {
  expect_refused("rms_nrm/fp16/rows=3,width=128", {"no op 'rms_nrm'", "rms_norm", "swiglu"});
  expect_refused("rms_norm/fp8/rows=3,width=128", {"dtype 'fp8'", "fp32, fp16, bf16"});
  expect_refused("rms_norm/fp16/rows=3,length=128", {"no dimension 'length'", "rows, width"});
  expect_refused("rms_norm/fp16/rows=3", {"no value for width", "rows, width"});
  expect_refused("rms_norm/fp16/rows=3,width=1,rows=4", {"rows is given twice"});
  expect_refused("rms_norm/fp16/rows=3,width=", {"'width=' is not a dimension and its value"});
  expect_refused("rms_norm/fp16/rows=3,width", {"'width' is not a dimension and its value"});
  expect_refused("rms_norm/fp16/rows=3,width=12x", {"'width=12x'"});
  expect_refused("rms_norm/fp16/rows=3,width=99999999999",
                 {"width=99999999999 is past what a launch can count"});
  expect_refused("rms_norm/fp16", {"op/dtype/dimensions"});
  expect_refused("", {"op/dtype/dimensions"});
}

TEST(CaseFamily, RefusesImpossibleCombinations) {
  expect_refused("rms_norm/fp16/rows=0,width=128", {"rows=0 is below 1"});
  expect_refused("rope/fp16/tokens=1,heads=2,kv_heads=1,head_dim=7",
                 {"head_dim=7 is not a multiple of 2"});
  expect_refused("kv_broadcast/fp16/batch=1,heads=3,kv_heads=2,s=1,s_max=1,head_dim=8,lengths=0",
                 {"heads=3 is not a multiple of kv_heads=2"});
  expect_refused("kv_broadcast/fp16/batch=1,heads=2,kv_heads=0,s=1,s_max=1,head_dim=8,lengths=0",
                 {"kv_heads=0"});
  expect_refused("kv_broadcast/fp16/batch=1,heads=2,kv_heads=2,s=5,s_max=4,head_dim=8,lengths=0",
                 {"s_max=4 is below s=5"});
  expect_refused("quantize/fp32/n=1,k=33,bits=4,group_size=11", {"k=33 codes of 4 bits"});
  expect_refused("quantize/fp32/n=1,k=33,bits=5,group_size=11", {"bits=5 is none of 8, 4"});
  expect_refused("rope/fp16/tokens=1,heads=2,kv_heads=3,head_dim=8",
                 {"heads=2 is not a multiple of kv_heads=3"});
  expect_refused("linear/fp32/m=1,n=1,k=1,bias=2", {"bias=2 is none of 0, 1"});
}

TEST(CaseFamily, FindsVersionsByName) {
  const Case c = make_case("rms_norm/fp16/rows=3,width=128", all_families(), ShapeSet::kCi);
  EXPECT_EQ(c.versions[find_version(c, "v1_two_pass")], "v1_two_pass");
  try {
    find_version(c, "v9_dream");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("v2_registers, v1_two_pass"), std::string::npos)
        << error.what();
  }
}

class Boundaries : public testing::TestWithParam<std::size_t> {};

TEST_P(Boundaries, HaveTheirThreeCasesAtEveryDtype) {
  const CaseFamily& family = all_families()[GetParam()];
  std::vector<Case> cases = family.listed();
  std::erase_if(cases, [](const Case& c) { return c.set == ShapeSet::kSweep; });
  for (std::size_t version = 0; version < family.boundaries.size(); ++version) {
    for (const Boundary& boundary : family.boundaries[version]) {
      const Dimension& dimension = family.dimensions[family.dimension(boundary.dimension)];
      const std::vector<int> values = around(boundary, dimension);
      // One of the three is missing only where it would be below the smallest value there is.
      EXPECT_EQ(values.size(), boundary.value - dimension.step < dimension.smallest ? 2u : 3u);
      for (const DType dtype : family.dtypes) {
        for (const int value : values) {
          EXPECT_TRUE(std::any_of(cases.begin(), cases.end(),
                                  [&](const Case& c) {
                                    return c.dtype == dtype &&
                                           value_of(c, boundary.dimension) == value;
                                  }))
              << family.op << " " << name_of(dtype) << ": no case with " << boundary.dimension
              << "=" << value << ", a boundary of " << family.versions[version];
        }
      }
    }
  }
}

// A version that refuses the value beside its own boundary, for its alignment, is still to run as
// near to it as it can, on both sides.
TEST_P(Boundaries, AreReachedByTheirOwnVersionFromBothSides) {
  constexpr int NEAR = 32;
  const CaseFamily& family = all_families()[GetParam()];
  const std::vector<Case> cases = family.listed();
  for (std::size_t version = 0; version < family.boundaries.size(); ++version) {
    for (const Boundary& boundary : family.boundaries[version]) {
      const std::size_t place = family.dimension(boundary.dimension);
      const Dimension& dimension = family.dimensions[place];
      bool at_some_dtype = false;  // as a limit may be one of bytes
      for (const DType dtype : family.dtypes) {
        // Where the version could run: other dimensions as in some case at the boundary.
        std::set<int> could;
        std::set<int> does;
        for (const Case& c : cases) {
          if (c.dtype != dtype || c.set == ShapeSet::kSweep) continue;
          const std::int64_t value = value_of(c, boundary.dimension);
          if (c.unsupported(version).empty()) does.insert(static_cast<int>(value));
          if (value != boundary.value) continue;
          for (int off = -NEAR; off <= NEAR; ++off) {
            DimensionValues values;
            for (const auto& [name, v] : c.dimensions) values.push_back(static_cast<int>(v));
            values[place] += off * dimension.step;
            if (!family.impossible(values).empty()) continue;
            if (family.make(values, dtype, ShapeSet::kCi).unsupported(version).empty()) {
              could.insert(values[place]);
            }
          }
        }
        const std::string where = family.op + " " + std::string(name_of(dtype)) + " " +
                                  family.versions[version] + " " + boundary.dimension + " " +
                                  std::to_string(boundary.value);
        at_some_dtype = at_some_dtype || !could.empty();
        EXPECT_LE(could.count(boundary.value), does.count(boundary.value)) << where;
        const int reach = NEAR * dimension.step;
        const bool could_below = could.lower_bound(boundary.value) != could.begin();
        const auto below = does.lower_bound(boundary.value);
        const bool does_below =
            below != does.begin() && boundary.value - *std::prev(below) <= reach;
        EXPECT_LE(could_below, does_below) << where << ": not run below it";
        const bool could_above = could.upper_bound(boundary.value) != could.end();
        const auto above = does.upper_bound(boundary.value);
        const bool does_above = above != does.end() && *above - boundary.value <= reach;
        EXPECT_LE(could_above, does_above) << where << ": not run above it";
      }
      EXPECT_TRUE(at_some_dtype) << family.op << "." << family.versions[version]
                                 << " runs nowhere near its boundary " << boundary.dimension << "="
                                 << boundary.value;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Boundaries, testing::Range(std::size_t{0}, all_families().size()),
                         [](const auto& op) { return all_families()[op.param].op; });

}  // namespace
}  // namespace assay::suites
