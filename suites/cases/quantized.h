// Mistakes in reading quantized weights, which dequantize and linear_quantized can both make.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "reference/ops.h"

namespace assay::suites {

/// 4-bit codes (N, K / 2) with the even k in the high nibble.
inline at::Tensor swap_nibbles(const at::Tensor& codes) {
  return at::bitwise_and(codes, 15) * 16 + codes.floor_divide(16);
}

/// w (N, K) in float64 with codes taken for unsigned ones: 0 to 15, without the 8 taken off, or 0
/// to 255.
inline at::Tensor dequantize_unsigned(const at::Tensor& codes, const at::Tensor& scales, int bits,
                                      std::int64_t group_size, std::int64_t k) {
  const at::Tensor w = reference::dequantize(codes, scales, bits, group_size, k, at::kDouble);
  const at::Tensor scale = scales.to(at::kDouble).repeat_interleave(group_size, 1);
  return bits == 4 ? w + 8 * scale : w + (codes >= 128) * 256 * scale;
}

}  // namespace assay::suites
