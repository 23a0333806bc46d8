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

// Chosen for some minutes on an H200, checks included. What costs is the host: inputs
// are drawn there, and outputs compared in float64. So the long sequences and the products of many
// rows come in fp16 alone, each op has its own points, and the other dtypes come where each phase
// has its usual shape.
std::vector<GridPart> full_kernels() {
  const std::vector<DType> half{DType::kF16};
  const std::vector<DType> others{DType::kBF16, DType::kF32};
  const std::vector<std::string> of_rows{"padding_offsets", "padding_remove", "padding_restore",
                                         "rms_norm",        "rope",           "residual_add",
                                         "swiglu",          "causal_mask"};
  const std::vector<std::string> attention{"attention_scores", "attention_values"};
  const std::vector<std::string> quantization{"quantize", "dequantize"};
  return {
      {"7b", of_rows, half,
       all_of({decode({1, 8, 64}, {1024}), prefill({1}, {128, 512, 2048, 8192})})},
      {"7b", of_rows, others, all_of({decode({8}, {1024}), prefill({1}, {512})})},
      {"7b",
       {"linear"},
       half,
       all_of({decode({1, 8, 32, 64}, {1024}), prefill({1}, {128, 512, 2048})})},
      {"7b", {"linear"}, {DType::kBF16}, all_of({decode({1, 8}, {1024}), prefill({1}, {2048})})},
      {"7b", {"linear"}, {DType::kF32}, all_of({decode({1}, {1024}), prefill({1}, {512})})},
      {"7b", attention, half,
       all_of({decode({1, 8, 32, 64}, {1024}), decode({1, 8}, {128, 8192}),
               prefill({1}, {128, 512, 2048, 8192}), prefill({8}, {512})})},
      {"7b", attention, {DType::kBF16}, all_of({decode({1, 8}, {1024}), prefill({1}, {2048})})},
      {"7b", attention, {DType::kF32}, all_of({decode({1}, {1024}), prefill({1}, {512})})},
      {"7b", {"linear_quantized"}, half, all_of({decode({1, 8, 64}, {1024}), prefill({1}, {512})})},
      {"7b", {"linear_quantized"}, others, decode({1}, {1024})},
      // Of weights, whatever the point; those of 7B take the host longest of all to draw.
      {"1b", quantization, {DType::kF16, DType::kBF16, DType::kF32}, decode({1}, {1024})},
      {"7b", {"embedding"}, half, all_of({decode({1, 64}, {1024}), prefill({1}, {512, 8192})})},
      {"7b", {"embedding"}, others, decode({8}, {1024})},
      // What it writes does not depend on how much is cached, but what is checked does.
      {"7b",
       {"kv_append"},
       half,
       all_of({decode({1}, {128, 1024, 8192}), decode({8}, {1024}), decode({64}, {128}),
               prefill({1}, {128, 512, 2048})})},
      {"7b", {"kv_append"}, others, all_of({decode({8}, {512}), prefill({1}, {512})})},
      {"70b", {"kv_broadcast"}, half, all_of({decode({1}, {1024, 8192}), decode({8}, {1024})})},
      {"70b", {"kv_broadcast"}, others, decode({1}, {1024})},
      {"7b", {"sampling"}, half, decode({1, 8, 64}, {1024})},
      {"7b", {"sampling"}, others, decode({8}, {1024})},
  };
}

SweepPlan full_plan() {
  SweepPlan plan;
  plan.kernels = full_kernels();
  plan.models = {
      {"7b",
       {},
       {DType::kF16},
       all_of({decode({1, 8, 32}, {256}), decode({1}, {128, 2048}), decode({64}, {1024}),
               prefill({1}, {128, 512, 2048}), prefill({8}, {128})})},
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
