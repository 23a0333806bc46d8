// The explicit list of case files. Adding an op: its case file, its declaration and its line in
// cases.cpp.
#pragma once

#include <vector>

#include "suites/case_family.h"

namespace assay::suites {

/// The families of every op, in the order of a forward pass.
const std::vector<CaseFamily>& all_families();

/// The listed cases of every op whose set is `set` or smaller. sweep gives only the sweep shapes.
std::vector<Case> all_cases(ShapeSet set);

CaseFamily embedding_family();
CaseFamily padding_offsets_family();
CaseFamily padding_remove_family();
CaseFamily padding_restore_family();
CaseFamily causal_mask_family();
CaseFamily rms_norm_family();
CaseFamily linear_family();
CaseFamily quantize_family();
CaseFamily dequantize_family();
CaseFamily linear_quantized_family();
CaseFamily rope_family();
CaseFamily kv_append_family();
CaseFamily kv_broadcast_family();
CaseFamily attention_scores_family();
CaseFamily attention_values_family();
CaseFamily residual_add_family();
CaseFamily swiglu_family();
CaseFamily sampling_family();

}  // namespace assay::suites
