// The versions of quantization, for its table only.
#pragma once

#include "kernels/quantize/quantize.h"

namespace assay {

void launch_quantize_v1(const QuantizeArgs& args, const Stream& stream);

}  // namespace assay
