// Tensors for the tests of single ops: random values as a dtype holds them, on the device and, as
// doubles, on the host.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/device/buffer.h"
#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay::testing {

inline const std::vector<DType> FLOAT_DTYPES{DType::kF32, DType::kF16, DType::kBF16};

/// Half the distance between 1 and the next number: the relative error of one rounding.
inline double rounding(DType dtype) {
  return dtype == DType::kF32 ? 0x1p-24 : dtype == DType::kF16 ? 0x1p-11 : 0x1p-8;
}

inline std::vector<unsigned char> encode(const std::vector<float>& values, DType dtype) {
  std::vector<unsigned char> bytes(values.size() * size_of(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    unsigned char* to = bytes.data() + i * size_of(dtype);
    const __half half(values[i]);
    const __nv_bfloat16 bfloat(values[i]);
    if (dtype == DType::kF32) std::memcpy(to, &values[i], sizeof(float));
    if (dtype == DType::kF16) std::memcpy(to, &half, sizeof(half));
    if (dtype == DType::kBF16) std::memcpy(to, &bfloat, sizeof(bfloat));
  }
  return bytes;
}

inline std::vector<double> decode(const std::vector<unsigned char>& bytes, DType dtype) {
  std::vector<double> values(bytes.size() / size_of(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const unsigned char* from = bytes.data() + i * size_of(dtype);
    float single = 0.0f;
    __half half;
    __nv_bfloat16 bfloat;
    if (dtype == DType::kF32) std::memcpy(&single, from, sizeof(single));
    if (dtype == DType::kF16) {
      std::memcpy(&half, from, sizeof(half));
      single = static_cast<float>(half);
    }
    if (dtype == DType::kBF16) {
      std::memcpy(&bfloat, from, sizeof(bfloat));
      single = static_cast<float>(bfloat);
    }
    values[i] = static_cast<double>(single);
  }
  return values;
}

/// A tensor on the device, and what it held when it was made.
class Tensor {
 public:
  /// `values` rounded to `dtype`.
  Tensor(const std::vector<float>& values, DType dtype, const Stream& stream,
         const std::string& name)
      : dtype_(dtype), bytes_(encode(values, dtype)), buffer_(bytes_, stream, name) {}
  /// `count` elements that nothing has written yet.
  Tensor(std::size_t count, DType dtype, const std::string& name)
      : dtype_(dtype), buffer_(count * size_of(dtype), name) {}

  void* data() { return buffer_.data(); }
  std::vector<double> given() const { return decode(bytes_, dtype_); }
  std::vector<double> now(const Stream& stream) const {
    return decode(buffer_.to_host(stream), dtype_);
  }

 private:
  DType dtype_;
  std::vector<unsigned char> bytes_;
  DeviceBuffer<unsigned char> buffer_;
};

/// `count` values of a normal distribution with mean 0 and the given deviation.
inline std::vector<float> normal(std::size_t count, unsigned seed, float deviation = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(generator);
  return values;
}

/// What an output element should be, and how far from it fp32 arithmetic may lead before rounding.
struct Expected {
  double value;
  double fp32_error;
};

inline void expect_near(const std::vector<double>& found, const std::vector<Expected>& expected,
                        DType dtype, const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Half a denormal step of fp16; in the others, what underflows.
    const double smallest = dtype == DType::kF16 ? 0x1p-25 : 0x1p-126;
    const double allowed =
        expected[i].fp32_error + smallest + 1.01 * rounding(dtype) * std::fabs(expected[i].value);
    // Written so that NaN fails.
    ASSERT_TRUE(std::fabs(found[i] - expected[i].value) <= allowed)
        << what << ", element " << i << ": found " << found[i] << ", expected " << expected[i].value
        << " within " << allowed;
  }
}

/// Calls check(version) for each version in the table that supports `args`, which must be exactly
/// the `expected` ones, best first.
template <class Args, class Check>
void for_each_version(const Op<Args>& op, const Args& args,
                      const std::vector<std::string>& expected, Check&& check) {
  std::vector<std::string> supporting;
  for (const Version<Args>& version : op.versions) {
    if (!version.unsupported(args, properties()).empty()) continue;
    supporting.emplace_back(version.name);
    check(version);
  }
  EXPECT_EQ(supporting, expected) << op.name;
}

}  // namespace assay::testing
