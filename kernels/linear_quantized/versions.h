// The versions of the quantized linear layer, for its table only.
#pragma once

#include "kernels/linear_quantized/linear_quantized.h"

namespace assay {

void launch_linear_quantized_v1(const LinearQuantizedArgs& args, const Stream& stream);

}  // namespace assay
