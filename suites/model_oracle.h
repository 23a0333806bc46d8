// The model in LibTorch, asked twice: in float64 and at the engine's dtype, with the same weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/checkpoint.h"
#include "kernels/sampling/sampling.h"
#include "suites/host_tensor.h"

namespace assay::suites {

/// One tensor, as float64 gives it and as LibTorch gives it at the engine's dtype.
struct Answer {
  std::vector<std::int64_t> shape;
  std::vector<double> exact;
  std::vector<double> same_dtype;
};

/// A tap of one sequence, asked twice: as it comes about along the reference's own way, and with
/// the ops before it fed what the exact reference has there, rounded to the dtype.
struct TapTruth {
  std::string name;
  Answer accumulated;
  Answer local;
};

enum class Block : std::uint8_t { kAttention, kFeedForward, kDecoderLayer };
const char* name_of(Block block);

/// A checkpoint folder's model. Its weights are rounded to `dtype` first, so that both answers, and
/// the engine's, come from the same weights.
class ModelOracle {
 public:
  ModelOracle(const std::filesystem::path& folder, DType dtype);
  ~ModelOracle();

  int layers() const;
  int context() const;
  int vocab() const;
  int longest_sum() const;  // the longest dot product in the model: max(C, F, H D)
  bool dynamic_rope() const;

  /// Every tap of one sequence, in forward order. `prefill` as in logits().
  std::vector<TapTruth> taps(const std::vector<int>& tokens, int prefill = -1) const;
  /// (T, V). The first `prefill` tokens came in one pass, the rest one by one; negative: all in
  /// one.
  Answer logits(const std::vector<int>& tokens, int prefill = -1) const;
  /// A block alone on x (T, C), of the engine's dtype.
  Answer block(Block block, int layer, const HostTensor& x) const;

 private:
  struct Models;
  std::unique_ptr<Models> models_;
};

/// Logits (1, V) after the first `lengths[i]` of `tokens`, for each i, of a model whose weights are
/// drawn as they are needed, a layer at a time: for models too large to hold in float64.
std::vector<Answer> streamed_logits(const WeightSource& source, DType dtype,
                                    const std::vector<int>& tokens,
                                    const std::vector<int>& lengths);

/// What the reference samples from `logits` (V), and how far the decision was from flipping.
std::pair<int, double> sample_with_reference(const std::vector<float>& logits,
                                             const SamplingParams& params,
                                             const std::vector<int>& history);

}  // namespace assay::suites
