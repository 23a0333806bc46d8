// Asks LibTorch what a case's outputs should be.
#pragma once

#include <vector>

#include "suites/case.h"
#include "suites/check.h"

namespace assay::suites {

/// `inputs` has a tensor for every operand, in operand order; those of outputs are ignored. Runs
/// the case's reference in float64 and, for three-way cases, at the case's dtype; on the GPU in a
/// CUDA build.
Truth ask_oracle(const Case& c, const std::vector<HostTensor>& inputs);

}  // namespace assay::suites
