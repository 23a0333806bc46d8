// Residual addition, SwiGLU and rotary position embedding against fp64 on the host.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/residual_add/residual_add.h"
#include "kernels/rope/rope.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

using testing::expect_near;
using testing::Expected;
using testing::FLOAT_DTYPES;
using testing::normal;
using testing::Tensor;

std::size_t z(long long value) { return static_cast<std::size_t>(value); }

TEST(ResidualAdd, AddsApartAndInPlace) {
  const Stream stream;
  for (const DType dtype : FLOAT_DTYPES) {
    for (const int count : {1, 255, 257, 1000}) {
      Tensor x(normal(z(count), 1), dtype, stream, "x");
      Tensor residual(normal(z(count), 2), dtype, stream, "residual");
      std::vector<Expected> expected;
      for (std::size_t i = 0; i < z(count); ++i) {
        expected.push_back({x.given()[i] + residual.given()[i], 1e-7});
      }
      Tensor y(z(count), dtype, "y");
      KernelSet().run(residual_add_op(), {y.data(), x.data(), residual.data(), count, dtype},
                      stream);
      expect_near(y.now(stream), expected, dtype, "apart");
      KernelSet().run(residual_add_op(), {x.data(), x.data(), residual.data(), count, dtype},
                      stream);
      expect_near(x.now(stream), expected, dtype, "in place");
    }
  }
}

TEST(Swiglu, EveryVersionAgreesWithTheDefinition) {
  const Stream stream;
  for (const DType dtype : FLOAT_DTYPES) {
    for (const int width : {7, 8, 24, 520}) {
      constexpr int TOKENS = 3;
      std::vector<float> values = normal(z(TOKENS * 2 * width), 3, 3.0f);
      // Where exp overflows, where silu is the identity, and zero.
      const float ends[] = {-200.0f, -88.0f, -30.0f, 0.0f, 30.0f, 200.0f};
      for (std::size_t i = 0; i < 6; ++i) values[i] = ends[i];
      Tensor gate_up(values, dtype, stream, "gate_up");
      const std::vector<double> given = gate_up.given();
      std::vector<Expected> expected;
      for (int t = 0; t < TOKENS; ++t) {
        for (int i = 0; i < width; ++i) {
          const double gate = given[z(t * 2 * width + i)];
          const double up = given[z(t * 2 * width + width + i)];
          const double value = gate / (1.0 + std::exp(-gate)) * up;
          expected.push_back({value, 1e-6 * std::fabs(value) + 1e-30});
        }
      }
      Tensor y(z(TOKENS * width), dtype, "y");
      const SwigluArgs args{y.data(), gate_up.data(), TOKENS, width, dtype};
      const bool aligned = z(width) * size_of(dtype) % 16 == 0;
      testing::for_each_version(swiglu_op(), args,
                                aligned ? std::vector<std::string>{"v2_vectors", "v1_elementwise"}
                                        : std::vector<std::string>{"v1_elementwise"},
                                [&](const Version<SwigluArgs>& version) {
                                  fill_bytes(y.data(), 0xff, z(TOKENS * width) * size_of(dtype),
                                             stream);
                                  version.launch(args, stream);
                                  expect_near(y.now(stream), expected, dtype, version.name);
                                });
    }
  }
}

struct RopeShape {
  int heads, kv_heads, head_dim;
  std::vector<std::string> versions;
};

TEST(Rope, EveryVersionRotatesQueriesAndKeysAndLeavesValues) {
  const std::vector<std::string> both{"v2_shared_angles", "v1_pairs"};
  const std::vector<int> position{0, 1, 4095};
  const Stream stream;
  const DeviceBuffer<int> positions(position, stream);
  for (const DType dtype : FLOAT_DTYPES) {
    for (const RopeShape& a : {RopeShape{2, 1, 6, {"v1_pairs"}}, RopeShape{3, 1, 32, both},
                               RopeShape{40, 8, 128, both}, RopeShape{1, 1, 256, both}}) {
      const int half = a.head_dim / 2;
      std::vector<float> inv_freq;
      for (int i = 0; i < half; ++i) {
        inv_freq.push_back(static_cast<float>(std::pow(10000.0, -2.0 * i / a.head_dim)));
      }
      const DeviceBuffer<float> inv_freq_buffer(inv_freq, stream);
      const int row_heads = a.heads + 2 * a.kv_heads;
      const std::vector<float> values = normal(z(3 * row_heads * a.head_dim), 4);
      const std::vector<double> given = Tensor(values, dtype, stream, "given").given();
      std::vector<Expected> expected(given.size());
      for (int t = 0; t < 3; ++t) {
        for (int h = 0; h < row_heads; ++h) {
          for (int i = 0; i < half; ++i) {
            const std::size_t at = z((t * row_heads + h) * a.head_dim + i);
            const double x = given[at];
            const double y = given[at + z(half)];
            if (h >= a.heads + a.kv_heads) {  // a value head keeps its bits
              expected[at] = {x, 0.0};
              expected[at + z(half)] = {y, 0.0};
              continue;
            }
            const double angle =
                static_cast<double>(static_cast<float>(position[z(t)]) * inv_freq[z(i)]);
            const double error = 1e-6 * (std::fabs(x) + std::fabs(y));
            expected[at] = {x * std::cos(angle) - y * std::sin(angle), error};
            expected[at + z(half)] = {y * std::cos(angle) + x * std::sin(angle), error};
          }
        }
      }
      const std::vector<unsigned char> bytes = testing::encode(values, dtype);
      RopeArgs args{
          nullptr, positions.data(), inv_freq_buffer.data(), 3, a.heads, a.kv_heads, a.head_dim,
          dtype};
      testing::for_each_version(rope_op(), args, a.versions, [&](const Version<RopeArgs>& version) {
        DeviceBuffer<unsigned char> qkv(bytes, stream);
        args.qkv = qkv.data();
        version.launch(args, stream);
        const std::vector<unsigned char> found = qkv.to_host(stream);
        expect_near(testing::decode(found, dtype), expected, dtype, version.name);
        const std::size_t row = z(row_heads * a.head_dim) * size_of(dtype);
        const std::size_t rotated = z((a.heads + a.kv_heads) * a.head_dim) * size_of(dtype);
        for (std::size_t t = 0; t < 3; ++t) {
          EXPECT_TRUE(std::equal(&found[t * row] + rotated, &found[t * row] + row,
                                 &bytes[t * row] + rotated))
              << version.name << ": values of token " << t;
        }
        EXPECT_TRUE(
            std::equal(found.begin(), found.begin() + static_cast<long>(row), bytes.begin()))
            << version.name << ": position 0 turns nothing";
      });
    }
  }
}

TEST(Rope, RefusesOddHeads) {
  EXPECT_EQ(rope_op().versions[1].unsupported({nullptr, nullptr, nullptr, 1, 1, 1, 7, DType::kF32},
                                              properties()),
            "head_dim 7 is not a multiple of a pair's 2");
}

}  // namespace
}  // namespace assay
