// The versions of sampling, for its table only.
#pragma once

#include "kernels/sampling/sampling.h"

namespace assay {

/// Most tokens whose 41-bit masses v1 can add up in 64 bits.
constexpr int SAMPLING_V1_MAX_VOCAB = 1 << 23;

void launch_sampling_v1(const SamplingArgs& args, const Stream& stream);

}  // namespace assay
