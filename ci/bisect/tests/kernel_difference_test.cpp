// Kernel sets taken apart and put together again.
#include "ci/bisect/kernel_difference.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/op.h"

namespace assay::bisect {
namespace {

TEST(Orders, AreWhatTheSetTries) {
  EXPECT_EQ(spec_of(orders_of("best")), "best");
  EXPECT_EQ(spec_of(orders_of("")), "best");
  for (const OpNames& op : all_ops()) EXPECT_EQ(orders_of("best").at(op.op), op.versions);
  const Orders pinned = orders_of("baseline,linear=v3_vector/v2_tiled");
  EXPECT_EQ(pinned.at("linear"), (std::vector<std::string>{"v3_vector", "v2_tiled"}));
  EXPECT_EQ(pinned.at("rope").front(), "v1_pairs");
  for (const char* spec : {"baseline", "rope=v1_pairs", "linear=v2_tiled/v3_vector"}) {
    EXPECT_EQ(orders_of(spec_of(orders_of(spec))), orders_of(spec)) << spec;
  }
  // What verify does with it: its own set first.
  EXPECT_EQ(orders_of("best," + spec_of(pinned)), pinned);
  EXPECT_THROW(orders_of("linear=v9_dream"), InputError);
}

TEST(KernelDifference, PinsLeadFromOneSetToTheOther) {
  const char* const specs[] = {"best",           "baseline",
                               "rope=v1_pairs",  "linear=v2_tiled/v3_vector",
                               "linear=v1_blas", "baseline,swiglu=v2_vectors"};
  for (const char* from : specs) {
    for (const char* to : specs) {
      const KernelDifference difference(orders_of(from), orders_of(to));
      EXPECT_EQ(difference.ops().empty(), difference.from() == difference.to());
      std::vector<Pin> all;
      std::vector<Pin> whole;
      for (const std::string& op : difference.ops()) {
        const std::vector<Pin> pins = difference.pins(op);
        all.insert(all.end(), pins.begin(), pins.end());
        whole.push_back(difference.whole(op));
        // All pins of an op: its order in `to`, then whatever else `from` has.
        const std::vector<std::string> order = difference.with_pins(pins).at(op);
        const std::vector<std::string>& wanted = difference.to().at(op);
        ASSERT_GE(order.size(), wanted.size());
        EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), order.begin())) << from << " " << to;
      }
      EXPECT_EQ(difference.with_pins(whole), difference.to());
      EXPECT_EQ(difference.with_pins({}), difference.from());
      EXPECT_EQ(difference.without_pins(whole), difference.from());
      EXPECT_EQ(difference.without_pins({}), difference.to());
      EXPECT_EQ(difference.without_pins(all), difference.from());
    }
  }
}

TEST(KernelDifference, LeavesOutPinsThatChangeNothing) {
  const KernelDifference difference(orders_of("baseline"), orders_of("best"));
  for (const std::string& op : difference.ops()) {
    const std::vector<Pin> pins = difference.pins(op);
    ASSERT_FALSE(pins.empty()) << op;
    for (std::size_t i = 0; i < pins.size(); ++i) {
      std::vector<Pin> fewer = pins;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_NE(difference.with_pins(fewer), difference.with_pins(pins)) << op;
    }
  }
  // v3_vector/v1_blas/v2_tiled from v1_blas/v2_tiled/v3_vector: the first alone does it.
  EXPECT_EQ(to_string(difference.pins("linear")), "linear=v3_vector");
}

}  // namespace
}  // namespace assay::bisect
