#include "engine/checkpoint.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "engine/convert.h"
#include "engine/files.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

/// Tensors of older checkpoints that hold no weights: they are recomputed from the config.
bool is_derived(const std::string& name) { return name.ends_with(".rotary_emb.inv_freq"); }

/// shard file -> the tensors that the index says it holds.
std::map<std::string, std::set<std::string>> read_index(const std::filesystem::path& path) {
  const nlohmann::json index = read_json_object(path);
  const auto weights = index.find("weight_map");
  if (weights == index.end() || !weights->is_object() || weights->empty()) {
    throw InputError(fmt::format("{}: expected an object 'weight_map' of tensor to file, found {}",
                                 path.string(),
                                 weights == index.end() ? "none" : weights->dump().substr(0, 80)));
  }
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, file] : weights->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos) {
      throw InputError(
          fmt::format("{}: tensor '{}': expected the name of a file beside it, found {}",
                      path.string(), tensor, file.dump()));
    }
    shards[name].insert(tensor);
  }
  return shards;
}

}  // namespace

std::vector<WeightSpec> expected_weights(const ModelConfig& config) {
  const std::int64_t V = config.vocab_size;
  const std::int64_t C = config.hidden_size;
  const std::int64_t F = config.intermediate_size;
  const std::int64_t q_width = config.attention_width();
  const std::int64_t kv_width = std::int64_t{config.num_key_value_heads} * config.head_dim;
  std::vector<WeightSpec> specs;
  specs.push_back({"model.embed_tokens.weight", {V, C}});
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    const auto linear = [&](const std::string& name, std::int64_t n, std::int64_t k, bool bias) {
      specs.push_back({prefix + name + ".weight", {n, k}});
      if (bias) specs.push_back({prefix + name + ".bias", {n}});
    };
    specs.push_back({prefix + "input_layernorm.weight", {C}});
    linear("self_attn.q_proj", q_width, C, config.attention_bias);
    linear("self_attn.k_proj", kv_width, C, config.attention_bias);
    linear("self_attn.v_proj", kv_width, C, config.attention_bias);
    linear("self_attn.o_proj", C, q_width, config.attention_bias);
    specs.push_back({prefix + "post_attention_layernorm.weight", {C}});
    linear("mlp.gate_proj", F, C, config.mlp_bias);
    linear("mlp.up_proj", F, C, config.mlp_bias);
    linear("mlp.down_proj", C, F, config.mlp_bias);
  }
  specs.push_back({"model.norm.weight", {C}});
  if (!config.tie_word_embeddings) specs.push_back({"lm_head.weight", {V, C}});
  return specs;
}

Checkpoint::Checkpoint(const std::filesystem::path& folder)
    : folder_(folder), config_(load_config(folder)) {
  open_files();
  check_weights();
}

void Checkpoint::open_files() {
  const std::filesystem::path index = folder_ / kIndexName;
  std::error_code ignored;
  std::map<std::string, std::set<std::string>> shards;
  if (std::filesystem::exists(index, ignored)) {
    shards = read_index(index);
  } else if (std::filesystem::exists(folder_ / kSingleName, ignored)) {
    shards[kSingleName] = {};
  } else {
    throw InputError(fmt::format("{}: expected {} or {}, found neither{}", folder_.string(),
                                 kSingleName, kIndexName,
                                 std::filesystem::exists(folder_ / "pytorch_model.bin", ignored)
                                     ? "; pytorch_model.bin is not read: convert it to safetensors"
                                     : ""));
  }
  files_.reserve(shards.size());
  for (const auto& [name, listed] : shards) {
    const std::filesystem::path path = folder_ / name;
    if (!std::filesystem::exists(path, ignored)) {
      throw InputError(
          fmt::format("{}: shard missing: {} says that it holds {} tensors, such as '{}'",
                      path.string(), index.string(), listed.size(), *listed.begin()));
    }
    const SafetensorsFile& file = files_.emplace_back(path);
    for (const std::string& tensor : listed) {
      if (file.tensors().count(tensor) == 0) {
        throw InputError(fmt::format("{}: tensor '{}' missing: {} says that this shard holds it",
                                     path.string(), tensor, index.string()));
      }
    }
  }
}

void Checkpoint::check_weights() {
  std::unordered_map<std::string, TensorShape> expected;
  for (WeightSpec& spec : expected_weights(config_)) expected.emplace(spec.name, spec.shape);
  for (const SafetensorsFile& file : files_) {
    for (const auto& [name, entry] : file.tensors()) {
      if (is_derived(name) || (config_.tie_word_embeddings && name == "lm_head.weight")) continue;
      const std::string what = fmt::format("{}: tensor '{}'", file.path().string(), name);
      const auto spec = expected.find(name);
      if (spec == expected.end()) {
        throw InputError(fmt::format("{}: not part of the model that {} describes", what,
                                     (folder_ / "config.json").string()));
      }
      if (entry.shape != spec->second) {
        throw InputError(fmt::format("{}: expected shape {} after config.json, found {}", what,
                                     to_string(spec->second), to_string(entry.shape)));
      }
      if (entry.dtype_name != "F32" && entry.dtype_name != "F16" && entry.dtype_name != "BF16") {
        throw InputError(
            fmt::format("{}: expected dtype F32, F16 or BF16, found {}", what, entry.dtype_name));
      }
      if (!tensors_.emplace(name, Tensor{&entry, &file, parse_dtype(entry.dtype_name, what)})
               .second) {
        throw InputError(
            fmt::format("{}: is in {} as well", what, tensors_.at(name).file->path().string()));
      }
    }
  }
  for (const WeightSpec& spec : expected_weights(config_)) {
    if (tensors_.count(spec.name) != 0) continue;
    const std::string where = files_.size() == 1
                                  ? files_.front().path().string()
                                  : fmt::format("{} ({} shards)", folder_.string(), files_.size());
    throw InputError(fmt::format("{}: tensor '{}' of shape {} missing", where, spec.name,
                                 to_string(spec.shape)));
  }
}

void Checkpoint::read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
                      void* out) const {
  const Tensor& tensor = tensors_.at(name);
  const std::byte* from =
      tensor.entry->data + static_cast<std::size_t>(first) * size_of(tensor.dtype);
  convert(dtype, out, tensor.dtype, from, static_cast<std::size_t>(count));
}

}  // namespace assay
