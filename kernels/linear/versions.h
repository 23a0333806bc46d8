// The versions of the linear layer, for its table only.
#pragma once

#include "kernels/linear/linear.h"

namespace assay {

/// Output tile of v2, square, and the depth of K that it stages at a time.
constexpr int LINEAR_V2_TILE = 64;
constexpr int LINEAR_V2_DEPTH = 32;
/// Rows of w that a block of v3 takes.
constexpr int LINEAR_V3_BLOCK_ROWS = 8;

void launch_linear_v1(const LinearArgs& args, const Stream& stream);
void launch_linear_v2(const LinearArgs& args, const Stream& stream);
void launch_linear_v3(const LinearArgs& args, const Stream& stream);

}  // namespace assay
