// The versions of residual addition, for its table only.
#pragma once

#include "kernels/residual_add/residual_add.h"

namespace assay {

void launch_residual_add_v1(const ResidualAddArgs& args, const Stream& stream);

}  // namespace assay
