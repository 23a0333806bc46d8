#include "engine/activations.h"

#include <type_traits>
#include <utility>
#include <vector>

namespace assay {
namespace {

// The ops of a step in the order of llama.cpp, as moments of the tensors' lifetimes. The layers'
// ops come round L times, so what a layer reads of earlier ops must live until kLayerEnd.
enum Moment {
  kInputs,
  kOffsets,
  kIds,
  kMask,
  kEmbedding,
  kAttentionNorm,
  kQkv,
  kRope,
  kPadQuery,
  kKvAppend,
  kBroadcast,
  kScores,
  kValues,
  kUnpadValues,
  kOutput,
  kAttentionResidual,
  kFeedForwardNorm,
  kGateUp,
  kSwiglu,
  kDown,
  kLayerEnd,
  kFinalNorm,
  kLastRows,
  kLogits,
  kSampling,
};

}  // namespace

MemoryPlan plan_activations(const ModelConfig& config, DType dtype,
                            const ActivationLimits& limits) {
  const auto B = static_cast<std::size_t>(limits.batch);
  const auto T_max = static_cast<std::size_t>(limits.t_max);
  const auto S = static_cast<std::size_t>(limits.s);
  const auto C = static_cast<std::size_t>(config.hidden_size);
  const auto F = static_cast<std::size_t>(config.intermediate_size);
  const auto V = static_cast<std::size_t>(config.vocab_size);
  const auto H = static_cast<std::size_t>(config.num_attention_heads);
  const auto D = static_cast<std::size_t>(config.head_dim);
  const auto qkv = static_cast<std::size_t>(config.qkv_width());
  const std::size_t T = B * T_max;
  const std::size_t item = size_of(dtype);
  const std::size_t expanded =
      config.num_key_value_heads < config.num_attention_heads ? B * H * S * D * item : 0;
  std::vector<PlannedTensor> tensors{
      {"step_inputs", (4 * B + T) * sizeof(int), kInputs, kSampling},
      {"inv_freq", D / 2 * sizeof(float), kInputs, kSampling},
      {"sampling_params", B * sizeof(SamplingParams), kInputs, kSampling},
      {"history", B * S * sizeof(int), kInputs, kSampling},
      {"cu_q_lens", (B + 1) * sizeof(int), kOffsets, kLayerEnd},
      {"padding_offset", T * sizeof(int), kOffsets, kLayerEnd},
      {"positions", T * sizeof(int), kOffsets, kLayerEnd},
      {"ids", T * sizeof(int), kIds, kEmbedding},
      {"mask", T * S, kMask, kLayerEnd},
      {"x", T * C * item, kEmbedding, kFinalNorm},
      {"attention.norm", T * C * item, kAttentionNorm, kQkv},
      {"attention.qkv", T * qkv * item, kQkv, kKvAppend},
      {"attention.q_padded", T * H * D * item, kPadQuery, kScores},
      {"attention.k_all", expanded, kBroadcast, kScores},
      {"attention.v_all", expanded, kBroadcast, kValues},
      {"attention.scores", B * H * T_max * S * item, kScores, kValues},
      {"attention.values_padded", T * H * D * item, kValues, kUnpadValues},
      {"attention.values", T * H * D * item, kUnpadValues, kOutput},
      {"attention.output", T * C * item, kOutput, kAttentionResidual},
      {"feed_forward.norm", T * C * item, kFeedForwardNorm, kGateUp},
      {"feed_forward.gate_up", T * 2 * F * item, kGateUp, kSwiglu},
      {"feed_forward.swiglu", T * F * item, kSwiglu, kDown},
      {"feed_forward.down", T * C * item, kDown, kLayerEnd},
      {"final.norm", T * C * item, kFinalNorm, kLogits},
      {"last_rows", B * C * item, kLastRows, kLogits},
      {"logits", static_cast<std::size_t>(limits.logit_rows) * V * item, kLogits, kSampling},
      {"sampling_workspace", B * V * sizeof(float), kSampling, kSampling},
      {"tokens", B * sizeof(int), kSampling, kSampling},
  };
  if (!limits.share) {
    for (PlannedTensor& tensor : tensors) {
      tensor.first_use = kInputs;
      tensor.last_use = kSampling;
    }
  }
  return plan_memory(std::move(tensors));
}

Activations::Activations(const ModelConfig& config, DType dtype, const ActivationLimits& limits)
    : plan_(plan_activations(config, dtype, limits)), arena_(plan_.total_bytes, "activations") {
  const auto place = [&](auto*& pointer, const char* name) {
    using Pointer = std::remove_reference_t<decltype(pointer)>;
    pointer = static_cast<Pointer>(static_cast<void*>(arena_.data() + plan_.at(name).offset));
  };
  place(step_inputs, "step_inputs");
  q_lens = step_inputs;
  past_lens = q_lens + limits.batch;
  kv_lens = past_lens + limits.batch;
  last_row = kv_lens + limits.batch;
  ids_padded = last_row + limits.batch;
  place(inv_freq, "inv_freq");
  place(sampling, "sampling_params");
  place(history, "history");
  place(cu_q_lens, "cu_q_lens");
  place(padding_offset, "padding_offset");
  place(positions, "positions");
  place(ids, "ids");
  place(mask, "mask");
  place(x, "x");
  place(attention_norm, "attention.norm");
  place(qkv, "attention.qkv");
  place(q_padded, "attention.q_padded");
  place(k_all, "attention.k_all");
  place(v_all, "attention.v_all");
  place(scores, "attention.scores");
  place(values_padded, "attention.values_padded");
  place(values, "attention.values");
  place(attention_output, "attention.output");
  place(feed_forward_norm, "feed_forward.norm");
  place(gate_up, "feed_forward.gate_up");
  place(swiglu, "feed_forward.swiglu");
  place(down, "feed_forward.down");
  place(final_norm, "final.norm");
  place(last_rows, "last_rows");
  place(logits, "logits");
  place(sampling_workspace, "sampling_workspace");
  place(tokens, "tokens");
}

}  // namespace assay
