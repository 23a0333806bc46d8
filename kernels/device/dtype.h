// Element types of tensors, by the names that checkpoints, command lines and reports use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace assay {

enum class DType : std::uint8_t { kF32, kF16, kBF16, kI32, kU8 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
      return 2;
    case DType::kU8:
      return 1;
  }
  return 0;
}

/// "fp32", "fp16", "bf16", "i32", "u8".
constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "fp32";
    case DType::kF16:
      return "fp16";
    case DType::kBF16:
      return "bf16";
    case DType::kI32:
      return "i32";
    case DType::kU8:
      return "u8";
  }
  return "?";
}

}  // namespace assay
