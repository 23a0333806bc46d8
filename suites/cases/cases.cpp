#include "suites/cases/cases.h"

namespace assay::suites {

std::vector<Case> all_cases(ShapeSet set) {
  std::vector<Case> chosen;
  for (auto* cases_of_op : {
           embedding_cases,
           padding_offsets_cases,
           padding_remove_cases,
           padding_restore_cases,
           causal_mask_cases,
           rms_norm_cases,
           linear_cases,
           quantize_cases,
           dequantize_cases,
           linear_quantized_cases,
           rope_cases,
           kv_append_cases,
           kv_broadcast_cases,
           attention_scores_cases,
           attention_values_cases,
           residual_add_cases,
           swiglu_cases,
           sampling_cases,
       }) {
    for (Case& c : cases_of_op()) {
      const bool wanted = set == ShapeSet::kSweep
                              ? c.set == ShapeSet::kSweep
                              : static_cast<int>(c.set) <= static_cast<int>(set);
      if (wanted) chosen.push_back(std::move(c));
    }
  }
  return chosen;
}

}  // namespace assay::suites
