// The versions of padding removal, for its table only.
#pragma once

#include "kernels/padding_remove/padding_remove.h"

namespace assay {

void launch_padding_remove_v1(const PaddingRemoveArgs& args, const Stream& stream);

}  // namespace assay
