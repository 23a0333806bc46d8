// What the traced device must find under every seed, and what it must be silent about. Only the
// build that traces finds it; the correct twins run on every device.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/device/blas.h"
#include "kernels/device/buffer.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/device/tests/traced_kernels.h"
#include "kernels/device/work.h"

namespace assay {
namespace {

using traced_kernels::Between;
using traced_kernels::BLOCK;

constexpr std::uint64_t SEEDS = 20;

class Traced : public testing::Test {
 protected:
  Traced() : x_(BLOCK, "x"), y_(BLOCK, "y") {
    std::vector<int> numbers(BLOCK);
    std::iota(numbers.begin(), numbers.end(), 0);
    x_.copy_from(numbers, stream_);
    stream_.synchronize();
  }
  ~Traced() override { set_schedule_seed(0); }

  // A buffer of `count` zeros.
  template <class T = int>
  DeviceBuffer<T> zeros(std::size_t count, const std::string& name) {
    DeviceBuffer<T> buffer(count, name);
    fill_bytes(buffer.data(), 0, buffer.size_bytes(), stream_);
    stream_.synchronize();
    return buffer;
  }

  // `run` is reported under every seed, by a message that holds all of `parts`.
  void expect_report(const std::function<void()>& run, const std::vector<std::string>& parts) {
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
      set_schedule_seed(seed);
      std::string report;
      try {
        run();
      } catch (const Error& error) {
        report = error.what();
      }
      for (const std::string& part : parts) {
        ASSERT_NE(report.find(part), std::string::npos)
            << "seed " << seed << ", '" << part << "' is not in: " << report;
      }
    }
  }
  void expect_silence(const std::function<void()>& run) {
    for (std::uint64_t seed = 0; seed < SEEDS; ++seed) {
      set_schedule_seed(seed);
      ASSERT_NO_THROW(run()) << "seed " << seed;
    }
  }

