// Keys and values of every token so far, for every layer: one allocation.
#pragma once

#include <cstddef>

#include "engine/config.h"
#include "kernels/device/buffer.h"

namespace assay {

class KvCache {
 public:
  /// Room for `s_max` tokens of each of `batch` sequences.
  KvCache(const ModelConfig& config, DType dtype, int batch, int s_max)
      : side_bytes_(bytes(config, dtype, batch, s_max) /
                    (2 * static_cast<std::size_t>(config.num_hidden_layers))),
        memory_(bytes(config, dtype, batch, s_max), "kv_cache") {}

  static std::size_t bytes(const ModelConfig& config, DType dtype, int batch, int s_max) {
    return 2 * static_cast<std::size_t>(config.num_hidden_layers) *
           static_cast<std::size_t>(batch) * static_cast<std::size_t>(config.num_key_value_heads) *
           static_cast<std::size_t>(s_max) * static_cast<std::size_t>(config.head_dim) *
           size_of(dtype);
  }

  void* k(int layer) { return side(2 * layer); }      // (B, G, S_max, D)
  void* v(int layer) { return side(2 * layer + 1); }  // (B, G, S_max, D)

 private:
  void* side(int index) { return memory_.data() + static_cast<std::size_t>(index) * side_bytes_; }

  std::size_t side_bytes_;
  DeviceBuffer<std::byte> memory_;
};

}  // namespace assay
