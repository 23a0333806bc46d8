// linear and linear_quantized against host loops in double, at their tiles' edges and tails.
#include "kernels/linear/linear.h"

#include <algorithm>

#include "kernels/linear_quantized/linear_quantized.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

using testing::Expected;
using testing::Tensor;

struct Shape {
  int m, n, k;
};

std::string to_string(const Shape& s, DType dtype, const char* version) {
  return std::string(version) + " m=" + std::to_string(s.m) + " n=" + std::to_string(s.n) +
         " k=" + std::to_string(s.k) + " " + std::string(name_of(dtype));
}

std::size_t at(int row, int width, int column) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(width) +
         static_cast<std::size_t>(column);
}

/// x w^T + bias (empty for none), with the error bound of a sum of K fp32 products.
std::vector<Expected> product(const std::vector<double>& x, const std::vector<double>& w,
                              const std::vector<double>& bias, const Shape& s) {
  std::vector<Expected> y;
  for (int i = 0; i < s.m; ++i) {
    for (int j = 0; j < s.n; ++j) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<std::size_t>(j)];
      double magnitude = std::fabs(sum);
      for (int k = 0; k < s.k; ++k) {
        const double term = x[at(i, s.k, k)] * w[at(j, s.k, k)];
        sum += term;
        magnitude += std::fabs(term);
      }
      y.push_back({sum, 0x1p-24 * std::min(s.k + 1, 64) * magnitude});
    }
  }
  return y;
}

void check_linear(const Shape& s, DType dtype, bool with_bias,
                  const std::vector<std::string>& versions) {
  const Stream stream;
  const auto size = [](int a, int b) { return at(a, b, 0); };
  Tensor x(testing::normal(size(s.m, s.k), 1), dtype, stream, "x");
  Tensor w(testing::normal(size(s.n, s.k), 2), dtype, stream, "w");
  Tensor bias(testing::normal(size(s.n, 1), 3), dtype, stream, "bias");
  const auto expected =
      product(x.given(), w.given(), with_bias ? bias.given() : std::vector<double>{}, s);
  LinearArgs args{nullptr, x.data(), w.data(), with_bias ? bias.data() : nullptr,
                  s.m,     s.n,      s.k,      dtype};
  testing::for_each_version(linear_op(), args, versions, [&](const Version<LinearArgs>& version) {
    Tensor y(size(s.m, s.n), dtype, "y");
    args.y = y.data();
    version.launch(args, stream);
    testing::expect_near(y.now(stream), expected, dtype, to_string(s, dtype, version.name));
  });
}

// The library rounds a 16-bit product before it adds a bias to rows that are not whole 16 bytes.
std::vector<std::string> without_blas_where_it_rounds_twice(std::vector<std::string> versions,
                                                            const Shape& s, DType dtype) {
  if (s.n % 2 == 0 && s.n % 8 != 0 && dtype != DType::kF32) std::erase(versions, "v1_blas");
  return versions;
}

TEST(Linear, EveryVersionAtTilesTailsAndVectors) {
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const Shape& s : {Shape{1, 1, 8}, Shape{1, 7, 256}, Shape{1, 9, 1032}, Shape{1, 8, 2048},
                           Shape{1, 65, 264}, Shape{1, 2, 16}}) {
      check_linear(
          s, dtype, s.n % 2 == 0,
          without_blas_where_it_rounds_twice({"v3_vector", "v1_blas", "v2_tiled"}, s, dtype));
    }
    for (const Shape& s : {Shape{2, 9, 1032}, Shape{3, 8, 2048}, Shape{5, 33, 64}, Shape{9, 64, 32},
                           Shape{64, 64, 64}, Shape{65, 63, 40}, Shape{130, 66, 96}, Shape{3, 5, 7},
                           Shape{63, 65, 33}}) {
      check_linear(s, dtype, s.n % 2 == 0,
                   without_blas_where_it_rounds_twice({"v1_blas", "v2_tiled"}, s, dtype));
    }
  }
}

TEST(Linear, RefusalsSayWhy) {
  const Properties& device = properties();
  const auto reason = [&](std::size_t version, LinearArgs args) {
    return linear_op().versions[version].unsupported(args, device);
  };
  const LinearArgs two{nullptr, nullptr, nullptr, nullptr, 2, 64, 64, DType::kF16};
  EXPECT_EQ(reason(0, two), "m is 2, above 1");
  LinearArgs odd = two;
  odd.m = 1;
  odd.k = 60;
  EXPECT_NE(reason(0, odd).find("multiple of 8"), std::string::npos) << reason(0, odd);
  odd.k = 0;
  EXPECT_EQ(reason(1, odd), "k is 0, not positive");
  odd.dtype = DType::kI32;
  EXPECT_NE(reason(2, odd).find("i32"), std::string::npos);
}

