// Choosing the next token, in Hugging Face's order: repetition penalty, temperature, top-k, top-p,
// min-p, then a draw by Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011). All in float64.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace assay::reference {

struct SamplingParams {
  float temperature = 0.0f;  // 0: the most likely token, the lowest index among equals
  int top_k = 0;             // 0: all
  float top_p = 1.0f;        // 1: all
  float min_p = 0.0f;
  float repetition_penalty = 1.0f;
  std::uint64_t seed = 0;
};

struct Sampled {
  std::int64_t token = 0;
  /// How far, relatively, the nearest of the comparisons that led here was from going the other
  /// way. Exact ties are not near: equal inputs stay equal in any arithmetic. A row with a margin
  /// near the rounding of the arithmetic under test says nothing and is to be redrawn.
  double margin = 0.0;
};

/// One token per row of logits (B,V); history[b] holds the tokens of sequence b so far, and its
/// length is the draw's counter.
std::vector<Sampled> sample(const at::Tensor& logits, const std::vector<SamplingParams>& params,
                            const std::vector<std::vector<std::int64_t>>& history);

/// Ten rounds of Philox4x32 on a counter of four and a key of two words.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// In [0,1): word 0 of the counter (index,0,0,0) under the key `seed`, its top 24 bits.
double philox_uniform(std::uint64_t seed, std::uint32_t index);

}  // namespace assay::reference
