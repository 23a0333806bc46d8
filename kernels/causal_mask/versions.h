// The versions of the causal mask, for its table only.
#pragma once

#include "kernels/causal_mask/causal_mask.h"

namespace assay {

void launch_causal_mask_v1(const CausalMaskArgs& args, const Stream& stream);

}  // namespace assay
