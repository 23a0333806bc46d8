// Planted faults that the emulated device must catch. A GPU need not notice them, so the faulty
// kernels run on the emulated device only; their correct twins run on both.
#include "kernels/device/tests/faults.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/device/blas.h"
#include "kernels/device/buffer.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/device/work.h"

namespace assay {
namespace {

using faults::BLOCK;

class Faults : public testing::Test {
 protected:
  Faults() : numbers_(BLOCK), x_(BLOCK, "x"), y_(BLOCK, "y") {
    std::iota(numbers_.begin(), numbers_.end(), 0);
    x_.copy_from(numbers_, stream_);
    fill_bytes(y_.data(), 0, y_.size_bytes(), stream_);
    stream_.synchronize();
  }

  bool reverse_is_right(bool barrier) {
    faults::reverse(y_.data(), x_.data(), barrier, stream_);
    const std::vector<int> y = y_.to_host(stream_);
    for (int i = 0; i < BLOCK; ++i) {
      if (y[static_cast<std::size_t>(i)] != BLOCK - 1 - i) return false;
    }
    return true;
  }

  bool overwrite_is_right(bool barrier) {
    faults::overwrite(y_.data(), barrier, stream_);
    return y_.to_host(stream_) == std::vector<int>(BLOCK, 1);
  }

  Stream stream_;
  std::vector<int> numbers_;
  DeviceBuffer<int> x_;
  DeviceBuffer<int> y_;
};

// The message of the Error that `f` throws; "" if it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_REPORT(expression, part)                                      \
  {                                                                          \
    const std::string report = error_of([&] { expression; });                \
    EXPECT_NE(report.find(part), std::string::npos) << "report: " << report; \
  }

TEST_F(Faults, CorrectKernelIsRightUnderEverySeed) {
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    set_schedule_seed(seed);
    EXPECT_TRUE(reverse_is_right(true)) << "seed " << seed;
    EXPECT_TRUE(overwrite_is_right(true)) << "seed " << seed;
  }
}

TEST_F(Faults, CollectivesOverManyBlocks) {
  constexpr int BLOCKS = 200;
  DeviceBuffer<int> sums(BLOCKS, "sums");
  fill_bytes(sums.data(), 0, sums.size_bytes(), stream_);
  faults::collectives(sums.data(), BLOCKS, stream_);
  for (int sum : sums.to_host(stream_)) EXPECT_EQ(sum, BLOCK * (BLOCK + 1) / 2);
}

class EmulatedFaults : public Faults {
 protected:
  void SetUp() override {
    if (properties().kind != DeviceKind::kEmulated) {
      GTEST_SKIP() << "a GPU need not notice planted faults; compute-sanitizer does";
    }
  }
};

TEST_F(EmulatedFaults, MissingBarrierShowsUnderSomeSeedOfEight) {
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    set_schedule_seed(seed);
    if (counts_work()) {
      EXPECT_REPORT(reverse_is_right(false), "'tile'");
      ++wrong;
    } else if (!reverse_is_right(false)) {
      ++wrong;
    }
  }
  EXPECT_GT(wrong, 0);
}

TEST_F(EmulatedFaults, MissingBarrierShowsSeveralStepsLater) {
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    set_schedule_seed(seed);
    if (counts_work()) {  // found without luck
      EXPECT_REPORT(overwrite_is_right(false), "a race, no barrier between them");
      continue;
    }
    if (!overwrite_is_right(false)) ++wrong;
  }
  if (counts_work()) return;
  EXPECT_GT(wrong, 0);
}

TEST_F(EmulatedFaults, BarrierInDivergentCode) {
  EXPECT_REPORT(faults::divergent_barrier(y_.data(), stream_), "32 of 64 threads");
  EXPECT_REPORT(faults::divergent_barrier(y_.data(), stream_), "has returned");
  EXPECT_REPORT(faults::different_barriers(y_.data(), stream_), "faults.cu:");
  EXPECT_REPORT(faults::extra_barrier(y_.data(), 16, stream_), "faults.cu:");
  EXPECT_REPORT(faults::extra_barrier(y_.data(), 32, stream_), "faults.cu:");
}

