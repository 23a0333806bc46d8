#include "reference/config.h"

#include <nlohmann/json.hpp>

#include "kernels/device/error.h"
#include "reference/files.h"

namespace assay::reference {
namespace {

using nlohmann::json;

template <typename T>
T need(const json& object, const char* key, const std::string& source) {
  if (!object.contains(key) || object[key].is_null()) {
    throw InputError(source + ": field " + key + " is missing");
  }
  return object[key].get<T>();
}

template <typename T>
T get_or(const json& object, const char* key, T fallback) {
  return object.contains(key) && !object[key].is_null() ? object[key].get<T>() : fallback;
}

void read_rope(const json& rope, const std::string& source, Config* config) {
  config->rope_theta = get_or(rope, "rope_theta", config->rope_theta);
  const std::string kind =
      get_or<std::string>(rope, "rope_type", get_or<std::string>(rope, "type", "default"));
  if (kind == "default") return;
  config->rope_factor = need<double>(rope, "factor", source);
  if (kind == "linear") {
    config->rope_kind = RopeKind::kLinear;
  } else if (kind == "dynamic") {
    config->rope_kind = RopeKind::kDynamic;
  } else if (kind == "llama3") {
    config->rope_kind = RopeKind::kLlama3;
    config->rope_low_freq_factor = need<double>(rope, "low_freq_factor", source);
    config->rope_high_freq_factor = need<double>(rope, "high_freq_factor", source);
    config->rope_original_context = need<double>(rope, "original_max_position_embeddings", source);
  } else {
    throw InputError(source + ": rope scaling " + kind + " is not supported");
  }
}

}  // namespace

Config parse_config(const std::string& json_text, const std::string& source) {
  const json object = json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw InputError(source + ": is not a JSON object");
  Config config;
  try {
    const auto model_type = get_or<std::string>(object, "model_type", "llama");
    if (model_type != "llama") {
      throw InputError(source + ": model_type " + model_type + " is not llama");
    }
    const auto activation = get_or<std::string>(object, "hidden_act", "silu");
    if (activation != "silu")
      throw InputError(source + ": hidden_act " + activation + " is not silu");
    config.vocab_size = need<std::int64_t>(object, "vocab_size", source);
    config.hidden_size = need<std::int64_t>(object, "hidden_size", source);
    config.intermediate_size = need<std::int64_t>(object, "intermediate_size", source);
    config.layers = need<std::int64_t>(object, "num_hidden_layers", source);
    config.heads = need<std::int64_t>(object, "num_attention_heads", source);
    config.kv_heads = get_or(object, "num_key_value_heads", config.heads);
    config.head_dim = get_or(object, "head_dim", config.hidden_size / config.heads);
    config.max_position_embeddings = get_or<std::int64_t>(object, "max_position_embeddings", 2048);
    config.rms_norm_eps = get_or(object, "rms_norm_eps", config.rms_norm_eps);
    config.tie_word_embeddings = get_or(object, "tie_word_embeddings", false);
    config.attention_bias = get_or(object, "attention_bias", false);
    config.mlp_bias = get_or(object, "mlp_bias", false);
    config.dtype =
        get_or<std::string>(object, "dtype", get_or<std::string>(object, "torch_dtype", "float32"));
    config.rope_theta = get_or(object, "rope_theta", config.rope_theta);
    for (const char* key : {"rope_scaling", "rope_parameters"}) {
      if (object.contains(key) && !object[key].is_null()) read_rope(object[key], source, &config);
    }
  } catch (const json::exception& e) {
    throw InputError(source + ": a field has the wrong type: " + e.what());
  }
  return config;
}

Config read_config(const std::filesystem::path& path) {
  return parse_config(read_file(path), path.string());
}

}  // namespace assay::reference
