#include "reference/hashed_checkpoint.h"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/device/error.h"
#include "reference/config.h"
#include "reference/files.h"
#include "reference/safetensors.h"

namespace assay::reference {
namespace {

std::uint64_t mix(std::uint64_t z) {  // SplitMix64's finalizer
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

at::Tensor hashed_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  double scale = 0.25;  // biases
  double offset = 0.0;
  if (ends_with(name, "norm.weight")) {
    offset = 1.0;
  } else if (name == "model.embed_tokens.weight") {
    scale = 1.0;
  } else if (shape.size() == 2) {
    scale = 2.0 / std::sqrt(static_cast<double>(shape[1]));
  }
  const at::Tensor tensor = at::empty(shape);
  float* data = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    data[i] = hashed_weight(name, static_cast<std::uint64_t>(i), scale, offset);
  }
  return tensor.to(at::kBFloat16);
}

}  // namespace

float hashed_weight(const std::string& name, std::uint64_t index, double scale, double offset) {
  const std::uint64_t bits = mix(fnv1a(name) + (index + 1) * 0x9E3779B97F4A7C15u);
  const double unit = static_cast<double>(bits >> 40) * 0x1p-23 - 1.0;
  return static_cast<float>(unit * scale + offset);
}

void write_hashed_checkpoint(const std::string& config_json, const std::filesystem::path& folder) {
  const Config config = parse_config(config_json, "config of " + folder.string());
  TensorMap tensors;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    tensors[name] = hashed_tensor(name, shape);
  };
  const auto projection = [&](const std::string& name, std::int64_t n, std::int64_t k, bool bias) {
    add(name + ".weight", {n, k});
    if (bias) add(name + ".bias", {n});
  };
  const std::int64_t C = config.hidden_size;
  const std::int64_t F = config.intermediate_size;
  const std::int64_t q_width = config.heads * config.head_dim;
  const std::int64_t kv_width = config.kv_heads * config.head_dim;
  add("model.embed_tokens.weight", {config.vocab_size, C});
  add("model.norm.weight", {C});
  if (!config.tie_word_embeddings) add("lm_head.weight", {config.vocab_size, C});
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    add(prefix + "input_layernorm.weight", {C});
    add(prefix + "post_attention_layernorm.weight", {C});
    projection(prefix + "self_attn.q_proj", q_width, C, config.attention_bias);
    projection(prefix + "self_attn.k_proj", kv_width, C, config.attention_bias);
    projection(prefix + "self_attn.v_proj", kv_width, C, config.attention_bias);
    projection(prefix + "self_attn.o_proj", C, q_width, config.attention_bias);
    projection(prefix + "mlp.gate_proj", F, C, config.mlp_bias);
    projection(prefix + "mlp.up_proj", F, C, config.mlp_bias);
    projection(prefix + "mlp.down_proj", C, F, config.mlp_bias);
  }
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw InputError(folder.string() + ": cannot be made: " + failed.message());
  write_file(folder / "config.json", config_json);
  write_safetensors(folder / "model.safetensors", tensors);
}

}  // namespace assay::reference
