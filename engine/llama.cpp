// The forward pass, op by op, in the order of the paper.
#include "engine/llama.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "kernels/attention_scores/attention_scores.h"
#include "kernels/attention_values/attention_values.h"
#include "kernels/causal_mask/causal_mask.h"
#include "kernels/embedding/embedding.h"
#include "kernels/kv_append/kv_append.h"
#include "kernels/kv_broadcast/kv_broadcast.h"
#include "kernels/linear/linear.h"
#include "kernels/padding_offsets/padding_offsets.h"
#include "kernels/padding_remove/padding_remove.h"
#include "kernels/padding_restore/padding_restore.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/sampling/sampling.h"
#include "kernels/swiglu/swiglu.h"

namespace assay {

void Llama::forward(const Step& step, LogitRows rows) {
  embed(step);
  for (int layer = 0; layer < config_.num_hidden_layers; ++layer) decoder_layer(layer, step);
  project_logits(step, rows);
}

void Llama::embed(const Step& step) {
  const int T = step.tokens;
  const int C = config_.hidden_size;
  run(padding_offsets_op(), {a_.cu_q_lens, a_.padding_offset, a_.positions, a_.q_lens, a_.past_lens,
                             step.batch, T, step.t_max});
  run(padding_remove_op(), {a_.ids, a_.ids_padded, a_.padding_offset, T, 1, DType::kI32});
  run(causal_mask_op(), {a_.mask, a_.q_lens, a_.past_lens, step.batch, step.t_max, step.s});
  run(embedding_op(), {a_.x, weights_.embedding, a_.ids, T, C, config_.vocab_size, options_.dtype});
  tap("embedding", a_.x, {T, C});
}

void Llama::decoder_layer(int layer, const Step& step) {
  attention_block(layer, step);
  feed_forward_block(layer, step);
}

void Llama::attention_block(int layer, const Step& step) {
  const LayerWeights& w = weights_.layers[static_cast<std::size_t>(layer)];
  const DType dtype = options_.dtype;
  const auto [B, T, T_max, S] = step;
  const int C = config_.hidden_size;
  const int H = config_.num_attention_heads;
  const int G = config_.num_key_value_heads;
  const int D = config_.head_dim;
  const int qkv_width = config_.qkv_width();  // (H + 2G) D

  run(rms_norm_op(),
      {a_.attention_norm, a_.x, w.attention_norm, T, C, config_.rms_norm_eps, dtype});
  tap(layer, "attention.norm", a_.attention_norm, {T, C});
  run(linear_op(), {a_.qkv, a_.attention_norm, w.qkv, w.qkv_bias, T, qkv_width, C, dtype});
  tap(layer, "attention.qkv", a_.qkv, {T, qkv_width});
  run(rope_op(), {a_.qkv, a_.positions, a_.inv_freq, T, H, G, D, dtype});
  tap(layer, "attention.rope", a_.qkv, {T, qkv_width});
  run(padding_restore_op(), {a_.q_padded, a_.qkv, a_.cu_q_lens, B, T_max, H * D, qkv_width, dtype});

  // The new keys and values join the cache; with grouped heads, every query head gets its copy.
  void* k = kv_cache_.k(layer);  // (B, G, S_max, D)
  void* v = kv_cache_.v(layer);
  int slots = s_max_;
  run(kv_append_op(),
      {k, v, a_.qkv, a_.positions, a_.padding_offset, T, T_max, H, G, s_max_, D, dtype});
  if (G < H) {
    run(kv_broadcast_op(), {a_.k_all, k, a_.kv_lens, B, H, G, S, s_max_, D, dtype});
    run(kv_broadcast_op(), {a_.v_all, v, a_.kv_lens, B, H, G, S, s_max_, D, dtype});
    k = a_.k_all;  // (B, H, S, D)
    v = a_.v_all;
    slots = S;
  }
  const long long head_stride = static_cast<long long>(slots) * D;

  const float scale = 1.0F / std::sqrt(static_cast<float>(D));
  run(attention_scores_op(),
      {a_.scores, a_.q_padded, k, a_.mask, B, T_max, H, S, D, head_stride, scale, dtype});
  tap(layer, "attention.scores", a_.scores, {B, H, T_max, S});
  run(attention_values_op(),
      {a_.values_padded, a_.scores, v, a_.kv_lens, B, T_max, H, S, D, head_stride, dtype});
  run(padding_remove_op(), {a_.values, a_.values_padded, a_.padding_offset, T, H * D, dtype});
  tap(layer, "attention.values", a_.values, {T, H * D});

  run(linear_op(), {a_.attention_output, a_.values, w.output, w.output_bias, T, C, H * D, dtype});
  tap(layer, "attention.output", a_.attention_output, {T, C});
  run(residual_add_op(), {a_.x, a_.attention_output, a_.x, static_cast<long long>(T) * C, dtype});
  tap(layer, "attention.residual", a_.x, {T, C});
}

void Llama::feed_forward_block(int layer, const Step& step) {
  const LayerWeights& w = weights_.layers[static_cast<std::size_t>(layer)];
  const DType dtype = options_.dtype;
  const int T = step.tokens;
  const int C = config_.hidden_size;
  const int F = config_.intermediate_size;

  run(rms_norm_op(),
      {a_.feed_forward_norm, a_.x, w.feed_forward_norm, T, C, config_.rms_norm_eps, dtype});
  tap(layer, "feed_forward.norm", a_.feed_forward_norm, {T, C});
  run(linear_op(),
      {a_.gate_up, a_.feed_forward_norm, w.gate_up, w.gate_up_bias, T, 2 * F, C, dtype});
  tap(layer, "feed_forward.gate_up", a_.gate_up, {T, 2 * F});
  run(swiglu_op(), {a_.swiglu, a_.gate_up, T, F, dtype});
  tap(layer, "feed_forward.swiglu", a_.swiglu, {T, F});
  run(linear_op(), {a_.down, a_.swiglu, w.down, w.down_bias, T, C, F, dtype});
  tap(layer, "feed_forward.down", a_.down, {T, C});
  run(residual_add_op(), {a_.x, a_.down, a_.x, static_cast<long long>(T) * C, dtype});
  tap(layer, "feed_forward.residual", a_.x, {T, C});
}

void Llama::project_logits(const Step& step, LogitRows rows) {
  const DType dtype = options_.dtype;
  const int C = config_.hidden_size;
  const int V = config_.vocab_size;
  run(rms_norm_op(),
      {a_.final_norm, a_.x, weights_.final_norm, step.tokens, C, config_.rms_norm_eps, dtype});
  tap("final.norm", a_.final_norm, {step.tokens, C});
  const void* from = a_.final_norm;
  int count = step.tokens;
  const bool only_last_rows = step.t_max == 1 && step.tokens == step.batch;  // as in decode
  if (rows == LogitRows::kLast && !only_last_rows) {
    count = step.batch;
    run(padding_remove_op(), {a_.last_rows, a_.final_norm, a_.last_row, count, C, dtype});
    from = a_.last_rows;
  }
  if (const int room = activation_limits(options_).logit_rows; count > room) {
    throw Error("logits of " + std::to_string(count) +
                " tokens were asked for, and there is memory " + "for " + std::to_string(room) +
                "; RunOptions::all_logits makes room for all");
  }
  run(linear_op(), {a_.logits, from, weights_.logits, nullptr, count, V, C, dtype});
  tap("logits", a_.logits, {count, V});
}

void Llama::sample(const Step& step) {
  run(sampling_op(), {a_.tokens, a_.sampling_workspace, a_.logits, a_.sampling, a_.history,
                      a_.kv_lens, step.batch, config_.vocab_size, s_max_, options_.dtype});
}

void Llama::tap(std::string_view name, void* data, Shape shape) {
  if (!observer_) return;
  observer_({std::string(name), data, options_.dtype, shape, std::exchange(launched_, {})});
}

void Llama::tap(int layer, std::string_view name, void* data, Shape shape) {
  if (observer_) tap(fmt::format("layer.{}.{}", layer, name), data, shape);
}

}  // namespace assay
