// Where weights come from: a Hugging Face checkpoint on disk, or a seeded generator.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/config.h"
#include "engine/safetensors.h"

namespace assay {

/// A tensor that a model of some config must have, under its Hugging Face name.
struct WeightSpec {
  std::string name;
  TensorShape shape;
};

/// Every tensor of the model, in the order of the forward pass. lm_head.weight is left out when it
/// is tied to the embedding.
std::vector<WeightSpec> expected_weights(const ModelConfig& config);

/// Supplies the weights of one model, whole or in slices, in any floating dtype.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const ModelConfig& config() const = 0;
  /// Writes elements [first, first + count) of the tensor to `out`, converted to `dtype`. May be
  /// called from several threads. The name must be one of expected_weights(config()).
  virtual void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
                    void* out) const = 0;
};

/// A checkpoint folder: config.json with model.safetensors, or with the shards that
/// model.safetensors.index.json lists. Files are mapped, not read; the constructor checks all of
/// them against the config (every tensor present, of the right shape, in F32, F16 or BF16, none
/// left over) and throws InputError naming the file, what was expected and what was found.
class Checkpoint final : public WeightSource {
 public:
  explicit Checkpoint(const std::filesystem::path& folder);

  const ModelConfig& config() const override { return config_; }
  void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
            void* out) const override;

  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<SafetensorsFile>& files() const { return files_; }

 private:
  struct Tensor {
    const SafetensorsEntry* entry;
    const SafetensorsFile* file;
    DType dtype;
  };
  void open_files();
  void check_weights();

  std::filesystem::path folder_;
  ModelConfig config_;
  std::vector<SafetensorsFile> files_;
  std::unordered_map<std::string, Tensor> tensors_;
};

}  // namespace assay