struct Quantized {
  Shape shape;
  int bits, group_size;
};

void check_quantized(const Quantized& q, DType dtype, bool with_bias,
                     const std::vector<std::string>& versions) {
  const Stream stream;
  const Shape& s = q.shape;
  const auto size = [](int a, int b) { return at(a, b, 0); };
  Tensor x(testing::normal(size(s.m, s.k), 1), dtype, stream, "x");
  Tensor bias(testing::normal(size(s.n, 1), 3), dtype, stream, "bias");
  std::vector<float> magnitudes = testing::normal(size(s.n, s.k / q.group_size), 4, 0.01f);
  for (float& scale : magnitudes) scale = std::fabs(scale);
  Tensor scales(magnitudes, DType::kF16, stream, "scales");

  std::mt19937 generator(5);
  const int most = q.bits == 8 ? 127 : 7;
  std::uniform_int_distribution<int> any(-most, most);
  std::vector<unsigned char> codes(size(s.n, s.k) * static_cast<std::size_t>(q.bits) / 8, 0);
  std::vector<double> w;
  const std::vector<double> held = scales.given();
  for (std::size_t i = 0; i < size(s.n, s.k); ++i) {
    const int code = any(generator);
    if (q.bits == 8) {
      codes[i] = static_cast<unsigned char>(code);
    } else {
      codes[i / 2] = static_cast<unsigned char>(codes[i / 2] | (code + 8) << (i % 2 * 4));
    }
    w.push_back(code * held[i / static_cast<std::size_t>(q.group_size)]);
  }
  DeviceBuffer<unsigned char> device_codes(codes, stream, "codes");
  const auto expected = product(x.given(), w, with_bias ? bias.given() : std::vector<double>{}, s);
  LinearQuantizedArgs args{nullptr,
                           x.data(),
                           device_codes.data(),
                           scales.data(),
                           with_bias ? bias.data() : nullptr,
                           s.m,
                           s.n,
                           s.k,
                           q.bits,
                           q.group_size,
                           dtype};
  testing::for_each_version(
      linear_quantized_op(), args, versions, [&](const Version<LinearQuantizedArgs>& version) {
        Tensor y(size(s.m, s.n), dtype, "y");
        args.y = y.data();
        version.launch(args, stream);
        testing::expect_near(y.now(stream), expected, dtype,
                             to_string(s, dtype, version.name) + " bits=" + std::to_string(q.bits));
      });
}

TEST(LinearQuantized, EightAndFourBitsAtOddShapes) {
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const int bits : {8, 4}) {
      const std::vector<std::string> one{"v1_warp_per_output"};
      check_quantized({{1, 1, 2}, bits, 1}, dtype, false, one);
      check_quantized({{3, 5, 30}, bits, 15}, dtype, true, one);  // groups that share a byte
      check_quantized({{5, 3, 70}, bits, 70}, dtype, true, one);
      const std::vector<std::string> both{"v2_vector", "v1_warp_per_output"};
      check_quantized({{1, 65, 256}, bits, 128}, dtype, true, both);
      check_quantized({{2, 8, 32}, bits, 32}, dtype, true, both);
      check_quantized({{3, 1, 2112}, bits, 64}, dtype, false, both);
      check_quantized({{9, 17, 96}, bits, 32}, dtype, false, both);
      check_quantized({{17, 4, 192}, bits, 192}, dtype, true, both);
    }
  }
}

TEST(LinearQuantized, RefusalsSayWhy) {
  const auto reason = [](int k, int bits, int group_size) {
    const LinearQuantizedArgs args{nullptr, nullptr, nullptr, nullptr,    nullptr,    1,
                                   1,       k,       bits,    group_size, DType::kF16};
    return linear_quantized_op().versions.back().unsupported(args, properties());
  };
  EXPECT_EQ(reason(64, 4, 32), "");
  EXPECT_NE(reason(64, 3, 32).find("3-bit"), std::string::npos);
  EXPECT_NE(reason(60, 8, 32).find("group_size 32"), std::string::npos);
  EXPECT_NE(reason(63, 4, 63).find("codes per byte"), std::string::npos);
  EXPECT_NE(reason(64, 4, 0).find("not positive"), std::string::npos);
  LinearQuantizedArgs small_groups{nullptr, nullptr, nullptr, nullptr, nullptr,    1,
                                   1,       64,      4,       16,      DType::kF16};
  const auto& v2 = linear_quantized_op().versions.front();
  EXPECT_NE(v2.unsupported(small_groups, properties()).find("16 bytes"), std::string::npos);
  small_groups.bits = 8;
  EXPECT_EQ(v2.unsupported(small_groups, properties()), "");
}

}  // namespace
}  // namespace assay
