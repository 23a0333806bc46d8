#include "engine/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>

#include "engine/memory_plan.h"
#include "engine/parallel.h"

namespace assay {
namespace {

/// One merged weight: where its pointer goes, and the checkpoint's tensors that it is made of, in
/// order, each contiguous.
struct Part {
  void** pointer;
  std::vector<std::pair<std::string, std::int64_t>> tensors;  // name, elements
};

/// The layout, in the order of the forward pass; `weights` may be scratch when only sizes matter.
std::vector<Part> parts_of(const ModelConfig& config, void** embedding,
                           std::vector<LayerWeights>& layers, void** final_norm, void** logits) {
  const std::int64_t V = config.vocab_size;
  const std::int64_t C = config.hidden_size;
  const std::int64_t F = config.intermediate_size;
  const std::int64_t q = config.attention_width();
  const std::int64_t kv = std::int64_t{config.num_key_value_heads} * config.head_dim;
  std::vector<Part> parts{{embedding, {{"model.embed_tokens.weight", V * C}}}};
  layers.resize(static_cast<std::size_t>(config.num_hidden_layers));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    LayerWeights& layer = layers[i];
    const std::string prefix = fmt::format("model.layers.{}.", i);
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    parts.push_back({&layer.attention_norm, {{prefix + "input_layernorm.weight", C}}});
    parts.push_back({&layer.qkv,
                     {{attention + "q_proj.weight", q * C},
                      {attention + "k_proj.weight", kv * C},
                      {attention + "v_proj.weight", kv * C}}});
    parts.push_back({&layer.output, {{attention + "o_proj.weight", C * q}}});
    if (config.attention_bias) {
      parts.push_back({&layer.qkv_bias,
                       {{attention + "q_proj.bias", q},
                        {attention + "k_proj.bias", kv},
                        {attention + "v_proj.bias", kv}}});
      parts.push_back({&layer.output_bias, {{attention + "o_proj.bias", C}}});
    }
    parts.push_back({&layer.feed_forward_norm, {{prefix + "post_attention_layernorm.weight", C}}});
    parts.push_back(
        {&layer.gate_up, {{mlp + "gate_proj.weight", F * C}, {mlp + "up_proj.weight", F * C}}});
    parts.push_back({&layer.down, {{mlp + "down_proj.weight", C * F}}});
    if (config.mlp_bias) {
      parts.push_back(
          {&layer.gate_up_bias, {{mlp + "gate_proj.bias", F}, {mlp + "up_proj.bias", F}}});
      parts.push_back({&layer.down_bias, {{mlp + "down_proj.bias", C}}});
    }
  }
  parts.push_back({final_norm, {{"model.norm.weight", C}}});
  if (!config.tie_word_embeddings) parts.push_back({logits, {{"lm_head.weight", V * C}}});
  return parts;
}

std::size_t bytes_of(const Part& part, DType dtype) {
  std::size_t elements = 0;
  for (const auto& [name, count] : part.tensors) elements += static_cast<std::size_t>(count);
  const std::size_t bytes = elements * size_of(dtype);
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

}  // namespace

std::size_t Weights::bytes(const ModelConfig& config, DType dtype) {
  void* ignored = nullptr;
  std::vector<LayerWeights> layers;
  std::size_t total = 0;
  for (const Part& part : parts_of(config, &ignored, layers, &ignored, &ignored)) {
    total += bytes_of(part, dtype);
  }
  return total;
}

Weights::Weights(const WeightSource& source, DType dtype, const Stream& stream)
    : memory_(bytes(source.config(), dtype), "weights") {
  constexpr std::int64_t kStagingElements = 16 << 20;
  constexpr std::int64_t kChunkElements = 256 << 10;
  const std::size_t item = size_of(dtype);
  std::vector<std::byte> staging;
  std::byte* next = memory_.data();
  for (const Part& part : parts_of(source.config(), &embedding, layers, &final_norm, &logits)) {
    *part.pointer = next;
    std::byte* to = next;
    next += bytes_of(part, dtype);
    for (const auto& [name, elements] : part.tensors) {
      for (std::int64_t first = 0; first < elements; first += kStagingElements) {
        const std::int64_t count = std::min(kStagingElements, elements - first);
        staging.resize(static_cast<std::size_t>(count) * item);
        parallel_chunks(count, kChunkElements,
                        [&, &tensor = name](std::int64_t begin, std::int64_t n) {
                          source.read(tensor, first + begin, n, dtype,
                                      staging.data() + static_cast<std::size_t>(begin) * item);
                        });
        copy_to_device(to, staging.data(), staging.size(), stream);
        stream.synchronize();
        to += staging.size();
      }
    }
  }
  if (logits == nullptr) logits = embedding;
}

}  // namespace assay
