#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kernels/device/error.h"

namespace assay {
namespace {

/// Writes each tensor's number over its bytes at its first use, op by op, and checks at its last
/// use that nobody else has written there since: overlap found by brute force, not by formula.
void expect_no_overlap(const MemoryPlan& plan, int ops) {
  std::vector<int> owner(plan.total_bytes, -1);
  for (int op = 0; op < ops; ++op) {
    for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
      const PlannedTensor& t = plan.tensors[i];
      if (t.first_use != op) continue;
      ASSERT_LE(t.offset + t.bytes, plan.total_bytes);
      ASSERT_EQ(t.offset % kArenaAlignment, 0U);
      std::fill_n(owner.begin() + static_cast<std::ptrdiff_t>(t.offset), t.bytes,
                  static_cast<int>(i));
    }
    for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
      const PlannedTensor& t = plan.tensors[i];
      if (t.last_use != op) continue;
      for (std::size_t byte = t.offset; byte < t.offset + t.bytes; ++byte) {
        ASSERT_EQ(owner[byte], static_cast<int>(i)) << "tensor " << i << " byte " << byte;
      }
    }
  }
}

TEST(MemoryPlan, RandomPlansNeverOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<PlannedTensor> tensors;
    const int ops = 1 + static_cast<int>(random() % 20);
    const unsigned count = 1 + random() % 30;
    std::vector<std::size_t> live(static_cast<std::size_t>(ops));
    for (unsigned i = 0; i < count; ++i) {
      const int first = static_cast<int>(random() % static_cast<unsigned>(ops));
      const int last = first + static_cast<int>(random() % static_cast<unsigned>(ops - first));
      const std::size_t bytes = random() % 3000;
      tensors.push_back({std::to_string(i), bytes, first, last});
      for (int op = first; op <= last; ++op) live[static_cast<std::size_t>(op)] += bytes;
    }
    const MemoryPlan plan = plan_memory(tensors);
    expect_no_overlap(plan, ops);
    EXPECT_GE(plan.total_bytes, *std::max_element(live.begin(), live.end()));
    EXPECT_LE(plan.total_bytes, plan.unshared_bytes());
  }
}

TEST(MemoryPlan, ReusesMemoryWhoseTimeIsOver) {
  const MemoryPlan plan = plan_memory({{"a", 1024, 0, 1}, {"b", 512, 1, 2}, {"c", 1000, 2, 3}});
  EXPECT_EQ(plan.at("a").offset, plan.at("c").offset);
  EXPECT_EQ(plan.at("b").offset, 1024U);
  EXPECT_EQ(plan.total_bytes, 1536U);
  EXPECT_THROW(plan.at("d"), Error);
}

}  // namespace
}  // namespace assay
