// Counts of the traced device against numbers known by hand. They are exact under every seed and
// on any number of cores: the build runs these tests on one core and on two.
#include "kernels/device/work.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <vector>

#include "kernels/device/buffer.h"
#include "kernels/device/properties.h"
#include "kernels/device/tests/traced_kernels.h"

namespace assay {
namespace {

using traced_kernels::BLOCK;

class Counts : public testing::Test {
 protected:
  static constexpr std::size_t FLOATS = 1 << 18;
  Counts() : x_(std::vector<float>(FLOATS, 1.0f), stream_, "x"), y_(FLOATS, "y") {}
  ~Counts() override { set_schedule_seed(0); }
  void SetUp() override {
    if (!counts_work()) GTEST_SKIP() << "this build does not trace device code";
  }

  // What `run`, one kernel, costs: the same under twenty seeds.
  template <class F>
  Work count(F&& run) {
    Work first;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      set_schedule_seed(seed);
      reset_work();
      run();
      const auto work = work_by_kernel();
      EXPECT_EQ(work.size(), 1u);
      if (work.empty()) return {};
      EXPECT_EQ(work.begin()->second.launches, 1u);
      if (seed == 0) first = work.begin()->second;
      EXPECT_TRUE(work.begin()->second == first) << "seed " << seed;
    }
    return first;
  }
  Work floats(int threads, int stride, int offset) {
    return count([&] {
      traced_kernels::copy_floats(y_.data(), x_.data(), threads, stride, offset, stream_);
    });
  }

