// Buffers, streams, events, graphs, statistics and the matrix product, on either device.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/device/bandwidth.h"
#include "kernels/device/blas.h"
#include "kernels/device/buffer.h"
#include "kernels/device/conditions.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/device/tests/faults.h"

namespace assay {
namespace {

using faults::BLOCK;

TEST(Buffer, CopiesThereAndBack) {
  const Stream stream;
  const std::vector<float> host{1.0f, -2.5f, 3.0f};
  DeviceBuffer<float> buffer(host, stream);
  EXPECT_EQ(buffer.to_host(stream), host);
  DeviceBuffer<float> moved = std::move(buffer);
  EXPECT_EQ(moved.to_host(stream), host);
  EXPECT_EQ(moved.size_bytes(), 12u);
}

TEST(Buffer, OutOfMemoryNamesTheBuffer) {
  try {
    const DeviceBuffer<char> huge(std::size_t{1} << 55, "kv cache");
    FAIL() << "2^55 bytes were allocated";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("kv cache"), std::string::npos) << error.what();
  }
}

TEST(Buffer, StatisticsFollowLifetimes) {
  reset_memory_stats();
  const std::size_t before = memory_stats().live_bytes;
  {
    const DeviceBuffer<char> a(1000, "a");
    const DeviceBuffer<char> b(24, "b");
    EXPECT_EQ(memory_stats().live_bytes, before + 1024);
  }
  EXPECT_EQ(memory_stats().live_bytes, before);
  EXPECT_EQ(memory_stats().peak_bytes, before + 1024);
  EXPECT_EQ(memory_stats().allocations, 2u);
}

TEST(Graph, ReplaysWhatWasRecordedWithTheBuffersOfNow) {
  const Stream stream;
  DeviceBuffer<float> x(BLOCK, "x");
  DeviceBuffer<float> y(BLOCK, "y");
  const std::vector<float> ones(BLOCK, 1.0f);
  const std::vector<float> threes(BLOCK, 3.0f);
  x.copy_from(ones, stream);
  fill_bytes(y.data(), 0, y.size_bytes(), stream);
  stream.synchronize();
  const Graph graph(stream, [&] { faults::twice(y.data(), x.data(), stream); });
  EXPECT_EQ(graph.launches(), 1u);
  EXPECT_EQ(y.to_host(stream)[0], 0.0f) << "recording ran the kernel";
  const std::uint64_t before = launch_count();
  graph.replay(stream);
  EXPECT_EQ(y.to_host(stream), std::vector<float>(BLOCK, 2.0f));
  x.copy_from(threes, stream);
  graph.replay(stream);
  EXPECT_EQ(y.to_host(stream), std::vector<float>(BLOCK, 6.0f));
  EXPECT_EQ(launch_count() - before, 2u);
}

TEST(SameBytes, NoticesEveryByte) {
  const Stream stream;
  const std::uint64_t before = launch_count();
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17},
                                  std::size_t{4099}, std::size_t{1} << 21}) {
    std::vector<unsigned char> host(bytes);
    for (std::size_t i = 0; i < bytes; ++i) host[i] = static_cast<unsigned char>(i * 7);
    const DeviceBuffer<unsigned char> a(host, stream);
    DeviceBuffer<unsigned char> b(host, stream);
    EXPECT_TRUE(same_bytes(a.data(), b.data(), bytes, stream)) << bytes;
    for (const std::size_t place : {std::size_t{0}, bytes / 2, bytes - 1}) {
      fill_bytes(b.data() + place, host[place] ^ 1, 1, stream);
      EXPECT_FALSE(same_bytes(a.data(), b.data(), bytes, stream)) << place << " of " << bytes;
      EXPECT_TRUE(same_bytes(a.data(), b.data(), place, stream)) << place << " of " << bytes;
      fill_bytes(b.data() + place, host[place], 1, stream);
    }
  }
  EXPECT_EQ(launch_count(), before);
}

TEST(Event, MeasuresForwardTime) {
  const Stream stream;
  Event start;
  Event stop;
  DeviceBuffer<float> x(std::vector<float>(BLOCK, 1.0f), stream);
  start.record(stream);
  faults::twice(x.data(), x.data(), stream);
  stop.record(stream);
  stream.synchronize();
  EXPECT_GT(stop.elapsed_us_since(start), 0.0);
}

TEST(Device, SaysWhatItIs) {
  EXPECT_FALSE(properties().name.empty());
  EXPECT_GT(properties().sm_count, 0);
  EXPECT_GT(properties().total_memory_bytes, 0u);
}

