// Published shapes of Llama 2, and two small ones.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "engine/config.h"
#include "kernels/device/error.h"

namespace assay {

ModelConfig preset_config(std::string_view name) {
  struct Preset {
    std::string_view name;
    int V, C, F, L, H, G, context;
  };
  constexpr std::array kPresets = {
      Preset{"tiny", 256, 64, 176, 2, 4, 2, 256},
      Preset{"1b", 32000, 2048, 5632, 22, 32, 4, 2048},
      Preset{"7b", 32000, 4096, 11008, 32, 32, 32, 4096},
      Preset{"13b", 32000, 5120, 13824, 40, 40, 40, 4096},
      Preset{"70b", 32000, 8192, 28672, 80, 64, 8, 4096},
  };
  std::vector<std::string_view> names;
  for (const Preset& p : kPresets) {
    names.push_back(p.name);
    if (p.name != name) continue;
    ModelConfig config;
    config.vocab_size = p.V;
    config.hidden_size = p.C;
    config.intermediate_size = p.F;
    config.num_hidden_layers = p.L;
    config.num_attention_heads = p.H;
    config.num_key_value_heads = p.G;
    config.head_dim = p.C / p.H;
    config.max_position_embeddings = p.context;
    config.rms_norm_eps = 1e-5F;
    config.dtype = DType::kF16;
    return config;
  }
  throw InputError(
      fmt::format("unknown preset \"{}\"; expected one of {}", name, fmt::join(names, ", ")));
}

}  // namespace assay
