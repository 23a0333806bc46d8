// Llama 2 in LibTorch: plain, short and slow, to compare with. One sequence at a time, no KV cache:
// a step of generation is a forward pass over everything so far.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "reference/config.h"
#include "reference/safetensors.h"

namespace assay::reference {

/// Called with each intermediate's name, as the engine names it, and its value.
using TapFn = std::function<void(const std::string&, const at::Tensor&)>;

/// A bias that the config lacks is an undefined tensor.
struct Layer {
  at::Tensor attention_norm;         // (C)
  at::Tensor qkv, qkv_bias;          // ((H+2G)*D,C), ((H+2G)*D)
  at::Tensor output, output_bias;    // (C,H*D), (C)
  at::Tensor feed_forward_norm;      // (C)
  at::Tensor gate_up, gate_up_bias;  // (2F,C), (2F)
  at::Tensor down, down_bias;        // (C,F), (C)
};

struct Llama {
  Config config;
  at::Tensor embedding;  // (V,C)
  std::vector<Layer> layers;
  at::Tensor final_norm;  // (C)
  at::Tensor lm_head;     // (V,C), the embedding itself where tied

  /// tokens (T) of one sequence -> logits (T,V). `prefill` matters to dynamic rope scaling alone:
  /// the first `prefill` tokens came in one pass, the rest one by one, each with the frequencies of
  /// the length reached by then, as with a KV cache; negative: all in one pass.
  at::Tensor forward(const at::Tensor& tokens, const TapFn& tap = {},
                     std::int64_t prefill = -1) const;

  /// One block alone on x (T,C), positions 0..T-1, its residual added; taps as in forward().
  at::Tensor attention_block(std::int64_t layer, const at::Tensor& x, const TapFn& tap = {},
                             std::int64_t prefill = -1) const;
  at::Tensor feed_forward_block(std::int64_t layer, const at::Tensor& x,
                                const TapFn& tap = {}) const;
  at::Tensor decoder_layer(std::int64_t layer, const at::Tensor& x, const TapFn& tap = {},
                           std::int64_t prefill = -1) const;

  /// The n most likely tokens after `prompt`, one by one; stops after `stop` where it is not -1.
  std::vector<std::int64_t> greedy(const std::vector<std::int64_t>& prompt, std::int64_t n,
                                   std::int64_t stop = -1) const;

  /// Every weight, merged as above.
  std::vector<at::Tensor> parameters() const;
  /// Every weight under its Hugging Face name, unmerged.
  TensorMap to_hugging_face() const;

 private:
  struct Sequence;  // what all layers share: positions, frequencies, mask
  Sequence sequence(std::int64_t tokens, std::int64_t prefill) const;
  at::Tensor attention_block(std::int64_t layer, const at::Tensor& x, const Sequence& sequence,
                             const TapFn& tap) const;
};

/// Inverse rope frequencies (D/2), float32, for a sequence that is `length` tokens long by now.
at::Tensor rope_inv_freq(const Config& config, std::int64_t length);

/// The model of a folder with config.json and *.safetensors. Throws InputError, naming the file,
/// for a missing tensor or one of the wrong shape.
Llama load(const std::filesystem::path& folder, at::ScalarType dtype,
           const at::Device& device = at::kCPU);

/// The same from tensors at hand.
Llama from_tensors(const Config& config, const TensorMap& tensors, const std::string& source,
                   at::ScalarType dtype, const at::Device& device = at::kCPU);

}  // namespace assay::reference
