// Asks LibTorch what a case's outputs should be.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "suites/case.h"
#include "suites/check.h"

namespace assay::suites {

/// From here on LibTorch computes on the CPU in a CUDA build too: slower, but then nothing beside
/// the project's own work runs on the GPU, as some tools need it.
void keep_reference_on_cpu();

/// `inputs` has a tensor for every operand, in operand order; those of outputs are ignored. Runs
/// the case's reference in float64 and, for three-way cases, at the case's dtype; on the GPU in a
/// CUDA build.
Truth ask_oracle(const Case& c, const std::vector<HostTensor>& inputs);

/// The outputs of the reference in float64, rounded to their types.
std::vector<HostTensor> ask_outputs(const Case& c, const std::vector<HostTensor>& inputs);
/// The same from an answer at hand.
std::vector<HostTensor> round_truth(const Case& c, const Truth& truth);

/// The outputs that each of the case's mistakes gives, computed in float64 and rounded to their
/// types, one after the other.
void visit_mistakes(
    const Case& c, const std::vector<HostTensor>& inputs,
    const std::function<void(const std::string& name, const std::vector<HostTensor>&)>& visit);

}  // namespace assay::suites
