// The versions of the attention scores, for their table only.
#pragma once

#include <cstddef>

#include "kernels/attention_scores/attention_scores.h"

namespace assay {

/// Query rows of one head that a block of v2 shares its keys among, where there are that many.
constexpr int ATTENTION_SCORES_V2_ROWS = 4;
/// Longest S for which it does: three such blocks still fit an SM's shared memory.
constexpr int ATTENTION_SCORES_V2_SHARED_S = 4096;

/// Threads in a block of v3: so many up to that number of blocks, which have an SM each, and half
/// of them beyond it.
constexpr int ATTENTION_SCORES_V3_BLOCK = 1024;
constexpr int ATTENTION_SCORES_V3_WIDE_BLOCKS = 128;
/// Keys that a group of its threads has in flight, and the block where a group is 8 of them.
constexpr int ATTENTION_SCORES_V3_UNROLL = 4;
constexpr int ATTENTION_SCORES_V3_KEYS = ATTENTION_SCORES_V3_BLOCK / 8 * ATTENTION_SCORES_V3_UNROLL;

/// Dynamic shared memory, in bytes, for `rows` rows of fp32 scores with their queries.
inline std::size_t attention_scores_shared_bytes(const AttentionScoresArgs& a, int rows) {
  return sizeof(float) * static_cast<std::size_t>(rows) *
         (static_cast<std::size_t>(a.s) + static_cast<std::size_t>(a.head_dim));
}

void launch_attention_scores_v1(const AttentionScoresArgs& args, const Stream& stream);
void launch_attention_scores_v2(const AttentionScoresArgs& args, const Stream& stream);
void launch_attention_scores_v3(const AttentionScoresArgs& args, const Stream& stream);

}  // namespace assay
