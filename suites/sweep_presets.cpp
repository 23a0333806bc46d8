// The presets of `sweep --set`.
#include <fmt/format.h>

#include "kernels/device/error.h"
#include "suites/options.h"
#include "suites/sweep_plan.h"

namespace assay::suites {
namespace {

std::vector<WorkPoint> decode(const std::vector<int>& batches, const std::vector<int>& seqs) {
  return grid({Phase::kDecode}, batches, seqs);
}
std::vector<WorkPoint> prefill(const std::vector<int>& batches, const std::vector<int>& seqs) {
  return grid({Phase::kPrefill}, batches, seqs);
}
std::vector<WorkPoint> all_of(const std::vector<std::vector<WorkPoint>>& lists) {
  std::vector<WorkPoint> points;
  for (const auto& list : lists) points.insert(points.end(), list.begin(), list.end());
  return points;
}

// Chosen so that an H200 is done in five minutes, checks included. What costs is the host: inputs
// are drawn there, and outputs compared in float64. So the longest sequences come once, at batch 1
// and fp16, and the other dtypes where each phase has its usual shape.
SweepPlan full_plan() {
  const std::vector<std::string> of_cache{"attention_scores", "attention_values", "causal_mask",
                                          "kv_append"};
  const std::vector<std::string> of_rows{
      "embedding",        "padding_offsets",  "padding_remove", "padding_restore",
      "rms_norm",         "linear",           "rope",           "kv_append",
      "attention_scores", "attention_values", "residual_add",   "swiglu"};
  const std::vector<std::string> products{"rms_norm", "linear", "attention_scores",
                                          "attention_values"};
  SweepPlan plan;
  plan.kernels = {
      {"7b",
       {},
       {DType::kF16},
       all_of(
           {decode({1, 8, 32, 64}, {1024}), prefill({1}, {128, 512, 2048}), prefill({8}, {512})})},
      {"7b", of_cache, {DType::kF16}, decode({1, 8}, {128, 8192})},
      {"7b", of_rows, {DType::kF16}, prefill({1}, {8192})},
      {"7b",
       {},
       {DType::kBF16, DType::kF32},
       all_of({decode({1, 32}, {1024}), prefill({1}, {512})})},
      {"7b", products, {DType::kBF16}, prefill({1}, {2048})},
      {"70b", {"kv_broadcast"}, {DType::kF16}, all_of({decode({1, 8}, {1024, 8192})})},
      {"70b", {"kv_broadcast"}, {DType::kBF16, DType::kF32}, decode({1}, {1024})},
  };
  plan.models = {
      {"7b",
       {},
       {DType::kF16},
       all_of({decode({1, 8, 32}, {256}), decode({1}, {128, 2048}), decode({64}, {1024}),
               prefill({1}, {128, 512, 2048}), prefill({8}, {512})})},
      {"7b", {}, {DType::kBF16}, all_of({decode({1, 8}, {256}), prefill({1}, {512})})},
  };
  return plan;
}

}  // namespace

SweepPlan preset_plan(const std::string& set, DeviceKind device) {
  SweepPlan plan;
  if (set == "full") {
    plan = full_plan();
  } else if (set == "smoke" || set == "ci" || set == "sweep") {
    plan.tables = parse_set(set);
    plan.table_dtypes = {DType::kF16};
    const bool emulated = device == DeviceKind::kEmulated;
    plan.models = {{emulated ? "tiny" : "7b",
                    {},
                    {DType::kF16},
                    emulated ? all_of({prefill({1}, {16}), decode({1, 2}, {32})})
                             : all_of({prefill({1}, {512, 2048}), decode({1, 8, 32}, {256})})}};
  } else {
    throw InputError(fmt::format("set '{}' is none of smoke, ci, sweep, full", set));
  }
  plan.kernel_sets = {"best", "baseline"};
  return plan;
}

}  // namespace assay::suites
