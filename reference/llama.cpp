#include "reference/llama.h"

#include <ATen/ATen.h>

#include <cmath>

#include "reference/ops.h"

namespace assay::reference {

struct Llama::Sequence {
  at::Tensor positions;  // (T)
  at::Tensor inv_freq;   // (D/2), or (T,D/2) where a token has frequencies of its own
  at::Tensor kv_lens;    // (1)
  at::Tensor mask;       // (1,T,T)
};

at::Tensor rope_inv_freq(const Config& config, std::int64_t length) {
  const double d = static_cast<double>(config.head_dim);
  double theta = config.rope_theta;
  if (config.rope_kind == RopeKind::kDynamic && length > config.max_position_embeddings) {
    const double stretch =
        static_cast<double>(length) / static_cast<double>(config.max_position_embeddings);
    theta *= std::pow(config.rope_factor * stretch - (config.rope_factor - 1), d / (d - 2));
  }
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < config.head_dim / 2; ++i) {
    double f = std::pow(theta, -2.0 * static_cast<double>(i) / d);
    if (config.rope_kind == RopeKind::kLinear) f /= config.rope_factor;
    if (config.rope_kind == RopeKind::kLlama3) {
      // Turns that a pair makes over the original context: few are stretched, many are kept.
      const double turns = config.rope_original_context * f / (2 * M_PI);
      const double keep =
          std::clamp((turns - config.rope_low_freq_factor) /
                         (config.rope_high_freq_factor - config.rope_low_freq_factor),
                     0.0, 1.0);
      f = keep * f + (1 - keep) * f / config.rope_factor;
    }
    frequencies.push_back(f);
  }
  return at::tensor(frequencies).to(at::kFloat);
}

Llama::Sequence Llama::sequence(std::int64_t tokens, std::int64_t prefill) const {
  const auto ints = embedding.options().dtype(at::kInt).requires_grad(false);
  const at::Tensor length = at::full({1}, tokens, ints);
  at::Tensor inv_freq = rope_inv_freq(config, prefill < 0 ? tokens : prefill);
  if (config.rope_kind == RopeKind::kDynamic && prefill >= 0 && prefill < tokens) {
    std::vector<at::Tensor> rows(prefill, inv_freq);
    for (std::int64_t t = prefill; t < tokens; ++t) rows.push_back(rope_inv_freq(config, t + 1));
    inv_freq = at::stack(rows);
  }
  return {at::arange(tokens, ints), inv_freq.to(embedding.device()), length,
          causal_mask(length, at::zeros({1}, ints), tokens, tokens)};
}

at::Tensor Llama::attention_block(std::int64_t layer, const at::Tensor& x, const Sequence& sequence,
                                  const TapFn& tap) const {
  const Layer& w = layers.at(layer);
  const auto [H, G, D] = std::tuple(config.heads, config.kv_heads, config.head_dim);
  const std::int64_t T = x.size(0);
  const auto tapped = [&](const char* name, const at::Tensor& value) {
    if (tap) tap("layer." + std::to_string(layer) + ".attention." + name, value);
    return value;
  };
  // (T,heads*D) of the merged product, from head `first` on -> (1,T,heads,D)
  const auto heads = [&](const at::Tensor& merged, std::int64_t first, std::int64_t count) {
    return merged.narrow(1, first * D, count * D).view({1, T, count, D});
  };

  const at::Tensor normed = tapped("norm", rms_norm(x, w.attention_norm, config.rms_norm_eps));
  const at::Tensor qkv =
      tapped("qkv", reference::linear(normed, w.qkv, w.qkv_bias));  // (T,(H+2G)*D)
  const at::Tensor rotated =
      tapped("rope", rope(qkv, sequence.positions, sequence.inv_freq, H, G, D));
  const at::Tensor k_cache = heads(rotated, H, G).transpose(1, 2);      // (1,G,T,D)
  const at::Tensor v_cache = heads(rotated, H + G, G).transpose(1, 2);  // (1,G,T,D)
  const at::Tensor k = kv_broadcast(k_cache, sequence.kv_lens, H, T);   // (1,H,T,D)
  const at::Tensor v = kv_broadcast(v_cache, sequence.kv_lens, H, T);   // (1,H,T,D)
  const at::Tensor p = attention_scores(heads(rotated, 0, H), k, sequence.mask,
                                        1.0 / std::sqrt(static_cast<double>(D)));  // (1,H,T,T)
  tapped("scores", p.squeeze(0));
  const at::Tensor o = tapped("values", attention_values(p, v, sequence.kv_lens).view({T, H * D}));
  const at::Tensor y = tapped("output", reference::linear(o, w.output, w.output_bias));  // (T,C)
  return tapped("residual", residual_add(y, x));
}

