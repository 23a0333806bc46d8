// What a Hugging Face config.json says about a Llama, in both generations of its spelling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace assay::reference {

enum class RopeKind { kDefault, kLinear, kDynamic, kLlama3 };

struct Config {
  std::int64_t vocab_size = 0;               // V
  std::int64_t hidden_size = 0;              // C
  std::int64_t intermediate_size = 0;        // F
  std::int64_t layers = 0;                   // L
  std::int64_t heads = 0;                    // H
  std::int64_t kv_heads = 0;                 // G
  std::int64_t head_dim = 0;                 // D
  std::int64_t max_position_embeddings = 0;  // context that rope scaling refers to
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::string dtype = "float32";  // of the stored weights

  double rope_theta = 10000.0;
  RopeKind rope_kind = RopeKind::kDefault;
  double rope_factor = 1.0;
  // llama3 only
  double rope_low_freq_factor = 1.0;
  double rope_high_freq_factor = 4.0;
  double rope_original_context = 0.0;
};

/// Throws InputError, naming `source`, for a missing field or a feature that is not supported.
Config parse_config(const std::string& json_text, const std::string& source);
Config read_config(const std::filesystem::path& path);

}  // namespace assay::reference
