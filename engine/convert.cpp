#include "engine/convert.h"

#include <bit>
#include <cstring>

#include "kernels/device/error.h"

namespace assay {
namespace {

template <typename T>
T load(const void* from, std::size_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(from) + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void store(void* out, std::size_t i, T value) {
  std::memcpy(static_cast<char*>(out) + i * sizeof(T), &value, sizeof(T));
}

template <typename Read>
void convert_from(DType out_dtype, void* out, std::size_t count, Read read) {
  switch (out_dtype) {
    case DType::kF32:
      for (std::size_t i = 0; i < count; ++i) store(out, i, read(i));
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < count; ++i) store(out, i, float_to_half(read(i)));
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < count; ++i) store(out, i, float_to_bfloat16(read(i)));
      return;
    default:
      throw Error("convert: only floating dtypes can be converted");
  }
}

}  // namespace

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return sign | 0x7E00U;   // NaN
  if (magnitude >= 0x477FF000U) return sign | 0x7C00U;  // rounds past 65504: infinity
  if (magnitude < 0x38800000U) {
    // Subnormal in half: adding 0.5 lines the bits up at 2^-24 with the FPU's own rounding.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return sign | static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U);
  }
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return sign | static_cast<std::uint16_t>((magnitude - 0x38000000U + 0xFFFU + odd) >> 13);
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7FFFU;
  if (magnitude >= 0x7C00U) {
    return std::bit_cast<float>(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13));
  }
  if (magnitude < 0x400U) {
    const float value = static_cast<float>(magnitude) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000U));
}

std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

void convert(DType out_dtype, void* out, DType from_dtype, const void* from, std::size_t count) {
  if (out_dtype == from_dtype) {
    std::memcpy(out, from, count * size_of(out_dtype));
    return;
  }
  switch (from_dtype) {
    case DType::kF32:
      convert_from(out_dtype, out, count, [from](std::size_t i) { return load<float>(from, i); });
      return;
    case DType::kF16:
      convert_from(out_dtype, out, count,
                   [from](std::size_t i) { return half_to_float(load<std::uint16_t>(from, i)); });
      return;
    case DType::kBF16:
      convert_from(out_dtype, out, count, [from](std::size_t i) {
        return bfloat16_to_float(load<std::uint16_t>(from, i));
      });
      return;
    default:
      throw Error("convert: only floating dtypes can be converted");
  }
}

}  // namespace assay
