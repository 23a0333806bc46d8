// A model's weights in device memory: one allocation, merged as the forward pass wants them.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/checkpoint.h"
#include "kernels/device/buffer.h"

namespace assay {

/// Pointers into the allocation, row-major, in the model's dtype; a bias is null where the config
/// has none.
struct LayerWeights {
  void* attention_norm = nullptr;     // (C)
  void* qkv = nullptr;                // ((H + 2G) D, C): q, k and v heads
  void* qkv_bias = nullptr;           // ((H + 2G) D)
  void* output = nullptr;             // (C, H D)
  void* output_bias = nullptr;        // (C)
  void* feed_forward_norm = nullptr;  // (C)
  void* gate_up = nullptr;            // (2F, C): gate, then up
  void* gate_up_bias = nullptr;       // (2F)
  void* down = nullptr;               // (C, F)
  void* down_bias = nullptr;          // (C)
};

class Weights {
 public:
  /// Uploads all of `source`, converted to `dtype`, through a staging buffer of a few dozen MiB.
  Weights(const WeightSource& source, DType dtype, const Stream& stream);

  /// Size of the one allocation for a model of this config, in bytes.
  static std::size_t bytes(const ModelConfig& config, DType dtype);

  void* embedding = nullptr;  // (V, C)
  std::vector<LayerWeights> layers;
  void* final_norm = nullptr;  // (C)
  void* logits = nullptr;      // (V, C); the embedding where they are tied

 private:
  DeviceBuffer<std::byte> memory_;
};

}  // namespace assay
