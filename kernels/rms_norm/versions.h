// The versions of RMSNorm, for its table only.
#pragma once

#include "kernels/rms_norm/rms_norm.h"

namespace assay {

/// Longest row that v2 holds in registers: 32 of them per thread.
constexpr int RMS_NORM_V2_MAX_BYTES = 32 * 1024;

void launch_rms_norm_v1(const RmsNormArgs& args, const Stream& stream);
void launch_rms_norm_v2(const RmsNormArgs& args, const Stream& stream);

}  // namespace assay
