// Which kernels were launched, on either device.
#include "kernels/device/launch_log.h"

#include <gtest/gtest.h>

#include "kernels/device/buffer.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/device/tests/faults.h"

namespace assay {
namespace {

class Launches : public testing::Test {
 protected:
  Launches() : x_(std::vector<float>(faults::BLOCK, 1.0f), stream_, "x"), y_(x_.size(), "y") {}
  void twice() {
    faults::twice(y_.data(), x_.data(), stream_);
    stream_.synchronize();
  }

  Stream stream_;
  DeviceBuffer<float> x_;
  DeviceBuffer<float> y_;
};

TEST_F(Launches, AreNamedByTheirFunction) {
  const LaunchLog log;
  twice();
  const std::vector<LaunchedKernel> kernels = log.kernels();
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_NE(kernels[0].function.find("12twice_kernelE"), std::string::npos) << kernels[0].function;
  EXPECT_EQ(kernels[0].function.rfind("_ZN5assay6faults", 0), 0u) << kernels[0].function;
  EXPECT_EQ(kernels[0].block_threads, faults::BLOCK);
  EXPECT_EQ(kernels[0].dynamic_shared_bytes, 0u);
}

TEST_F(Launches, AreListedOnceEach) {
  const LaunchLog log;
  DeviceBuffer<int> in(faults::BLOCK, "in");
  DeviceBuffer<int> out(faults::BLOCK, "out");
  fill_bytes(in.data(), 0, in.size_bytes(), stream_);
  twice();
  faults::reverse(out.data(), in.data(), true, stream_);
  twice();
  const Graph graph(stream_, [&] { faults::twice(y_.data(), x_.data(), stream_); });
  EXPECT_EQ(log.kernels().size(), 2u);
}

TEST_F(Launches, AreForgottenAndNotMissed) {
  {
    const LaunchLog log;
    twice();
    EXPECT_THROW({ const LaunchLog second; }, Error);
  }
  twice();
  const LaunchLog log;
  EXPECT_TRUE(log.kernels().empty());
}

TEST_F(Launches, KnowWhatAGpuHasLoaded) {
  const LaunchLog log;
  twice();
  ASSERT_EQ(log.kernels().size(), 1u);
  const auto loaded = log.kernels()[0].loaded;
  if (properties().kind != DeviceKind::kCuda) {
    EXPECT_FALSE(loaded);
    return;
  }
  ASSERT_TRUE(loaded);
  EXPECT_GT(loaded->registers, 0);
  EXPECT_EQ(loaded->local_bytes, 0u);
  EXPECT_GT(loaded->blocks_per_sm, 0);
  EXPECT_GT(loaded->occupancy, 0.0);
  EXPECT_LE(loaded->occupancy, 1.0);
}

}  // namespace
}  // namespace assay
