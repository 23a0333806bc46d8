// The versions of the quantized linear layer, for its table only.
#pragma once

#include "kernels/linear_quantized/linear_quantized.h"

namespace assay {

/// Rows of x that a warp of v2 serves at most, and rows of w that a block of it takes.
constexpr int LINEAR_QUANTIZED_V2_MAX_M = 8;
constexpr int LINEAR_QUANTIZED_V2_BLOCK_ROWS = 8;

void launch_linear_quantized_v1(const LinearQuantizedArgs& args, const Stream& stream);
void launch_linear_quantized_v2(const LinearQuantizedArgs& args, const Stream& stream);

}  // namespace assay
