// Seeded random weights of any Llama 2 shape, for speed work and tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "engine/checkpoint.h"

namespace assay {

/// Element i of a tensor depends on seed, the tensor's name and i alone, so any slice can be made
/// anywhere, in any order: approximately normal (the sum of four uniforms), standard deviation 0.02
/// for matrices and biases; norm weights are 1 plus that.
class RandomWeights final : public WeightSource {
 public:
  RandomWeights(ModelConfig config, std::uint64_t seed);

  const ModelConfig& config() const override { return config_; }
  void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
            void* out) const override;

 private:
  ModelConfig config_;
  std::uint64_t seed_;
};

/// Writes a checkpoint folder with the config's dtype: config.json and model.safetensors, or shards
/// of at most `shard_bytes` each (0: one file) with their index; and `others`, files by name with
/// their contents. Streams to disk: memory use does not depend on the model's size. Throws
/// InputError if the folder cannot be written, or holds a checkpoint or one of `others` already. On
/// any error, files and folders that it has made are removed.
void write_checkpoint(const std::filesystem::path& folder, const WeightSource& weights,
                      std::uint64_t shard_bytes,
                      const std::map<std::string, std::string>& others = {});

}  // namespace assay
