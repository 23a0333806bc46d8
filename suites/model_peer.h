// The forward pass as a program on LibTorch writes it for speed, on the engine's own weights and
// cache: with which times of the engine are compared.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/llama.h"
#include "suites/model_oracle.h"

namespace assay::suites {

/// Weights merged as the engine has them, LibTorch's fused rms_norm and
/// scaled_dot_product_attention, cosines and sines at hand, keys and values written to the cache in
/// place. A decode step is a CUDA graph, as the engine's is; a prefill is not, as the engine's is
/// not.
class ModelPeer {
 public:
  /// A batch of `batch` equal sequences: the last `q_len` tokens of `prompt` after all before them,
  /// which the engine's cache holds (q_len is 1, or the whole prompt). Runs one step, which writes
  /// to the cache. `llama` must outlive this. Throws Error with LibTorch's words, out of memory
  /// among them, and for rope scaling, which it has not.
  ModelPeer(Llama& llama, const std::vector<int>& prompt, int batch, int q_len);
  ~ModelPeer();
  ModelPeer(const ModelPeer&) = delete;
  ModelPeer& operator=(const ModelPeer&) = delete;

  /// Logits (B, V) of the constructor's step, in fp32.
  std::vector<float> logits() const;

  /// A step as its caller sees it: the tokens go to the device, the next ones (B) come back.
  std::vector<int> step();

  /// Records `passes` passes over the first `layers` layers, of each this block on the embeddings;
  /// replay_block() queues them.
  void record_block(Block block, std::size_t layers, std::size_t passes);
  void replay_block() const;
  /// The stream (B*T, C) behind the block of the last of these layers, in fp32.
  std::vector<float> block_values() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay::suites
