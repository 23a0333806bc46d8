// Inputs are drawn on all cores: the numbers are those that one core would draw.
#include "suites/host_tensor.h"

#include <gtest/gtest.h>

namespace assay::suites {
namespace {

TEST(Random, SkipsAsIfItHadDrawn) {
  Random walked(7);
  Random skipped(7);
  for (int i = 0; i < 1000; ++i) walked.bits();
  skipped.skip(1000);
  EXPECT_EQ(walked.bits(), skipped.bits());
}

// Elements that do not divide into whole stretches, and more of them than one core takes.
constexpr std::int64_t ELEMENTS = 5 * ELEMENTS_AT_ONCE + 17;

TEST(HostTensor, FillsAreThoseOfOneCore) {
  HostTensor tensor(DType::kF32, {ELEMENTS});
  Random random(3);
  Random alone(3);
  normal(1.0, 2.0)(tensor, random);
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    ASSERT_EQ(tensor.get(i), static_cast<double>(static_cast<float>(1.0 + 2.0 * alone.normal())));
  }
  HostTensor codes(DType::kU8, {ELEMENTS});
  integers(0, 255)(codes, random);  // goes on where the first left off
  for (std::size_t i = 0; i < codes.count(); ++i) ASSERT_EQ(codes.get(i), alone.between(0, 255));
  EXPECT_EQ(random.bits(), alone.bits());
}

TEST(HostTensor, ElementsThatDrawNothingLeaveTheRestAlone) {
  HostTensor tensor(DType::kI32, {ELEMENTS});
  Random random(3);
  Random alone(3);
  draw_elements(tensor, random, 0, [](std::size_t i, Random&) { return static_cast<double>(i); });
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    ASSERT_EQ(tensor.get(i), static_cast<double>(i));
  }
  EXPECT_EQ(random.bits(), alone.bits());
  EXPECT_EQ(tensor.values()[ELEMENTS - 1], static_cast<double>(ELEMENTS - 1));
}

}  // namespace
}  // namespace assay::suites
