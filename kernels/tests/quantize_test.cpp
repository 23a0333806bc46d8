// Quantized codes and scales, to the bit, and what comes back from them.
#include "kernels/quantize/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/dequantize/dequantize.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

using testing::FLOAT_DTYPES;

struct Quantized {
  std::vector<unsigned char> codes;
  std::vector<unsigned char> scales;  // fp16
  std::vector<float> back;
};

// The contract, one element after another.
Quantized on_host(const std::vector<double>& w, int bits, std::size_t group_size) {
  const float qmax = bits == 8 ? 127.0f : 7.0f;
  std::vector<float> scales;
  std::vector<int> codes;
  Quantized q;
  for (std::size_t start = 0; start < w.size(); start += group_size) {
    float largest = 0.0f;
    for (std::size_t i = 0; i < group_size; ++i) {
      largest = std::max(largest, std::fabs(static_cast<float>(w[start + i])));
    }
    const double rounded =
        testing::decode(testing::encode({largest / qmax}, DType::kF16), DType::kF16)[0];
    const float scale = static_cast<float>(rounded);
    scales.push_back(scale);
    for (std::size_t i = 0; i < group_size; ++i) {
      const float ratio = static_cast<float>(w[start + i]) / scale;
      codes.push_back(scale == 0.0f ? 0
                                    : static_cast<int>(std::clamp(std::rint(ratio), -qmax, qmax)));
      q.back.push_back(static_cast<float>(codes.back()) * scale);
    }
  }
  q.scales = testing::encode(scales, DType::kF16);
  for (std::size_t i = 0; i < codes.size(); i += bits == 8 ? 1 : 2) {
    q.codes.push_back(static_cast<unsigned char>(
        bits == 8 ? codes[i] & 0xff : (codes[i] + 8) | (codes[i + 1] + 8) << 4));
  }
  return q;
}

Quantized on_device(const std::vector<float>& w, DType dtype, int n, int k, int bits,
                    int group_size) {
  const Stream stream;
  testing::Tensor weight(w, dtype, stream, "w");
  DeviceBuffer<unsigned char> codes(w.size() * static_cast<std::size_t>(bits) / 8, "codes");
  DeviceBuffer<unsigned char> scales(w.size() / static_cast<std::size_t>(group_size) * 2, "scales");
  testing::Tensor back(w.size(), dtype, "back");
  KernelSet().run(quantize_op(),
                  {codes.data(), scales.data(), weight.data(), n, k, bits, group_size, dtype},
                  stream);
  KernelSet().run(dequantize_op(),
                  {back.data(), codes.data(), scales.data(), n, k, bits, group_size, dtype},
                  stream);
  Quantized q{codes.to_host(stream), scales.to_host(stream), {}};
  for (const double value : back.now(stream)) q.back.push_back(static_cast<float>(value));
  return q;
}

TEST(Quantize, GivesTheCodesAndScalesOfTheContract) {
  struct Shape {
    int n, k, bits, group_size;
  };
  for (const Shape s :
       {Shape{3, 256, 8, 64}, Shape{3, 256, 4, 32}, Shape{2, 1040, 8, 1040}, Shape{2, 600, 4, 300},
        Shape{5, 33, 8, 11}, Shape{4, 18, 4, 3}, Shape{1, 2, 4, 1}}) {
    for (const DType dtype : FLOAT_DTYPES) {
      std::vector<float> w = testing::normal(static_cast<std::size_t>(s.n * s.k), 5, 0.02f);
      std::fill_n(w.begin(), s.group_size, 0.0f);                      // a group of zeros
      if (s.n > 2) std::fill_n(w.begin() + s.k, s.group_size, 1e-7f);  // its scale rounds to zero
      const std::vector<double> rounded = testing::decode(testing::encode(w, dtype), dtype);
      const Quantized expected = on_host(rounded, s.bits, static_cast<std::size_t>(s.group_size));
      const Quantized found = on_device(w, dtype, s.n, s.k, s.bits, s.group_size);
      EXPECT_EQ(found.codes, expected.codes) << name_of(dtype) << " k=" << s.k;
      EXPECT_EQ(found.scales, expected.scales) << name_of(dtype) << " k=" << s.k;
      const std::vector<double> back =
          testing::decode(testing::encode(expected.back, dtype), dtype);
      for (std::size_t i = 0; i < back.size(); ++i) {
        ASSERT_EQ(static_cast<double>(found.back[i]), back[i])
            << name_of(dtype) << " element " << i;
      }
    }
  }
}

TEST(Quantize, RoundsTiesToEvenAndClamps) {
  // absmax 7 and 127: the scale is exactly 1.
  EXPECT_EQ(
      on_device({7.0f, 0.5f, 1.5f, -0.5f, -1.5f, 2.5f, -7.0f, 3.4999f}, DType::kF32, 1, 8, 4, 8)
          .codes,
      (std::vector<unsigned char>{0x8f, 0x8a, 0xa6, 0xb1}));
  EXPECT_EQ(on_device({127.0f, 0.5f, -1.5f, -127.0f}, DType::kBF16, 1, 4, 8, 4).codes,
            (std::vector<unsigned char>{0x7f, 0x00, 0xfe, 0x81}));
  // The smallest scale of fp16, 2^-24, is 1.4 times too small for these: the clamp holds them.
  EXPECT_EQ(on_device({9.8f * 0x1p-24f, -9.8f * 0x1p-24f}, DType::kF32, 1, 2, 4, 2).codes,
            (std::vector<unsigned char>{0x1f}));
  EXPECT_EQ(on_device({177.8f * 0x1p-24f, -177.8f * 0x1p-24f}, DType::kF32, 1, 2, 8, 2).codes,
            (std::vector<unsigned char>{0x7f, 0x81}));
}

TEST(Quantize, RefusesWhatItHasNoCodeFor) {
  const Version<QuantizeArgs>& v1 = quantize_op().versions.back();
  QuantizeArgs args{nullptr, nullptr, nullptr, 1, 8, 3, 8, DType::kF32};
  EXPECT_EQ(v1.unsupported(args, properties()), "bits is 3, not 8 or 4");
  args.bits = 4;
  args.group_size = 3;
  EXPECT_EQ(v1.unsupported(args, properties()), "k 8 is not a multiple of group_size 3");
  args.k = 9;
  EXPECT_EQ(v1.unsupported(args, properties()), "k 9 is not a multiple of the codes in a byte, 2");
}

}  // namespace
}  // namespace assay
