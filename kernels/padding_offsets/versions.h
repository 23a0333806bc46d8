// The versions of padding offsets, for its table only.
#pragma once

#include "kernels/padding_offsets/padding_offsets.h"

namespace assay {

void launch_padding_offsets_v1(const PaddingOffsetsArgs& args, const Stream& stream);

}  // namespace assay