  Stream stream_;
  DeviceBuffer<int> x_;
  DeviceBuffer<int> y_;
};

// Correct kernels, on every device.
TEST_F(Traced, SilentOnBarriers) {
  expect_silence([&] {
    traced_kernels::reverse_twice(y_.data(), x_.data(), true, true, stream_);
    stream_.synchronize();
  });
  EXPECT_EQ(y_.to_host(stream_)[0], BLOCK - 1);
}

TEST_F(Traced, SilentOnWarpsThatSynchronise) {
  expect_silence([&] {
    traced_kernels::exchange_lanes(y_.data(), x_.data(), 16, Between::kSyncWarp, stream_);
    traced_kernels::exchange_lanes(y_.data(), x_.data(), 1, Between::kSyncHalf, stream_);
    stream_.synchronize();
  });
  EXPECT_EQ(y_.to_host(stream_)[6], 7);
}

TEST_F(Traced, SilentOnBlocksApart) {
  DeviceBuffer<int> y = zeros(8 * BLOCK, "y");
  expect_silence([&] {
    traced_kernels::write_blocks(y.data(), 8, BLOCK, stream_);
    traced_kernels::read_blocks(y.data(), 4, 0, stream_);
    stream_.synchronize();
  });
}

TEST_F(Traced, SilentOnTheLastBlockToArrive) {
  constexpr int BLOCKS = 200;
  DeviceBuffer<int> total = zeros(1, "total");
  DeviceBuffer<int> partial = zeros(BLOCKS, "partial");
  expect_silence([&] {
    DeviceBuffer<int> counter = zeros(1, "counter");
    traced_kernels::last_block_sum(total.data(), partial.data(), counter.data(), BLOCKS, true,
                                   stream_);
    EXPECT_EQ(total.to_host(stream_)[0], BLOCKS * 31 * 16);
  });
}

TEST_F(Traced, SilentOnAtomicsAndNeighbouringBytes) {
  DeviceBuffer<int> sum = zeros(1, "sum");
  DeviceBuffer<unsigned char> bytes = zeros<unsigned char>(BLOCK, "bytes");
  expect_silence([&] {
    traced_kernels::atomic_then_read(y_.data(), sum.data(), true, stream_);
    traced_kernels::write_bytes(bytes.data(), stream_);
    traced_kernels::write_two(y_.data(), 1, stream_);
    stream_.synchronize();
  });
}

TEST_F(Traced, SilentOnConstantsAndStructs) {
  DeviceBuffer<traced_kernels::Wide> wide = zeros<traced_kernels::Wide>(3, "wide");
  DeviceBuffer<int> y = zeros(BLOCK, "y");
  expect_silence([&] {
    traced_kernels::read_table(y.data(), stream_);
    traced_kernels::copy_struct(y.data(), wide.data(), 2, stream_);
    traced_kernels::copy_bytes(y.data(), x_.data(), y.size_bytes(), stream_);
    traced_kernels::set_bytes(y.data(), y.size_bytes(), stream_);
    stream_.synchronize();
  });
}

class TracedFaults : public Traced {
 protected:
  void SetUp() override {
    if (!counts_work()) GTEST_SKIP() << "this build does not trace device code";
  }
};

TEST_F(TracedFaults, MissingBarrierAfterAWrite) {
  expect_report(
      [&] { traced_kernels::reverse_twice(y_.data(), x_.data(), false, true, stream_); },
      {"kernel traced.reverse_twice, block (0, 0, 0): thread (", "'tile'", "traced_kernels.cu:"});
}

TEST_F(TracedFaults, MissingBarrierAfterARead) {
  expect_report([&] { traced_kernels::reverse_twice(y_.data(), x_.data(), true, false, stream_); },
                {"a race, no barrier", "a shared variable of 256 bytes, 'tile'", "read", "wrote",
                 "traced_kernels.cu:"});
}

TEST_F(TracedFaults, MissingSyncWarp) {
  for (const Between between : {Between::kNothing, Between::kShuffle, Between::kSyncHalf}) {
    // Of the halves, each is in order and the other half's is not. A shuffle orders no memory. As
    // the tile is new in each block, reading too soon may also be reported as reading nothing.
    expect_report(
        [&] { traced_kernels::exchange_lanes(y_.data(), x_.data(), 16, between, stream_); },
        {"kernel traced.exchange_lanes", "'tile'"});
  }
}

TEST_F(TracedFaults, RaceBetweenBlocks) {
  DeviceBuffer<int> y = zeros(8 * BLOCK, "y");
  expect_report([&] { traced_kernels::write_blocks(y.data(), 2, 0, stream_); },
                {"a race between blocks", "of buffer 'y' (2048 bytes)", "of block ("});
  expect_report([&] { traced_kernels::write_blocks(y.data(), 2, BLOCK - 1, stream_); },
                {"a race between blocks", "offset 252 of buffer 'y'", "thread (63, 0, 0)"});
  expect_report([&] { traced_kernels::read_blocks(y.data(), 4, 1, stream_); },
                {"a race between blocks", "read ", "wrote ", "traced_kernels.cu:"});
}

TEST_F(TracedFaults, RaceBetweenBlocksOnSeveralCores) {
  constexpr int BLOCKS = 200;
  DeviceBuffer<int> y = zeros(2 * BLOCKS * BLOCK, "y");
  expect_report([&] { traced_kernels::read_blocks(y.data(), BLOCKS, 100, stream_); },
                {"a race between blocks"});
}

TEST_F(TracedFaults, LastBlockWithoutAFence) {
  constexpr int BLOCKS = 20;
  DeviceBuffer<int> total = zeros(1, "total");
  DeviceBuffer<int> partial = zeros(BLOCKS, "partial");
  expect_report(
      [&] {
        DeviceBuffer<int> counter = zeros(1, "counter");
        traced_kernels::last_block_sum(total.data(), partial.data(), counter.data(), BLOCKS, false,
                                       stream_);
      },
      {"a race between blocks", "'partial'"});
}

TEST_F(TracedFaults, RaceInGlobalMemoryWithinABlock) {
  expect_report([&] { traced_kernels::write_two(y_.data(), 0, stream_); },
                {"wrote 4 bytes at offset 0 of buffer 'y' (256 bytes)", "a race, no barrier"});
}

TEST_F(TracedFaults, PlainReadBesideAtomics) {
  DeviceBuffer<int> sum = zeros(1, "sum");
  expect_report([&] { traced_kernels::atomic_then_read(y_.data(), sum.data(), false, stream_); },
                {"atomically updated", "a race, no barrier", "'sum'"});
}

TEST_F(TracedFaults, AMatrixProductsBiasNobodyWrote) {
  const DeviceBuffer<int> one = zeros(8, "one");
  const DeviceBuffer<int> bias(8, "bias");
  expect_report(
      [&] {
        gemm_nt(y_.data(), one.data(), one.data(), bias.data(), 1, 8, 1, DType::kF32, stream_);
      },
      {"'bias'"});
}

TEST_F(TracedFaults, ReadOfGlobalMemoryNobodyWrote) {
  const DeviceBuffer<int> fresh(BLOCK, "fresh");
  expect_report(
      [&] { traced_kernels::copy_bytes(y_.data(), fresh.data(), 4, stream_); },
      {"read 4 bytes at offset 0 of buffer 'fresh' (256 bytes), which nobody has written"});
  DeviceBuffer<int> half = zeros(BLOCK, "half");
  poison(half.data() + 8, 0x11, 4, stream_);
  EXPECT_EQ(half.to_host(stream_)[8], 0x11111111);
  expect_report([&] { traced_kernels::copy_bytes(y_.data(), half.data(), 64, stream_); },
                {"nobody has written from offset 32 of buffer 'half'"});
  copy_on_device(y_.data(), half.data(), half.size_bytes(), stream_);
  expect_report([&] { traced_kernels::touch_at(y_.data(), 32, 1, false, stream_); },
                {"offset 32 of buffer 'y'"});
  fill_bytes(half.data(), 0, half.size_bytes(), stream_);
  expect_silence([&] { traced_kernels::copy_bytes(y_.data(), half.data(), 64, stream_); });
}

TEST_F(TracedFaults, ReadOfSharedMemoryNobodyWroteInThisBlock) {
  expect_silence([&] { traced_kernels::read_shared(y_.data(), BLOCK, stream_); });
  expect_report([&] { traced_kernels::read_shared(y_.data(), BLOCK - 1, stream_); },
                {"thread (0, 0, 0) read 4 bytes at offset 252 of a shared variable of 256 bytes, "
                 "'tile', which nobody has written"});
}

TEST_F(TracedFaults, OutsideABufferToTheByte) {
  DeviceBuffer<unsigned char> b = zeros<unsigned char>(77, "b");
  expect_silence([&] { traced_kernels::touch_at(b.data(), 72, 4, true, stream_); });
  expect_silence([&] { traced_kernels::touch_at(b.data(), 76, 1, true, stream_); });
  for (const bool write : {false, true}) {
    const std::string verb = write ? "wrote to " : "read ";
    expect_report([&] { traced_kernels::touch_at(b.data(), 77, 1, write, stream_); },
                  {verb + "0 bytes past the end of buffer 'b' (77 bytes)", "traced_kernels.cu:"});
    expect_report([&] { traced_kernels::touch_at(b.data(), 76, 4, write, stream_); },
                  {verb + "0 bytes past the end of buffer 'b' (77 bytes)", "of 4 bytes"});
    expect_report([&] { traced_kernels::touch_at(b.data(), 64, 16, write, stream_); },
                  {verb + "0 bytes past the end of buffer 'b' (77 bytes)", "of 16 bytes"});
    expect_report([&] { traced_kernels::touch_at(b.data(), -1, 1, write, stream_); },
                  {verb + "1 bytes before the start of buffer 'b' (77 bytes)"});
    expect_report([&] { traced_kernels::touch_at(b.data(), 200, 1, write, stream_); },
                  {verb + "123 bytes past the end of buffer 'b' (77 bytes)"});
  }
  // Nothing was damaged: the guard zones are as they were, and the device works on.
  expect_silence([&] { traced_kernels::touch_at(b.data(), 0, 1, true, stream_); });
}

TEST_F(TracedFaults, OutsideByLibraryFunctionsAndStructs) {
  DeviceBuffer<int> small = zeros(BLOCK - 1, "small");
  DeviceBuffer<traced_kernels::Wide> wide = zeros<traced_kernels::Wide>(3, "wide");
  expect_report([&] { traced_kernels::copy_bytes(small.data(), x_.data(), 256, stream_); },
                {"wrote to 0 bytes past the end of buffer 'small'"});
  expect_report([&] { traced_kernels::copy_bytes(y_.data(), small.data(), 256, stream_); },
                {"read 0 bytes past the end of buffer 'small'"});
  expect_report([&] { traced_kernels::set_bytes(small.data(), 256, stream_); },
                {"wrote to 0 bytes past the end of buffer 'small'"});
  DeviceBuffer<unsigned char> from = zeros<unsigned char>(44, "from");
  DeviceBuffer<unsigned char> to = zeros<unsigned char>(55, "to");
  expect_report([&] { traced_kernels::copy_constants(to.data(), from.data(), stream_); },
                {"wrote to 0 bytes past the end of buffer 'to'"});
  expect_report([&] { traced_kernels::copy_struct(y_.data(), wide.data(), 3, stream_); },
                {"read 0 bytes past the end of buffer 'wide'", "24 bytes"});
}

TEST_F(TracedFaults, BetweenSharedVariables) {
  expect_silence([&] { traced_kernels::write_between_shared(y_.data(), -1, stream_); });
  expect_report([&] { traced_kernels::write_between_shared(y_.data(), 0, stream_); },
                {"wrote to 0 bytes past the end of a shared variable of 256 bytes, 'first'"});
  expect_report([&] { traced_kernels::write_between_shared(y_.data(), 3, stream_); },
                {"wrote to 12 bytes past the end of a shared variable of 256 bytes, 'first'"});
}

TEST_F(TracedFaults, HostMemory) {
  std::vector<int> host(BLOCK, 1);
  expect_report([&] { traced_kernels::touch_at(host.data(), 0, 4, false, stream_); },
                {"read address 0x", "which is no device memory"});
  expect_report([&] { traced_kernels::touch_at(host.data(), 0, 4, true, stream_); },
                {"wrote to address 0x", "which is no device memory"});
}

}  // namespace
}  // namespace assay
