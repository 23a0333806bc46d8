// The smallest model with every part, for tests: GQA, a few hundred weights.
#pragma once

#include "engine/config.h"

namespace assay::testing {

inline ModelConfig tiny_config() {
  ModelConfig config;
  config.vocab_size = 48;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  config.max_position_embeddings = 32;
  config.rms_norm_eps = 1e-5F;
  config.dtype = DType::kF32;
  return config;
}

}  // namespace assay::testing
