// A Llama 2 model's shape, from the config.json of a Hugging Face checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device/dtype.h"

namespace assay {

enum class RopeScaling : std::uint8_t { kNone, kLinear, kDynamic };

/// Field names are Hugging Face's; the shape letter of each is that of contracts and kernels.
struct ModelConfig {
  int vocab_size = 0;               // V
  int hidden_size = 0;              // C
  int intermediate_size = 0;        // F
  int num_hidden_layers = 0;        // L
  int num_attention_heads = 0;      // H
  int num_key_value_heads = 0;      // G, a divisor of H
  int head_dim = 0;                 // D, even; H*D need not equal C
  int max_position_embeddings = 0;  // the context that the model was trained for
  float rms_norm_eps = 0.0F;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling = RopeScaling::kNone;
  double rope_factor = 1.0;  // >= 1; linear: positions / factor; dynamic: NTK, see rope_frequencies
  bool attention_bias = false;
  bool mlp_bias = false;
  bool tie_word_embeddings = false;
  DType dtype = DType::kF32;  // the dtype that the checkpoint states
  int bos_token_id = 1;       // -1: none
  std::vector<int> eos_token_ids{2};

  /// Width of one row of the merged Q, K and V: (H + 2G) D.
  int qkv_width() const { return (num_attention_heads + 2 * num_key_value_heads) * head_dim; }
  /// Width of the attention output before the o projection: H D.
  int attention_width() const { return num_attention_heads * head_dim; }
  /// The longest sequence that the model is meant for: the trained context, times the factor when
  /// rope scaling stretches it.
  int context_length() const;
};

/// Parses the `config.json` of either generation of Transformers (rope_theta, rope_scaling and
/// torch_dtype; or rope_parameters and dtype). Optional fields take LlamaConfig's defaults; a field
/// that would change the maths in a way this engine does not compute, and any field it does not
/// know, is refused by name. `file` is only for messages. Throws InputError.
ModelConfig parse_config(std::string_view json, const std::string& file);

/// Reads <folder>/config.json, and the stop tokens of generation_config.json where there is one.
ModelConfig load_config(const std::filesystem::path& folder);

/// The config.json that load_config reads back into the same value (first-generation keys).
std::string config_to_json(const ModelConfig& config);

/// inv_freq[i] (D/2), the angle per position of each pair, as Transformers' rope_init functions
/// compute it in fp32: theta^(-2i/D); linear scaling divides it by the factor; dynamic scaling (NTK
/// aware, Transformers' `_compute_dynamic_ntk_parameters`) raises theta once `length`, the tokens
/// in use, exceeds max_position_embeddings.
std::vector<float> rope_frequencies(const ModelConfig& config, int length);

/// "7b", "13b", "70b", "1b", "tiny": shapes for make-random. Throws InputError listing the names.
ModelConfig preset_config(std::string_view name);

/// "fp32", "fp16", "bf16" and the spellings of checkpoints ("float16", "F16" ...). `where` starts
/// the message of the InputError.
DType parse_dtype(std::string_view name, const std::string& where);

}  // namespace assay