TEST(Device, ReadsConditionsWhereThereIsAGpu) {
  const Conditions now = read_conditions();
  if (properties().kind == DeviceKind::kEmulated) {
    EXPECT_FALSE(now.sm_mhz || now.mem_mhz || now.temp_c || now.power_w);
    EXPECT_EQ(now.throttle, "");
    EXPECT_EQ(read_throttle(), "");
    EXPECT_FALSE(read_energy_j());
    return;
  }
  ASSERT_TRUE(now.sm_mhz && now.power_w) << "NVML does not answer";
  EXPECT_GT(*now.sm_mhz, 0);
  EXPECT_GT(*now.power_w, 0.0);
  EXPECT_FALSE(now.throttle.empty());
  EXPECT_FALSE(read_throttle().empty());
  ASSERT_TRUE(read_energy_j());
  EXPECT_GT(*read_energy_j(), 0.0);
  EXPECT_NE(properties().driver.find('.'), std::string::npos);
}

TEST(Bandwidth, AddsEveryWordOnce) {
  const Stream stream;
  // Fewer vectors than a block has threads, more than a grid takes in one step, and none.
  const std::size_t grid = static_cast<std::size_t>(properties().sm_count) * 4 * 512;
  for (const std::size_t vectors : {std::size_t{0}, std::size_t{3}, 5 * grid + 7}) {
    std::vector<unsigned> words(4 * vectors);
    unsigned expected = 11;
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] = static_cast<unsigned>(i * 2654435761u);
      expected += words[i];
    }
    const std::vector<unsigned> begin{11};
    DeviceBuffer<unsigned> sum(begin, stream, "sum");
    words.resize(std::max<std::size_t>(words.size(), 4));
    const DeviceBuffer<unsigned> data(words, stream, "words");
    add_words(sum.data(), data.data(), vectors * 16, stream);
    EXPECT_EQ(sum.to_host(stream)[0], expected) << vectors << " vectors";
  }
}

// However many kernels a product is, split along k or not, the count does not depend on which
// product of its shape it is, nor on whether it is recorded.
TEST(Blas, CountsItsLaunches) {
  const Stream stream;
  constexpr int N = 64;
  constexpr int K = 4096;
  const DeviceBuffer<float> x(std::vector<float>(K, 1.0f), stream);
  const DeviceBuffer<float> w(std::vector<float>(std::size_t{N} * K, 1.0f), stream);
  DeviceBuffer<float> y(N, "y");
  const auto product = [&] {
    gemm_nt(y.data(), x.data(), w.data(), nullptr, 1, N, K, DType::kF32, stream);
  };
  const std::uint64_t before = launch_count();
  product();
  const std::uint64_t first = launch_count() - before;
  EXPECT_GE(first, 1u);
  EXPECT_LE(first, 2u);
  product();
  EXPECT_EQ(launch_count() - before, 2 * first);
  const Graph graph(stream, product);
  EXPECT_EQ(graph.launches(), first);
  EXPECT_EQ(y.to_host(stream), std::vector<float>(N, K));
}

TEST(Blas, MultipliesAndAddsTheBias) {
  const Stream stream;
  constexpr int M = 2;
  constexpr int N = 4;
  constexpr int K = 8;
  std::vector<float> x(M * K);
  std::vector<float> w(N * K);
  std::iota(x.begin(), x.end(), 0.0f);
  for (int i = 0; i < N * K; ++i) w[static_cast<std::size_t>(i)] = static_cast<float>(i % 5) - 2.0f;
  const std::vector<float> bias{0.5f, -1.0f, 2.0f, 0.0f};
  const DeviceBuffer<float> dx(x, stream);
  const DeviceBuffer<float> dw(w, stream);
  const DeviceBuffer<float> db(bias, stream);
  DeviceBuffer<float> dy(M * N, "y");
  gemm_nt(dy.data(), dx.data(), dw.data(), db.data(), M, N, K, DType::kF32, stream);
  const std::vector<float> y = dy.to_host(stream);
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) {
      float expected = bias[static_cast<std::size_t>(n)];
      for (int k = 0; k < K; ++k) {
        expected += x[static_cast<std::size_t>(m * K + k)] * w[static_cast<std::size_t>(n * K + k)];
      }
      EXPECT_EQ(y[static_cast<std::size_t>(m * N + n)], expected) << m << ", " << n;
    }
  }
}

}  // namespace
}  // namespace assay
