// The versions of dequantization, for its table only.
#pragma once

#include "kernels/dequantize/dequantize.h"

namespace assay {

void launch_dequantize_v1(const DequantizeArgs& args, const Stream& stream);

}  // namespace assay
