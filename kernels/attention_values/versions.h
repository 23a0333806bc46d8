// The versions of the attention output, for their table only.
#pragma once

#include "kernels/attention_values/attention_values.h"

namespace assay {

/// Threads in a block of v2; a row of v may have at most that many 16-byte vectors.
constexpr int ATTENTION_VALUES_V2_BLOCK = 128;
/// Query rows of one head that a block of v2 shares its values among, where there are that many.
constexpr int ATTENTION_VALUES_V2_ROWS = 4;

void launch_attention_values_v1(const AttentionValuesArgs& args, const Stream& stream);
void launch_attention_values_v2(const AttentionValuesArgs& args, const Stream& stream);

}  // namespace assay