TEST_F(EmulatedFaults, LaneMissingFromAShuffle) {
  EXPECT_REPORT(faults::missing_lane(y_.data(), stream_), "warp operation");
}

TEST_F(EmulatedFaults, ReadPastTheEnd) {
  EXPECT_REPORT(faults::read_at(y_.data(), x_.data(), 1, stream_),
                "read 0 bytes past the end of buffer 'x' (256 bytes)");
  EXPECT_REPORT(faults::read_at(y_.data(), x_.data(), 1, stream_), "thread (63, 0, 0)");
}

TEST_F(EmulatedFaults, WritePastTheEndAndBeforeTheStart) {
  EXPECT_REPORT(faults::write_at(y_.data(), 1, stream_), "past the end of buffer 'y'");
  EXPECT_REPORT(faults::write_at(y_.data(), -1, stream_), "before the start of buffer 'y'");
}

TEST_F(EmulatedFaults, ReadOfMemoryNeverWrittenGivesNaN) {
  DeviceBuffer<float> x(BLOCK, "x");
  DeviceBuffer<float> y(BLOCK, "y");
  if (counts_work()) {  // the device that traces says so itself
    EXPECT_REPORT(faults::twice(y.data(), x.data(), stream_), "nobody has written");
    EXPECT_REPORT(faults::read_unwritten_shared(y.data(), stream_), "nobody has written");
    return;
  }
  faults::twice(y.data(), x.data(), stream_);
  for (float value : y.to_host(stream_)) EXPECT_TRUE(std::isnan(value));
  faults::read_unwritten_shared(y.data(), stream_);
  for (float value : y.to_host(stream_)) EXPECT_TRUE(std::isnan(value));
}

TEST_F(EmulatedFaults, UseAfterFree) {
  const int* freed = nullptr;
  {
    const DeviceBuffer<int> gone(BLOCK, "gone");
    freed = gone.data();
  }
  EXPECT_REPORT(faults::read_at(y_.data(), freed, 0, stream_),
                "memory of buffer 'gone' (256 bytes) after it was freed");
}

TEST_F(EmulatedFaults, WritePastASharedArray) {
  EXPECT_REPORT(faults::write_past_shared(y_.data(), stream_), "past the end of a shared variable");
}

TEST_F(EmulatedFaults, StackOverflow) {
  fill_bytes(y_.data(), 0xFF, y_.size_bytes(),
             stream_);  // the depth that ends the recursion: never
  EXPECT_REPORT(faults::overflow_stack(y_.data(), stream_), "overflowed its stack");
}

TEST_F(EmulatedFaults, HostAddress) {
  const int* nowhere = nullptr;
  EXPECT_REPORT(faults::read_at(y_.data(), nowhere, 0, stream_), "which is no device memory");
}

TEST_F(EmulatedFaults, TheDeviceWorksAfterAFault) {
  EXPECT_REPORT(faults::read_at(y_.data(), x_.data(), 1, stream_), "past the end");
  EXPECT_TRUE(reverse_is_right(true));
}

TEST_F(EmulatedFaults, AMatrixProductsBiasThatIsTooShort) {
  DeviceBuffer<float> all(64, "all");
  DeviceBuffer<float> bias(4, "bias");
  for (DeviceBuffer<float>* one : {&all, &bias})
    fill_bytes(one->data(), 0, one->size_bytes(), stream_);
  EXPECT_REPORT(
      {
        gemm_nt(all.data(), all.data(), all.data(), bias.data(), 1, 8, 1, DType::kF32, stream_);
        stream_.synchronize();
      },
      "'bias'");
}

TEST_F(EmulatedFaults, CopyPastTheEnd) {
  EXPECT_REPORT(copy_to_host(numbers_.data(), x_.data() + 1, x_.size_bytes(), stream_),
                "does not fit into buffer 'x'");
}

}  // namespace
}  // namespace assay
