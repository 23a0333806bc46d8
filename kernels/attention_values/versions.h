// The versions of the attention output, for their table only.
#pragma once

#include "kernels/attention_values/attention_values.h"

namespace assay {

/// Threads in a block of v2; a row of v may have at most that many 16-byte vectors.
constexpr int ATTENTION_VALUES_V2_BLOCK = 128;
/// Query rows of one head that a block of v2 shares its values among, where there are that many.
constexpr int ATTENTION_VALUES_V2_ROWS = 4;

/// 16-byte vectors of a row in a block of v3, the slots that its threads take at a time, twice as
/// many where S is above that one, and how often they do before they wait.
constexpr int ATTENTION_VALUES_V3_COLUMNS = 4;
constexpr int ATTENTION_VALUES_V3_LANES = 64;
constexpr int ATTENTION_VALUES_V3_LONG_S = 1024;
constexpr int ATTENTION_VALUES_V3_UNROLL = 4;

void launch_attention_values_v1(const AttentionValuesArgs& args, const Stream& stream);
void launch_attention_values_v2(const AttentionValuesArgs& args, const Stream& stream);
void launch_attention_values_v3(const AttentionValuesArgs& args, const Stream& stream);

}  // namespace assay
