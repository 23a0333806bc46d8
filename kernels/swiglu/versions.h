// The versions of SwiGLU, for its table only.
#pragma once

#include "kernels/swiglu/swiglu.h"

namespace assay {

void launch_swiglu_v1(const SwigluArgs& args, const Stream& stream);
void launch_swiglu_v2(const SwigluArgs& args, const Stream& stream);

}  // namespace assay
