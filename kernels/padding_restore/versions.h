// The versions of padding restoration, for its table only.
#pragma once

#include "kernels/padding_restore/padding_restore.h"

namespace assay {

void launch_padding_restore_v1(const PaddingRestoreArgs& args, const Stream& stream);

}  // namespace assay
