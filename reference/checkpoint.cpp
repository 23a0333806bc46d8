// Hugging Face's names and shapes on one side, the merged weights of Llama on the other.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <set>

#include "kernels/device/error.h"
#include "reference/files.h"
#include "reference/llama.h"

namespace assay::reference {
namespace {

namespace fs = std::filesystem;

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "(";
  for (const std::int64_t size : shape) text += (text.size() > 1 ? "," : "") + std::to_string(size);
  return text + ")";
}

TensorMap read_folder(const fs::path& folder) {
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index)) return read_safetensors(folder / "model.safetensors");
  std::set<std::string> shards;
  try {
    const auto names = nlohmann::json::parse(read_file(index)).at("weight_map");
    for (const auto& [name, shard] : names.items()) shards.insert(shard.get<std::string>());
  } catch (const nlohmann::json::exception& e) {
    throw InputError(index.string() + ": " + e.what());
  }
  TensorMap tensors;
  for (const std::string& shard : shards) tensors.merge(read_safetensors(folder / shard));
  return tensors;
}

}  // namespace

Llama from_tensors(const Config& config, const TensorMap& tensors, const std::string& source,
                   at::ScalarType dtype, const at::Device& device) {
  const auto take = [&](const std::string& name, std::vector<std::int64_t> shape) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw InputError(source + ": tensor " + name + " is missing");
    if (found->second.sizes() != at::IntArrayRef(shape)) {
      throw InputError(source + ": tensor " + name + " has shape " +
                       shape_text(found->second.sizes()) + ", the config asks for " +
                       shape_text(shape));
    }
    return found->second.to(device, dtype);
  };
  const std::int64_t C = config.hidden_size;
  const std::int64_t F = config.intermediate_size;
  const std::int64_t q_width = config.heads * config.head_dim;
  const std::int64_t kv_width = config.kv_heads * config.head_dim;

  Llama model;
  model.config = config;
  model.embedding = take("model.embed_tokens.weight", {config.vocab_size, C});
  model.final_norm = take("model.norm.weight", {C});
  model.lm_head =
      config.tie_word_embeddings ? model.embedding : take("lm_head.weight", {config.vocab_size, C});
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    Layer w;
    w.attention_norm = take(prefix + "input_layernorm.weight", {C});
    w.qkv = at::cat({take(attention + "q_proj.weight", {q_width, C}),
                     take(attention + "k_proj.weight", {kv_width, C}),
                     take(attention + "v_proj.weight", {kv_width, C})});
    w.output = take(attention + "o_proj.weight", {C, q_width});
    w.feed_forward_norm = take(prefix + "post_attention_layernorm.weight", {C});
    w.gate_up =
        at::cat({take(mlp + "gate_proj.weight", {F, C}), take(mlp + "up_proj.weight", {F, C})});
    w.down = take(mlp + "down_proj.weight", {C, F});
    if (config.attention_bias) {
      w.qkv_bias = at::cat({take(attention + "q_proj.bias", {q_width}),
                            take(attention + "k_proj.bias", {kv_width}),
                            take(attention + "v_proj.bias", {kv_width})});
      w.output_bias = take(attention + "o_proj.bias", {C});
    }
    if (config.mlp_bias) {
      w.gate_up_bias =
          at::cat({take(mlp + "gate_proj.bias", {F}), take(mlp + "up_proj.bias", {F})});
      w.down_bias = take(mlp + "down_proj.bias", {C});
    }
    model.layers.push_back(std::move(w));
  }
  return model;
}

Llama load(const fs::path& folder, at::ScalarType dtype, const at::Device& device) {
  const Config config = read_config(folder / "config.json");
  return from_tensors(config, read_folder(folder), folder.string(), dtype, device);
}

TensorMap Llama::to_hugging_face() const {
  const std::int64_t q_width = config.heads * config.head_dim;
  const std::int64_t kv_width = config.kv_heads * config.head_dim;
  TensorMap tensors{{"model.embed_tokens.weight", embedding}, {"model.norm.weight", final_norm}};
  if (!config.tie_word_embeddings) tensors["lm_head.weight"] = lm_head;
  const auto split = [&](const at::Tensor& merged, const std::vector<std::int64_t>& sizes,
                         const std::vector<std::string>& names) {
    if (!merged.defined()) return;
    const auto parts = merged.split_with_sizes(sizes);
    for (std::size_t i = 0; i < names.size(); ++i) tensors[names[i]] = parts[i];
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& w = layers[i];
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    tensors[prefix + "input_layernorm.weight"] = w.attention_norm;
    tensors[prefix + "post_attention_layernorm.weight"] = w.feed_forward_norm;
    for (const char* kind : {"weight", "bias"}) {
      const bool bias = kind == std::string("bias");
      split(bias ? w.qkv_bias : w.qkv, {q_width, kv_width, kv_width},
            {attention + "q_proj." + kind, attention + "k_proj." + kind,
             attention + "v_proj." + kind});
      split(bias ? w.output_bias : w.output, {config.hidden_size}, {attention + "o_proj." + kind});
      split(bias ? w.gate_up_bias : w.gate_up, {config.intermediate_size, config.intermediate_size},
            {mlp + "gate_proj." + kind, mlp + "up_proj." + kind});
      split(bias ? w.down_bias : w.down, {config.hidden_size}, {mlp + "down_proj." + kind});
    }
  }
  return tensors;
}

}  // namespace assay::reference
