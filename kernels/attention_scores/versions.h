// The versions of the attention scores, for their table only.
#pragma once

#include <cstddef>

#include "kernels/attention_scores/attention_scores.h"

namespace assay {

/// Query rows of one head that a block of v2 shares its keys among, where there are that many.
constexpr int ATTENTION_SCORES_V2_ROWS = 4;
/// Longest S for which it does: three such blocks still fit an SM's shared memory.
constexpr int ATTENTION_SCORES_V2_SHARED_S = 4096;

/// Dynamic shared memory, in bytes, for `rows` rows of fp32 scores with their queries.
inline std::size_t attention_scores_shared_bytes(const AttentionScoresArgs& a, int rows) {
  return sizeof(float) * static_cast<std::size_t>(rows) *
         (static_cast<std::size_t>(a.s) + static_cast<std::size_t>(a.head_dim));
}

void launch_attention_scores_v1(const AttentionScoresArgs& args, const Stream& stream);
void launch_attention_scores_v2(const AttentionScoresArgs& args, const Stream& stream);

}  // namespace assay
