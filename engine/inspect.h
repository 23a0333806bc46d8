// What a model is and what memory it will take, in words. Needs no device.
#pragma once

#include <cstddef>
#include <string>

#include "engine/checkpoint.h"
#include "engine/llama.h"

namespace assay {

/// Device memory of a Llama made with these options, in bytes.
struct MemoryForecast {
  std::size_t weights_bytes = 0;
  std::size_t kv_cache_bytes = 0;
  std::size_t arena_bytes = 0;
  std::size_t total_bytes() const { return weights_bytes + kv_cache_bytes + arena_bytes; }
};
MemoryForecast forecast_memory(const ModelConfig& config, const RunOptions& options);

/// The config, field by field.
std::string describe_config(const ModelConfig& config);

/// Every tensor of a checkpoint: name, dtype, shape, file.
std::string describe_tensors(const Checkpoint& checkpoint);

/// The forecast and the arena's tensors: offset, bytes, lifetime.
std::string describe_memory(const ModelConfig& config, const RunOptions& options);

}  // namespace assay