  Stream stream_;
  DeviceBuffer<float> x_;
  DeviceBuffer<float> y_;
};

TEST_F(Counts, CoalescedFloatsTakeFourSectorsARequest) {
  const Work work = floats(64, 1, 0);
  EXPECT_EQ(work.requests_read, 2u);
  EXPECT_EQ(work.sectors_read, 8u);
  EXPECT_EQ(work.bytes_read, 256u);
  EXPECT_EQ(work.requests_written, 2u);
  EXPECT_EQ(work.sectors_written, 8u);
  EXPECT_EQ(work.bytes_written, 256u);
  EXPECT_EQ(work.shared_requests + work.bank_conflicts + work.barriers, 0u);
  EXPECT_EQ(work.shuffles + work.atomics, 0u);
}

TEST_F(Counts, StridesAndOffsetsTakeMore) {
  EXPECT_EQ(floats(32, 2, 0).sectors_read, 8u);
  EXPECT_EQ(floats(32, 8, 0).sectors_read, 32u);
  EXPECT_EQ(floats(32, 100, 0).sectors_read, 32u);
  EXPECT_EQ(floats(32, 1, 1).sectors_read, 5u);
  EXPECT_EQ(floats(32, 1, 8).sectors_read, 4u);
}

TEST_F(Counts, ABroadcastIsOneSectorForEachWarp) {
  const Work work = floats(96, 0, 3);
  EXPECT_EQ(work.requests_read, 3u);
  EXPECT_EQ(work.sectors_read, 3u);
  EXPECT_EQ(work.bytes_read, 96u * 4);
}

TEST_F(Counts, PartialWarps) {
  const Work work = floats(20, 1, 0);
  EXPECT_EQ(work.requests_read, 1u);
  EXPECT_EQ(work.sectors_read, 3u);  // 80 bytes
  EXPECT_EQ(floats(33, 1, 0).sectors_written, 5u);
  EXPECT_EQ(floats(33, 1, 0).requests_written, 2u);
}

TEST_F(Counts, Vectors) {
  const auto vectors = [&](int width, int blocks, int threads) {
    return count([&] {
      traced_kernels::copy_vectors(y_.data(), x_.data(), width, blocks, threads, stream_);
    });
  };
  EXPECT_EQ(vectors(16, 1, 32).sectors_read, 16u);
  EXPECT_EQ(vectors(16, 1, 32).requests_read, 1u);
  EXPECT_EQ(vectors(16, 1, 32).sectors_written, 16u);
  EXPECT_EQ(vectors(8, 1, 32).sectors_read, 8u);
  EXPECT_EQ(vectors(8, 1, 32).requests_read, 1u);
  // Enough threads for several cores.
  const Work many = vectors(16, 200, 64);
  EXPECT_EQ(many.requests_read, 400u);
  EXPECT_EQ(many.sectors_read, 6400u);
  EXPECT_EQ(many.bytes_written, 200u * 64 * 16);
}

TEST_F(Counts, DivergentLanesMeetByIteration) {
  // Lanes i, with i % 4 = 0 ... 3, read 1 to 4 elements: four requests, each of one sector.
  const Work work = count([&] { traced_kernels::copy_divergent(y_.data(), x_.data(), stream_); });
  EXPECT_EQ(work.requests_read, 4u);
  EXPECT_EQ(work.sectors_read, 4u);
  EXPECT_EQ(work.bytes_read, 8u * (1 + 2 + 3 + 4) * 4);
}

TEST_F(Counts, LongRunsWithoutSynchronisation) {
  const Work work = count([&] { traced_kernels::sum_long(y_.data(), x_.data(), 8000, stream_); });
  EXPECT_EQ(work.requests_read, 8000u);
  EXPECT_EQ(work.sectors_read, 32000u);
}

TEST_F(Counts, BankConflictsOfColumns) {
  const Work square = count([&] { traced_kernels::read_column(y_.data(), 32, stream_); });
  EXPECT_EQ(square.shared_requests, 33u);
  EXPECT_EQ(square.bank_conflicts, 31u);
  EXPECT_EQ(count([&] { traced_kernels::read_column(y_.data(), 33, stream_); }).bank_conflicts, 0u);
}

TEST_F(Counts, BankConflictsOfVectors) {
  const auto quads = [&](int write_stride, int read_stride) {
    return count(
        [&] { traced_kernels::shared_quads(y_.data(), write_stride, read_stride, stream_); });
  };
  EXPECT_EQ(quads(1, 1).shared_requests, 2u);
  EXPECT_EQ(quads(1, 1).bank_conflicts, 0u);
  EXPECT_EQ(quads(1, 0).bank_conflicts, 0u);
  EXPECT_EQ(quads(2, 2).bank_conflicts, 2u * 4);      // 8 lanes of a pass on half of the banks
  EXPECT_EQ(quads(4, 4).bank_conflicts, 2u * 4 * 3);  // ... on a quarter
  const auto pairs = [&](int write_stride, int read_stride) {
    return count(
        [&] { traced_kernels::shared_pairs(y_.data(), write_stride, read_stride, stream_); });
  };
  EXPECT_EQ(pairs(1, 1).bank_conflicts, 0u);
  EXPECT_EQ(pairs(2, 2).bank_conflicts, 2u * 2);
}

TEST_F(Counts, BarriersShufflesAtomics) {
  constexpr int BLOCKS = 200;
  fill_bytes(y_.data(), 0, 8, stream_);
  const Work work =
      count([&] { traced_kernels::mixed(reinterpret_cast<int*>(y_.data()), BLOCKS, stream_); });
  EXPECT_EQ(work.barriers, 3u * BLOCKS);
  EXPECT_EQ(work.shuffles, 4u * 2 * BLOCKS);
  EXPECT_EQ(work.atomics, std::uint64_t{BLOCK} * BLOCKS);
  EXPECT_EQ(work.requests_read + work.requests_written, 0u);
}

TEST_F(Counts, LibraryFunctions) {
  const Work copy = count([&] { traced_kernels::copy_bytes(y_.data(), x_.data(), 64, stream_); });
  EXPECT_EQ(copy.sectors_read, 4u);  // four loads of 16 bytes
  EXPECT_EQ(copy.bytes_read, 64u);
  EXPECT_EQ(copy.bytes_written, 64u);
  const Work set = count([&] { traced_kernels::set_bytes(y_.data(), 64, stream_); });
  EXPECT_EQ(set.bytes_written, 64u);
  EXPECT_EQ(set.bytes_read, 0u);
  const DeviceBuffer<unsigned char> from(std::vector<unsigned char>(64, 7), stream_, "from");
  DeviceBuffer<unsigned char> to(64, "to");
  const Work constants =
      count([&] { traced_kernels::copy_constants(to.data(), from.data(), stream_); });
  EXPECT_EQ(constants.bytes_read, 24u + 4 + 16 + 12);
  EXPECT_EQ(constants.bytes_written, 24u + 4 + 16 + 12);
  const Work sine = count([&] { traced_kernels::sine_and_cosine(y_.data(), x_.data(), stream_); });
  EXPECT_EQ(sine.bytes_read, 4u);
  EXPECT_EQ(sine.bytes_written, 8u);
}

TEST_F(Counts, KernelsAreKeptApartAndForgotten) {
  reset_work();
  EXPECT_TRUE(work_by_kernel().empty());
  traced_kernels::copy_floats(y_.data(), x_.data(), 32, 1, 0, stream_);
  traced_kernels::copy_floats(y_.data(), x_.data(), 32, 1, 0, stream_);
  traced_kernels::copy_divergent(y_.data(), x_.data(), stream_);
  const auto work = work_by_kernel();
  ASSERT_EQ(work.size(), 2u);
  EXPECT_EQ(work.at("traced.copy_floats").launches, 2u);
  EXPECT_EQ(work.at("traced.copy_floats").sectors_read, 8u);
}

// Launches each kernel of known cost once, on every device: under a profiler of a GPU, to hold its
// counters against the table that the traced device prints.
TEST(Work, OfEachKernelOfKnownCost) {
  const Stream stream;
  const DeviceBuffer<float> x(std::vector<float>(1 << 18, 1.0f), stream, "x");
  DeviceBuffer<float> y(1 << 18, "y");
  fill_bytes(y.data(), 0, y.size_bytes(), stream);
  const std::vector<std::function<void()>> launches{
      [&] { traced_kernels::copy_floats(y.data(), x.data(), 64, 1, 0, stream); },
      [&] { traced_kernels::copy_floats(y.data(), x.data(), 64, 2, 0, stream); },
      [&] { traced_kernels::copy_floats(y.data(), x.data(), 64, 1, 1, stream); },
      [&] { traced_kernels::copy_floats(y.data(), x.data(), 64, 0, 0, stream); },
      [&] { traced_kernels::copy_floats(y.data(), x.data(), 20, 1, 0, stream); },
      [&] { traced_kernels::copy_vectors(y.data(), x.data(), 8, 10, 64, stream); },
      [&] { traced_kernels::copy_vectors(y.data(), x.data(), 16, 10, 64, stream); },
      [&] { traced_kernels::copy_divergent(y.data(), x.data(), stream); },
      [&] { traced_kernels::sum_long(y.data(), x.data(), 8000, stream); },
      [&] { traced_kernels::read_column(y.data(), 32, stream); },
      [&] { traced_kernels::read_column(y.data(), 33, stream); },
      [&] { traced_kernels::shared_quads(y.data(), 1, 1, stream); },
      [&] { traced_kernels::shared_quads(y.data(), 1, 0, stream); },
      [&] { traced_kernels::shared_quads(y.data(), 2, 2, stream); },
      [&] { traced_kernels::shared_pairs(y.data(), 1, 1, stream); },
      [&] { traced_kernels::shared_pairs(y.data(), 2, 2, stream); },
      [&] { traced_kernels::mixed(reinterpret_cast<int*>(y.data()), 10, stream); },
  };
  if (counts_work()) {
    std::printf("%-22s %8s %8s %8s %8s %8s\n", "kernel", "sect.rd", "sect.wr", "sh.req", "conflict",
                "shuffles");
  }
  for (const auto& launch : launches) {
    reset_work();
    launch();
    for (const auto& [kernel, work] : work_by_kernel()) {
      std::printf("%-22s %8llu %8llu %8llu %8llu %8llu\n", kernel.c_str(),
                  static_cast<unsigned long long>(work.sectors_read),
                  static_cast<unsigned long long>(work.sectors_written),
                  static_cast<unsigned long long>(work.shared_requests),
                  static_cast<unsigned long long>(work.bank_conflicts),
                  static_cast<unsigned long long>(work.shuffles));
    }
  }
  EXPECT_NO_THROW(stream.synchronize());
}

TEST(Work, IsNothingWhereNothingIsTraced) {
  if (counts_work()) return;  // the tests above say what it is then
  EXPECT_TRUE(work_by_kernel().empty());
}

}  // namespace
}  // namespace assay
