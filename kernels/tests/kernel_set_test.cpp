// Pins: that they parse, refuse what does not exist, and take effect.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/op.h"
#include "kernels/rms_norm/rms_norm.h"

namespace assay {
namespace {

RmsNormArgs problem(int width) { return {nullptr, nullptr, nullptr, 1, width, 1e-5f, DType::kF16}; }

std::string resolved(const char* spec, int width) {
  return KernelSet::parse(spec).resolve(rms_norm_op(), problem(width)).name;
}

TEST(KernelSet, BestTakesTheFirstThatSupportsTheProblem) {
  EXPECT_EQ(resolved("best", 4096), "v2_registers");
  EXPECT_EQ(resolved("best", 4095), "v1_two_pass");
}

TEST(KernelSet, BaselineTakesTheOldest) { EXPECT_EQ(resolved("baseline", 4096), "v1_two_pass"); }

TEST(KernelSet, PinsTakeEffect) {
  EXPECT_EQ(resolved("rms_norm=v1_two_pass", 4096), "v1_two_pass");
  EXPECT_EQ(resolved("baseline,rms_norm=v2_registers", 4096), "v2_registers");
  EXPECT_EQ(resolved("rms_norm=v2_registers/v1_two_pass", 4095), "v1_two_pass");
}

TEST(KernelSet, PinThatDoesNotSupportTheProblemIsAnErrorWithTheReason) {
  try {
    resolved("rms_norm=v2_registers", 4095);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("multiple of 8"), std::string::npos) << error.what();
  }
}

TEST(KernelSet, UnknownNamesListTheKnownOnes) {
  try {
    KernelSet::parse("rms_norm=v9_dream");
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("v2_registers, v1_two_pass"), std::string::npos);
  }
  EXPECT_THROW(KernelSet::parse("no_such_op=v1"), InputError);
  EXPECT_THROW(KernelSet::parse("quickest"), InputError);
  EXPECT_THROW(KernelSet::parse("rms_norm=v1_two_pass,best"), InputError);
}

TEST(KernelSet, PinsReplaceThoseOfASet) {
  EXPECT_EQ(with_pins("best", ""), "best");
  EXPECT_EQ(with_pins("best", "rms_norm=v1_two_pass"), "best,rms_norm=v1_two_pass");
  EXPECT_EQ(with_pins("best,linear=v2_tiled,rope=v1_pairs", "linear=v3_vector/v1_blas"),
            "best,rope=v1_pairs,linear=v3_vector/v1_blas");
  EXPECT_EQ(with_pins("linear=v2_tiled", "linear=v2_tiled"), "linear=v2_tiled");
  EXPECT_THROW(with_pins("best", "baseline"), InputError);
  EXPECT_THROW(with_pins("best", "best,rms_norm=v1_two_pass"), InputError);
  EXPECT_THROW(with_pins("best", "rms_norm=v1_two_pass,rms_norm=v2_registers"), InputError);
}

TEST(KernelSet, ReadsTheEnvironment) {
  ::setenv("ASSAY_KERNELS", "rms_norm=v1_two_pass", 1);
  EXPECT_STREQ(KernelSet::from_environment().resolve(rms_norm_op(), problem(4096)).name,
               "v1_two_pass");
  ::unsetenv("ASSAY_KERNELS");
  EXPECT_STREQ(KernelSet::from_environment().resolve(rms_norm_op(), problem(4096)).name,
               "v2_registers");
}

TEST(Ops, VersionNamesAreUniqueAndNumbered) {
  for (const OpNames& op : all_ops()) {
    ASSERT_FALSE(op.versions.empty()) << op.op;
    for (std::size_t i = 0; i < op.versions.size(); ++i) {
      EXPECT_EQ(op.versions[i][0], 'v') << op.op;
      EXPECT_GT(std::atoi(op.versions[i].c_str() + 1), 0) << op.op << " " << op.versions[i];
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(op.versions[i], op.versions[j]) << op.op;
    }
  }
}

}  // namespace
}  // namespace assay
