#include "suites/cases/cases.h"

namespace assay::suites {

const std::vector<CaseFamily>& all_families() {
  static const std::vector<CaseFamily> families{
      embedding_family(),
      padding_offsets_family(),
      padding_remove_family(),
      padding_restore_family(),
      causal_mask_family(),
      rms_norm_family(),
      linear_family(),
      quantize_family(),
      dequantize_family(),
      linear_quantized_family(),
      rope_family(),
      kv_append_family(),
      kv_broadcast_family(),
      attention_scores_family(),
      attention_values_family(),
      residual_add_family(),
      swiglu_family(),
      sampling_family(),
  };
  return families;
}

std::vector<Case> all_cases(ShapeSet set) {
  std::vector<Case> chosen;
  for (const CaseFamily& family : all_families()) {
    for (Case& c : family.listed()) {
      const bool wanted = set == ShapeSet::kSweep
                              ? c.set == ShapeSet::kSweep
                              : static_cast<int>(c.set) <= static_cast<int>(set);
      if (wanted) chosen.push_back(std::move(c));
    }
  }
  return chosen;
}

}  // namespace assay::suites
