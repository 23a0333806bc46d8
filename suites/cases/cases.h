// The explicit list of case files. Adding an op: its case file, its declaration and its line in
// cases.cpp.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "suites/case.h"

namespace assay::suites {

/// The cases of every op whose set is `set` or smaller. sweep gives only the sweep shapes.
std::vector<Case> all_cases(ShapeSet set);

/// Appends, for each boundary in the version table, the cases at its value and its neighbours:
/// `at(dimension, value)` makes the case, or nothing where the op has no such shape. A case whose
/// id is already there is not added again.
template <class At>
void add_boundary_cases(std::vector<Case>& cases, const At& at) {
  if (cases.empty()) return;
  std::set<std::string> ids;
  for (const Case& c : cases) ids.insert(c.id());
  const std::vector<std::vector<Boundary>> boundaries = cases.front().boundaries;
  for (const auto& of_version : boundaries) {
    for (const Boundary& boundary : of_version) {
      for (const int value : {boundary.value - 1, boundary.value, boundary.value + 1}) {
        if (value <= 0) continue;
        std::optional<Case> c = at(std::string(boundary.dimension), value);
        if (c && ids.insert(c->id()).second) cases.push_back(std::move(*c));
      }
    }
  }
}

std::vector<Case> embedding_cases();
std::vector<Case> padding_offsets_cases();
std::vector<Case> padding_remove_cases();
std::vector<Case> padding_restore_cases();
std::vector<Case> causal_mask_cases();
std::vector<Case> rms_norm_cases();
std::vector<Case> linear_cases();
std::vector<Case> quantize_cases();
std::vector<Case> dequantize_cases();
std::vector<Case> linear_quantized_cases();
std::vector<Case> rope_cases();
std::vector<Case> kv_append_cases();
std::vector<Case> kv_broadcast_cases();
std::vector<Case> attention_scores_cases();
std::vector<Case> attention_values_cases();
std::vector<Case> residual_add_cases();
std::vector<Case> swiglu_cases();
std::vector<Case> sampling_cases();

}  // namespace assay::suites
