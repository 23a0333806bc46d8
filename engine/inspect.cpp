#include "engine/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace assay {
namespace {

std::string in_units(std::size_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1U << 30) return fmt::format("{:.2f} GiB", value / (1U << 30));
  if (bytes >= 1U << 20) return fmt::format("{:.2f} MiB", value / (1U << 20));
  return fmt::format("{:.2f} KiB", value / 1024);
}

}  // namespace

MemoryForecast forecast_memory(const ModelConfig& config, const RunOptions& options) {
  MemoryForecast forecast;
  forecast.weights_bytes = Weights::bytes(config, options.dtype);
  forecast.kv_cache_bytes =
      KvCache::bytes(config, options.dtype, options.max_batch, cache_slots(options));
  forecast.arena_bytes =
      plan_activations(config, options.dtype, activation_limits(options)).total_bytes;
  return forecast;
}

std::string describe_config(const ModelConfig& config) {
  std::int64_t parameters = 0;
  for (const WeightSpec& spec : expected_weights(config)) parameters += element_count(spec.shape);
  std::string text;
  const auto line = [&](const char* name, const auto& value) {
    fmt::format_to(std::back_inserter(text), "{:26}{}\n", name, value);
  };
  line("parameters", parameters);
  line("vocab_size (V)", config.vocab_size);
  line("hidden_size (C)", config.hidden_size);
  line("intermediate_size (F)", config.intermediate_size);
  line("num_hidden_layers (L)", config.num_hidden_layers);
  line("num_attention_heads (H)", config.num_attention_heads);
  line("num_key_value_heads (G)", config.num_key_value_heads);
  line("head_dim (D)", config.head_dim);
  line("max_position_embeddings", config.max_position_embeddings);
  line("context length", config.context_length());
  line("rms_norm_eps", config.rms_norm_eps);
  line("rope_theta", config.rope_theta);
  line("rope scaling",
       config.rope_scaling == RopeScaling::kNone
           ? "none"
           : fmt::format("{} by {}",
                         config.rope_scaling == RopeScaling::kLinear ? "linear" : "dynamic",
                         config.rope_factor));
  line("attention_bias", config.attention_bias);
  line("mlp_bias", config.mlp_bias);
  line("tie_word_embeddings", config.tie_word_embeddings);
  line("dtype", name_of(config.dtype));
  line("stop tokens", fmt::format("{}", fmt::join(config.eos_token_ids, ", ")));
  return text;
}

std::string describe_tensors(const Checkpoint& checkpoint) {
  std::string text;
  for (const SafetensorsFile& file : checkpoint.files()) {
    fmt::format_to(std::back_inserter(text), "{}\n", file.path().string());
    for (const auto& [name, entry] : file.tensors()) {
      fmt::format_to(std::back_inserter(text), "  {:58}{:6}{}\n", name, entry.dtype_name,
                     to_string(entry.shape));
    }
  }
  return text;
}

std::string describe_memory(const ModelConfig& config, const RunOptions& options) {
  const MemoryForecast forecast = forecast_memory(config, options);
  const MemoryPlan plan = plan_activations(config, options.dtype, activation_limits(options));
  std::string text = fmt::format(
      "device memory for {} sequence(s) of {} tokens in {}, prefill chunks of {}\n",
      options.max_batch, options.max_seq, name_of(options.dtype), activation_limits(options).t_max);
  const auto line = [&](const char* name, std::size_t bytes) {
    fmt::format_to(std::back_inserter(text), "  {:20}{:>16} bytes  {:>12}\n", name, bytes,
                   in_units(bytes));
  };
  line("weights", forecast.weights_bytes);
  line("kv cache", forecast.kv_cache_bytes);
  line("arena", forecast.arena_bytes);
  line("total", forecast.total_bytes());
  fmt::format_to(std::back_inserter(text),
                 "\narena, shared by lifetime ({} without sharing)\n  {:28}{:>16}{:>16}  {}\n",
                 in_units(plan.unshared_bytes()), "tensor", "offset", "bytes", "first..last op");
  for (const PlannedTensor& t : plan.tensors) {
    fmt::format_to(std::back_inserter(text), "  {:28}{:>16}{:>16}  {}..{}\n", t.name, t.offset,
                   t.bytes, t.first_use, t.last_use);
  }
  return text;
}

}  // namespace assay
