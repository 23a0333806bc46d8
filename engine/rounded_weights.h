// A model's weights with some layers' matrices rounded to few bits: what quantizing those layers
// would do to the model, as a checkpoint that every program can read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/checkpoint.h"

namespace assay {

/// Which matrices are rounded, and how coarsely.
struct Rounding {
  std::vector<int> layers;  // decoder layers; each must be in [0, L)
  int bits = 4;             // 2 to 8
  int group_size = 32;  // elements of a row that share a scale; a row's last group may be shorter
};

/// The projections of the named layers, rounded in groups along their rows to
///   scale * round_to_even(w / scale), scale = max|w| / (2^(bits-1) - 1)
/// in fp32: the symmetric scheme of kernels/quantize, whose scales are fp16. Norms, biases,
/// embedding and logits are as they were.
class RoundedWeights final : public WeightSource {
 public:
  /// Throws InputError for layers that the model has not, and for bits or a group size out of
  /// range.
  RoundedWeights(const WeightSource& source, Rounding rounding);

  const ModelConfig& config() const override { return source_.config(); }
  void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
            void* out) const override;

  /// Names of the tensors that are rounded.
  std::vector<std::string> rounded() const;

 private:
  const WeightSource& source_;
  Rounding rounding_;
  std::map<std::string, std::int64_t, std::less<>> row_elements_;  // of each rounded tensor
};

}  // namespace assay
