// The versions of rotary position embedding, for its table only.
#pragma once

#include "kernels/rope/rope.h"

namespace assay {

/// Widest head whose tables v2 holds in shared memory.
constexpr int ROPE_V2_MAX_HEAD_DIM = 1024;

void launch_rope_v1(const RopeArgs& args, const Stream& stream);
void launch_rope_v2(const RopeArgs& args, const Stream& stream);

}  // namespace assay