at::Tensor Llama::attention_block(std::int64_t layer, const at::Tensor& x, const TapFn& tap,
                                  std::int64_t prefill) const {
  return attention_block(layer, x, sequence(x.size(0), prefill), tap);
}

at::Tensor Llama::feed_forward_block(std::int64_t layer, const at::Tensor& x,
                                     const TapFn& tap) const {
  const Layer& w = layers.at(layer);
  const auto tapped = [&](const char* name, const at::Tensor& value) {
    if (tap) tap("layer." + std::to_string(layer) + ".feed_forward." + name, value);
    return value;
  };
  const at::Tensor normed = tapped("norm", rms_norm(x, w.feed_forward_norm, config.rms_norm_eps));
  const at::Tensor gate_up =
      tapped("gate_up", reference::linear(normed, w.gate_up, w.gate_up_bias));         // (T,2F)
  const at::Tensor gated = tapped("swiglu", swiglu(gate_up));                          // (T,F)
  const at::Tensor y = tapped("down", reference::linear(gated, w.down, w.down_bias));  // (T,C)
  return tapped("residual", residual_add(y, x));
}

at::Tensor Llama::decoder_layer(std::int64_t layer, const at::Tensor& x, const TapFn& tap,
                                std::int64_t prefill) const {
  return feed_forward_block(layer, attention_block(layer, x, tap, prefill), tap);
}

at::Tensor Llama::forward(const at::Tensor& tokens, const TapFn& tap, std::int64_t prefill) const {
  const auto tapped = [&](const char* name, const at::Tensor& value) {
    if (tap) tap(name, value);
    return value;
  };
  const Sequence shared = sequence(tokens.size(0), prefill);
  at::Tensor x = tapped("embedding", reference::embedding(embedding, tokens));  // (T,C)
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    x = feed_forward_block(layer, attention_block(layer, x, shared, tap), tap);
  }
  x = tapped("final.norm", rms_norm(x, final_norm, config.rms_norm_eps));
  return tapped("logits", reference::linear(x, lm_head));  // (T,V)
}

std::vector<std::int64_t> Llama::greedy(const std::vector<std::int64_t>& prompt, std::int64_t n,
                                        std::int64_t stop) const {
  std::vector<std::int64_t> tokens = prompt;
  const auto prefill = static_cast<std::int64_t>(prompt.size());
  for (std::int64_t i = 0; i < n; ++i) {
    const at::Tensor logits = forward(at::tensor(tokens).to(embedding.device()), {}, prefill);
    tokens.push_back(logits.select(0, -1).argmax().item<std::int64_t>());
    if (tokens.back() == stop) break;
  }
  return {tokens.begin() + prefill, tokens.end()};
}

std::vector<at::Tensor> Llama::parameters() const {
  std::vector<at::Tensor> all{embedding, final_norm};
  if (!config.tie_word_embeddings) all.push_back(lm_head);
  for (const Layer& w : layers) {
    for (const at::Tensor& tensor :
         {w.attention_norm, w.qkv, w.qkv_bias, w.output, w.output_bias, w.feed_forward_norm,
          w.gate_up, w.gate_up_bias, w.down, w.down_bias}) {
      if (tensor.defined()) all.push_back(tensor);
    }
  }
  return all;
}

}  // namespace assay::reference
